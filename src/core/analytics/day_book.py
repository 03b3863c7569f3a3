"""The present day out of its minutes: what each symbol's regular session comes to so far. Pure; fed by changes."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from src.core.analytics.panel import Floats
from src.core.domain.market.bar import Bar
from src.core.domain.market.session import TradingDay

POINT_MINUTES = 5


class DayBars(NamedTuple):
    """The day so far of n symbols, each (n,): dollars and shares, NaN for a symbol that has not traded."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class DayGrid(NamedTuple):
    """The day by five-minute points: `ends_ms` (points,) epoch ms, the end of each five minutes; `close` (n, points)
    the last close up to there, NaN before the first minute; `volume` (n, points) the shares of those five minutes, 0
    where nothing traded. `points` so many as have begun by the newest minute of any symbol."""

    ends_ms: tuple[int, ...]
    close: Floats
    volume: Floats


class DayBook:
    """One day of some symbols. One thread calls; what it gives are copies.

    `take` is told changes in any order. A change of a minute that has left the ring cannot be worked in: its symbol is
    among `stale` until `load` is told all its minutes.
    """

    def __init__(self, symbols: Sequence[str], day: TradingDay) -> None:
        raise NotImplementedError

    def load(self, symbols: Sequence[str], minutes: Floats) -> None:
        """All minutes of some symbols, as `MinuteStore.minutes` tells them, in the place of what is known of them."""
        raise NotImplementedError

    def take(self, bars: Iterable[Bar]) -> None:
        """Minutes that were created or revised; the withdrawn too. Those of other symbols, days and sessions are
        nothing."""
        raise NotImplementedError

    @property
    def stale(self) -> list[str]:
        """Symbols whose older minutes changed: to be loaded."""
        raise NotImplementedError

    @property
    def newest_ms(self) -> int | None:
        """The start of the newest minute that has a bar, epoch ms."""
        raise NotImplementedError

    def bars(self) -> DayBars:
        """The day so far."""
        raise NotImplementedError

    def grid(self) -> DayGrid:
        """The day so far by five-minute points."""
        raise NotImplementedError
