"""`GET /api/patterns/recent`, and the part of the page's one poll that tells of patterns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from src.core.analytics.patterns import PATTERNS, TIMEFRAMES
from src.core.domain.market.cursor import Cursor
from src.core.domain.market.pattern_event import PatternEvent, Wanted
from src.core.pattern_ports import PatternReader
from src.core.ports import ChangeReader, Seen
from src.presentation.api.errors import bad_parameter
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_choice, read_limit, read_time_ms
from src.presentation.api.shared_answers import SharedAnswers
from src.presentation.api.whom import Whom

DEFAULT_LIMIT = 100
MAX_LIMIT = 5_000
MOST_IN_A_POLL = 1_000
_NAMES = ("symbol", "symbols", "universe", "timeframe", "pattern", "since", "cursor", "limit")


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A pattern as the API tells it; times are epoch ms. `withdrawn` is told only where it is true, and only to who
    asks for changes."""

    symbol: str
    timestamp: int
    timeframe: str
    pattern: str
    direction: str
    confidence: float
    found_at: int
    withdrawn: bool = False


class PatternsDeps(NamedTuple):
    """What the endpoint is made of; `now_ms` reads the wall clock."""

    patterns: PatternReader
    changes: ChangeReader
    whom: Whom
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class PolledPatterns:
    """Events, encoded, of which there is more than is told with `more`; `len` is that of the text."""

    events: bytes
    more: bool

    def __len__(self) -> int:
        return len(self.events)


class _Told(NamedTuple):
    events: list[PatternEvent]
    cursor: Cursor
    reset: bool
    more: bool


def patterns_blueprint(deps: PatternsDeps) -> Blueprint:
    """The endpoint."""
    blueprint = Blueprint("patterns", __name__, url_prefix="/api")

    @blueprint.get("/patterns/recent")
    def recent() -> Response:
        check_names(request.args, _NAMES, ("since", "cursor"))
        limit = read_limit(request.args, DEFAULT_LIMIT, MAX_LIMIT)
        since_ms = read_time_ms(request.args, "since")
        cursor = Cursor.decode(request.args.get("cursor", ""))
        seen = deps.changes.seen(0 if cursor is None else cursor.revision)
        asked = deps.whom.read(request.args, seen, or_listening=True)
        wanted = Wanted(asked.known, _timeframe(request.args), _patterns(request.args))
        told = _find(deps.patterns, wanted, cursor, since_ms, limit, seen)
        answer = {
            "count": len(told.events),
            "cursor": told.cursor.encode(),
            "reset": told.reset,
            "more": told.more,
            "server_time": deps.now_ms(),
            "patterns": [_event(event) for event in told.events],
            **({} if "symbol" in request.args else {"unknown": asked.unknown}),
        }
        return json_answer(answer)

    return blueprint


def _timeframe(arguments: MultiDict[str, str]) -> str | None:
    return read_choice(arguments, "timeframe", TIMEFRAMES, "") if "timeframe" in arguments else None


def _patterns(arguments: MultiDict[str, str]) -> tuple[str, ...]:
    names = [name.strip() for name in arguments.get("pattern", "").split(",") if name.strip()]
    if "pattern" in arguments and (not names or not set(names) <= set(PATTERNS)):
        text = arguments["pattern"]
        raise bad_parameter(f"pattern is {text!r:.60}; allowed are, with commas between, {', '.join(PATTERNS)}.")
    return tuple(dict.fromkeys(names))


def _find(
    patterns: PatternReader, wanted: Wanted, cursor: Cursor | None, since_ms: int | None, limit: int, seen: Seen
) -> _Told:
    end = Cursor(seen.database_id, seen.revision, seen.newest_ms)
    if cursor is not None and cursor.database_id == end.database_id and cursor.revision <= end.revision:
        events, revision, more = patterns.changes(wanted, cursor.revision, end.revision, limit)
        return _Told(events, cursor._replace(revision=revision, after=None) if more else end, False, more)
    reset = "cursor" in request.args
    if since_ms is None:
        return _Told(patterns.newest(wanted, limit), end, reset, False)
    events = patterns.since(wanted, since_ms, limit + 1)
    return _Told(events[:limit], end, reset, len(events) > limit)


def _event(event: PatternEvent) -> Event:
    words = (event.timeframe, event.pattern, event.direction, event.confidence)
    return Event(event.symbol, event.timestamp, *words, event.found_ms, event.withdrawn)


class PollPatterns:
    """Tells those who poll for bars of patterns, too; what several ask for at the same moment is read once."""

    def __init__(self, patterns: PatternReader) -> None:
        self._patterns = patterns
        self._shared: SharedAnswers[PolledPatterns] = SharedAnswers()

    def between(self, symbols: tuple[str, ...], start: Cursor | None, end: Cursor) -> PolledPatterns:
        """What was found, changed or taken back from one cursor to another; without the first, or where that is too
        much, the newest 1,000 that hold."""
        return self._shared.get((symbols, start and start.revision, end), lambda: self._read(symbols, start, end))

    def _read(self, symbols: tuple[str, ...], start: Cursor | None, end: Cursor) -> PolledPatterns:
        wanted = Wanted(symbols)
        if start is not None:
            events, _revision, more = self._patterns.changes(wanted, start.revision, end.revision, MOST_IN_A_POLL)
            if not more:
                return _polled(events, more=False)
        return _polled(self._patterns.newest(wanted, MOST_IN_A_POLL), more=start is not None)


def _polled(events: list[PatternEvent], *, more: bool) -> PolledPatterns:
    return PolledPatterns(msgspec.json.encode([_event(event) for event in events]), more)
