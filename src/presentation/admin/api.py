"""`/api/admin/...`: what an administrator's page loads, and what it may ask the ingesting half to do."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, Response, request

from src.core.errors import DatabaseUnavailableError
from src.core.ports import BarReader, ChangeReader, JobDesk
from src.core.services.connection_status_service import ConnectionStatusService
from src.core.services.gap_report_service import GapReportService
from src.presentation.admin.access import current_administrator
from src.presentation.admin.acting import act, read_json
from src.presentation.admin.live_feed import carriers_of, live_ticks
from src.presentation.api.errors import ApiError, bad_parameter, unavailable
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_limit
from src.presentation.api.shared_answers import SharedAnswers

_DEFAULT_EVENTS = 100
_MAX_EVENTS = 1000
_DEFAULT_GAPS = 100
_MAX_GAPS = 1000
_LONGEST_GAP_ID = 32
_DEFAULT_RUNS = 20
_MAX_RUNS = 1000


class AdminDeps(NamedTuple):
    """What the endpoints are made of; `now_ms` reads the wall clock."""

    connections: ConnectionStatusService
    gaps: GapReportService
    reader: BarReader
    changes: ChangeReader
    desk: JobDesk
    now_ms: Callable[[], int]


def admin_blueprint(deps: AdminDeps) -> Blueprint:
    """The endpoints, for administrators alone."""
    blueprint = Blueprint("admin_api", __name__, url_prefix="/api/admin")
    shared: SharedAnswers[bytes] = SharedAnswers()

    @blueprint.before_request
    def check_access() -> None:
        current_administrator()

    @blueprint.errorhandler(DatabaseUnavailableError)
    def say_where_bars_wait(error: DatabaseUnavailableError) -> Response:
        return unavailable(error, deps.connections.storage_words())

    def share(name: str, make: Callable[[], Any]) -> Response:
        """What `make` gives, made again when something changed and each second, however many ask."""
        seen = deps.changes.seen()
        key = (name, seen.database_id, seen.status_ms, seen.assignment_ms, deps.now_ms() // 1000)
        return json_answer(msgspec.Raw(shared.get(key, lambda: msgspec.json.encode(make()))))

    @blueprint.get("/websocket-status")
    def websocket_status() -> Response:
        check_names(request.args, ())
        return share("status", deps.connections.status)

    @blueprint.get("/connection-events")
    def connection_events() -> Response:
        check_names(request.args, ("limit",))
        limit = read_limit(request.args, _DEFAULT_EVENTS, _MAX_EVENTS)
        return json_answer({"events": deps.connections.events(limit)})

    @blueprint.get("/connection-tickers")
    def connection_tickers() -> Response:
        check_names(request.args, ())
        return share("tickers", lambda: _tickers(deps))

    @blueprint.get("/gaps")
    def gaps() -> Response:
        check_names(request.args, ("limit",))
        return json_answer(deps.gaps.gaps(read_limit(request.args, _DEFAULT_GAPS, _MAX_GAPS)))

    @blueprint.get("/reconciliations")
    def reconciliations() -> Response:
        check_names(request.args, ("limit",))
        limit = read_limit(request.args, _DEFAULT_RUNS, _MAX_RUNS)
        return json_answer({"reconciliations": deps.gaps.reconciliations(limit)})

    def ask(kind: str, arguments: Mapping[str, Any]) -> Response:
        return act(deps.desk, kind, arguments, current_administrator().login)

    @blueprint.post("/connections/<connection_id>/<any(pause, resume, reconnect):action>")
    def act_on_connection(connection_id: str, action: str) -> Response:
        known = _connection_ids(deps)
        if connection_id not in known:
            raise ApiError(
                404, "not_found", f"No connection is called {connection_id!r:.40}; there are {', '.join(known)}."
            )
        return ask(f"connection.{action}", {"connection_id": connection_id})

    @blueprint.post("/tickers/<ticker>/move")
    def move(ticker: str) -> Response:
        connection_id = _read_connection_id(deps)
        known, _unknown = deps.reader.resolve([ticker], deps.changes.seen())
        return ask("connection.move", {"ticker": known[0] if known else ticker, "connection_id": connection_id})

    @blueprint.post("/symbols/refresh")
    def refresh_symbols() -> Response:
        return ask("symbols.refresh", {})

    @blueprint.post("/gaps/repair")
    def repair() -> Response:
        return ask("gaps.repair", {"gap_id": _read_gap_id()})

    return blueprint


def _tickers(deps: AdminDeps) -> dict[str, Any]:
    """Which connection carries which tickers, and the newest tick of at most 1,000 of them."""
    tickers = deps.connections.tickers()
    carriers = carriers_of(tickers, deps.reader.universe)
    ticks = live_ticks(deps.reader.recent(list(carriers), None, 1), carriers)
    return {"tickers": tickers, "moved": deps.connections.moved(), "ticks": ticks}


def _connection_ids(deps: AdminDeps) -> list[str]:
    return [connection["connection_id"] for connection in deps.connections.status()["connections"]]


def _read_connection_id(deps: AdminDeps) -> str:
    """`connection_id` of the request's JSON body."""
    body = read_json()
    known = _connection_ids(deps)
    if not isinstance(body, dict) or list(body) != ["connection_id"]:
        raise bad_parameter('The body is JSON and names a connection, such as {"connection_id": "connection_2"}.')
    connection_id = body["connection_id"]
    if not isinstance(connection_id, str) or connection_id not in known:
        raise bad_parameter(f"connection_id is {connection_id!r:.40}; there are {', '.join(known)}.")
    return connection_id


def _read_gap_id() -> str | None:
    """`gap_id` of the request's JSON body; None without one, which means all gaps."""
    body = read_json()
    if body == {}:
        return None
    gap_id = body["gap_id"] if isinstance(body, dict) and list(body) == ["gap_id"] else None
    if not isinstance(gap_id, str) or not 1 <= len(gap_id) <= _LONGEST_GAP_ID:
        raise bad_parameter('The body is JSON: {"gap_id": ...} with the id of a gap, or {} for all of them.')
    return gap_id
