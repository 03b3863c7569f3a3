"""`GET /api/market/...`: rankings, breadth, sectors, stages and sentiment of a universe; also in a page's one poll."""

import datetime as dt
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from src.core.domain.market.session import new_york_date
from src.core.ports import ChangeReader
from src.core.services.market_state import MarketState
from src.core.services.market_state_service import MarketStateService
from src.presentation.api.errors import ApiError, bad_parameter
from src.presentation.api.market_parts import Asked, Reasons, head
from src.presentation.api.market_questions import VIEWS, Arguments, read_as_of
from src.presentation.api.shared_answers import SharedAnswers
from src.presentation.api.whom import LISTENING, Whom

MOST_MEMBERS = 20_000
PENDING = "Being calculated for the first time; ask again in some seconds."


class MarketDeps(NamedTuple):
    """What answers are made of; `now_ms` reads the wall clock."""

    service: MarketStateService
    whom: Whom
    changes: ChangeReader
    now_ms: Callable[[], int]


class _Question(NamedTuple):
    view: str
    symbols: tuple[str, ...]
    asked: Asked
    as_of: dt.date | None
    own: Any


class MarketAnswers:
    """Bodies, encoded once for all who ask the same; any thread may call."""

    def __init__(self, deps: MarketDeps) -> None:
        self._deps = deps
        self._shared: SharedAnswers[bytes] = SharedAnswers()

    def now(self, view: str, arguments: Arguments) -> tuple[str, Callable[[], bytes]]:
        """The tag of the answer, and what makes it; waits for a first calculation. Raises ApiError."""
        question = self._question(view, arguments)
        state = self._deps.service.state(question.symbols, question.as_of)
        if state is None:
            raise ApiError(503, "unavailable", PENDING)
        tag = _tag(question, state)
        return tag, lambda: self._body(question, state, tag)

    def in_poll(self, text: str, known_tag: str | None) -> tuple[str, Any]:
        """The tag and the part of a poll's answer for a question such as `rankings?sort=gap`. Never waits, and raises
        no ApiError: what is wrong with the question is said in the part."""
        view, _, query = text.partition("?")
        try:
            if view not in VIEWS:
                raise bad_parameter(f"There is no view {view!r:.40}; allowed are {', '.join(VIEWS)}.")
            question = self._question(view, MultiDict(parse_qsl(query, keep_blank_values=True)))
        except ApiError as error:
            return "", {"view": view[:40], "tag": None, "error": {"code": error.code, "message": error.message}}
        state = self._deps.service.peek(question.symbols, question.as_of)
        if state is None:
            return "pending", {"view": view, "tag": None, "pending": PENDING}
        tag = _tag(question, state)
        if tag == known_tag:
            return tag, {"view": view, "tag": tag}
        return tag, msgspec.Raw(self._body(question, state, tag))

    def _question(self, view: str, arguments: Arguments) -> _Question:
        own = VIEWS[view].question(arguments)
        as_of = read_as_of(arguments, new_york_date(self._deps.now_ms()))
        universe = arguments.get("universe", LISTENING)
        found = self._deps.whom.universe(universe, self._deps.changes.seen(), MOST_MEMBERS)
        asked = Asked(universe, tuple(found.unknown), arguments.get("as_of"))
        return _Question(view, found.known, asked, as_of, own)

    def _body(self, question: _Question, state: MarketState, tag: str) -> bytes:
        def make() -> bytes:
            reasons = Reasons()
            own = VIEWS[question.view].body(state, question.own, reasons)
            common = head(question.view, tag, question.asked, state)
            return msgspec.json.encode({**common, **own, "reasons": reasons.sentences})

        return self._shared.get(tag, make)


def market_blueprint(answers: MarketAnswers) -> Blueprint:
    """The endpoints."""
    blueprint = Blueprint("market", __name__, url_prefix="/api/market")
    for view in VIEWS:
        blueprint.add_url_rule(f"/{view}", view, _endpoint(answers, view))
    return blueprint


def _endpoint(answers: MarketAnswers, view: str) -> Callable[[], Response]:
    def answer() -> Response:
        tag, body = answers.now(view, request.args)
        if request.if_none_match.contains_weak(tag):
            told = Response(status=304)
        else:
            told = Response(body(), content_type="application/json")
        told.set_etag(tag, weak=True)
        told.headers["Cache-Control"] = "no-cache"  # keep it, but ask before it is used again
        return told

    return answer


def _tag(question: _Question, state: MarketState) -> str:
    """What the answer depends on: the calculation, and what of it was asked for."""
    words = repr((question.view, question.asked, question.own)).encode()
    return f"{state.tag}-{zlib.crc32(words):x}"
