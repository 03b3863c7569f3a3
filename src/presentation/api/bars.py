"""`GET /api/bars`: bars of any period out of what is stored, as a stream."""

import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from src.core.domain.market.adjustment import Adjusted, Adjustment
from src.core.domain.market.aggregation import PeriodBar, Timeframe, midnight_ms
from src.core.ports import ChangeReader
from src.core.services.bar_history import BarHistory, Span, pages
from src.presentation.api.bars_text import CSV_HEADER, bars_as_csv, bars_as_json, gzipped
from src.presentation.api.errors import bad_parameter
from src.presentation.api.parameters import check_names, read_choice, read_limit, read_time_ms
from src.presentation.api.whom import Whom

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
_NAMES = ("symbol", "timeframe", "from", "to", "adjusted", "session", "format", "limit", "cursor")
_FORMATS = ("json", "csv")
_SESSIONS = ("all", "regular")
_ONE_DAY = dt.timedelta(days=1)
_DAY_MS = 86_400_000
_PIECE = 1_000  # bars
# How far back an answer goes that is asked for without `from`: about as many bars as the default limit.
DEFAULT_DAYS = {
    Timeframe.MINUTE: 7,
    Timeframe.FIVE_MINUTES: 30,
    Timeframe.QUARTER: 90,
    Timeframe.HOUR: 365,
    Timeframe.DAY: 5 * 365,
    Timeframe.WEEK: 20 * 365,
}


class _Question(NamedTuple):
    span: Span
    adjusted: Adjusted
    limit: int
    format: str


class BarsDeps(NamedTuple):
    """What the endpoint is made of; `now_ms` reads the wall clock."""

    history: BarHistory
    whom: Whom
    changes: ChangeReader
    now_ms: Callable[[], int]


def bars_blueprint(deps: BarsDeps) -> Blueprint:
    """The endpoint."""
    blueprint = Blueprint("bars", __name__, url_prefix="/api")

    @blueprint.get("/bars")
    def bars() -> Response:
        check_names(request.args, _NAMES)
        question = _question(deps, request.args)
        adjustment = deps.history.adjustment(question.span.symbol, question.adjusted)
        # One more than the limit tells whether the answer is cut.
        found = itertools.islice(deps.history.bars(question.span, adjustment), question.limit + 1)
        pieces = _csv(found, question) if question.format == "csv" else _json(found, question, adjustment)
        return _streamed(pieces, question)

    return blueprint


def _question(deps: BarsDeps, arguments: MultiDict[str, str]) -> _Question:
    timeframe = Timeframe(read_choice(arguments, "timeframe", list(Timeframe), Timeframe.MINUTE))
    adjusted = Adjusted(read_choice(arguments, "adjusted", list(Adjusted), Adjusted.NO))
    regular_only = read_choice(arguments, "session", _SESSIONS, "all") == "regular"
    told_as = read_choice(arguments, "format", _FORMATS, "json")
    limit = read_limit(arguments, DEFAULT_LIMIT, MAX_LIMIT)
    from_ms, to_ms = _bounds(arguments, timeframe, deps.now_ms())
    after_ms = _cursor(arguments.get("cursor"))
    symbol = _symbol(deps, arguments)
    return _Question(Span(symbol, timeframe, from_ms, to_ms, regular_only, after_ms), adjusted, limit, told_as)


def _symbol(deps: BarsDeps, arguments: MultiDict[str, str]) -> str:
    typed = arguments.get("symbol", "").strip()
    if not typed or "," in typed:
        raise bad_parameter("Give one ticker, such as symbol=AAPL.")
    return deps.whom.read(arguments, deps.changes.seen()).known[0]


def _bounds(arguments: MultiDict[str, str], timeframe: Timeframe, now_ms: int) -> tuple[int, int]:
    """From `from` to `to`, both included; a date as `to` is meant to its end. Nothing is stored of the future."""
    to_ms = _bound(arguments, "to", last=True)
    to_ms = now_ms if to_ms is None else to_ms
    from_ms = _bound(arguments, "from", last=False)
    from_ms = max(0, min(to_ms, now_ms) - DEFAULT_DAYS[timeframe] * _DAY_MS) if from_ms is None else from_ms
    if from_ms > to_ms and "to" not in arguments:
        raise bad_parameter("from lies in the future, of which nothing is stored; give an earlier time.")
    if from_ms > to_ms:
        raise bad_parameter("from lies after to; give the earlier time as from.")
    latest_ms = now_ms + _DAY_MS
    return min(from_ms, latest_ms), min(to_ms, latest_ms)


def _bound(arguments: MultiDict[str, str], name: str, *, last: bool) -> int | None:
    text = arguments.get(name)
    if text is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return read_time_ms(arguments, name)
    try:
        date = dt.date.fromisoformat(text)
        start_ms, end_ms = midnight_ms(date), midnight_ms(date + _ONE_DAY)
    except (ValueError, OverflowError) as error:
        raise bad_parameter(f"{name} is {text!r}; there is no such date.") from error
    return max(0, end_ms - 1 if last else start_ms)


def _cursor(text: str | None) -> int | None:
    if text is not None and not re.fullmatch(r"[0-9]{1,14}", text):
        raise bad_parameter("cursor is what an answer gave: the timestamp of its last bar.")
    return None if text is None else int(text)


# -- the answer ----------------------------------------------------------------------------------------------------


def _json(found: Iterator[PeriodBar], question: _Question, adjustment: Adjustment) -> Iterator[bytes]:
    span = question.span
    head = {
        "symbol": span.symbol,
        "timeframe": span.timeframe,
        "adjusted": question.adjusted,
        "session": "regular" if span.regular_only else "all",
        "not_applied": adjustment.not_applied,
    }
    yield msgspec.json.encode(head)[:-1] + b',"bars":['
    count, cursor = 0, None
    for page in pages(found, _PIECE):
        kept = page[: question.limit - count]
        if kept:
            yield (b"," if count else b"") + bars_as_json(kept)
            count, last_ms = count + len(kept), kept[-1].timestamp
        if len(kept) < len(page):
            cursor = str(last_ms)
    tail = {"count": count, "more": cursor is not None, "cursor": cursor}
    yield b"]," + msgspec.json.encode(tail)[1:]


def _csv(found: Iterator[PeriodBar], question: _Question) -> Iterator[bytes]:
    yield CSV_HEADER.encode()
    for page in pages(itertools.islice(found, question.limit), _PIECE):
        yield bars_as_csv(page).encode()


def _streamed(pieces: Iterator[bytes], question: _Question) -> Response:
    # What cannot be read fails before the head of the answer is sent; what fails later ends the connection.
    begun = itertools.chain(list(itertools.islice(pieces, 2)), pieces)
    packed = request.accept_encodings["gzip"] > 0
    kind = "text/csv; charset=utf-8; header=present" if question.format == "csv" else "application/json"
    answer = Response(gzipped(begun) if packed else begun, content_type=kind)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Vary"] = "Accept-Encoding"
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    if question.format == "csv":
        span = question.span
        name = re.sub(r"[^A-Za-z0-9.-]", "_", span.symbol)
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}_{span.timeframe}.csv"'
    return answer
