"""`GET /api/universes...`: which lists of symbols there are, and what they hold, for whoever may read."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Blueprint, Response, request

from src.core.ports import BarReader
from src.core.services.universe_service import Listed, UniverseService
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import MAX_SYMBOLS, check_names
from src.presentation.api.whom import LISTENING, Whom, read_offset

_WHOLE_MARKET = 100_000  # symbols; more than there are


class UniversesDeps(NamedTuple):
    """What the endpoints are made of; `now_ms` reads the wall clock."""

    service: UniverseService
    whom: Whom
    reader: BarReader
    now_ms: Callable[[], int]


def universes_blueprint(deps: UniversesDeps) -> Blueprint:
    """The endpoints."""
    blueprint = Blueprint("universes", __name__, url_prefix="/api")

    @blueprint.get("/universes")
    def universes() -> Response:
        check_names(request.args, ())
        found, _near = deps.service.listed()
        told = [_listening(deps), *(_told(one) for one in found)]
        return json_answer({"universes": told, "server_time": deps.now_ms()})

    @blueprint.get("/universes/<path:key>")
    def universe(key: str) -> Response:
        check_names(request.args, ("offset",))
        offset = read_offset(request.args, key) or 0
        symbols, unknown = deps.whom.members(key, _WHOLE_MARKET)
        part = symbols[offset : offset + MAX_SYMBOLS]
        heard = _heard(deps.reader)
        answer = {
            "key": key,
            "count": len(symbols),
            "offset": offset,
            "symbols": part,
            "unheard": [symbol for symbol in part if heard is not None and symbol not in heard],
            "unknown": unknown,
        }
        return json_answer({**answer, "server_time": deps.now_ms()})

    return blueprint


def _listening(deps: UniversesDeps) -> dict[str, Any]:
    """What ingestion listens to, as if it were a universe."""
    key = (deps.reader.state("universe") or {"key": None})["key"]
    what = "Nothing has been listened to yet." if key is None else f"What the feed listens to: {key}"
    return {
        "key": LISTENING,
        "type": None,
        "description": what,
        "count": len(deps.reader.universe(_WHOLE_MARKET)),
        "listened": True,
    }


def _told(one: Listed) -> dict[str, Any]:
    return {
        "key": one.name,
        "type": one.type or None,
        "description": one.description,
        "count": one.size,
        "listened": one.listened,
    }


def _heard(reader: BarReader) -> set[str] | None:
    """The symbols that ingestion listens to, or did when it ran last; None for all."""
    symbols = (reader.state("universe") or {"symbols": []})["symbols"]
    return None if symbols == ["*"] else set(symbols)
