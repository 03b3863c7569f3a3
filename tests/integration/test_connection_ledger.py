"""What the ingesting half tells of its connections, through the database: status at once, events, actions."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.app import build_runtime
from src.config.settings import PROJECT_ROOT, parse_settings
from src.core.domain.connection.event import ConnectionEvent
from src.core.ports import JobAnswer
from src.core.services.connection_status_service import ConnectionStatusService
from src.core.services.market_data_service import MarketDataService
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.connection_events import DatabaseEventLog
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.jobs import DatabaseJobDesk
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.integration.scripted_feed import ScriptedFeed, Session, scripted_feed
from tests.status_rows import connection as told_connection
from tests.status_rows import row as told_row
from tests.waiting import wait_for


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Ledger:
    """A running ingesting half over an empty database, and what the web half reads of it."""

    def __init__(self, tmp_path: Path, url: str, **keys: str) -> None:
        given = {"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "BACKFILL_DAYS": "0", **keys}
        service = build_runtime(parse_settings(given))
        assert service is not None
        self.service: MarketDataService = service
        self.engines = [read_engine(url), row_engine(url)]
        read, rows = self.engines
        self.reader = DatabaseBarReader(read, DatabaseChangeReader(read))
        self.log = DatabaseEventLog(read)
        self.jobs = DatabaseJobDesk(read, rows, _now_ms)
        sessions = load_session_table(PROJECT_ROOT / "data/sessions.csv")
        self.web = ConnectionStatusService(self.reader, sessions, self.log, _now_ms)

    def stop(self) -> None:
        self.service.stop()
        for engine in self.engines:
            engine.dispose()

    def row(self) -> Any:
        return self.reader.state("status")

    def told(self) -> dict[str, Any]:
        """The first connection, as administrators see it; nothing before the first row."""
        connections = self.web.status()["connections"]
        return dict(connections[0]) if connections else {}

    def events(self) -> list[ConnectionEvent]:
        """Oldest first."""
        return self.log.newest(1000)[::-1]

    def kinds(self) -> list[str]:
        return [event.event.value for event in self.events()]

    def ask(self, kind: str, **arguments: str) -> JobAnswer:
        job_id = self.jobs.ask(kind, arguments, "admin")
        wait_for(lambda: (answer := self.jobs.answer(job_id)) and answer.state != "asked")
        answer = self.jobs.answer(job_id)
        assert answer is not None
        return answer


Start = Callable[..., Ledger]


@pytest.fixture
def start(tmp_path: Path, database_url: str) -> Iterator[Start]:
    started: list[Ledger] = []

    def start_one(**keys: str) -> Ledger:
        started.append(Ledger(tmp_path, database_url, **keys))
        started[-1].service.start()
        return started[-1]

    yield start_one
    for ledger in started:
        ledger.stop()


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(["AAPL", "MSFT", "NVDA", "TSLA"])))) as server:
        yield server


def simulated(simulator: SimulatorServer, **keys: str) -> dict[str, str]:
    return {"SIMULATOR_PORT": str(simulator.port), **keys}


_THREE = {
    "USE_MULTI_CONNECTION": "true",
    "WEBSOCKET_CONNECTION_1_ENABLED": "true",
    "WEBSOCKET_CONNECTION_1_SYMBOLS": "AAPL,MSFT",
    "WEBSOCKET_CONNECTION_2_ENABLED": "true",
    "WEBSOCKET_CONNECTION_2_NAME": "second",
    "WEBSOCKET_CONNECTION_2_SYMBOLS": "NVDA,TSLA",
}


def test_the_rows_are_as_readers_expect_them(start: Start, simulator: SimulatorServer) -> None:
    """The examples that tests of pages are built on have the keys that the ingesting half writes."""
    ledger = start(**simulated(simulator, **_THREE))
    wait_for(lambda: ledger.row() and ledger.row()["ticks"])
    written = ledger.row()
    expected = told_row(told_connection())
    assert set(written) == set(expected)
    for part in (
        "book",
        "writer",
        "gaps",
        "repair",
        "reconciliation",
        "history",
        "daily",
        "retention",
        "desk",
        "pipeline",
    ):
        assert set(written[part]) == set(expected[part]), part
    assert set(written["writer"]["storage"]) == set(expected["writer"]["storage"])
    assert [set(entry) for entry in written["connections"]] == [set(told_connection())] * 3
    assert [entry["enabled"] for entry in written["connections"]] == [True, True, False]
    assert written["mode"] == "multi"
    assert written["connection"]["status"] == "connected"


def test_the_pipeline_is_measured(start: Start, simulator: SimulatorServer) -> None:
    ledger = start(**simulated(simulator, SYMBOLS="AAPL,MSFT,NVDA"))
    wait_for(lambda: ledger.row() and ledger.row()["pipeline"]["event_to_commit_ms"]["count"] >= 5)
    figures = ledger.row()["pipeline"]["event_to_commit_ms"]
    assert 0 < figures["p50"] <= figures["p99"] < 120_000
    assert figures["count"] <= ledger.row()["ticks"]


def test_who_carries_what_is_told_when_it_changes(start: Start, simulator: SimulatorServer) -> None:
    ledger = start(**simulated(simulator, **_THREE))
    wait_for(lambda: ledger.web.tickers().get("connection_2") == ["NVDA", "TSLA"])
    assert ledger.web.tickers()["connection_1"] == ["AAPL", "MSFT"]
    changed_at = ledger.reader.state("assignment")["changed_at"]
    wait_for(lambda: all(entry["missing_topics"] == [] for entry in ledger.row()["connections"][:2]))
    wait_for(lambda: ledger.row()["connection"]["acknowledged_topics"] == 8)
    written = ledger.row()["written_at"]
    wait_for(lambda: ledger.row()["written_at"] > written + 1_000)
    assert ledger.reader.state("assignment")["changed_at"] == changed_at
    answer = ledger.ask("connection.move", ticker="AAPL", connection_id="connection_2")
    assert answer.state == "done", answer
    wait_for(lambda: ledger.web.moved() == {"AAPL": "connection_1"})
    assert "AAPL" in ledger.web.tickers()["connection_2"]
    wait_for(lambda: "tickers_moved" in ledger.kinds())
    assert [event.actor for event in ledger.events() if event.event == "tickers_moved"] == ["admin"]


def test_an_administrator_pauses_and_resumes(start: Start, simulator: SimulatorServer) -> None:
    ledger = start(**simulated(simulator, SYMBOLS="AAPL"))
    wait_for(lambda: ledger.told().get("status") == "connected")
    assert ledger.ask("connection.pause", connection_id="connection_1").state == "done"
    wait_for(lambda: ledger.told()["condition"] == "paused")
    again = ledger.ask("connection.pause", connection_id="connection_1")
    assert again.state == "refused"
    assert ledger.ask("connection.resume", connection_id="connection_1").state == "done"
    wait_for(lambda: ledger.told()["condition"] == "live")
    wait_for(lambda: ledger.kinds().count("connected") == 2)
    paused = next(event for event in ledger.events() if event.event == "paused")
    assert (paused.actor, paused.connection_id) == ("admin", "connection_1")
    assert "resumed" in ledger.kinds()


def scripted(feed: ScriptedFeed) -> dict[str, str]:
    return {"MASSIVE_API_KEY": "KEY", "MASSIVE_WS_URL": feed.url, "SYMBOLS": "AAPL"}


def test_a_drop_is_told_at_once_and_logged_with_code_and_duration(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So the status comes with news alone, and never because it is time for the next one.
    monkeypatch.setattr("src.core.services.market_data_service._BEAT_S", 3600.0)
    told: set[str] = set()

    def script(session: Session) -> None:
        if session.number > 1:
            wait_for(lambda: "down" in told)
        session.accept_key()
        session.acknowledge()
        if session.number == 1:
            wait_for(lambda: "up" in told)
            session.drop(4001, "Maintenance")
        else:
            session.wait_closed()

    with scripted_feed(script) as feed:
        ledger = start(**scripted(feed))
        wait_for(lambda: ledger.told().get("status") == "connected")
        told.add("up")
        wait_for(lambda: ledger.told()["status"] != "connected")
        told.add("down")
        wait_for(lambda: ledger.kinds() == ["connected", "disconnected", "connected"])
        ledger.stop()
    gone = ledger.events()[1]
    assert gone.close_code == 4001
    assert "Maintenance" in gone.reason
    assert gone.duration_ms is not None
    assert 0 < gone.duration_ms < 300_000
    assert gone.actor is None


def test_a_refused_key_is_an_event(start: Start) -> None:
    def script(session: Session) -> None:
        session.say("connected")
        session.hear()
        session.say("auth_failed", "authentication failed")

    with scripted_feed(script) as feed:
        ledger = start(**scripted(feed))
        wait_for(lambda: ledger.kinds() == ["refused"])
        wait_for(lambda: ledger.web.status()["answers"][0]["ok"] is False)
        assert ledger.told()["condition"] == "down"
        assert ledger.row()["connections"][0]["refusal"] == "refused_key"
        assert ledger.row()["connections"][0]["errors_by_kind"] == {"refused_key": 1}


def test_the_end_is_in_the_log(start: Start, simulator: SimulatorServer) -> None:
    ledger = start(**simulated(simulator, SYMBOLS="AAPL"))
    wait_for(lambda: ledger.kinds() == ["connected"])
    ledger.service.stop()
    assert ledger.kinds() == ["connected", "disconnected"]
    assert ledger.events()[1].duration_ms is not None
