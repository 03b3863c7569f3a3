"""Which ticks a browser is still to be told: of each symbol the newest alone. Pure."""

from collections.abc import Collection, Iterable
from itertools import islice

from src.core.domain.market.bar import Bar


class TickCoalescer:
    """Takes bars as they are stored, and gives of each symbol the newest that was not given yet.

    `take` gives at most `most` of them, those first whose symbol has waited longest, so that every symbol has its turn
    however many there are. What is given is never of an older minute than what was given before. Memory is bounded by
    the symbols. Not for several threads at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, Bar] = {}  # in the order of their first waiting
        self._given: dict[str, Bar] = {}

    def add(self, bars: Iterable[Bar]) -> None:
        """Notes bars; of one minute the one that is added later counts."""
        for bar in bars:
            newest = self._waiting.get(bar.symbol) or self._given.get(bar.symbol)
            if newest is None or (bar.timestamp >= newest.timestamp and _shown(bar) != _shown(newest)):
                self._waiting[bar.symbol] = bar

    def take(self) -> list[Bar]:
        """What to tell next; empty when everything was told."""
        symbols = list(islice(self._waiting, self._most))
        taken = [self._waiting.pop(symbol) for symbol in symbols]
        self._given.update(zip(symbols, taken, strict=True))
        return taken

    def newest(self) -> list[Bar]:
        """The newest known bar of each symbol, told or not."""
        return list({**self._given, **self._waiting}.values())

    def keep(self, symbols: Collection[str]) -> None:
        """Forgets all other symbols."""
        for bars in (self._waiting, self._given):
            for symbol in bars.keys() - symbols:
                del bars[symbol]


def _shown(bar: Bar) -> tuple[int, float, float]:
    """What a reader sees of it."""
    return bar.timestamp, bar.close, bar.volume
