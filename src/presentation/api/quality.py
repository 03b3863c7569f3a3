"""`GET /api/quality`: how fresh and how complete the stored minutes of a universe are today."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from src.core.domain.market.reconciliation import Run
from src.core.domain.market.session import CalendarRangeError
from src.core.ports import ChangeReader
from src.core.services.quality_service import Quality, QualityService, SymbolQuality
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names
from src.presentation.api.shared_answers import SharedAnswers
from src.presentation.api.whom import LISTENING, Whom

# To count the minutes of 500 symbols takes a fifth of a second: it is done once for all who ask within so long.
_SHARED_MS = 5_000
# What figures mean that are easily taken for more than they are; what is not known is said, and not guessed.
_NOTES = (
    "A minute in which nothing traded has no bar: less than the whole session is no gap by itself.",
    "Late are minutes that came or were changed when bars more than 20 minutes newer were there: repairs of gaps, "
    "history, and corrections. A correction within 20 minutes takes its bar's place and is not counted.",
)


class QualityDeps(NamedTuple):
    """What the endpoint is made of; `now_ms` reads the wall clock."""

    service: QualityService
    whom: Whom
    changes: ChangeReader
    now_ms: Callable[[], int]


def quality_blueprint(deps: QualityDeps) -> Blueprint:
    """The endpoint."""
    blueprint = Blueprint("quality", __name__, url_prefix="/api")
    shared: SharedAnswers[dict[str, Any]] = SharedAnswers()

    @blueprint.errorhandler(CalendarRangeError)
    def say_what_the_calendar_covers(error: CalendarRangeError) -> Response:
        return json_answer({"error": {"code": "unavailable", "message": str(error)}}, 503)

    @blueprint.get("/quality")
    def quality() -> Response:
        check_names(request.args, ("symbols", "universe", "offset"))
        seen = deps.changes.seen()
        asked = deps.whom.read(request.args, seen, or_listening=True, by_parts=True)
        now_ms = deps.now_ms()
        told = shared.get(
            (asked.known, now_ms // _SHARED_MS, seen.database_id),
            lambda: _told(deps.service.quality(asked.known), now_ms),
        )
        key = request.args.get("universe", None if "symbols" in request.args else LISTENING)
        return json_answer({"universe": key, "unknown": asked.unknown, **told, "server_time": now_ms})

    return blueprint


def _told(quality: Quality, now_ms: int) -> dict[str, Any]:
    day, passed = quality.day, quality.passed
    rows = quality.symbols
    times = [row.newest_ms for row in rows if row.newest_ms is not None]
    notes = [] if passed else ["The regular session has not begun, so there is no coverage of it yet."]
    return {
        "date": day.date,
        "goes_on": now_ms < day.to_ms + 60_000,
        "data_time": max(times, default=None),
        "regular_minutes": day.regular_minutes,
        "passed_minutes": passed,
        "members": len(rows),
        "with_data": len(times),
        "stored_minutes": sum(row.regular for row in rows),
        "expected_minutes": passed * len(rows),
        "late_minutes": sum(row.late for row in rows),
        "open_gaps": quality.gaps.open + quality.gaps.waiting,
        "lost_gaps": quality.gaps.unrepairable,
        "compared": [_told_run(run) for run in quality.runs],
        "symbols": [_told_symbol(row) for row in rows],
        "notes": [*notes, *_NOTES],
    }


def _told_symbol(row: SymbolQuality) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "newest": row.newest_ms,
        "tier": None if row.tier is None else row.tier.name.lower(),
        "state": row.state.value,
        "bars": row.bars,
        "regular": row.regular,
        "late": row.late,
    }


def _told_run(run: Run) -> dict[str, Any]:
    return {
        "date": run.date.isoformat(),
        "state": run.state.value,
        "bars": run.bars,
        "corrected": run.differed,
        "added": run.added,
        "withdrawn": run.withdrawn,
        "finished_at": run.finished_ms,
    }
