"""A replay's pace, counts and history, without a network and on a clock moved by hand."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from src.simulator.clock import ManualClock
from src.simulator.replay import ReplayCounts, ReplaySource
from src.simulator.replay_history import ReplayHistory
from src.simulator.schedule import Disorder
from src.simulator.wire import Event
from tests.unit.simulator.watched_clock import WatchedClock

START_MS = 1_381_240_800_000
HEADER = "window_start_ms,open,high,low,close,volume"
NOW_MS = 2_000_000_000_000


class Listener:
    """A publisher that keeps what it is given, as soon as somebody subscribes."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.subscription = asyncio.Event()

    def publish(self, events: Sequence[Event]) -> None:
        self.batches.append([event.element for event in events])

    async def subscribed(self) -> None:
        await self.subscription.wait()

    async def room(self) -> None:
        await asyncio.sleep(0)

    async def flushed(self) -> None:
        await asyncio.sleep(0)

    @property
    def elements(self) -> list[str]:
        return [element for batch in self.batches for element in batch]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    (tmp_path / "second").mkdir()
    (tmp_path / "minute").mkdir()
    seconds = [f"{START_MS + number * 1000},10,11,9,10,100" for number in range(120)]
    minutes = [f"{START_MS + number * 60_000},10,11,9,10.{number}0,7000" for number in range(2)]
    (tmp_path / "second" / "KO_20131008.csv").write_text("\n".join([HEADER, *seconds]))
    (tmp_path / "minute" / "KO_20131008.csv").write_text("\n".join([HEADER, *minutes]))
    return tmp_path


def test_nothing_is_sent_before_somebody_subscribes(recordings: Path) -> None:
    async def scenario() -> None:
        source, listener = ReplaySource([recordings]), Listener()
        task = asyncio.create_task(source.run(listener, ManualClock(NOW_MS)))
        await asyncio.sleep(0.02)
        assert not listener.batches
        assert not source.finished.is_set()
        listener.subscription.set()
        await task
        assert len(listener.elements) == 122
        assert source.finished.is_set()
        assert source.counts == ReplayCounts(120, 2, 0)

    asyncio.run(scenario())


def test_a_timed_replay_keeps_the_distances_of_event_time(recordings: Path) -> None:
    async def scenario() -> None:
        clock, listener = WatchedClock(NOW_MS), Listener()
        listener.subscription.set()
        task = asyncio.create_task(ReplaySource([recordings], speed=10).run(listener, clock))
        sent = []
        for _ in range(12):
            await clock.settle()
            sent.append(len(listener.elements))
            clock.advance(1000)
        clock.advance(1000)
        await task
        # Ten seconds of the recording a second; each minute's own event leaves 1 to 4 s after its end.
        assert sent == [1, 11, 21, 31, 41, 51, 61, 72, 82, 92, 102, 112]
        assert len(listener.elements) == 122

    asyncio.run(scenario())


def test_duplicates_are_counted(recordings: Path) -> None:
    async def scenario() -> None:
        listener = Listener()
        listener.subscription.set()
        source = ReplaySource([recordings], disorder=Disorder(duplicate=1.0))
        await source.run(listener, ManualClock(NOW_MS))
        assert source.counts == ReplayCounts(240, 4, 122)
        assert len(listener.elements) == 244

    asyncio.run(scenario())


def test_its_history_is_what_was_sent(recordings: Path) -> None:
    async def scenario() -> None:
        clock, listener = WatchedClock(NOW_MS), Listener()
        listener.subscription.set()
        source = ReplaySource([recordings], speed=1)
        task = asyncio.create_task(source.run(listener, clock))
        await clock.settle()
        assert not list(source.history.minutes("KO", 0, NOW_MS, NOW_MS, ascending=True))
        clock.advance(70_000)
        await clock.settle()
        first = '{"v":7000,"o":10,"c":10.00,"h":11,"l":9,"t":1381240800000}'
        assert list(source.history.minutes("KO", 0, NOW_MS, NOW_MS, ascending=True)) == [(START_MS, first)]
        clock.advance(70_000)
        await task
        starts_ms = [start_ms for start_ms, _ in source.history.minutes("KO", 0, NOW_MS, NOW_MS, ascending=False)]
        assert starts_ms == [START_MS + 60_000, START_MS]
        assert [s for s, _ in source.history.minutes("KO", START_MS, START_MS, NOW_MS, ascending=True)] == [START_MS]
        assert not list(source.history.minutes("SPY", 0, NOW_MS, NOW_MS, ascending=True))

    asyncio.run(scenario())


def test_the_history_has_the_newest_version(recordings: Path) -> None:
    with (recordings / "minute" / "KO_20131008.csv").open("a") as file:
        file.write(f"\n{START_MS},10,11,9,12.5,7001")
    source, listener = ReplaySource([recordings]), Listener()
    listener.subscription.set()
    asyncio.run(source.run(listener, ManualClock(NOW_MS)))
    (newest,) = source.history.minutes("KO", START_MS, START_MS, NOW_MS, ascending=True)
    assert '"v":7001' in newest[1]


def sent(folder: Path) -> ReplayHistory:
    source, listener = ReplaySource([folder]), Listener()
    listener.subscription.set()
    asyncio.run(source.run(listener, ManualClock(NOW_MS)))
    return source.history


def test_its_days_are_what_its_minutes_make(recordings: Path) -> None:
    opening_ms, day_ms = START_MS - 30 * 60_000, 24 * 3_600_000
    with (recordings / "minute" / "KO_20131008.csv").open("a") as file:
        # 09:30 and 15:59 of this day, 16:00 of it, and one minute of the next.
        for start_ms, prices in ((0, "12,14,8,13"), (389 * 60_000, "13,15,9,14"), (390 * 60_000, "20,20,1,20")):
            file.write(f"\n{opening_ms + start_ms},{prices},100.25")
        file.write(f"\n{START_MS + day_ms},16,17,15,16.5,10")
    history = sent(recordings)
    days = list(history.days("KO", 0, NOW_MS, NOW_MS, ascending=True))
    midnight_ms = START_MS - 10 * 3_600_000
    assert days == [
        (midnight_ms, f'{{"v":14300.75,"o":12,"c":14,"h":15,"l":8,"t":{midnight_ms}}}'),
        (midnight_ms + day_ms, f'{{"v":10,"o":16,"c":16.5,"h":17,"l":15,"t":{midnight_ms + day_ms}}}'),
    ]
    assert list(history.days("KO", midnight_ms + 1, NOW_MS, NOW_MS, ascending=False)) == days[1:]
    (grouped,) = history.whole_market(midnight_ms, NOW_MS)
    assert json.loads(grouped)["t"] == opening_ms + 390 * 60_000
    (snapshot,) = map(json.loads, history.snapshot(["KO"], NOW_MS))
    assert snapshot["day"] == {"v": 10, "o": 16, "c": 16.5, "h": 17, "l": 15}
    assert snapshot["min"] == {"av": 10, "t": START_MS + day_ms, **snapshot["day"]}
    assert snapshot["prevDay"] == {"v": 14300.75, "o": 12, "c": 14, "h": 15, "l": 8}
    assert (snapshot["updated"], snapshot["todaysChange"]) == ((START_MS + day_ms + 60_000) * 1_000_000, 2.5)


def test_before_anything_was_sent_its_snapshot_is_zeros(recordings: Path) -> None:
    history = ReplaySource([recordings]).history
    assert [one.ticker for one in history.listings] == ["KO"]
    (snapshot,) = map(json.loads, history.snapshot(["KO"], NOW_MS))
    assert {*snapshot["day"].values(), *snapshot["min"].values(), snapshot["updated"]} == {0}
    assert not list(history.whole_market(START_MS - 10 * 3_600_000, NOW_MS))
