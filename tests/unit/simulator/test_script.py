"""A market that is written out: what is sent when, and what REST knows at which moment."""

import asyncio
import json

from src.simulator.bars import SHARE_MICRO, Bar
from src.simulator.clock import ManualClock
from src.simulator.script import Line, ScriptHistory, ScriptSource
from src.simulator.wire import Event

START_MS = 1_763_649_000_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def bar(start_ms: int, volume: int = 100, window_ms: int = MINUTE_MS, symbol: str = "KO") -> Bar:
    micro = volume * SHARE_MICRO
    prices = (10.0, 11.0, 9.0, 10.5)
    return Bar(symbol, start_ms, start_ms + window_ms, *prices, micro, 10.25, 3, micro, 10.25, None)


def minute(after_ms: int, volume: int = 100, *, sent: bool = True, known: bool = True) -> Line:
    return Line(START_MS + after_ms, "AM", "KO", START_MS, bar(START_MS, volume), sent, known)


def second(number: int, volume: int = 10) -> Line:
    start_ms = START_MS + 1_000 * number
    return Line(start_ms + 1_000, "A", "KO", start_ms, bar(start_ms, volume, 1_000))


def volumes(history: ScriptHistory, now_ms: int) -> list[float]:
    found = history.minutes("KO", START_MS - HOUR_MS, START_MS + HOUR_MS, now_ms, ascending=True)
    return [json.loads(element)["v"] for _start_ms, element in found]


def test_rest_knows_a_minute_as_it_was_last_told() -> None:
    withdrawn = Line(START_MS + 90_000, "AM", "KO", START_MS, None, sent=False)
    lines = [minute(61_000), minute(70_000, 120), minute(80_000, 140, known=False), withdrawn]
    history = ScriptHistory(lines)
    assert volumes(history, START_MS + 60_999) == []
    assert volumes(history, START_MS + 61_000) == [100]
    assert volumes(history, START_MS + 85_000) == [120]
    assert volumes(history, START_MS + 90_000) == []
    assert history.official(START_MS + 85_000).keys() == {("KO", START_MS)}
    assert history.official(START_MS + 90_000) == {}


def test_a_minute_that_forms_is_its_seconds_together() -> None:
    history = ScriptHistory([second(0), second(1, 20), minute(61_000, 500)])
    assert volumes(history, START_MS + 1_000) == [10]
    assert volumes(history, START_MS + 60_000) == [30]
    assert volumes(history, START_MS + 61_000) == [500]


def test_the_snapshot_has_the_day_so_far() -> None:
    later_ms = START_MS + MINUTE_MS
    lines = [minute(61_000), Line(later_ms + 61_000, "AM", "KO", later_ms, bar(later_ms, 50))]
    history = ScriptHistory(lines)
    (element,) = history.snapshot(["KO"], later_ms + 61_000)
    shown = json.loads(element)
    assert (shown["day"]["v"], shown["min"]["t"], shown["min"]["v"]) == (150, later_ms, 50)
    (tomorrow,) = history.snapshot(["KO"], later_ms + 24 * HOUR_MS)
    assert json.loads(tomorrow)["day"]["v"] == 0
    assert json.loads(tomorrow)["prevDay"]["v"] == 150


class Press:
    """Keeps what is published, with the clock's time."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.published: list[tuple[int, str, int]] = []

    def publish(self, events: list[Event]) -> None:
        told = [json.loads(event.element) for event in events]
        self.published += [(self._clock.now_ms() - START_MS, one["ev"], one["v"]) for one in told]

    async def flushed(self) -> None:
        """Nothing waits here."""


def test_lines_are_sent_when_they_are_due_and_the_past_is_not() -> None:
    async def run() -> list[tuple[int, str, int]]:
        clock = ManualClock(START_MS + 1_000)
        source = ScriptSource([minute(61_000), second(0, 7), minute(500, 1), minute(70_000, sent=False)])
        press = Press(clock)
        task = asyncio.create_task(source.run(press, clock))
        while not task.done():
            await asyncio.sleep(0.002)
            clock.advance(30_000)
        assert source.finished.is_set()
        return press.published

    published = asyncio.run(run())
    assert [(event, volume) for _at_ms, event, volume in published] == [("A", 7), ("AM", 100)]
    assert published[0][0] == 1_000
    assert published[1][0] >= 61_000
