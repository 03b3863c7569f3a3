"""What administrators load and ask for: the real application and database, and a real desk that carries it out."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.market.bar import Tier
from src.core.domain.market.gaps import GapReason, GapState
from src.core.domain.market.reconciliation import RunState
from src.core.domain.market.session import new_york_date
from src.core.services.connection_desk import ConnectionDesk
from src.core.services.gap_jobs import GapJobs
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.connection_events import DatabaseEventRecorder
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.jobs import DatabaseJobInbox
from src.infrastructure.observability.status_file import StatusFile
from src.presentation.admin import acting
from tests import status_rows
from tests.accounts import log_in, make_admin
from tests.admin_site import CARRIED, now_ms, started
from tests.bars import bar
from tests.connection_control import Control
from tests.waiting import wait_for

STATUS = "/api/admin/websocket-status"
GAPS = "/api/admin/gaps"
REPAIR = "/api/admin/gaps/repair"
RUNS = "/api/admin/reconciliations"
GETS = (STATUS, "/api/admin/connection-events", "/api/admin/connection-tickers", GAPS, RUNS)
DAY_MS = 86_400_000
PAUSE = "/api/admin/connections/connection_1/pause"
MOVE = "/api/admin/tickers/AAPL/move"


class Office:
    """The web half, with an administrator who is logged in; `desk` is the ingesting half's side of jobs."""

    def __init__(self, folder: Path, url: str) -> None:
        self.ingestion = started(url)
        settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": url, "SIMULATOR_PORT": "1"})
        self.app = create_app(settings)
        make_admin(url)
        self.client: FlaskClient = self.app.test_client()
        self.token = log_in(self.client)
        self.url = url
        self.folder = folder
        self.control = Control()
        self._engines = [read_engine(url), row_engine(url)]
        inbox = DatabaseJobInbox(*self._engines, now_ms)
        self.woken = 0
        self.opened: list[tuple[Any, ...]] = []
        gap_jobs = GapJobs(self.ingestion.gaps, lambda *gap: self.opened.append(gap), self._wake, now_ms)
        jobs = {"gaps.repair": gap_jobs.repair, "coverage.repair": gap_jobs.ask_for}
        recorder = DatabaseEventRecorder(self._engines[1])
        self.desk = ConnectionDesk(self.control, inbox, recorder, SystemClock(), lambda: None, jobs)
        self.control.on_event = self.desk.note

    def _wake(self) -> None:
        self.woken += 1

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return json.loads(answer.data)

    def post(self, path: str, status: int = 200, **options: Any) -> Any:
        answer = self.client.post(path, headers={"X-CSRFToken": self.token}, **options)
        assert answer.status_code == status, answer.text
        return json.loads(answer.data)

    def close(self) -> None:
        self.desk.stop()
        self.ingestion.close()
        for engine in self._engines:
            engine.dispose()


@pytest.fixture
def office(tmp_path: Path, sqlite_database_url: str) -> Iterator[Office]:
    """An office whose desk nobody is at."""
    office = Office(tmp_path, sqlite_database_url)
    yield office
    office.close()


@pytest.fixture
def attended(office: Office) -> Office:
    """An office whose desk is attended."""
    office.desk.start()
    return office


# -- what it shows -------------------------------------------------------------------------------------------------


def test_the_status_tells_of_every_connection(office: Office) -> None:
    body = office.get(STATUS)
    assert [connection["connection_id"] for connection in body["connections"]] == list(CARRIED)
    assert {connection["condition"] for connection in body["connections"]} <= {"live", "late", "market_closed"}
    assert body["summary"]["total_connections"] == 3
    assert abs(body["timestamp"] - now_ms()) < 5000


def test_a_status_that_was_written_again_is_told_at_once(office: Office) -> None:
    office.get(STATUS)
    office.ingestion.report(status_rows.one_down(now_ms()))
    wait_for(lambda: office.get(STATUS)["connections"][1]["condition"] == "down")


def test_the_tickers_come_with_their_newest_ticks(office: Office) -> None:
    office.ingestion.assign({"connection_1": ["AAPL"], "connection_2": ["NVDA"]}, {"NVDA": "connection_3"})
    wait_for(lambda: office.get("/api/admin/connection-tickers")["moved"])
    body = office.get("/api/admin/connection-tickers")
    assert body["tickers"] == {"connection_1": ["AAPL"], "connection_2": ["NVDA"]}
    assert body["moved"] == {"NVDA": "connection_3"}
    assert [(tick["connection_id"], tick["symbol"], tick["price"], tick["volume"]) for tick in body["ticks"]] == [
        ("connection_1", "AAPL", 150.0, 100.0),
        ("connection_2", "NVDA", 150.0, 100.0),
    ]


def test_of_the_whole_market_the_symbols_with_bars_are_shown(office: Office) -> None:
    office.ingestion.assign({"connection_1": ["*"]})
    office.ingestion.database.set_state("universe", {"symbols": ["*"], "key": "SYMBOLS", "changed_at": 2})
    wait_for(lambda: len(office.get("/api/admin/connection-tickers")["ticks"]) == 5)
    assert {tick["connection_id"] for tick in office.get("/api/admin/connection-tickers")["ticks"]} == {"connection_1"}


def test_events_come_newest_first_as_many_as_asked_for(office: Office) -> None:
    for number in range(3):
        office.ingestion.log(f"reason {number}")
    assert [event["reason"] for event in office.get(GETS[1])["events"]] == ["reason 2", "reason 1", "reason 0"]
    assert [event["reason"] for event in office.get(f"{GETS[1]}?limit=1")["events"]] == ["reason 2"]


def test_gaps_are_told_with_how_far_their_repair_is(office: Office) -> None:
    assert office.get(GAPS) == {
        "totals": {
            "open": 0, "waiting": 0, "repaired": 0, "unrepairable": 0, "repaired_bars": 0, "waiting_symbols": 0,
            "next_due_at": None,
        },
        "gaps": [],
    }  # fmt: skip
    begun_ms = now_ms()
    office.ingestion.miss("one", "AAPL", "MSFT")
    entries = office.ingestion.gaps.entries(begun_ms + 3_600_000, 1)
    office.ingestion.gaps.note(entries, GapState.REPAIRED, None, 7, "")
    office.ingestion.miss("two", "NVDA")
    body = office.get(GAPS)
    assert (body["totals"]["open"], body["totals"]["waiting_symbols"], body["totals"]["repaired_bars"]) == (2, 2, 7)
    first = body["gaps"][0]
    assert (first["id"], first["scope"], first["symbols"], first["reason"]) == (
        "one", "connection_2", ["AAPL", "MSFT"], "drop",
    )  # fmt: skip
    assert (first["symbols_done"], first["symbols_total"], first["repaired_bars"]) == (1, 2, 7)
    assert first["to"] - first["from"] == 600_000
    assert first["due_at"] - begun_ms == pytest.approx(600_000, abs=30_000)
    assert (first["state"], first["closed_at"]) == ("open", None)
    assert len(office.get(f"{GAPS}?limit=1")["gaps"]) == 1


def test_days_that_were_compared_are_told_newest_first(office: Office) -> None:
    office.ingestion.compare("first", started_ms=now_ms() - 9_000)
    failed = {f"S{number:02}": "It is not known." for number in range(30)}
    office.ingestion.compare("second", state=RunState.FAILED, failed=failed, file="/data/day.csv.gz", detail="Stopped.")
    second, first = office.get(RUNS)["reconciliations"]
    assert (first["id"], first["date"], first["source"], first["state"]) == ("first", "2025-11-19", "rest", "done")
    assert [first[name] for name in ("bars", "added", "differed", "withdrawn", "symbols_done")] == [780, 3, 12, 1, 2]
    assert (second["source"], second["symbols_failed"], len(second["failed"])) == ("flat_file", 30, 20)
    assert [run["id"] for run in office.get(f"{RUNS}?limit=1")["reconciliations"]] == ["second"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "most=3", "limit=1&limit=2"])
def test_wrong_parameters_are_refused(office: Office, query: str) -> None:
    assert office.get(f"{GETS[1]}?{query}", 400)["error"]["code"] == "bad_parameter"


# -- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*GETS, PAUSE, MOVE, REPAIR])
def test_without_a_session_it_is_401_and_with_another_role_403(office: Office, path: str) -> None:
    make_admin(office.url, "reader", role="user")
    for login, status, code in ((None, 401, "unauthorized"), ("reader", 403, "forbidden")):
        client = office.app.test_client()
        headers = {"X-CSRFToken": log_in(client, login)} if login else {}
        answer = client.get(path) if path in GETS else client.post(path, headers=headers)
        assert (answer.status_code, json.loads(answer.data)["error"]["code"]) == (status, code), answer.text
    assert office.control.actions == 0


def test_an_action_without_the_sessions_token_is_refused(attended: Office) -> None:
    for headers in ({}, {"X-CSRFToken": "forged"}):
        answer = attended.client.post(PAUSE, headers=headers)
        assert answer.status_code == 403, answer.text
    assert attended.control.actions == 0


# -- what it does ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (PAUSE, None, "connection_1 is paused."),
        ("/api/admin/connections/connection_2/resume", None, "connection_2 goes on."),
        ("/api/admin/connections/connection_2/reconnect", None, "connection_2 connects again."),
        (MOVE, {"connection_id": "connection_2"}, "AAPL is with connection_2 now."),
        ("/api/admin/tickers/brk-b/move", {"connection_id": "connection_1"}, "BRK.B is with connection_1 now."),
    ],
)
def test_an_action_is_done_and_logged_with_who_asked(attended: Office, path: str, body: Any, message: str) -> None:
    assert attended.post(path, json=body) == {"state": "done", "message": message}
    wait_for(lambda: attended.get(GETS[1])["events"])
    [event] = attended.get(GETS[1])["events"]
    assert (event["reason"], event["actor"]) == (message, "admin")


def test_gaps_are_asked_about_now_one_or_all(attended: Office) -> None:
    for gap_id in ("one", "two"):
        attended.ingestion.miss(gap_id, "AAPL", "MSFT")
    message = attended.post(REPAIR, json={"gap_id": "one"})["message"]
    assert message == "2 tickers will be asked about as soon as the rate allows."
    due = {entry.gap_id: entry.due_ms for entry in attended.ingestion.gaps.entries(now_ms(), 9)}
    assert due["one"] <= now_ms() < due["two"]
    assert attended.post(REPAIR, json={"gap_id": "none"})["message"].startswith("Nothing of this gap waits")
    assert attended.post(REPAIR, json={})["message"] == "All that waits will be asked about as soon as the rate allows."
    assert len(attended.ingestion.gaps.entries(now_ms(), 9)) == 4
    assert attended.post(REPAIR, json={})["message"].startswith("Nothing waits for later")
    assert attended.woken == 4


@pytest.mark.parametrize("body", [None, [], {"gap_id": 1}, {"gap_id": ""}, {"gap_id": "x" * 33}, {"gap": "one"}])
def test_a_repair_names_a_gap_or_means_all(office: Office, body: Any) -> None:
    assert office.post(REPAIR, 400, json=body)["error"]["code"] == "bad_parameter"


def test_what_cannot_be_done_is_said(attended: Office) -> None:
    attended.post(PAUSE)
    error = attended.post(PAUSE, 409)["error"]
    assert error == {"code": "bad_parameter", "message": "connection_1 is paused already."}


@pytest.mark.parametrize("name", ["connection_4", "primary", "CONNECTION_1", "'; DROP TABLE jobs; --"])
def test_a_connection_that_is_not_there_is_404(office: Office, name: str) -> None:
    error = office.post(f"/api/admin/connections/{name}/pause", 404)["error"]
    assert error["code"] == "not_found"
    assert "connection_1, connection_2, connection_3" in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": "connection_2", "content_type": "text/plain"},
        {"data": "{", "content_type": "application/json"},
        {"data": b"\xff", "content_type": "application/json"},
        {"data": "[" * 5_000 + "]" * 5_000, "content_type": "application/json"},
        {"json": []},
        {"json": {"connection_id": 2}},
        {"json": {"connection_id": "connection_9"}},
        {"json": {"connection_id": "connection_2", "force": True}},
    ],
)
def test_a_move_names_a_connection(office: Office, body: dict[str, Any]) -> None:
    error = office.post(MOVE, 400, **body)["error"]
    assert error["code"] == "bad_parameter"
    assert "connection_2" in error["message"]


def test_when_ingestion_does_not_answer_it_is_said_in_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "_ANSWER_TIMEOUT_S", 0.2)
    begun_s = time.monotonic()
    body = office.post(PAUSE, 202)
    assert time.monotonic() - begun_s < 30
    assert body["state"] == "asked"
    assert "not answered yet" in body["message"]


def test_without_the_database_it_is_503(office: Office) -> None:
    office.get(STATUS)
    office.ingestion.take_away()
    wait_for(lambda: office.client.get(STATUS).status_code == 503)
    assert office.post(PAUSE, 503)["error"]["code"] == "unavailable"
    status_file = StatusFile(office.folder / "status.json")
    status_file.write(status_rows.database_away(now_ms()))
    said = office.get(STATUS, 503)["error"]["message"]
    assert said.startswith(
        "The database does not answer at the moment; try again. The database has taken no bars since"
    )
    assert "12,345 bars wait, 12,000 of them on disk; at the present rate there is room for 9 hours." in said
    status_file.remove()
    office.ingestion.bring_back()
    wait_for(lambda: office.client.get(STATUS).status_code == 200)


# -- coverage --------------------------------------------------------------------------------------------------------

COVERAGE = "/api/admin/coverage"
DAY = {"from": "2025-11-20", "to": "2025-11-20"}


def test_days_that_are_asked_for_are_a_gap(attended: Office) -> None:
    attended.ingestion.database.merge([bar("AAPL"), bar("BRK.B")])
    told = attended.post(f"{COVERAGE}/repair", json={"symbols": ["aapl", "BRK-B"], **DAY})
    assert told["message"] == "2 symbols will be asked for as soon as the rate allows."
    [(symbols, from_ms, to_ms, reason, scope, detail)] = attended.opened
    assert (symbols, reason, scope) == (["AAPL", "BRK.B"], GapReason.ASKED, "2 symbols")
    assert to_ms - from_ms == DAY_MS - 60_000, "the simulated market trades all day"
    assert "admin" in detail
    assert attended.woken == 1


def test_minutes_to_come_are_not_asked_for(attended: Office) -> None:
    attended.ingestion.database.merge([bar("AAPL")])
    today = new_york_date(now_ms()).isoformat()
    attended.post(f"{COVERAGE}/repair", json={"symbols": ["AAPL"], "from": today, "to": today})
    assert all(to_ms < now_ms() for _symbols, _from_ms, to_ms, *_more in attended.opened)


def test_of_more_than_a_thousand_symbols_the_days_are_read_in_parts(office: Office) -> None:
    symbols = [f"S{number:04}" for number in range(1001)]
    office.ingestion.database.add_symbols(symbols)
    office.ingestion.database.set_state("universe", {"symbols": symbols, "key": "SYMBOLS", "changed_at": 2})
    wait_for(lambda: office.get(f"{COVERAGE}?limit=1")["total"] == 1001)
    told = office.get(f"{COVERAGE}?offset=1000&limit=5")
    assert [one["symbol"] for one in told["symbols"]] == ["S1000"]


def test_days_of_symbols_are_told_a_letter_each(office: Office) -> None:
    office.ingestion.database.merge([bar("AAPL"), bar("MSFT", tier=Tier.FINAL)])
    told = office.get(f"{COVERAGE}?symbols=AAPL,MSFT,NONE&from=2025-11-19&to=2025-11-20")
    assert [day["date"] for day in told["days"]] == ["2025-11-19", "2025-11-20"]
    assert told["unknown"] == ["NONE"]
    assert [(row["symbol"], row["states"], row["bars"]) for row in told["symbols"]] == [
        ("AAPL", "MU", [0, 1]), ("MSFT", "MF", [0, 1])
    ]  # fmt: skip
    assert told["legend"]["U"] == "unconfirmed"
    more = office.get(f"{COVERAGE}?symbols=AAPL,MSFT&from=2025-11-20&to=2025-11-20&offset=1&limit=1")
    assert (more["total"], [row["symbol"] for row in more["symbols"]]) == (2, ["MSFT"])
