"""The writer's thread over a real database: groups, retries, and what waits meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier
from src.infrastructure.database.bar_writer import DatabaseBarWriter
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.flush_interval import FlushInterval
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, reader_of, stored_bars
from tests.waiting import wait_for


class Source:
    """A BarSource that tests fill."""

    def __init__(self) -> None:
        self.official: list[Bar] = []
        self.live: list[Bar] = []
        self.lock = threading.Lock()
        self.on_committed: Callable[[], None] = lambda: None

    def committed(self) -> None:
        self.on_committed()

    def take_official(self) -> list[Bar]:
        with self.lock:
            taken, self.official = self.official, []
        return taken

    def take_live(self) -> list[Bar]:
        with self.lock:
            taken, self.live = self.live, []
        return taken


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def make_writer(database: TickStockDatabase, source: Source) -> Iterator[Callable[[int], DatabaseBarWriter]]:
    writers: list[DatabaseBarWriter] = []

    def make(live_flush_ms: int = 20) -> DatabaseBarWriter:
        writers.append(DatabaseBarWriter(database, source, FlushInterval(live_flush_ms)))
        writers[-1].start()
        return writers[-1]

    yield make
    for writer in writers:
        writer.stop()


def test_official_bars_are_committed_at_once_while_live_ones_wait(
    make_writer: Callable[[int], DatabaseBarWriter], source: Source, database_url: str
) -> None:
    writer = make_writer(10_000)
    wait_for(lambda: writer.snapshot()["live_flush_ms"] == 10_000)
    time.sleep(0.05)  # the first flush of live bars is over
    source.live = [bar("LIVE", tier=Tier.LIVE.value)]
    source.official = [bar("AAPL")]
    writer.wake()
    wait_for(lambda: [stored.symbol for stored in stored_bars(database_url)] == ["AAPL"])
    writer.stop()
    assert [stored.symbol for stored in stored_bars(database_url)] == ["AAPL", "LIVE"]


def test_live_bars_follow_after_the_interval_without_being_woken(
    make_writer: Callable[[int], DatabaseBarWriter], source: Source, database_url: str
) -> None:
    make_writer(20)
    source.live = [bar(tier=Tier.LIVE.value)]
    wait_for(lambda: stored_bars(database_url))


def test_while_the_database_is_locked_bars_wait_and_drain_in_their_newest_version(
    make_writer: Callable[[int], DatabaseBarWriter],
    source: Source,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("src.infrastructure.database.engines._BUSY_TIMEOUT_S", 0.05)
    writer = make_writer(20)
    other = write_engine(database_url)
    with other.begin() as connection:
        connection.execute(text("UPDATE write_state SET revision = revision"))
        source.official = [bar(close=1.0, observed_at=1)]
        writer.wake()
        wait_for(lambda: writer.snapshot()["failing_for_s"] is not None)
        source.official = [bar(close=2.0, observed_at=2), bar("IBM")]
        wait_for(lambda: writer.snapshot()["waiting_bars"] == 2)
    wait_for(lambda: len(stored_bars(database_url)) == 2)
    assert stored_bars(database_url)[0].close == 2.0
    assert writer.snapshot()["failing_for_s"] is None
    assert caplog.text.count("trying again") == 1
    other.dispose()


def test_the_source_is_told_once_what_it_gave_is_stored(
    make_writer: Callable[[int], DatabaseBarWriter], source: Source, database_url: str
) -> None:
    stored: list[int] = []
    source.on_committed = lambda: stored.append(len(stored_bars(database_url)))
    writer = make_writer(20)
    other = write_engine(database_url)
    with other.begin() as connection:
        connection.execute(text("UPDATE write_state SET revision = revision"))
        source.official, source.live = [bar("AAPL")], [bar("IBM")]
        wait_for(lambda: writer.snapshot()["waiting_bars"] == 2)
        told = len(stored)
        wait_for(lambda: writer.snapshot()["failing_for_s"])
        assert len(stored) == told
    wait_for(lambda: len(stored) > told)
    assert stored[: told + 1] == [0] * told + [2]
    other.dispose()


def test_an_error_while_bars_are_taken_does_not_end_the_writer(
    make_writer: Callable[[int], DatabaseBarWriter],
    source: Source,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = iter([OverflowError("on purpose")])
    take = source.take_official

    def fail_once() -> list[Bar]:
        if error := next(answers, None):
            raise error
        return take()

    monkeypatch.setattr(source, "take_official", fail_once)
    make_writer(20)
    source.official = [bar()]
    wait_for(lambda: stored_bars(database_url))
    assert "could not be taken" in caplog.text


def test_a_stop_does_not_wait_long_for_a_locked_database_and_says_what_was_lost(
    make_writer: Callable[[int], DatabaseBarWriter],
    source: Source,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = make_writer(20)
    other = write_engine(database_url)
    with other.begin() as connection:
        connection.execute(text("UPDATE write_state SET revision = revision"))
        source.official = [bar("AAPL"), bar("IBM")]
        writer.wake()
        time.sleep(0.1)
        started_s = time.monotonic()
        writer.stop()
        assert time.monotonic() - started_s < 5.5
    assert "2 bars could not be committed before the stop" in caplog.text
    other.dispose()


def test_submitted_history_is_committed_when_the_call_returns(
    make_writer: Callable[[int], DatabaseBarWriter], database_url: str
) -> None:
    writer = make_writer(20)
    assert writer.submit([bar(timestamp=MINUTE + place * 60_000) for place in range(100)])
    assert len(stored_bars(database_url)) == 100


def test_a_submission_to_a_stopped_writer_is_refused(make_writer: Callable[[int], DatabaseBarWriter]) -> None:
    writer = make_writer(20)
    writer.stop()
    assert not writer.submit([bar()])


def test_the_last_posted_state_is_kept(make_writer: Callable[[int], DatabaseBarWriter], database_url: str) -> None:
    writer = make_writer(20)
    for number in range(100):
        writer.post_state("status", {"number": number})
    writer.stop()
    reader = reader_of(database_url)
    assert reader.state("status") == {"number": 99}
    assert reader.state("universe") is None
    reader.close()
