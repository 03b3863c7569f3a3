"""The synthetic market as a live feed: each second's and minute's events when they are due."""

import asyncio
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from src.simulator.clock import Clock
from src.simulator.habits import FAITHFUL, RestHabits
from src.simulator.history import MarketHistory
from src.simulator.market import LONGEST_DELAY_MS, SyntheticMarket
from src.simulator.newyork import MINUTE_MS
from src.simulator.source import Publisher
from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL, Event, aggregate

# Each minute is worked out so long before it begins, some symbols at a time, so that what is due meanwhile goes out.
_LEAD_MS = 15_000
_SYMBOLS_AT_A_TIME = 25
# After a longer silence of the clock (a suspended machine) what was missed is left out, as a real feed would.
_LONGEST_LAG_MS = 300_000
# First versions of minutes, and corrections of seconds, come within this time after their minute.
_FIRST_WORDS_MS = 6_000


class _Timed(NamedTuple):
    send_at_ms: int
    # In the order of being worked out, which decides between events of the same moment.
    number: int
    event: Event


# Events of some symbols with the times at which they are sent.
_Portion = list[tuple[int, Event]]


class _Agenda:
    """Events to send, by their time."""

    def __init__(self) -> None:
        self._heap: list[_Timed] = []
        self._count = 0

    def add(self, events: Iterable[tuple[int, Event]]) -> None:
        """Remember events with their times."""
        for send_at_ms, event in events:
            self._count += 1
            heappush(self._heap, _Timed(send_at_ms, self._count, event))

    def take_due(self, now_ms: int) -> list[Event]:
        """What is to be sent by `now_ms`, in order."""
        due = []
        while self._heap and self._heap[0].send_at_ms <= now_ms:
            due.append(heappop(self._heap).event)
        return due

    def next_ms(self, otherwise_ms: int) -> int:
        """When the next event is due, but not after `otherwise_ms`."""
        return min(otherwise_ms, self._heap[0].send_at_ms) if self._heap else otherwise_ms


class LiveSource:
    """Publishes a synthetic market as its clock goes on, and serves its past by `habits`."""

    def __init__(self, market: SyntheticMarket, habits: RestHabits = FAITHFUL) -> None:
        self._market = market
        self.history = MarketHistory(market, habits)

    @property
    def description(self) -> str:
        """For people: what is served, as the end of a sentence."""
        return f"a synthetic market of {len(self._market.symbols)} symbols, seed {self._market.seed}"

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Publish every second's `A`, every minute's `AM` and what is sent again, for ever."""
        while True:
            await self._run_until_a_leap(publisher, clock)

    async def _run_until_a_leap(self, publisher: Publisher, clock: Clock) -> None:
        """Publish until the clock leaps over more than five minutes."""
        now_ms = seen_ms = clock.now_ms()
        agenda, work, working = _Agenda(), self._still_due(now_ms), True
        next_minute_ms = now_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
        while now_ms - seen_ms <= _LONGEST_LAG_MS:
            if not working and now_ms >= next_minute_ms - _LEAD_MS:
                work, working, next_minute_ms = self._of_minute(next_minute_ms), True, next_minute_ms + MINUTE_MS
            if working:
                portion = await asyncio.to_thread(next, work, None)
                working = portion is not None
                agenda.add(portion or ())
            publisher.publish(agenda.take_due(now_ms))
            seen_ms = now_ms
            if not working:
                await clock.sleep_until(agenda.next_ms(next_minute_ms - _LEAD_MS))
            now_ms = clock.now_ms()

    def _still_due(self, now_ms: int) -> Iterator[_Portion]:
        """What of the present minute and those before it is sent after `now_ms`, the present one first."""
        this_minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        for minute_ms in range(this_minute_ms, this_minute_ms - LONGEST_DELAY_MS - 2 * MINUTE_MS, -MINUTE_MS):
            unsaid = now_ms < minute_ms + MINUTE_MS + _FIRST_WORDS_MS
            for portion in self._of_minute(minute_ms) if unsaid else self._revisions(minute_ms):
                yield [(send_at_ms, event) for send_at_ms, event in portion if send_at_ms > now_ms]

    def _of_minute(self, minute_ms: int) -> Iterator[_Portion]:
        """Every event of one minute."""
        for symbols in self._batches():
            events = []
            for symbol in symbols:
                for sent in self._market.seconds(symbol, minute_ms):
                    events.append((sent.send_at_ms, aggregate(SECOND_CHANNEL, sent.bar)))
                for sent in self._market.minute(symbol, minute_ms):
                    events.append((sent.send_at_ms, aggregate(MINUTE_CHANNEL, sent.bar)))
            yield events

    def _revisions(self, minute_ms: int) -> Iterator[_Portion]:
        """The `AM`s of those symbols that send the minute more than once."""
        for symbols in self._batches():
            revised = (one for one in symbols if self._market.plan(one, minute_ms // MINUTE_MS).late_parts)
            yield [
                (sent.send_at_ms, aggregate(MINUTE_CHANNEL, sent.bar))
                for symbol in revised
                for sent in self._market.minute(symbol, minute_ms)
            ]

    def _batches(self) -> Iterator[list[str]]:
        symbols = self._market.symbols
        return (symbols[first : first + _SYMBOLS_AT_A_TIME] for first in range(0, len(symbols), _SYMBOLS_AT_A_TIME))
