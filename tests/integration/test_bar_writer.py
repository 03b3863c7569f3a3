"""The writer's thread over a real database: groups, retries, and what waits meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.core.domain.market.bar import Bar, Tier
from src.infrastructure.clock import SystemClock
from tests.bars import MINUTE, bar, reader_of, stored_bars
from tests.waiting import wait_for
from tests.writers import WriterRig, locked


@pytest.fixture
def make_rig(database_url: str, tmp_path: Path) -> Iterator[Callable[..., WriterRig]]:
    rigs: list[WriterRig] = []

    def make(live_flush_ms: int = 20) -> WriterRig:
        rigs.append(WriterRig(database_url, tmp_path, live_flush_ms, clock=SystemClock()))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.stop()


def test_official_bars_are_committed_at_once_while_live_ones_wait(
    make_rig: Callable[[int], WriterRig], database_url: str
) -> None:
    rig = make_rig(600_000)
    wait_for(lambda: rig.source.asked_for_live)  # the first flush of live bars is over
    rig.live([bar("LIVE", tier=Tier.LIVE.value)])
    rig.official([bar("AAPL")])
    wait_for(lambda: [stored.symbol for stored in stored_bars(database_url)] == ["AAPL"])
    rig.stop()
    assert [stored.symbol for stored in stored_bars(database_url)] == ["AAPL", "LIVE"]


def test_live_bars_follow_after_the_interval_without_being_woken(
    make_rig: Callable[[], WriterRig], database_url: str
) -> None:
    make_rig().live([bar(tier=Tier.LIVE.value)])
    wait_for(lambda: stored_bars(database_url))


def test_the_source_is_told_once_what_it_gave_is_stored(make_rig: Callable[[], WriterRig], database_url: str) -> None:
    stored: list[int] = []
    rig = make_rig()
    rig.source.on_committed = lambda: stored.append(len(stored_bars(database_url)))
    with locked(database_url):
        rig.live([bar("IBM")])
        rig.official([bar("AAPL")])
        wait_for(lambda: rig.writer.snapshot()["failing_for_s"])
        told = len(stored)
    wait_for(lambda: len(stored) > told)
    assert stored[: told + 1] == [0] * told + [2]


def test_an_error_while_bars_are_taken_does_not_end_the_writer(
    make_rig: Callable[[], WriterRig],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = make_rig()
    answers = iter([OverflowError("on purpose")])
    take = rig.source.take_official

    def fail_once() -> list[Bar]:
        if error := next(answers, None):
            raise error
        return take()

    monkeypatch.setattr(rig.source, "take_official", fail_once)
    rig.official([bar()])
    wait_for(lambda: stored_bars(database_url))
    assert "could not be taken" in caplog.text


def test_submitted_history_is_committed_when_the_call_returns(
    make_rig: Callable[[], WriterRig], database_url: str
) -> None:
    assert make_rig().writer.submit([bar(timestamp=MINUTE + place * 60_000) for place in range(100)])
    assert len(stored_bars(database_url)) == 100


def test_a_submission_to_a_stopped_writer_is_refused(make_rig: Callable[[], WriterRig]) -> None:
    rig = make_rig()
    rig.writer.stop()
    assert not rig.writer.submit([bar()])


def test_the_last_posted_state_is_kept(make_rig: Callable[[], WriterRig], database_url: str) -> None:
    rig = make_rig()
    for number in range(100):
        rig.writer.post_state("status", {"number": number})
    rig.stop()
    reader = reader_of(database_url)
    assert reader.state("status") == {"number": 99}
    assert reader.state("universe") is None
    reader.close()


def test_while_all_is_well_nothing_is_put_on_disk(make_rig: Callable[[], WriterRig], tmp_path: Path) -> None:
    rig = make_rig()
    rig.official([bar()])
    rig.writer.post_state("status", {"written_at": 1})
    rig.stop()
    assert not list(tmp_path.glob("spool*"))
    assert not list(tmp_path.glob("status*"))
    assert rig.storage["since"] is None
