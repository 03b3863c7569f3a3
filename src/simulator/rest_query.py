"""What a REST request asks for: its path's parts and parameters, read strictly, and the cursors of its pages."""

import asyncio
import base64
import re
import time
from collections.abc import Iterator, Mapping
from datetime import date
from hashlib import shake_128
from http import HTTPStatus
from itertools import islice
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

from src.simulator.newyork import date_bounds_ms

# Answers are made in worker threads in portions of about this long, so that the server can stop in between.
_PORTION_S = 0.02

_T = TypeVar("_T")
_V = TypeVar("_V")


class Request(NamedTuple):
    """A GET: its decoded path parameters and query, the `http://host:port` it came to, when (epoch ms), its id."""

    parts: tuple[str, ...]
    params: Mapping[str, str]
    origin: str
    now_ms: int
    id: str


class RequestError(Exception):
    """A request that is answered with an error; the message says what is wrong and what is allowed."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def bad_request(message: str) -> RequestError:
    """An error of the request's making."""
    return RequestError(HTTPStatus.BAD_REQUEST, message)


def choice(params: Mapping[str, str], name: str, values: Mapping[str, _V], default: str) -> _V:
    """The value that a parameter names."""
    text = params.get(name, default)
    if text not in values:
        raise bad_request(f"The parameter '{name}' is {' or '.join(values)}, not '{text}'.")
    return values[text]


TRUE_FALSE = {"true": True, "false": False}
ASCENDING = {"asc": True, "desc": False}


def limit(params: Mapping[str, str], default: int, most: int) -> int:
    """How many results a page may have."""
    text = params.get("limit", str(default))
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= most:
        return int(text)
    raise bad_request(f"The parameter 'limit' is a number from 1 to {most}, not '{text}'.")


def time_bounds_ms(name: str, text: str) -> tuple[int, int]:
    """First and last millisecond meant by a New York date, or by epoch milliseconds."""
    if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        return int(text), int(text)
    return date_bounds(name, text, "a date (YYYY-MM-DD) or epoch milliseconds")


def date_bounds(name: str, text: str, allowed: str = "a date (YYYY-MM-DD)") -> tuple[int, int]:
    """First and last millisecond of a New York date."""
    try:
        start_ms, end_ms = date_bounds_ms(date.fromisoformat(text))
    except (ValueError, OverflowError) as cause:
        raise bad_request(f"The parameter '{name}' is {allowed}, not '{text}'.") from cause
    return start_ms, end_ms - 1


def page_url(request: Request, path: str, params: Mapping[str, str]) -> str:
    """Where the page at `path` is; the cursor carries `params`."""
    cursor = base64.urlsafe_b64encode(urlencode(params).encode()).decode()
    return f"{request.origin}{path}?{urlencode({'cursor': cursor})}"


def with_cursor(params: Mapping[str, str], names: set[str]) -> Mapping[str, str]:
    """`params`, and those that its cursor carries, whose names are `names`."""
    if "cursor" not in params:
        return params
    try:
        text = base64.b64decode(params["cursor"].encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    carried = dict(parse_qsl(text, keep_blank_values=True))
    if carried.keys() != names:
        raise bad_request("The cursor is not one that this server gave.")
    return {**params, **carried}


async def take(items: Iterator[_T], most: int) -> list[_T]:
    """Up to `most` of `items`, made in worker threads."""
    taken: list[_T] = []
    ended = False
    while len(taken) < most and not ended:
        portion, ended = await asyncio.to_thread(_portion, items, most - len(taken))
        taken += portion
    return taken


def _portion(items: Iterator[_T], most: int) -> tuple[list[_T], bool]:
    """Some of `items`, and whether those were the last ones."""
    until_s = time.monotonic() + _PORTION_S
    portion: list[_T] = []
    for item in islice(items, most):
        portion.append(item)
        if time.monotonic() > until_s:
            return portion, False
    return portion, len(portion) < most


def request_id(*what: object) -> str:
    """32 hexadecimal digits: like the vendor's, but the same for the same requests."""
    return shake_128(repr(what).encode()).hexdigest(16)


def head(request: Request, **fields: object) -> dict[str, object]:
    """The fields that begin an answer."""
    return {**fields, "status": "OK", "request_id": request.id}
