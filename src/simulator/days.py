"""The day's bar of each symbol of the synthetic market, finished or so far, at a fraction of all its minutes' cost."""

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from src.simulator.bars import Bar, DayBar
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, REGULAR_OPENS, day_start, next_day_start
from src.simulator.noise import STEP_PER_SECOND
from src.simulator.tape import MinutePlan, totals

_DAYS_KEPT_PER_SYMBOL = 4
# A walk of 60 steps, tied at both ends, leaves what lies between them by more than this many steps' standard
# deviations once in 10^8 minutes: exp(-2 x^2 / 60), the maximum of a Brownian bridge.
_REACH_STEPS = 24

# What trades in a minute (minutes since the epoch).
_Plan = Callable[[int], MinutePlan]


class _Prices(NamedTuple):
    """Dollars."""

    open: float
    high: float
    low: float
    close: float

    def then(self, later: "_Prices | None") -> "_Prices":
        """Of both times together."""
        if later is None:
            return self
        return _Prices(self.open, max(self.high, later.high), min(self.low, later.low), later.close)


class DayBars:
    """Day bars of `market`; any moment may be asked for, from any thread: what is kept only saves time."""

    def __init__(self, market: SyntheticMarket) -> None:
        self._market = market
        # Per symbol the minutes of its day that were looked at last, and their prices.
        self._running: dict[str, tuple[range, _Prices | None]] = {}
        self.finished = lru_cache(maxsize=_DAYS_KEPT_PER_SYMBOL * len(market.symbols))(self.whole)

    def so_far(self, symbol: str, minute: int, forming: Bar | None) -> DayBar | None:
        """The day of `minute` (minutes since the epoch) up to its start and what is `forming` in it.

        It has no `trades`. None where nothing traded yet.
        """
        midnight = day_start(minute)
        session = self._session(midnight)
        if session is None:
            return None
        prices = self._prices_so_far(symbol, midnight, minute, session)
        if forming is not None and (minute in session or prices is None):
            more = _Prices(forming.open, forming.high, forming.low, forming.close)
            prices = more if prices is None or minute == session.start else prices.then(more)
        if prices is None:
            return None
        volume_micro, vwap = self._market.day_before(symbol, minute)
        if forming is not None:
            volume_micro, vwap = forming.day_volume_micro, forming.day_vwap
        return _bar(symbol, midnight, session, prices, volume_micro, vwap, None)

    def trades_so_far(self, symbol: str, minute: int) -> int:
        """How many trades the day of `minute` had up to its start."""
        first_hour, (last_hour, into) = day_start(minute) // 60, divmod(minute, 60)
        whole = sum(totals(self._market.hour_plans(symbol, hour)).trades for hour in range(first_hour, last_hour))
        return whole + totals(self._market.hour_plans(symbol, last_hour)[:into]).trades

    def whole(self, symbol: str, midnight: int) -> DayBar | None:
        """The whole day that begins at `midnight` (minutes since the epoch); None if nothing traded."""
        session = self._session(midnight)
        if session is None:
            return None
        hours = range(midnight // 60, next_day_start(midnight) // 60)
        plans = [plan for hour in hours for plan in self._market.hour_plans(symbol, hour)]

        def plan(minute: int) -> MinutePlan:
            return plans[minute - midnight]

        prices = self._prices(symbol, session, plan)
        if prices is None:
            prices = self._prices(symbol, range(midnight, midnight + len(plans)), plan)
        if prices is None:
            return None
        prices = self._with_closing_auction(symbol, session, prices, plan)
        volume_micro, trades = totals(plans)
        vwap = self._vwap(symbol, session, [plan(minute).total_micro for minute in session]) or prices.close
        return _bar(symbol, midnight, session, prices, volume_micro, vwap, trades)

    def _session(self, midnight: int) -> range | None:
        """The minutes of the regular session of the day that begins at `midnight`."""
        hours = self._market.trading_day(midnight)
        return None if hours is None else range(midnight + REGULAR_OPENS, midnight + hours.closes)

    def _prices_so_far(self, symbol: str, midnight: int, minute: int, session: range) -> _Prices | None:
        def plan(minute: int) -> MinutePlan:
            return self._market.plan(symbol, minute)

        prices = self._running_prices(symbol, range(session.start, min(minute, session.stop)), plan)
        if prices is None:
            prices = self._running_prices(symbol, range(midnight, minute), plan)
        if prices is not None and minute > session.stop:
            prices = self._with_closing_auction(symbol, session, prices, plan)
        return prices

    def _running_prices(self, symbol: str, minutes: range, plan: _Plan) -> _Prices | None:
        """Prices of `minutes`: what was found out last, and the minutes since."""
        known, prices = self._running.get(symbol, (range(0), None))
        if known.start != minutes.start or known.stop > minutes.stop:
            known, prices = range(minutes.start, minutes.start), None
        more = self._prices(symbol, range(known.stop, minutes.stop), plan)
        prices = more if prices is None else prices.then(more)
        self._running[symbol] = (minutes, prices)
        return prices

    def _prices(self, symbol: str, minutes: range, plan: _Plan) -> _Prices | None:
        """Prices of `minutes`, of which only those are worked out that may reach furthest."""
        traded = [minute for minute in minutes if plan(minute).trades]
        if not traded:
            return None
        path = self._market.prices(symbol, minutes.start, len(minutes) + 1)
        ends = {minute: (path[minute - minutes.start], path[minute - minutes.start + 1]) for minute in traded}
        first, last = (
            self._market.extent(symbol, minute, plan(minute), *ends[minute]) for minute in (traded[0], traded[-1])
        )
        # The few minutes whose prices may lie further from their path are looked at apart.
        stray: dict[int, dict[int, tuple[float, float]]] = defaultdict(dict)
        for minute in traded:
            stray[self._market.stray(symbol, plan(minute))][minute] = ends[minute]
        high = max(self._furthest(symbol, some, cents, plan, 1) for cents, some in stray.items())
        low = -max(self._furthest(symbol, some, cents, plan, -1) for cents, some in stray.items())
        return _Prices(first.open / 100, high / 100, low / 100, last.close / 100)

    def _furthest(self, symbol: str, ends: dict[int, tuple[float, float]], stray: int, plan: _Plan, sign: int) -> int:
        """The highest price in cents (`sign` 1), or minus the lowest (`sign` -1), of the minutes in `ends`.

        Their prices lie up to `stray` cents from their path.
        """
        peaks = {minute: sign * (max if sign > 0 else min)(pair) for minute, pair in ends.items()}
        order = sorted(peaks, key=peaks.__getitem__, reverse=True)
        steps = _REACH_STEPS * self._market.instrument(symbol).volatility * STEP_PER_SECOND
        margin = 100 * steps * max(ends[order[0]]) + stray
        best = float("-inf")
        for minute in order:
            if 100 * peaks[minute] + margin <= best:
                break
            bounds = self._market.bounds(symbol, minute, *ends[minute])
            if max(sign * bound for bound in bounds) + stray > best:
                extent = self._market.extent(symbol, minute, plan(minute), *ends[minute])
                best = max(best, sign * extent.low, sign * extent.high)
        return int(best)

    def _with_closing_auction(self, symbol: str, session: range, prices: _Prices, plan: _Plan) -> _Prices:
        if not plan(session.stop).auction_micro:
            return prices
        price = self._market.auction(symbol, session.stop)
        return prices.then(_Prices(price, price, price, price))

    def _vwap(self, symbol: str, minutes: range, volumes: list[int]) -> float:
        """About: whole minutes count at the price they begin with. 0 without a volume."""
        path = self._market.prices(symbol, minutes.start, len(minutes) + 1)
        notional = sum(volume * price for volume, price in zip(volumes, path[:-1], strict=True))
        return round(notional / (sum(volumes) or 1), 4)


def _bar(
    symbol: str, midnight: int, session: range, prices: _Prices, volume_micro: int, vwap: float, trades: int | None
) -> DayBar:
    return DayBar(symbol, midnight * MINUTE_MS, session.stop * MINUTE_MS, *prices, volume_micro, vwap, trades)
