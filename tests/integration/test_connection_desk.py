"""The desk of the connections over real databases: jobs carried out once, events that never hold up the feed."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.errors import DatabaseUnavailableError, RowRefusedError
from src.core.ports import JobAnswer
from src.core.services.connection_desk import ConnectionDesk
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.connection_events import DatabaseEventLog, DatabaseEventRecorder
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.jobs import DatabaseJobDesk, DatabaseJobInbox
from tests.connection_control import Control
from tests.waiting import wait_for

_NOW = 1_763_650_000_000


def _now_ms() -> int:
    return _NOW


class Standing(SystemClock):
    """A wall clock that stands still; seconds pass."""

    def now_ms(self) -> int:
        return _NOW


class Away:
    """A database that can be away, before a real recorder and a real inbox."""

    def __init__(self, read: Engine, rows: Engine) -> None:
        self.away = False
        self.looks = 0
        self._recorder = DatabaseEventRecorder(rows)
        self._inbox = DatabaseJobInbox(read, rows, _now_ms)

    def _check(self) -> None:
        self.looks += 1
        if self.away:
            raise DatabaseUnavailableError("It is away.")

    def record(self, events: Sequence[ConnectionEvent]) -> None:
        self._check()
        self._recorder.record(events)

    def waiting(self) -> list[Any]:
        self._check()
        return self._inbox.waiting()

    def finish(self, job_id: str, answer: JobAnswer) -> None:
        self._check()
        self._inbox.finish(job_id, answer)


class Office:
    """Both halves over one database: who asks, and the desk that answers."""

    def __init__(self, url: str) -> None:
        self.engines = [read_engine(url), row_engine(url), row_engine(url)]
        read, rows, web_rows = self.engines
        self.ask = DatabaseJobDesk(read, web_rows, _now_ms)
        self.log = DatabaseEventLog(read)
        self.database = Away(read, rows)
        self.gaps_written = 0
        self.control = Control()
        self.desk = ConnectionDesk(self.control, self.database, self.database, Standing(), self._write_gaps)
        self.control.on_event = self.desk.note

    def _write_gaps(self) -> None:
        self.gaps_written += 1

    def answer(self, kind: str, **arguments: str) -> JobAnswer:
        """What the desk answers to a job of the administrator's."""
        job_id = self.ask.ask(kind, arguments, "admin")
        return self.answer_to(job_id)

    def answer_to(self, job_id: str) -> JobAnswer:
        wait_for(lambda: self._settled(job_id))
        answer = self.ask.answer(job_id)
        assert answer is not None
        return answer

    def _settled(self, job_id: str) -> bool:
        answer = self.ask.answer(job_id)
        return answer is not None and answer.state != "asked"

    def events(self) -> list[tuple[str, str | None]]:
        return [(event.event.value, event.actor) for event in self.log.newest(2_000)]


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    office = Office(database_url)
    yield office
    office.desk.stop()
    for engine in office.engines:
        engine.dispose()


def test_what_is_asked_is_carried_out_answered_and_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    office.desk.start()
    assert office.answer("connection.pause", connection_id="connection_2") == ("done", "connection_2 is paused.")
    assert office.answer("connection.resume", connection_id="connection_2") == ("done", "connection_2 goes on.")
    assert office.answer("connection.reconnect", connection_id="connection_1").state == "done"
    moved = office.answer("connection.move", ticker="AAPL", connection_id="connection_2")
    assert moved == ("done", "AAPL is with connection_2 now.")
    assert office.control.carried_by == {"AAPL": "connection_2"}
    wait_for(lambda: len(office.events()) == 4)
    assert office.events() == [
        ("tickers_moved", "admin"), ("reconnect_asked", "admin"), ("resumed", "admin"), ("paused", "admin"),
    ]  # fmt: skip
    assert "connection.pause {'connection_id': 'connection_2'}, asked by admin: connection_2 is paused." in caplog.text


def test_what_cannot_be_done_is_refused_with_the_reason(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.desk.start()
    answer = office.answer("connection.pause", connection_id="connection_9")
    assert answer == ("refused", "There is no connection_9; there are connection_1 and connection_2.")
    assert "asked by admin, was refused: There is no connection_9" in caplog.text
    assert "nothing that this version can do" in (office.answer("bars.delete", symbols=["A"] * 500).answer or "")
    assert "bars.delete {'symbols': ['A', 'A', 'A', 'A', 'A', ...]}, asked by admin, was refused" in caplog.text


def test_an_error_in_the_program_is_answered_and_the_desk_goes_on(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.desk.start()
    answer = office.answer("connection.pause")
    assert answer == ("refused", "This went wrong by an error in the program; its log has the details.")
    assert "KeyError" in caplog.text
    assert office.answer("connection.pause", connection_id="connection_1").state == "done"


def test_an_answer_that_cannot_be_written_is_kept_and_nothing_is_done_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, tried = office.database.finish, threading.Event()

    def away(job_id: str, answer: JobAnswer) -> None:
        tried.set()
        raise DatabaseUnavailableError("It is away.")

    monkeypatch.setattr(office.database, "finish", away)
    office.desk.start()
    job_id = office.ask.ask("connection.pause", {"connection_id": "connection_1"}, "admin")
    assert tried.wait(60)
    looks = office.database.looks
    wait_for(lambda: office.control.actions == 1)
    monkeypatch.setattr(office.database, "finish", finish)
    assert office.answer_to(job_id).state == "done"
    wait_for(lambda: office.database.looks > looks + 3)
    assert office.control.actions == 1


def test_changes_of_status_become_events(office: Office) -> None:
    office.desk.note_status(StatusChange(ConnectionStatus.CONNECTING, "Connecting."))
    office.desk.note_status(StatusChange(ConnectionStatus.CONNECTED, "The feed accepted the key."))
    office.desk.note_status(StatusChange(ConnectionStatus.DISCONNECTED, "Gone.", close_code=1006))
    office.desk.start()
    wait_for(lambda: len(office.log.newest(10)) == 2)
    dropped, connected = office.log.newest(10)
    assert (connected.event, connected.duration_ms) == (EventKind.CONNECTED, None)
    assert (dropped.event, dropped.reason, dropped.close_code, dropped.duration_ms) == (
        EventKind.DISCONNECTED, "Gone.", 1006, 0,
    )  # fmt: skip


def test_an_event_is_in_the_log_at_once_and_not_only_with_the_next_look(office: Office) -> None:
    office.desk.start()
    wait_for(lambda: office.database.looks)
    waits = [1.0]
    for number in range(30):
        noted_s = time.monotonic()
        office.desk.note(ConnectionEvent("connection_1", _NOW + number, EventKind.RESUMED, "Because."))
        wait_for(lambda: len(office.log.newest(10)) > number)  # noqa: B023  it is called in this round
        waits.append(time.monotonic() - noted_s)
        if waits[-1] < 0.1:
            break
    assert min(waits) < 0.1  # a look comes each 0.2 s only


def test_while_the_database_is_away_a_bounded_number_of_events_waits(office: Office) -> None:
    office.database.away = True
    office.desk.start()
    wait_for(lambda: office.database.looks)
    started_s = time.monotonic()
    for number in range(1_250):
        office.desk.note(ConnectionEvent("connection_1", _NOW + number, EventKind.CONNECTED, "Because."))
    assert time.monotonic() - started_s < 30  # nobody who tells of an event waits for the database
    snapshot = office.desk.snapshot()
    assert snapshot["waiting_events"] + snapshot["dropped_events"] == 1_250
    assert snapshot["waiting_events"] <= 1_100
    office.database.away = False
    wait_for(lambda: office.desk.snapshot()["waiting_events"] == 0)
    times = [event.at_ms - _NOW for event in office.log.newest(2_000)]
    assert times == sorted(times, reverse=True)
    assert times[0] == 1_249
    assert len(times) == snapshot["waiting_events"]


def test_a_stop_writes_what_waits(office: Office) -> None:
    office.desk.start()
    wait_for(lambda: office.database.looks)
    office.database.away = True
    office.desk.note(ConnectionEvent("connection_1", _NOW, EventKind.CONNECTED, "Because."))
    looks = office.database.looks
    wait_for(lambda: office.database.looks > looks)
    office.database.away = False
    office.desk.stop()
    wait_for(lambda: office.events() == [("connected", None)])


def test_an_error_in_what_is_written_last_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(office.database, "record", lambda _events: 1 / 0)
    office.desk.note(ConnectionEvent("connection_1", _NOW, EventKind.CONNECTED, "Because."))
    office.desk.start()
    office.desk.stop()
    wait_for(lambda: "had left to write is lost" in caplog.text)


def test_events_that_the_database_refuses_do_not_hold_up_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = office.database.record
    monkeypatch.setattr(office.database, "record", lambda events: refuse())

    def refuse() -> None:
        monkeypatch.setattr(office.database, "record", record)
        raise RowRefusedError("The database refused a row: it does not like it.")

    office.desk.note(ConnectionEvent("connection_1", _NOW, EventKind.CONNECTED, "Because."))
    office.desk.start()
    wait_for(lambda: "it does not like it" in caplog.text)
    office.desk.note(ConnectionEvent("connection_1", _NOW, EventKind.DISCONNECTED, "Because."))
    wait_for(lambda: office.events() == [("disconnected", None)])


def test_bars_and_the_desk_share_a_database(office: Office, database_url: str) -> None:
    """The writer of bars holds the write lock for a while; the desk waits for it, on its own thread."""
    office.desk.start()
    engine = write_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE write_state SET revision = revision + 1")
        waits = []
        for number in range(5):
            noted_s = time.monotonic()
            office.desk.note(ConnectionEvent("connection_1", _NOW + number, EventKind.CONNECTED, "Because."))
            waits.append(time.monotonic() - noted_s)
        assert min(waits) < 0.5  # a wait for the lock takes a second and more
    engine.dispose()
    wait_for(lambda: len(office.events()) == 5)
