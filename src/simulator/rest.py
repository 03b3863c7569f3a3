"""The REST side: keys, rates and addresses, in the vendor's shapes. Knows no socket."""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from src.simulator.faults import Standing
from src.simulator.rate_limit import Rate, RateLimiter
from src.simulator.rest_actions import DIVIDEND, DIVIDENDS_PATH, SPLIT, SPLITS_PATH, Action, action_list
from src.simulator.rest_aggregates import grouped_day, ticker_range
from src.simulator.rest_query import Request, RequestError, request_id
from src.simulator.rest_reference import TICKERS_PATH, snapshot, tickers
from src.simulator.rest_trouble import late_by_ms, refusal, spoiled
from src.simulator.source import History

_ROUTES: list[tuple[re.Pattern[str], Callable[[History, Request], Awaitable[str]]]] = [
    (re.compile(r"/v2/aggs/ticker/([^/]+)/range/([^/]+)/([^/]+)/([^/]+)/([^/]+)"), ticker_range),
    (re.compile(r"/v2/aggs/grouped/locale/us/market/stocks/([^/]+)"), grouped_day),
    (re.compile(re.escape(TICKERS_PATH)), tickers),
    (re.compile(r"/v2/snapshot/locale/us/markets/stocks/tickers"), snapshot),
]

_TOO_MANY = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue."
_TROUBLE = "The service has trouble, as it was told to."


class Answer(NamedTuple):
    """An HTTP status and a JSON body; a refusal for now says after how many seconds to ask again."""

    status: HTTPStatus
    body: str
    retry_after_s: int | None = None


class RestApi:
    """Answers requests from `history`, and of splits and dividends from `actions`; `key` as in the WebSocket side: None
    accepts any but an empty one."""

    def __init__(
        self, history: History, key: str | None, rate: Rate | None = None, actions: Sequence[Action] = ()
    ) -> None:
        self._history = history
        self._routes = [
            *_ROUTES,
            (re.compile(re.escape(SPLITS_PATH)), action_list(actions, SPLIT)),
            (re.compile(re.escape(DIVIDENDS_PATH)), action_list(actions, DIVIDEND)),
        ]
        self._key = key
        self._count = 0
        self._limiter = None if rate is None else RateLimiter(rate)

    async def answer(
        self, target: str, authorization: str, origin: str, now_ms: int, faults: Sequence[Standing] = ()
    ) -> Answer:
        """Answer a GET of `target` (path and query) as the faults in force make it. `origin` (`http://host:port`)
        begins every `next_url`."""
        parts, self._count = urlsplit(target), self._count + 1
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            key = self._authorize(authorization, params.get("apiKey", ""))
            if wait_s := 0 if self._limiter is None else self._limiter.wait_s(key, now_ms):
                return error(HTTPStatus.TOO_MANY_REQUESTS, _TOO_MANY)._replace(retry_after_s=wait_s)
            if refused := refusal(faults):
                return error(refused[0], _TROUBLE)._replace(retry_after_s=refused[1])
            id_ = request_id(self._count, target, now_ms)
            request = Request((), params, origin, now_ms - late_by_ms(faults), id_)
            return Answer(HTTPStatus.OK, spoiled(await self._body(parts.path, request), f"{origin}{target}", faults))
        except RequestError as problem:
            return error(problem.status, str(problem))

    def _authorize(self, authorization: str, api_key: str) -> str:
        """The key of a request, which may make it."""
        scheme, _space, token = authorization.partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else api_key
        if not key:
            raise RequestError(HTTPStatus.UNAUTHORIZED, "API Key was not provided")
        if self._key is not None and not hmac.compare_digest(key.encode(), self._key.encode()):
            raise RequestError(HTTPStatus.UNAUTHORIZED, "Unknown API Key")
        return key

    async def _body(self, path: str, request: Request) -> str:
        for pattern, respond in self._routes:
            if match := pattern.fullmatch(path):
                parts = tuple(unquote(part) for part in match.groups())
                return await respond(self._history, request._replace(parts=parts))
        raise RequestError(HTTPStatus.NOT_FOUND, f"There is nothing at {path}; minute bars are at /v2/aggs/ticker/.")


def error(status: HTTPStatus, message: str) -> Answer:
    """An answer in the vendor's shape of an error."""
    return Answer(status, json.dumps({"status": "ERROR", "request_id": request_id(message), "error": message}))
