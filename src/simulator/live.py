"""The synthetic market as a live feed: each second's and minute's events when they are due."""

import asyncio
from itertools import chain
from typing import NamedTuple

from src.simulator.clock import Clock
from src.simulator.habits import FAITHFUL, RestHabits
from src.simulator.history import MarketHistory
from src.simulator.market import LONGEST_DELAY_MS, SyntheticMarket
from src.simulator.newyork import MINUTE_MS
from src.simulator.source import Publisher
from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL, Event, aggregate

# A minute is worked out this long before it begins.
_LEAD_MS = 5_000
# After a longer silence of the clock (a suspended machine) what was missed is left out, as a real feed would.
_LONGEST_LAG_MS = 300_000
# Corrections of seconds come within this time after their minute.
_SECONDS_LATE_MS = 6_000


class _Timed(NamedTuple):
    send_at_ms: int
    event: Event


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
        schedule = await asyncio.to_thread(self._still_due, now_ms)
        next_minute_ms = now_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
        while now_ms - seen_ms <= _LONGEST_LAG_MS:
            if now_ms >= next_minute_ms - _LEAD_MS:
                schedule = _latest_first(schedule, await asyncio.to_thread(self._of_minute, next_minute_ms))
                next_minute_ms += MINUTE_MS
                continue
            publisher.publish(_take_due(schedule, now_ms))
            seen_ms = now_ms
            wake_ms = next_minute_ms - _LEAD_MS
            await clock.sleep_until(min(wake_ms, schedule[-1].send_at_ms) if schedule else wake_ms)
            now_ms = clock.now_ms()

    def _still_due(self, now_ms: int) -> list[_Timed]:
        """What of the present minute and those before it is sent after `now_ms`."""
        this_minute_ms = now_ms // MINUTE_MS * MINUTE_MS
        minutes = range(this_minute_ms - LONGEST_DELAY_MS - MINUTE_MS, this_minute_ms + 1, MINUTE_MS)
        of_minutes = chain.from_iterable(
            self._of_minute(minute_ms, seconds=now_ms < minute_ms + MINUTE_MS + _SECONDS_LATE_MS)
            for minute_ms in minutes
        )
        return _latest_first([timed for timed in of_minutes if timed.send_at_ms > now_ms], [])

    def _of_minute(self, minute_ms: int, *, seconds: bool = True) -> list[_Timed]:
        """Every event of one minute of all symbols."""
        events = []
        for symbol in self._market.symbols:
            if seconds:
                for sent in self._market.seconds(symbol, minute_ms):
                    events.append(_Timed(sent.send_at_ms, aggregate(SECOND_CHANNEL, sent.bar)))
            for sent in self._market.minute(symbol, minute_ms):
                events.append(_Timed(sent.send_at_ms, aggregate(MINUTE_CHANNEL, sent.bar)))
        return events


def _latest_first(schedule: list[_Timed], more: list[_Timed]) -> list[_Timed]:
    """Both together, so that what is due next stands at the end, where taking it is cheap."""
    return sorted(schedule + more, key=lambda timed: -timed.send_at_ms)


def _take_due(schedule: list[_Timed], now_ms: int) -> list[Event]:
    due = []
    while schedule and schedule[-1].send_at_ms <= now_ms:
        due.append(schedule.pop().event)
    return due
