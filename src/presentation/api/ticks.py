"""`GET /api/ticks/recent` and `GET /api/quotes`: what a dashboard polls."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, Response, request

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.cursor import Cursor
from src.core.domain.market.quote import QuoteDay
from src.core.ports import BarReader, ChangeReader, Seen
from src.presentation.api.errors import ApiError, bad_parameter
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_flag, read_limit, read_time_ms
from src.presentation.api.patterns import PollPatterns
from src.presentation.api.shared_answers import SharedAnswers
from src.presentation.api.whom import Asked, Whom

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_MAX_BARS = 100_000  # in one answer
_WHOM = ("symbol", "symbols", "universe", "offset")
_RECENT = (*_WHOM, "since", "cursor", "limit", "status", "patterns", "market", "market_tag")
_AGING = ("condition", "reason", "session")  # of a status, by the clock alone
_TIER_NAMES = tuple(tier.name.lower() for tier in Tier)


class Tick(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A stored bar as the API tells it; `timestamp` is the minute's start in epoch ms. `withdrawn`, told only where it
    is true, and only to who asks for changes: there is no such bar any more."""

    symbol: str
    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    tier: str
    withdrawn: bool = False


class _Question(NamedTuple):
    """What is asked for; `cursor` is None for none, and for one that is not ours."""

    symbols: tuple[str, ...]
    since_ms: int | None
    cursor: Cursor | None
    has_cursor: bool
    limit: int


@dataclass(frozen=True)
class _Found:
    """The part of an answer that is the same for all who ask the same; `len` is that of `ticks`, encoded."""

    ticks: bytes
    count: int
    cursor: str
    reset: bool
    more: bool

    def __len__(self) -> int:
        return len(self.ticks)


class TicksDeps(NamedTuple):
    """What the endpoints are made of. `status` is what `status=true` adds; `now_ms` reads the wall clock; `day_at`
    gives what quotes of a time (epoch ms) are measured against; `patterns` is what `patterns=true` adds; `market` gives
    the tag and the part of an answer for what `market` asks, when the asker has the answer of a tag."""

    reader: BarReader
    changes: ChangeReader
    whom: Whom
    status: Callable[[], dict[str, Any]]
    now_ms: Callable[[], int]
    day_at: Callable[[int], QuoteDay]
    patterns: PollPatterns
    market: Callable[[str, str | None], tuple[str, Any]]


def ticks_blueprint(deps: TicksDeps) -> Blueprint:
    """The endpoints."""
    blueprint = Blueprint("ticks", __name__, url_prefix="/api")
    shared: SharedAnswers[_Found] = SharedAnswers()

    @blueprint.get("/ticks/recent")
    def recent() -> Response:
        check_names(request.args, _RECENT, ("since", "cursor"))
        limit = read_limit(request.args, _DEFAULT_LIMIT, _MAX_LIMIT)
        since_ms = read_time_ms(request.args, "since")
        with_status = read_flag(request.args, "status")
        with_patterns = read_flag(request.args, "patterns")
        cursor = Cursor.decode(request.args.get("cursor", ""))
        seen = deps.changes.seen(0 if cursor is None else cursor.revision)
        asked = deps.whom.read(request.args, seen, by_parts=True)
        if len(asked.known) * limit > _MAX_BARS:
            raise _too_large(len(asked.known), limit)
        status = {"status": deps.status()} if with_status else {}
        market_tag, market = _market(deps)
        tag = _tag(seen, asked, status) + market_tag
        if request.if_none_match.contains_weak(tag):
            return _tagged(Response(status=304), tag)
        question = _Question(asked.known, since_ms, cursor, "cursor" in request.args, limit)
        found = shared.get((question, seen.revision, seen.database_id), lambda: _find(deps, question, seen))
        answer = {
            **({"symbol": asked.known[0]} if "symbol" in request.args else {}),
            "count": found.count,
            "cursor": found.cursor,
            "reset": found.reset,
            "more": found.more,
            "server_time": deps.now_ms(),
            "ticks": msgspec.Raw(found.ticks),
            **({} if "symbol" in request.args else {"unknown": asked.unknown}),
            **status,
            **(_patterns(deps, question, found) if with_patterns else {}),
            **market,
        }
        return _tagged(json_answer(answer), tag)

    @blueprint.get("/quotes")
    def quotes() -> Response:
        check_names(request.args, ("symbols", "universe", "offset"))
        seen = deps.changes.seen()
        asked = deps.whom.read(request.args, seen, or_listening=True, by_parts=True)
        at_ms = deps.now_ms()
        found = deps.reader.quotes(asked.known, deps.day_at(at_ms))
        cursor = _end_of(seen).encode()
        return json_answer({"quotes": found, "unknown": asked.unknown, "cursor": cursor, "server_time": at_ms})

    return blueprint


def _patterns(deps: TicksDeps, question: _Question, found: _Found) -> dict[str, Any]:
    """The patterns that go with the bars of an answer: from the same cursor to the same."""
    start, end = None if found.reset else question.cursor, Cursor.decode(found.cursor)
    assert end is not None  # noqa: S101  it was encoded
    told = deps.patterns.between(question.symbols, start, end)
    return {"patterns": msgspec.Raw(told.events), "patterns_more": told.more}


def _market(deps: TicksDeps) -> tuple[str, dict[str, Any]]:
    """The part of an answer that `market` asks for, and what it adds to the tag; nothing where it is not asked for."""
    asked, known = request.args.get("market"), request.args.get("market_tag")
    if asked is None:
        if known is not None:
            raise bad_parameter("market_tag goes with market: it is the tag of the answer that was given to it before.")
        return "", {}
    tag, part = deps.market(asked, known)
    return f"-{tag}", {"market": part}


def _find(deps: TicksDeps, question: _Question, seen: Seen) -> _Found:
    if question.cursor is not None:
        changes = deps.changes.changes(question.symbols, question.cursor, question.limit, seen)
        if changes is not None:
            return _found(changes.bars, changes.cursor, reset=False, more=changes.more)
    # `seen` is older than what is read now: what came in between is told again by the cursor, and nothing is left out.
    bars = deps.reader.recent(question.symbols, question.since_ms, question.limit)
    return _found(bars, _end_of(seen), reset=question.has_cursor, more=False)


def _found(bars: Sequence[Bar], cursor: Cursor, *, reset: bool, more: bool) -> _Found:
    return _Found(msgspec.json.encode([_tick(bar) for bar in bars]), len(bars), cursor.encode(), reset, more)


def _end_of(seen: Seen) -> Cursor:
    return Cursor(seen.database_id, seen.revision, seen.newest_ms)


def _tag(seen: Seen, asked: Asked, status: dict[str, Any]) -> str:
    """What the answer to one URL depends on; its `server_time` is let go.

    The status ages by itself: when ingestion stops reporting, its condition changes and nothing in the database does.
    """
    whom = zlib.crc32(",".join((*asked.known, "", *asked.unknown)).encode())
    aging = zlib.crc32(msgspec.json.encode([status["status"][name] for name in _AGING])) if status else 0
    return f"{seen.database_id[:8]}-{seen.revision:x}-{seen.status_ms if status else 0}-{whom:x}-{aging:x}"


def _tagged(answer: Response, tag: str) -> Response:
    answer.set_etag(tag, weak=True)
    answer.headers["Cache-Control"] = "no-cache"  # keep it, but ask before it is used again
    return answer


def _too_large(symbols: int, limit: int) -> ApiError:
    return ApiError(413, "too_large", f"{symbols} symbols times limit {limit} is more than {_MAX_BARS} bars.")


def _tick(bar: Bar) -> Tick:
    prices = (bar.open, bar.high, bar.low, bar.close)
    return Tick(bar.symbol, bar.timestamp, *prices, bar.volume, bar.vwap, _TIER_NAMES[bar.tier], bool(bar.withdrawn))
