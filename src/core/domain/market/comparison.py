"""What a complete answer about some minutes of one symbol says about the bars that are stored. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.rest_evidence import rest_tier

# An answer without a bar, about minutes of which more official ones are stored, is a failure of the answer.
_MOST_OFFICIAL_UNTOLD = 10


class Span(NamedTuple):
    """What was asked for: the minutes from `from_ms` to `to_ms`, both included, at `asked_ms` (epoch ms), and the
    evidence stamp of the request (microseconds)."""

    from_ms: int
    to_ms: int
    asked_ms: int
    stamp: int


class Comparison(NamedTuple):
    """`added` were not stored, `differed` were with other prices, volume, VWAP or trade count, `withdrawn` are stored
    and not in the answer any more, `confirmed` are equal as far as they tell, but of a lower tier, or without a VWAP or
    a trade count that the answer has. Together they are to be merged."""

    added: list[Bar]
    differed: list[Bar]
    withdrawn: list[Bar]
    confirmed: list[Bar]

    @property
    def evidence(self) -> list[Bar]:
        """All that is to be merged into what is stored."""
        return [*self.added, *self.differed, *self.withdrawn, *self.confirmed]

    @property
    def repaired_ms(self) -> list[int]:
        """The starts of the minutes that were not as they should be."""
        return [bar.timestamp for bar in (*self.added, *self.differed, *self.withdrawn)]


def is_well_known(stored: Iterable[Bar]) -> bool:
    """Whether so many official minutes are stored that an answer without any bar is not believed."""
    return sum(bar.tier >= Tier.OFFICIAL and not bar.withdrawn for bar in stored) > _MOST_OFFICIAL_UNTOLD


def compare(stored: Mapping[int, Bar], answer: Sequence[Bar], span: Span) -> Comparison:
    """Compares the stored bars (by their start) of a symbol with all bars of a complete answer about `span`.

    A bar of the answer that is outranked by the stored one changes nothing, but for a VWAP or a trade count that the
    stored one lacks while both tell one volume: what a minute aggregate never tells is no difference. A stored minute
    that a settled answer lacks is withdrawn; but not the newest ones, after the last bar of the answer, before the
    day's answers are final: there the vendor may lag.
    """
    found = Comparison([], [], [], [])
    for bar in answer:
        known = stored.get(bar.timestamp)
        if known is None:
            found.added.append(bar)
        elif bar.rank > known.rank and (known.withdrawn or _differs(known, bar)):
            found.differed.append(bar)
        elif _confirms(known, bar):
            found.confirmed.append(bar)
    told = {bar.timestamp for bar in answer}
    newest_ms = max(told, default=0)
    for start_ms, bar in stored.items():
        if start_ms in told or not span.from_ms <= start_ms <= span.to_ms:
            continue
        withdrawal = _withdrawal(bar, span, start_ms < newest_ms)
        if withdrawal is None or withdrawal.rank <= bar.rank:
            continue
        if not bar.withdrawn:
            found.withdrawn.append(withdrawal)
        elif withdrawal.tier > bar.tier:
            found.confirmed.append(withdrawal)
    return found


def _differs(known: Bar, bar: Bar) -> bool:
    """Whether the two tell different values; what only one of them tells does not differ."""
    prices = (known.open, known.high, known.low, known.close, known.volume)
    if prices != (bar.open, bar.high, bar.low, bar.close, bar.volume):
        return True
    told = ((known.vwap, bar.vwap), (known.trade_count, bar.trade_count))
    return any(None not in pair and pair[0] != pair[1] for pair in told)


def _confirms(known: Bar, bar: Bar) -> bool:
    """Whether merging a bar that does not differ still makes the stored one more official, whole, or fuller."""
    if bar.rank > known.rank and (bar.tier > known.tier or known.partial):
        return True
    fills = (known.vwap is None and bar.vwap is not None) or (known.trade_count is None and bar.trade_count is not None)
    return fills and known.volume == bar.volume


def _withdrawal(bar: Bar, span: Span, passed: bool) -> Bar | None:
    """The stored bar as withdrawn by the answer; None where the answer does not settle that. `passed`: the answer has
    later bars."""
    tier = rest_tier(bar.timestamp, span.asked_ms)
    if tier is Tier.FINAL or (tier is Tier.OFFICIAL and passed):
        return msgspec.structs.replace(bar, tier=tier.value, observed_at=span.stamp, partial=False, withdrawn=True)
    return None
