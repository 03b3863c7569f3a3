"""`/api/admin/history`: loads of history, how far they are, and ending one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from src.core.domain.market.history import Load, words
from src.core.history_ports import LoadLog
from src.core.ports import BarReader, JobDesk
from src.presentation.admin.access import current_administrator
from src.presentation.admin.acting import act
from src.presentation.api.errors import ApiError
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_limit

_DEFAULT_LOADS, _MOST_LOADS = 20, 200
_MOST_FAILURES = 20


class HistoryDeps(NamedTuple):
    """What the endpoints are made of."""

    log: LoadLog
    reader: BarReader
    desk: JobDesk


def history_blueprint(deps: HistoryDeps) -> Blueprint:
    """The endpoints, for administrators alone."""
    blueprint = Blueprint("history_api", __name__, url_prefix="/api/admin/history")

    @blueprint.before_request
    def check_access() -> None:
        current_administrator()

    @blueprint.get("")
    def history() -> Response:
        check_names(request.args, ("limit",))
        now = (deps.reader.state("status") or {}).get("history", {})
        loads = deps.log.newest(read_limit(request.args, _DEFAULT_LOADS, _MOST_LOADS))
        return json_answer({"loads": [_told(load, now) for load in loads]})

    @blueprint.post("/<load_id>/cancel")
    def cancel(load_id: str) -> Response:
        load = deps.log.find(load_id)
        if load is None:
            raise ApiError(404, "not_found", f"There is no load {load_id!r:.40}; GET /api/admin/history lists them.")
        return act(deps.desk, "history.cancel", {"id": load.id}, current_administrator().login)

    return blueprint


def _told(load: Load, now: Mapping[str, Any]) -> dict[str, Any]:
    per_minute = now.get("per_minute") if now.get("id") == load.id else None
    failures = sorted(load.failures.items())[:_MOST_FAILURES]
    left = load.units_total - load.units_done - load.units_failed
    return {
        "id": load.id,
        "kind": load.kind,
        "timespan": load.timespan.value,
        "symbols": None if load.symbols is None else len(load.symbols),
        "files": None if load.files is None else list(load.files),
        "from": None if load.from_date is None else load.from_date.isoformat(),
        "to": None if load.to_date is None else load.to_date.isoformat(),
        "actor": load.actor,
        "state": load.state.value,
        "asked_at": load.asked_ms,
        "finished_at": load.finished_ms,
        "units_total": load.units_total,
        "units_done": load.units_done,
        "units_empty": load.units_empty,
        "units_failed": load.units_failed,
        "bars": load.bars,
        "written": load.written,
        "per_minute": per_minute,
        "left_s": round(left / per_minute * 60) if per_minute and not load.has_ended else None,
        "failures": [{"what": what, "reason": reason} for what, reason in failures],
        "failures_total": len(load.failures),
        "detail": load.detail,
        "words": words(load),
    }
