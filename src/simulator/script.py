"""A market that is written out line by line: what the feed sends when, and what the REST side knows from when on."""

import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from src.simulator.bars import Bar, DayBar, together
from src.simulator.clock import Clock
from src.simulator.newyork import MINUTE_MS, REGULAR_CLOSES, day_start
from src.simulator.source import Listing, Publisher
from src.simulator.wire import (
    MINUTE_CHANNEL,
    SECOND_CHANNEL,
    LastMinute,
    aggregate,
    rest_bar,
    rest_day,
    rest_grouped,
    rest_snapshot,
)


class Line(NamedTuple):
    """At `at_ms` (epoch ms) a window of a symbol is told.

    `bar` None says that the minute was taken back. `sent`: whether the feed sends it; `known`: whether REST knows the
    minute so from then on, which plays no part for a second.
    """

    at_ms: int
    channel: str
    symbol: str
    start_ms: int
    bar: Bar | None
    sent: bool = True
    known: bool = True


class ScriptHistory:
    """What the lines up to a moment say of minutes: their newest version, else their seconds put together."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.listings = [Listing(symbol, symbol, "CS", "XNYS") for symbol in sorted({line.symbol for line in lines})]
        self._minutes: dict[str, dict[int, list[Line]]] = defaultdict(lambda: defaultdict(list))
        for line in lines:
            if line.channel == SECOND_CHANNEL or line.known:
                self._minutes[line.symbol][line.start_ms // MINUTE_MS * MINUTE_MS].append(line)

    def official(self, now_ms: int) -> dict[tuple[str, int], Bar]:
        """All minutes as they are at `now_ms`, by symbol and start; what was taken back is not among them."""
        return {
            (symbol, start_ms): bar
            for symbol, minutes in self._minutes.items()
            for start_ms in minutes
            if (bar := self._minute(symbol, start_ms, now_ms)) is not None
        }

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        """Each minute that starts in the range, as it is known at `now_ms`; the forming one is included."""
        wanted = sorted(start for start in self._minutes.get(symbol, ()) if from_ms <= start <= to_ms)
        for start_ms in wanted if ascending else reversed(wanted):
            bar = self._minute(symbol, start_ms, now_ms)
            if bar is not None:
                yield start_ms, rest_bar(bar)

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        """Each New York day that has a minute."""
        wanted = [day for day in self._days(symbol, now_ms) if from_ms <= day.start_ms <= to_ms]
        for day in wanted if ascending else reversed(wanted):
            yield day.start_ms, rest_day(day)

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        """The day of each symbol that traded."""
        for listing in self.listings:
            days = self._days(listing.ticker, now_ms)
            yield from (rest_grouped(day) for day in days if day.start_ms == midnight_ms)

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        """The day so far and its newest minute; zeros for who did not trade on the day of `now_ms`."""
        midnight_ms = day_start(now_ms // MINUTE_MS) * MINUTE_MS
        for symbol in symbols:
            days = {day.start_ms: day for day in self._days(symbol, now_ms)}
            today, before = days.pop(midnight_ms, None), max(days.values(), default=None)
            newest = max(self._known(symbol, now_ms), key=lambda bar: bar.start_ms, default=None)
            last = LastMinute(rest_bar(newest), today.volume_micro) if today and newest else None
            yield rest_snapshot(symbol, today, last, before, newest.end_ms if today and newest else 0)

    def _minute(self, symbol: str, start_ms: int, now_ms: int) -> Bar | None:
        lines = self._minutes[symbol][start_ms]
        told = lines[: bisect_right(lines, now_ms, key=lambda line: line.at_ms)]
        versions = [line for line in told if line.channel == MINUTE_CHANNEL]
        if versions:
            return versions[-1].bar
        seconds = {line.start_ms: line.bar for line in told if line.bar is not None}
        return together([seconds[second_ms] for second_ms in sorted(seconds)]) if seconds else None

    def _known(self, symbol: str, now_ms: int) -> list[Bar]:
        starts = sorted(self._minutes.get(symbol, ()))
        return [bar for start_ms in starts if (bar := self._minute(symbol, start_ms, now_ms)) is not None]

    def _days(self, symbol: str, now_ms: int) -> list[DayBar]:
        by_day = groupby(self._known(symbol, now_ms), key=lambda bar: day_start(bar.start_ms // MINUTE_MS))
        return [_day(midnight, list(bars)) for midnight, bars in by_day]


class ScriptSource:
    """Publishes the lines when they are due, from the clock's time at the start on; `finished` is set after the last.

    Lines of the same moment are sent in the order in which they were given.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = sorted(lines, key=lambda line: line.at_ms)
        self.history = ScriptHistory(self._lines)
        self.finished = threading.Event()

    @property
    def description(self) -> str:
        """For people: what is served, as the end of a sentence."""
        return f"a market that is written out in {len(self._lines)} lines"

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Publish what is still to come, and return."""
        started_ms = clock.now_ms()
        for at_ms, lines in groupby(self._lines, key=lambda line: line.at_ms):
            if at_ms >= started_ms:
                await clock.sleep_until(at_ms)
                sent = [(line.channel, line.bar) for line in lines if line.sent]
                publisher.publish([aggregate(channel, bar) for channel, bar in sent if bar is not None])
        await publisher.flushed()
        self.finished.set()


def _day(midnight: int, minutes: Sequence[Bar]) -> DayBar:
    """A day of its minutes, ascending; `midnight` in minutes since the epoch."""
    whole = together(minutes)
    start_ms, end_ms = midnight * MINUTE_MS, (midnight + REGULAR_CLOSES) * MINUTE_MS
    prices = whole.open, whole.high, whole.low, whole.close
    return DayBar(whole.symbol, start_ms, end_ms, *prices, whole.volume_micro, whole.vwap, whole.trades)
