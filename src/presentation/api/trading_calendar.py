"""`GET /api/calendar`: which days trade, and which of them close early."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from src.core.domain.market.session import DayKind, SessionTable
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names

_WEEK = [1, 2, 3, 4, 5, 6, 7]


def calendar_blueprint(sessions: SessionTable, is_simulated: Callable[[], bool]) -> Blueprint:
    """The endpoint; `is_simulated` tells whether the database is of the simulated market, which trades every day."""
    blueprint = Blueprint("calendar", __name__, url_prefix="/api")

    @blueprint.get("/calendar")
    def calendar() -> Response:
        check_names(request.args, ())
        return json_answer(_every_day(sessions) if is_simulated() else _told(sessions))

    return blueprint


def _told(sessions: SessionTable) -> dict[str, Any]:
    def of(kind: DayKind) -> list[str]:
        return [str(date) for date, its in sorted(sessions.exceptions.items()) if its is kind]

    exceptions = {"holidays": of(DayKind.HOLIDAY), "early_closes": of(DayKind.EARLY_CLOSE)}
    return {**_every_day(sessions), "trading_weekdays": _WEEK[:5], **exceptions}


def _every_day(sessions: SessionTable) -> dict[str, Any]:
    covered = {"covered_from": str(sessions.covered_from), "covered_to": str(sessions.covered_to)}
    return {**covered, "trading_weekdays": _WEEK, "holidays": [], "early_closes": []}
