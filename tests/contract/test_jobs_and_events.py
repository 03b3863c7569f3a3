"""What crosses between the halves besides bars: jobs, and the log of connections; the same on every database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.errors import DatabaseUnavailableError, RowRefusedError
from src.core.ports import Job, JobAnswer
from src.infrastructure.database.connection_events import DatabaseEventLog, DatabaseEventRecorder
from src.infrastructure.database.engines import is_sqlite, read_engine, row_engine, write_engine
from src.infrastructure.database.jobs import DatabaseJobDesk, DatabaseJobInbox
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import bar, reader_of
from tests.held_clock import HeldClock
from tests.waiting import wait_for

_NOW = 1_763_650_000_000


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(_NOW)


@pytest.fixture
def read(database_url: str) -> Iterator[Engine]:
    engine = read_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def write(database_url: str) -> Iterator[Engine]:
    engine = row_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(read: Engine, write: Engine, clock: HeldClock) -> DatabaseJobDesk:
    return DatabaseJobDesk(read, write, clock.now_ms)


@pytest.fixture
def inbox(read: Engine, write: Engine, clock: HeldClock) -> DatabaseJobInbox:
    return DatabaseJobInbox(read, write, clock.now_ms)


def event(number: int, kind: EventKind = EventKind.CONNECTED) -> ConnectionEvent:
    return ConnectionEvent("connection_1", _NOW + number, kind, f"The reason {number}.")


def test_a_job_is_asked_found_and_answered(desk: DatabaseJobDesk, inbox: DatabaseJobInbox, clock: HeldClock) -> None:
    arguments = {"ticker": "BACpL", "connection_id": "connection_2"}
    first = desk.ask("connection.move", arguments, "admin")
    clock.ms += 1
    second = desk.ask("connection.pause", {"connection_id": "connection_1"}, "eve")
    assert inbox.waiting() == [
        Job(first, "connection.move", arguments, "admin"),
        Job(second, "connection.pause", {"connection_id": "connection_1"}, "eve"),
    ]
    assert desk.answer(first) == JobAnswer("asked", None)
    inbox.finish(first, JobAnswer("done", "It was moved."))
    inbox.finish(first, JobAnswer("refused", "The first answer counts."))
    assert desk.answer(first) == JobAnswer("done", "It was moved.")
    assert [job.id for job in inbox.waiting()] == [second]


def test_a_job_that_is_not_known_has_no_answer(desk: DatabaseJobDesk) -> None:
    assert desk.answer("1' OR '1'='1") is None


def test_what_was_asked_over_60_s_ago_is_refused(
    desk: DatabaseJobDesk, inbox: DatabaseJobInbox, clock: HeldClock
) -> None:
    late = desk.ask("connection.pause", {}, "admin")
    clock.ms += 1
    in_time = desk.ask("connection.pause", {}, "admin")
    clock.ms += 60_000
    assert [job.id for job in inbox.waiting()] == [in_time]
    assert desk.answer(late) == JobAnswer("refused", "Nobody took this up within 60 s, so it was not done; ask again.")


def test_jobs_are_forgotten_after_a_day(desk: DatabaseJobDesk, inbox: DatabaseJobInbox, clock: HeldClock) -> None:
    done, ignored = desk.ask("connection.pause", {}, "admin"), desk.ask("connection.pause", {}, "admin")
    inbox.finish(done, JobAnswer("done", "Done."))
    clock.ms += 86_400_000
    desk.ask("connection.pause", {}, "admin")
    assert desk.answer(done) is not None
    clock.ms += 1
    desk.ask("connection.pause", {}, "admin")
    assert desk.answer(done) is None
    assert desk.answer(ignored) is None


def test_a_job_of_sql_is_kept_as_it_is(desk: DatabaseJobDesk, inbox: DatabaseJobInbox) -> None:
    arguments = {"ticker": "'; DROP TABLE jobs; --", "connection_id": "☃ \"'\\"}
    desk.ask("connection.move", arguments, "o'hara")
    (job,) = inbox.waiting()
    assert (job.arguments, job.actor) == (arguments, "o'hara")


def test_asking_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    desk = DatabaseJobDesk(read_engine(url), row_engine(url), lambda: _NOW)
    with pytest.raises(DatabaseUnavailableError):
        desk.ask("connection.pause", {}, "admin")
    assert list(tmp_path.iterdir()) == []


def test_events_come_back_newest_first(read: Engine, write: Engine) -> None:
    recorder, log = DatabaseEventRecorder(write), DatabaseEventLog(read)
    assert log.newest(100) == []
    dropped = ConnectionEvent(
        "connection_2", _NOW, EventKind.DISCONNECTED, "Gone: 'it' \"went\".", 1006, 3_600_000, None
    )
    paused = ConnectionEvent("connection_1", _NOW + 5, EventKind.PAUSED, "Paused.", actor="admin")
    recorder.record([dropped, paused])
    newest = log.newest(100)
    assert [known._replace(id=None) for known in newest] == [paused, dropped]
    assert newest[0].event is EventKind.PAUSED
    first, second = (known.id for known in newest)
    assert first is not None
    assert second is not None
    assert first > second
    assert log.newest(1) == newest[:1]


def test_the_newest_10_000_events_are_kept(read: Engine, write: Engine) -> None:
    recorder, log = DatabaseEventRecorder(write), DatabaseEventLog(read)
    recorder.record([event(number) for number in range(9_999)])
    recorder.record([event(9_999)])
    assert len(log.newest(20_000)) == 10_000
    recorder.record([event(10_000), event(10_001)])
    kept = log.newest(20_000)
    assert len(kept) == 10_000
    assert (kept[0].at_ms, kept[-1].at_ms) == (_NOW + 10_001, _NOW + 2)


def test_what_the_database_never_takes_is_told_apart(write: Engine, read: Engine) -> None:
    recorder, log = DatabaseEventRecorder(write), DatabaseEventLog(read)
    broken = event(1)._replace(reason=None)  # type: ignore[arg-type]  what no column takes
    with pytest.raises(RowRefusedError):
        recorder.record([event(0), broken])
    assert log.newest(10) == []


def test_a_table_that_is_gone_may_come_back(database_url: str, write: Engine, read: Engine) -> None:
    engine = write_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE connection_events"))
    engine.dispose()
    with pytest.raises(DatabaseUnavailableError):
        DatabaseEventRecorder(write).record([event(0)])
    with pytest.raises(DatabaseUnavailableError):
        DatabaseEventLog(read).newest(1)


def test_rows_and_bars_are_written_beside_each_other(
    database: TickStockDatabase, database_url: str, write: Engine, desk: DatabaseJobDesk
) -> None:
    for number in range(20):
        DatabaseEventRecorder(write).record([event(number)])
        assert database.merge([bar("AAPL", close=100 + number, observed_at=number)]).revision
        desk.ask("connection.pause", {}, "admin")
    if is_sqlite(database_url):
        with write.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_assignment_is_read_again_when_it_was_written_again(database: TickStockDatabase, database_url: str) -> None:
    reader = reader_of(database_url)
    assert reader.state("assignment") is None
    database.set_state("assignment", {"changed_at": 1})
    wait_for(lambda: reader.state("assignment") == {"changed_at": 1})
    database.set_state("assignment", {"changed_at": 2})
    wait_for(lambda: reader.state("assignment") == {"changed_at": 2})
    reader.close()
