"""What the vendor's plan does not include of the past, as its refusals tell it. Pure."""

import datetime as dt

# So many symbols that are refused a time tell that every symbol is.
_ENOUGH = 3
_ONE_DAY = dt.timedelta(days=1)


class PlanLimits:
    """Learns from refusals; the older is asked for after the newer, as plans grant the newest years."""

    def __init__(self) -> None:
        self._refused: dict[str, tuple[dt.date, str]] = {}  # the newest day that a symbol was refused, and why
        self._granted_from = dt.date.max

    def granted(self, from_date: dt.date) -> None:
        """Some symbol's bars were told from `from_date` on."""
        self._granted_from = min(self._granted_from, from_date)

    def refused(self, symbol: str, to_date: dt.date, reason: str) -> None:
        """A symbol's bars up to `to_date` were refused."""
        known = self._refused.get(symbol)
        if known is None or known[0] < to_date:
            self._refused[symbol] = (to_date, reason)

    def reason(self, symbol: str, to_date: dt.date) -> str:
        """Why bars of a symbol up to `to_date` need not be asked for; empty when they are to be.

        It was refused these days or later ones before; or three others were, and none was granted such old ones.
        """
        own = self._refused.get(symbol)
        if own is not None and to_date <= own[0]:
            return own[1]
        others = [why for day, why in self._refused.values() if to_date <= day and to_date < self._granted_from]
        return others[0] if len(others) >= _ENOUGH else ""

    def advice(self, to_date: dt.date) -> str:
        """What to ask for in place of a load up to `to_date` that was refused in part; else empty."""
        newest = max((day for day, _ in self._refused.values()), default=to_date)
        if newest >= to_date:
            return ""
        return (
            "A month is asked for as a whole, and is refused when it begins before what the plan grants: "
            f"--from {newest + _ONE_DAY} asks for nothing that was refused. Of {newest:%Y-%m} the plan may grant the "
            "later days: give the first of them as --from."
        )
