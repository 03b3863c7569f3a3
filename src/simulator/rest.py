"""The narrow REST side: minute bars of one ticker, in pages, in the vendor's shapes. Knows no socket."""

import asyncio
import base64
import hmac
import json
import re
from collections.abc import Iterator
from datetime import date
from http import HTTPStatus
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import uuid4

from src.simulator.newyork import date_bounds_ms
from src.simulator.source import Source
from src.simulator.wire import rest_page

_PATH = re.compile(r"/v2/aggs/ticker/([^/]+)/range/([^/]+)/([^/]+)/([^/]+)/([^/]+)")
_DEFAULT_LIMIT, _MOST = 5_000, 50_000
# Bars are made in worker threads in portions of this many, about 10 ms each, so that the server can stop in between.
_PORTION = 100


class Answer(NamedTuple):
    """An HTTP status and a JSON body."""

    status: HTTPStatus
    body: str


class _RequestError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Query(NamedTuple):
    """A request for minutes from `from_ms` to `to_ms`, both inclusive, epoch milliseconds."""

    ticker: str
    from_ms: int
    to_ms: int
    ascending: bool
    adjusted: bool
    limit: int


class RestApi:
    """Answers requests from `source`; `key` as in the WebSocket side: None accepts any but an empty one."""

    def __init__(self, source: Source, key: str | None) -> None:
        self._source = source
        self._key = key

    async def answer(self, target: str, authorization: str, origin: str, now_ms: int) -> Answer:
        """Answer a GET of `target` (path and query). `origin` (`http://host:port`) begins every `next_url`."""
        parts = urlsplit(target)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            self._authorize(authorization, params.get("apiKey", ""))
            query = _parse(parts.path, params)
            return Answer(HTTPStatus.OK, await self._page(query, origin, now_ms))
        except _RequestError as problem:
            return error(problem.status, str(problem))

    def _authorize(self, authorization: str, api_key: str) -> None:
        scheme, _space, token = authorization.partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else api_key
        if not key:
            raise _RequestError(HTTPStatus.UNAUTHORIZED, "API Key was not provided")
        if self._key is not None and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise _RequestError(HTTPStatus.UNAUTHORIZED, "Unknown API Key")

    async def _page(self, query: _Query, origin: str, now_ms: int) -> str:
        bars = self._source.bars(query.ticker, query.from_ms, query.to_ms, now_ms, ascending=query.ascending)
        # One more than the page holds tells whether another page follows.
        found = await _take(bars, query.limit + 1)
        page = found[: query.limit]
        head: dict[str, object] = {
            "ticker": query.ticker,
            "queryCount": len(page),
            "resultsCount": len(page),
            "adjusted": query.adjusted,
            "status": "OK",
            "request_id": uuid4().hex,
        }
        if len(found) > query.limit:
            head["next_url"] = _next_url(query, origin, found[-1][0])
        return rest_page(head, [element for _start_ms, element in page])


def error(status: HTTPStatus, message: str) -> Answer:
    """An answer in the vendor's shape of an error."""
    return Answer(status, json.dumps({"status": "ERROR", "request_id": uuid4().hex, "error": message}))


async def _take(bars: Iterator[tuple[int, str]], most: int) -> list[tuple[int, str]]:
    taken: list[tuple[int, str]] = []
    while len(taken) < most:
        portion = await asyncio.to_thread(list, islice(bars, min(_PORTION, most - len(taken))))
        if not portion:
            break
        taken += portion
    return taken


def _parse(path: str, params: dict[str, str]) -> _Query:
    match = _PATH.fullmatch(path)
    if match is None:
        raise _RequestError(HTTPStatus.NOT_FOUND, f"There is nothing at {path}; minute bars are at /v2/aggs/ticker/.")
    ticker, multiplier, timespan, start, end = (unquote(part) for part in match.groups())
    if (multiplier, timespan) != ("1", "minute"):
        raise _RequestError(HTTPStatus.BAD_REQUEST, f"Only 1/minute is served here, not {multiplier}/{timespan}.")
    if "cursor" in params:
        params = params | _decode_cursor(params["cursor"])
    from_ms, to_ms = _time("from", start)[0], _time("to", end)[1]
    if from_ms > to_ms:
        raise _RequestError(HTTPStatus.BAD_REQUEST, f"The parameter 'to' ({end}) lies before 'from' ({start}).")
    return _Query(
        ticker,
        from_ms,
        to_ms,
        _choice(params, "sort", {"asc": True, "desc": False}, "asc"),
        _choice(params, "adjusted", {"true": True, "false": False}, "true"),
        _limit(params.get("limit", str(_DEFAULT_LIMIT))),
    )


def _time(name: str, text: str) -> tuple[int, int]:
    """First and last millisecond meant by a New York date, or by epoch milliseconds."""
    if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        return int(text), int(text)
    try:
        start_ms, end_ms = date_bounds_ms(date.fromisoformat(text))
    except (ValueError, OverflowError) as cause:
        message = f"The parameter '{name}' is a date (YYYY-MM-DD) or epoch milliseconds, not '{text}'."
        raise _RequestError(HTTPStatus.BAD_REQUEST, message) from cause
    return start_ms, end_ms - 1


def _choice(params: dict[str, str], name: str, values: dict[str, bool], default: str) -> bool:
    text = params.get(name, default)
    if text not in values:
        raise _RequestError(HTTPStatus.BAD_REQUEST, f"The parameter '{name}' is {' or '.join(values)}, not '{text}'.")
    return values[text]


def _limit(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= _MOST:
        return int(text)
    raise _RequestError(HTTPStatus.BAD_REQUEST, f"The parameter 'limit' is a number from 1 to {_MOST}, not '{text}'.")


def _next_url(query: _Query, origin: str, next_ms: int) -> str:
    """Where the page that begins with the bar at `next_ms` is; the cursor carries what the path does not say."""
    from_ms, to_ms = (next_ms, query.to_ms) if query.ascending else (query.from_ms, next_ms)
    params = {
        "adjusted": str(query.adjusted).lower(),
        "limit": str(query.limit),
        "sort": "asc" if query.ascending else "desc",
    }
    cursor = base64.urlsafe_b64encode(urlencode(params).encode()).decode()
    path = f"/v2/aggs/ticker/{quote(query.ticker, safe='')}/range/1/minute/{from_ms}/{to_ms}"
    return f"{origin}{path}?{urlencode({'cursor': cursor})}"


def _decode_cursor(cursor: str) -> dict[str, str]:
    try:
        text = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    params = dict(parse_qsl(text))
    if params.keys() != {"adjusted", "limit", "sort"}:
        raise _RequestError(HTTPStatus.BAD_REQUEST, "The cursor is not one that this server gave.")
    return params
