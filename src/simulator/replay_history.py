"""What the REST side of a replay knows: the minutes that were sent so far, and the days they make."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from src.simulator.bars import SHARE_MICRO, DayBar
from src.simulator.newyork import MINUTE_MS, REGULAR_CLOSES, REGULAR_OPENS, day_start, minute_of_day
from src.simulator.recordings import RecordedBar
from src.simulator.schedule import rest_element
from src.simulator.source import Listing
from src.simulator.wire import LastMinute, rest_day, rest_grouped, rest_snapshot


class ReplayHistory:
    """Recorded minutes that were sent; one thread adds them, and worker threads read copies.

    `now_ms` plays no part anywhere: a replay's time is that of its recordings.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        # What is not in a recording is neither known nor made up.
        self.listings = [Listing(symbol, symbol, "", "") for symbol in sorted(symbols)]
        # Per symbol in the order of sending, so that the last one of a minute counts.
        self._sent: dict[str, list[RecordedBar]] = defaultdict(list)

    def add(self, bar: RecordedBar) -> None:
        """Know of a minute that was sent."""
        self._sent[bar.symbol].append(bar)

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        """The newest version sent so far of each minute, with the digits of the file."""
        wanted = [bar for bar in self._newest(symbol) if from_ms <= bar.start_ms <= to_ms]
        for bar in wanted if ascending else reversed(wanted):
            yield bar.start_ms, rest_element(bar)

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        """Each New York day that has a minute."""
        wanted = [day for day in self._days(symbol) if from_ms <= day.start_ms <= to_ms]
        for day in wanted if ascending else reversed(wanted):
            yield day.start_ms, rest_day(day)

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        """The day of each recorded symbol."""
        for listing in self.listings:
            yield from (rest_grouped(day) for day in self._days(listing.ticker) if day.start_ms == midnight_ms)

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        """The newest day and minute sent so far, and the day before."""
        for symbol in symbols:
            before, day = [None, None, *self._days(symbol)][-2:]
            minutes = self._newest(symbol)
            last = LastMinute(rest_element(minutes[-1]), day.volume_micro) if day else None
            yield rest_snapshot(symbol, day, last, before, minutes[-1].end_ms if minutes else 0)

    def _newest(self, symbol: str) -> list[RecordedBar]:
        newest = {bar.start_ms: bar for bar in list(self._sent.get(symbol, ()))}
        return [newest[start_ms] for start_ms in sorted(newest)]

    def _days(self, symbol: str) -> list[DayBar]:
        days: dict[int, list[RecordedBar]] = defaultdict(list)
        for bar in self._newest(symbol):
            days[day_start(bar.start_ms // MINUTE_MS)].append(bar)
        return [_day(symbol, midnight, bars) for midnight, bars in days.items()]


def _day(symbol: str, midnight: int, minutes: list[RecordedBar]) -> DayBar:
    """A day of some minutes, ascending: prices of the regular session where it has any, volume of all."""
    regular = [bar for bar in minutes if REGULAR_OPENS <= minute_of_day(bar.start_ms // MINUTE_MS) < REGULAR_CLOSES]
    priced = regular or minutes
    return DayBar(
        symbol,
        midnight * MINUTE_MS,
        (midnight + REGULAR_CLOSES) * MINUTE_MS,
        float(priced[0].open),
        max(float(bar.high) for bar in priced),
        min(float(bar.low) for bar in priced),
        float(priced[-1].close),
        int(sum(Decimal(bar.volume) for bar in minutes) * SHARE_MICRO),
        None,
        None,
    )
