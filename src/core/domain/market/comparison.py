"""What a complete answer about some minutes of one symbol says about the bars that are stored. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.rest_evidence import rest_tier


class Span(NamedTuple):
    """What was asked for: the minutes from `from_ms` to `to_ms`, both included, at `asked_ms` (epoch ms), and the
    evidence stamp of the request (microseconds)."""

    from_ms: int
    to_ms: int
    asked_ms: int
    stamp: int


class Comparison(NamedTuple):
    """`added` were not stored, `differed` were with other prices, volume, VWAP or trade count, `withdrawn` are stored
    and not in the answer any more, `confirmed` are equal but of a lower tier. Together they are to be merged."""

    added: list[Bar]
    differed: list[Bar]
    withdrawn: list[Bar]
    confirmed: list[Bar]

    @property
    def evidence(self) -> list[Bar]:
        """All that is to be merged into what is stored."""
        return [*self.added, *self.differed, *self.withdrawn, *self.confirmed]

    @property
    def repaired(self) -> int:
        """How many bars were not as they should be."""
        return len(self.added) + len(self.differed) + len(self.withdrawn)


def compare(stored: Mapping[int, Bar], answer: Sequence[Bar], span: Span) -> Comparison:
    """Compares the stored bars (by their start) of a symbol with all bars of a complete answer about `span`.

    A bar of the answer that is outranked by the stored one changes nothing. A stored minute that a settled answer
    lacks is withdrawn; but not the newest ones, after the last bar of the answer, before the day's answers are final:
    there the vendor may lag.
    """
    found = Comparison([], [], [], [])
    for bar in answer:
        known = stored.get(bar.timestamp)
        if known is None:
            found.added.append(bar)
        elif bar.rank > known.rank:
            if known.withdrawn or _differs(known, bar):
                found.differed.append(bar)
            elif bar.tier > known.tier or known.partial:
                found.confirmed.append(bar)
    told = {bar.timestamp for bar in answer}
    newest_ms = max(told, default=0)
    for start_ms, bar in stored.items():
        if start_ms not in told and span.from_ms <= start_ms <= span.to_ms and not bar.withdrawn:
            withdrawal = _withdrawal(bar, span, start_ms < newest_ms)
            if withdrawal is not None and withdrawal.rank > bar.rank:
                found.withdrawn.append(withdrawal)
    return found


def _differs(known: Bar, bar: Bar) -> bool:
    """Whether a reader would see another bar; what the answer does not tell does not differ."""
    prices = (known.open, known.high, known.low, known.close, known.volume)
    if prices != (bar.open, bar.high, bar.low, bar.close, bar.volume):
        return True
    vwap_differs = bar.vwap is not None and bar.vwap != known.vwap
    return vwap_differs or (bar.trade_count is not None and bar.trade_count != known.trade_count)


def _withdrawal(bar: Bar, span: Span, passed: bool) -> Bar | None:
    """The stored bar as withdrawn by the answer; None where the answer does not settle that. `passed`: the answer has
    later bars."""
    tier = rest_tier(bar.timestamp, span.asked_ms)
    if tier is Tier.FINAL or (tier is Tier.OFFICIAL and passed):
        return msgspec.structs.replace(bar, tier=tier.value, observed_at=span.stamp, partial=False, withdrawn=True)
    return None
