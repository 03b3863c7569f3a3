"""The live feed on a clock moved by hand: everything that is due, when it is due, and nothing twice."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.universe import default_universe
from src.simulator.wire import Event, aggregate
from tests.unit.simulator.watched_clock import WatchedClock

UNIVERSE = [i for i in default_universe() if i.symbol in {"AAPL", "SPY", "KO", "BACpL"}]
MARKET = SyntheticMarket(7, UNIVERSE)
START_MS = 1_763_650_800_000  # 2025-11-20, 10:00 New York
MINUTE_MS = 60_000


class Listener:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, events: Sequence[Event]) -> None:
        self.events += events

    async def subscribed(self) -> None:
        """Somebody always listens."""

    async def room(self) -> None:
        """There is always room."""

    async def flushed(self) -> None:
        """Nothing ever waits."""


def due_between(after_ms: int, until_ms: int) -> list[str]:
    """What the market says is sent after one moment and not after another."""
    found = []
    for minute_ms in range(after_ms // MINUTE_MS * MINUTE_MS - 17 * MINUTE_MS, until_ms, MINUTE_MS):
        for symbol in MARKET.symbols:
            for channel, versions in (("A", MARKET.seconds), ("AM", MARKET.minute)):
                for sent in versions(symbol, minute_ms):
                    if after_ms < sent.send_at_ms <= until_ms:
                        found.append(aggregate(channel, sent.bar).element)
    return found


def listen(start_ms: int, steps_ms: Sequence[int]) -> list[str]:
    """What is published while a clock takes these steps from `start_ms`."""

    async def scenario() -> list[str]:
        clock, listener = WatchedClock(start_ms), Listener()
        task = asyncio.create_task(LiveSource(SyntheticMarket(7, UNIVERSE)).run(listener, clock))
        await clock.settle()
        for step_ms in steps_ms:
            clock.advance(step_ms)
            await clock.settle()
        task.cancel()
        return [event.element for event in listener.events]

    return asyncio.run(scenario())


@pytest.mark.parametrize("into_ms", [0, 200, 31_450, 59_999])
def test_what_is_due_is_sent_once_from_whatever_moment_it_starts(into_ms: int) -> None:
    sent = listen(START_MS + into_ms, [1_000, 17_000, 59_000])
    assert sorted(sent) == sorted(due_between(START_MS + into_ms, START_MS + into_ms + 77_000))
    assert {json.loads(element)["ev"] for element in sent} == {"A", "AM"}


def test_revisions_of_minutes_before_its_start_are_sent() -> None:
    sent = [json.loads(element) for element in listen(START_MS, [170_000, 170_000, 170_000])]
    assert any(element["ev"] == "AM" and element["e"] < START_MS for element in sent)


def test_after_a_long_leap_of_the_clock_it_goes_on_with_the_present() -> None:
    sent = listen(START_MS, [10_000, 3_600_000, 10_000])
    later_ms = START_MS + 3_610_000
    assert sorted(sent) == sorted(due_between(START_MS, START_MS + 10_000) + due_between(later_ms, later_ms + 10_000))
