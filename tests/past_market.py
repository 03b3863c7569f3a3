"""A market of the past whose bars cost nothing, for the simulator's real REST side; it notes what it is asked for."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

from src.simulator.clock import Clock
from src.simulator.newyork import date_bounds_ms
from src.simulator.source import Listing, Publisher

_MINUTES_A_DAY = 3
_OPENS_MS = 34_200_000  # 09:30, on a day whose clocks are not set
_SATURDAY = 5


def elements(symbol: str, date: dt.date) -> Iterator[tuple[int, str]]:
    """The minutes of a day, as REST has them."""
    for minute in range(_MINUTES_A_DAY):
        start_ms = date_bounds_ms(date)[0] + _OPENS_MS + minute * 60_000
        yield start_ms, _element(symbol, date, minute, start_ms)


def _element(symbol: str, date: dt.date, place: int, start_ms: int) -> str:
    """Some prices that differ by symbol, date and minute."""
    low = 10 + len(symbol) + date.toordinal() % 97 + place
    values = f'"v":{1000 + date.toordinal() % 89 + place}.5,"vw":{low}.61,"o":{low}.25,"c":{low}.75,"h":{low}.99'
    return f'{{{values},"l":{low}.01,"t":{start_ms},"n":{7 + place}}}'


class PastMarket:
    """Trades on every weekday, each symbol from the date in `listed` on. Fulfils the simulator's Source and History."""

    description = "a market of the past"

    def __init__(self, listed: Mapping[str, dt.date]) -> None:
        self._listed = dict(listed)
        self.asked: list[tuple[str, int, int]] = []  # a page each: symbol, and bounds in epoch ms
        self.at_page: Callable[[int], object] = lambda count: None  # is told how many were asked for, before the answer

    @property
    def history(self) -> "PastMarket":
        return self

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Nothing happens any more."""

    @property
    def listings(self) -> Sequence[Listing]:
        return [Listing(symbol, symbol, "CS", "XNYS") for symbol in sorted(self._listed)]

    def _note(self, symbol: str, from_ms: int, to_ms: int) -> None:
        self.asked.append((symbol, from_ms, to_ms))
        self.at_page(len(self.asked))

    def dates(self, symbol: str, from_ms: int, to_ms: int, now_ms: int) -> Iterator[dt.date]:
        """The dates on which a symbol trades, of those that begin within both times."""
        begun = dt.datetime.fromtimestamp(from_ms / 1000, dt.UTC).date() - dt.timedelta(days=1)
        date = max(self._listed.get(symbol, dt.date.max), begun)
        while date < dt.date.max and (begin_ms := date_bounds_ms(date)[0]) <= min(to_ms, now_ms):
            if date.weekday() < _SATURDAY and begin_ms >= from_ms:
                yield date
            date += dt.timedelta(days=1)

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        self._note(symbol, from_ms, to_ms)
        for date in self.dates(symbol, from_ms - 86_400_000, to_ms, now_ms):
            yield from ((at_ms, one) for at_ms, one in elements(symbol, date) if from_ms <= at_ms <= min(to_ms, now_ms))

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        self._note(symbol, from_ms, to_ms)
        for date in self.dates(symbol, from_ms, to_ms, now_ms):
            midnight_ms = date_bounds_ms(date)[0]
            yield midnight_ms, _element(symbol, date, 0, midnight_ms)

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        return iter(())

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        return iter(())
