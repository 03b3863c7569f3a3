"""What administrators are told of the connections, made from the rows of the ingesting half."""

import json
from typing import Any

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.services.connection_status_service import ConnectionStatusService
from src.infrastructure.calendar.session_table import load_session_table
from tests import status_rows as rows
from tests.status_rows import NOW

_SESSIONS = load_session_table(PROJECT_ROOT / "data/sessions.csv")


class Facts:
    """A BarReader that knows small facts alone, and an EventLog."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        self.events: list[ConnectionEvent] = []

    def state(self, key: str) -> Any:
        return self.facts.get(key)

    def newest(self, limit: int) -> list[ConnectionEvent]:
        return self.events[:limit]


def service(facts: Facts, now_ms: int = NOW) -> ConnectionStatusService:
    return ConnectionStatusService(facts, _SESSIONS, facts, lambda: now_ms)  # type: ignore[arg-type]  of a reader it needs the state alone


def told(row: dict[str, Any] | None, now_ms: int = NOW) -> dict[str, Any]:
    status = service(Facts(status=row, feed="massive"), now_ms).status()
    plain: dict[str, Any] = json.loads(json.dumps(status))
    assert plain == status
    return plain


def conditions(status: dict[str, Any]) -> list[str]:
    return [connection["condition"] for connection in status["connections"]]


def test_the_status_of_one_connection() -> None:
    status = told(rows.single_live())
    answered = status.pop("answers")
    assert [answer["ok"] for answer in answered] == [True, True, True]
    assert list(answered[0]) == ["question", "answer", "ok"]
    (connection,) = status.pop("connections")
    assert status == {
        "mode": "single",
        "summary": {
            "total_connections": 1, "enabled_count": 1, "connected_count": 1, "total_tickers": 100,
            "total_ticks_received": 15_000, "total_errors": 2,
        },
        "pipeline": {"event_to_commit_ms": {"p50": 9.5, "p99": 41.0, "count": 4_500}, "waiting_bars": 7},
        "repair": rows.repair(),
        "reconciliation": rows.reconciliation(),
        "storage": rows.storage(),
        "retention": rows.retention(),
        "patterns": rows.patterns(),
        "feed": {"name": "massive", "simulated": False},
        "session": {"date": "2025-11-20", "phase": "regular"},
        "ingest_age_ms": 500,
        "timestamp": NOW,
    }  # fmt: skip
    assert connection == {
        "id": 1, "connection_id": "connection_1", "name": "primary", "enabled": True, "paused": False,
        "granted": True, "movable": True, "status": "connected", "condition": "live",
        "reason": "Bars are arriving.", "url": rows.ADDRESS, "connected_at": NOW - 600_000, "uptime_seconds": 600,
        "last_message_time": NOW - 400, "message_count": 15_000, "messages_per_second": 25.4, "rates": [25] * 60,
        "reconnect_count": 1, "error_count": 2, "errors_by_kind": {"dropped": 1, "failed_attempt": 1},
        "wanted_topics": 200, "acknowledged_topics": 200, "missing_topics": [], "silent_topics": [],
        "ticker_count": 100,
        "own_ticker_count": 100, "lent": 0, "borrowed": 0, "ticker_limit": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (rows.multi_live(), ["live", "live", "live"]),
        (rows.one_down(), ["live", "down", "live"]),
        (rows.one_paused(), ["live", "live", "paused"]),
        (rows.fewer_granted(), ["live", "live", "disabled"]),
        (rows.one_disabled(), ["live", "disabled"]),
        (rows.wildcard(), ["live"]),
        (rows.refused_key(), ["down"]),
        (rows.delayed_data(), ["live"]),
    ],
)
def test_the_conditions(row: dict[str, Any], expected: list[str]) -> None:
    assert conditions(told(row)) == expected


def test_the_summary_of_several() -> None:
    status = told(rows.one_down())
    assert status["mode"] == "multi"
    assert status["summary"] == {
        "total_connections": 3, "enabled_count": 3, "connected_count": 2, "total_tickers": 300,
        "total_ticks_received": 45_000, "total_errors": 6,
    }  # fmt: skip


def test_while_ingestion_is_silent_nothing_is_connected_and_counts_stay() -> None:
    status = told(rows.one_disabled(), NOW + 10_000)
    first = status["connections"][0]
    assert conditions(status) == ["down", "disabled"]
    assert first["reason"] == "The ingesting process has not reported for 10 s."
    assert (first["status"], first["uptime_seconds"], first["connected_at"]) == ("disconnected", 0, None)
    assert (first["messages_per_second"], first["message_count"]) == (0.0, 15_000)
    assert status["summary"]["connected_count"] == 0
    assert {answer["ok"] for answer in status["answers"]} == {None}


def test_before_ingestion_ever_started() -> None:
    status = told(None)
    assert (status["mode"], status["connections"], status["ingest_age_ms"]) == ("single", [], None)
    assert status["summary"]["total_connections"] == 0
    assert status["feed"]["name"] == "massive"
    assert service(Facts()).metrics() == {}
    assert service(Facts()).tickers() == service(Facts()).moved() == {}


def test_a_row_of_an_older_version_has_no_connections_and_tells_nothing_of_repair_and_storage() -> None:
    row = rows.single_live()
    for key in ("mode", "connections", "pipeline", "repair", "reconciliation", "retention", "patterns"):
        del row[key]
    del row["writer"]["storage"]
    status = told(row)
    assert (status["mode"], status["connections"]) == ("single", [])
    assert [status[key] for key in ("repair", "reconciliation", "storage", "retention", "patterns")] == [None] * 5
    assert status["pipeline"]["event_to_commit_ms"]["count"] == 0


def test_outside_the_calendar_the_market_is_closed() -> None:
    far_ms = 4_000_000_000_000
    assert told(rows.single_live(far_ms), far_ms)["session"] == {"date": None, "phase": "closed"}


def test_the_metrics() -> None:
    metrics = service(Facts(status=rows.one_down())).metrics()
    assert list(metrics) == ["connection_1", "connection_2", "connection_3"]
    assert metrics["connection_1"] == {
        "messages_per_second": 25.4, "rates": [25] * 60, "uptime_seconds": 600, "error_count": 2,
        "message_count": 15_000, "last_message_time": NOW - 400, "condition": "live",
    }  # fmt: skip
    assert metrics["connection_2"]["condition"] == "down"


def test_the_events() -> None:
    facts = Facts()
    facts.events = [
        ConnectionEvent("connection_1", NOW, EventKind.DISCONNECTED, "Gone.", 1006, 4_000, None, 8),
        ConnectionEvent("connection_2", NOW - 1, EventKind.PAUSED, "Paused.", actor="admin", id=7),
    ]
    first = {
        "id": 8, "connection_id": "connection_1", "time": NOW, "event": "disconnected", "reason": "Gone.",
        "close_code": 1006, "duration_ms": 4_000, "actor": None,
    }  # fmt: skip
    assert service(facts).events(1) == [first]
    assert json.loads(json.dumps(service(facts).events(2)))[1]["actor"] == "admin"


def test_the_tickers_that_each_carries() -> None:
    watched = service(Facts(assignment=rows.assignment()))
    assert watched.tickers()["connection_3"] == ["NVDA", "TSLA"]
    assert watched.moved() == {"MSFT": "connection_2", "TSLA": "connection_2"}
