"""One minute of one symbol, and which of two accounts of it is right."""

import enum
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from src.core.domain.market.symbol import check_symbol
from src.core.errors import BadBarError

if TYPE_CHECKING:
    from src.core.domain.market.daily import DailyBar

MINUTE_MS = 60_000
LARGEST_VOLUME = 1e15  # shares of a minute; a trading day of them, as an integer of shares, still fits 64 bits
FIRST_MS = 1_041_379_200_000  # 2003-01-01, before the vendor's first minute bar


class Tier(enum.IntEnum):
    """How official a bar is. A higher tier always beats a lower one."""

    LIVE = 0  # merged from second aggregates: provisional
    EARLY = 1  # REST, asked less than 20 minutes after the minute ended: fills, never blocks
    OFFICIAL = 2  # a minute aggregate; REST asked later than that
    FINAL = 3  # the vendor's flat file; REST asked after 11:00 New York the next day


class Bar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One symbol's OHLCV minute, with the evidence it rests on.

    `timestamp` is the minute's start in epoch ms, UTC. Prices are dollars, `volume` shares (can be fractional),
    `vwap` dollars or None, `trade_count` trades or None: absent is not zero. `observed_at` is an evidence stamp in
    microseconds: of two bars with one tier the newer stamp is right. `partial` says that seconds are missing from
    a live bar, because the feed was not listened to for the whole minute. `withdrawn` says that the vendor has no such
    bar any more: its values are those of before, and nobody counts them.
    """

    symbol: str
    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    trade_count: int | None
    tier: int
    observed_at: int
    partial: bool = False
    withdrawn: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        """What the evidence is ordered by: the greater is right."""
        return (self.tier, self.observed_at)

    @property
    def values(self) -> tuple[object, ...]:
        """All that a reader sees of it: everything but the stamp."""
        prices = (self.open, self.high, self.low, self.close)
        return (*prices, self.volume, self.vwap, self.trade_count, self.tier, self.partial, self.withdrawn)


def check_bar(bar: Bar) -> Bar:
    """The bar itself, or BadBarError with the reason it cannot be one.

    A VWAP outside of low and high is accepted (odd lots count for volume, not for price), and so are negative
    prices: the vendor's word counts as long as the bar is coherent.
    """
    check_symbol(bar.symbol)
    where = f"The bar {bar.symbol} {bar.timestamp}"
    if bar.timestamp % MINUTE_MS:
        raise BadBarError(f"{where} does not begin on a whole minute.")
    if bar.timestamp < FIRST_MS:
        raise BadBarError(f"{where} is from before 2003; times are epoch milliseconds.")
    prices = (bar.open, bar.high, bar.low, bar.close)
    numbers = (*prices, bar.volume, 0.0 if bar.vwap is None else bar.vwap)
    if not all(abs(number) < float("inf") for number in numbers):  # false for NaN too
        raise BadBarError(f"{where} has a number that is not finite.")
    if bar.high < max(prices) or bar.low > min(prices):
        raise BadBarError(
            f"{where} is not coherent: open {bar.open}, high {bar.high}, low {bar.low}, close {bar.close}."
        )
    if bar.volume < 0 or (bar.trade_count is not None and bar.trade_count < 0):
        raise BadBarError(f"{where} has a negative volume or trade count.")
    if max(bar.volume, bar.trade_count or 0) > LARGEST_VOLUME:
        raise BadBarError(f"{where} has a volume above {LARGEST_VOLUME:g}, or as many trades.")
    return bar


_Account = TypeVar("_Account", "Bar", "DailyBar")


def merge_evidence(one: _Account, other: _Account) -> _Account:
    """The right bar of two accounts of one symbol and minute, or of one symbol and day: the one of the greater rank.

    The order of the arguments does not matter, nor how often either came before. An absent vwap or trade count is
    taken from the other account while both tell the same volume: equal volume is taken to mean the same trades.
    """
    best, rest = (one, other) if _precedes(other, one) else (other, one)
    if best.volume != rest.volume:
        return best
    vwap = rest.vwap if best.vwap is None else best.vwap
    count = rest.trade_count if best.trade_count is None else best.trade_count
    if vwap == best.vwap and count == best.trade_count:
        return best
    return msgspec.structs.replace(best, vwap=vwap, trade_count=count)


def _precedes(lesser: _Account, greater: _Account) -> bool:
    return lesser.rank < greater.rank


class EvidenceClock:
    """Stamps for evidence: microseconds that never repeat and never step back, not even over a restart.

    `now_us` reads the wall clock; `raise_floor` tells the newest stamp of before (the database keeps it). While the
    wall clock is behind what was already handed out, stamps go on one microsecond at a time.
    """

    def __init__(self, now_us: Callable[[], int], lock: AbstractContextManager[Any]) -> None:
        self._now_us = now_us
        self._lock = lock  # any thread may ask for a stamp
        self._last_us = 0

    def stamp(self) -> int:
        """The next stamp."""
        with self._lock:
            self._last_us = max(self._last_us + 1, self._now_us())
            return self._last_us

    def raise_floor(self, floor_us: int) -> None:
        """No stamp from now on is at or below `floor_us`."""
        with self._lock:
            self._last_us = max(self._last_us, floor_us)
