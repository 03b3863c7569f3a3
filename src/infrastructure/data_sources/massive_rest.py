"""The vendor's REST side: minute bars of the past, with our own paging, limiter and patience.

The vendor's own client ends a paging silently on a malformed page, never sees a loop and retries past any limiter.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec
import urllib3

from src.core.domain.market.bar import FIRST_MS, Bar, check_bar
from src.core.domain.market.rest_evidence import rest_tier
from src.core.errors import BadBarError, KeyRefusedError, VendorError, VendorUnavailableError

logger = logging.getLogger(__name__)

_PAGE_MINUTES = 50_000  # the most base minutes one answer may be asked for
_ATTEMPTS = 4
_RETRY_FIRST_S = 1.0
_RETRY_CAP_S = 60.0
_TIMEOUT = urllib3.Timeout(connect=10.0, read=30.0)


class _Result(msgspec.Struct, frozen=True):
    t: int
    o: float
    h: float
    l: float  # noqa: E741  the vendor's key
    c: float
    v: float
    vw: float | None = None
    n: int | float | None = None  # has been seen as 12.0


class _Page(msgspec.Struct, frozen=True):
    results: list[_Result] | None = None
    next_url: str | None = None


_PAGE = msgspec.json.Decoder(_Page)


@dataclass(frozen=True)
class RestConfig:
    """Where to ask, and how often: `rate` is requests a second at most."""

    base_url: str
    api_key: str
    rate: float
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    monotonic: Callable[[], float] = time.monotonic


class MassiveRest:
    """Asks the vendor. One limiter covers all calls; any thread may call. `close` ends every wait.

    `stamp` gives evidence stamps in microseconds; a request's is taken before it is sent.
    """

    def __init__(self, config: RestConfig, stamp: Callable[[], int]) -> None:
        self._config = config
        self._stamp = stamp
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT, headers={"Accept": "application/json"})
        self._lock = threading.Lock()
        self._next_s = float("-inf")
        self._closed = threading.Event()

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[Sequence[Bar]]:
        """The unadjusted minute bars of `symbol` that start in [from_ms, to_ms], a page after the other.

        Minutes that had not ended when they were asked for are left out. Raises VendorError: the symbol or key is
        refused, or an answer cannot be used; VendorUnavailableError after four attempts without an answer.
        """
        path = f"/v2/aggs/ticker/{quote(symbol, safe='')}/range/1/minute/{from_ms}/{to_ms}"
        url = f"{self._config.base_url}{path}?{urlencode({'adjusted': 'false', 'sort': 'asc', 'limit': _PAGE_MINUTES})}"
        seen: set[str] = set()
        while url:
            seen.add(url)
            asked_ms, stamp = self._config.now_ms(), self._stamp()
            page = self._get_page(url)
            yield list(_bars(symbol, page.results or [], asked_ms, stamp))
            url = self._next(page.next_url, seen)

    def _next(self, next_url: str | None, seen: set[str]) -> str:
        if not next_url:
            return ""
        try:
            url = urljoin(self._config.base_url, next_url)
            parts = urlsplit(url)
        except ValueError as error:
            raise VendorError(f"The vendor's next page has no usable address: {error}.") from error
        if parts[:2] != urlsplit(self._config.base_url)[:2]:
            raise VendorError(
                f"The vendor's next page is on another host ({urlsplit(url).netloc}); it was not asked for."
            )
        if url in seen:
            raise VendorError("The vendor's pages run in a circle; the rest was not asked for.")
        return url

    def _get_page(self, url: str) -> _Page:
        try:
            return _PAGE.decode(self._get(url))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VendorError(f"The vendor's answer cannot be read: {error}.") from error

    def _get(self, url: str) -> bytes:
        wait_s = _RETRY_FIRST_S
        for attempt in range(1, _ATTEMPTS + 1):
            self._await_turn()
            reason, asked_wait_s, body = self._ask(url)
            if body is not None:
                return body
            if attempt < _ATTEMPTS:
                logger.info("%s Asking again in %.0f s.", reason, max(wait_s, asked_wait_s))
                self._wait(max(wait_s, asked_wait_s))
                wait_s = min(_RETRY_CAP_S, wait_s * 4)
        raise VendorUnavailableError(f"{reason} Given up after {_ATTEMPTS} attempts.")

    def _ask(self, url: str) -> tuple[str, float, bytes | None]:
        """One request: (why it may be tried again, seconds the vendor asks to wait, the body or None)."""
        try:
            answer = self._pool.request(
                "GET", url, headers={"Authorization": f"Bearer {self._config.api_key}"}, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            return f"The vendor cannot be reached ({error}).", 0.0, None
        if answer.status == 200:
            return "", 0.0, answer.data
        if answer.status == 429 or answer.status >= 500:
            return f"The vendor answered {answer.status}.", _seconds(answer.headers.get("Retry-After")), None
        if answer.status in (401, 403):
            reason = _message(answer.data)
            raise KeyRefusedError(f"The vendor refuses the key ({answer.status}, {reason}); check MASSIVE_API_KEY.")
        raise VendorError(f"The vendor refused the request ({answer.status}): {_message(answer.data)}")

    def _await_turn(self) -> None:
        with self._lock:
            now_s = self._config.monotonic()
            turn_s = max(now_s, self._next_s)
            self._next_s = turn_s + 1 / self._config.rate
        self._wait(turn_s - now_s)

    def _wait(self, seconds: float) -> None:
        if self._closed.wait(max(0.0, seconds)):
            raise VendorUnavailableError("The program is stopping.")

    def close(self) -> None:
        """Ends every wait, and lets go of the connections."""
        self._closed.set()
        self._pool.clear()


def _bars(symbol: str, results: Sequence[_Result], asked_ms: int, stamp: int) -> Iterator[Bar]:
    for result in results:
        tier = rest_tier(result.t, asked_ms) if result.t >= FIRST_MS else None
        if tier is None:
            continue
        prices = (result.o, result.h, result.l, result.c)
        count = None if result.n is None else int(result.n)
        bar = Bar(symbol, result.t, *prices, result.v, result.vw, count, tier.value, stamp)
        try:
            yield check_bar(bar)
        except BadBarError as error:
            logger.warning("A bar of the vendor's history was refused. %s", error)


def _seconds(text: str | None) -> float:
    return min(_RETRY_CAP_S, float(text)) if text and text.isascii() and text.isdigit() else 0.0


def _message(body: bytes) -> str:
    try:
        answer: Any = msgspec.json.decode(body)
        return str(answer.get("error") or answer.get("message") or "no reason given")[:200]
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return "no reason given"
