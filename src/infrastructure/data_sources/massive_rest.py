"""The vendor's REST side: minute bars of the past and the whole market's day, with our own paging and patience.

The vendor's own client ends a paging silently on a malformed page, never sees a loop and retries past any limiter.
"""

import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec
import urllib3

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import FIRST_MS, Bar, check_bar
from src.core.domain.market.comparison import Span
from src.core.domain.market.daily import DailyBar, check_daily
from src.core.domain.market.rest_evidence import rest_day_tier, rest_tier
from src.core.domain.market.session import new_york_date
from src.core.domain.market.vendor_answer import DayAnswer, MinuteAnswer, SnapshotDay, VendorTicker
from src.core.errors import BadBarError, KeyRefusedError, VendorError, VendorUnavailableError
from src.core.ports import Clock
from src.infrastructure.data_sources.rest_connections import RestPool
from src.infrastructure.data_sources.rest_limiter import RestLimiter

logger = logging.getLogger(__name__)

_SNAPSHOT_PATH = "/v2/snapshot/locale/us/markets/stocks/tickers"
_TICKERS_PATH = "/v3/reference/tickers"
_TICKERS_WANTED = {"market": "stocks", "active": "true", "order": "asc", "sort": "ticker", "limit": "1000"}
_MOST_A_PAGE = 50_000  # base minutes of one answer
_MOST_PAGES = 100
_MOST_BYTES = 64 * 1024 * 1024  # the whole market's snapshot is some 8 MB, a page of 50,000 bars some 6
_PIECE_BYTES = 65_536
_ATTEMPTS = 4
_RETRY_FIRST_S = 1.0
_RETRY_CAP_S = 60.0
_LONGEST_PAUSE_S = 900.0
# Of the socket, so by the machine's time: between two pieces of an answer, and for all of it.
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_ANSWER_DEADLINE_S = 60.0


class _Result(msgspec.Struct, frozen=True):
    t: int | float  # whole numbers have been seen as 12.0
    o: float
    h: float
    l: float  # noqa: E741  the vendor's key
    c: float
    v: float
    vw: float | None = None
    n: int | float | None = None


class _Page(msgspec.Struct, frozen=True):
    ticker: str | None = None
    results: list[_Result] | None = None
    next_url: str | None = None


class _RawPage(msgspec.Struct, frozen=True):
    ticker: str | None = None
    results: list[msgspec.Raw] = []
    next_url: str | None = None


class _Start(msgspec.Struct, frozen=True):
    t: int | float


class _Day(msgspec.Struct, frozen=True):
    v: float = 0.0
    vw: float | None = None
    c: float = 0.0


class _Ticker(msgspec.Struct, frozen=True):
    ticker: str
    day: _Day | None = None


class _Snapshot(msgspec.Struct, frozen=True):
    tickers: list[_Ticker] | None = None


class _Listing(msgspec.Struct, frozen=True):
    ticker: str
    name: str | None = None
    type: str | None = None
    primary_exchange: str | None = None


class _Reply(NamedTuple):
    """A body, and when it was asked for: epoch ms of the feed's time, and the evidence stamp."""

    body: bytes
    asked_ms: int
    stamp: int


_Element = TypeVar("_Element")


class _Listed(msgspec.Struct, Generic[_Element], frozen=True):
    results: list[_Element] | None = None
    next_url: str | None = None


class ListPage(NamedTuple, Generic[_Element]):
    """A page of a list, and when it was asked for: epoch ms of the feed's time, and the evidence stamp."""

    elements: list[_Element]
    asked_ms: int
    stamp: int


_PAGE = msgspec.json.Decoder(_Page)
_RAW_PAGE = msgspec.json.Decoder(_RawPage)
_RESULT = msgspec.json.Decoder(_Result)
_START = msgspec.json.Decoder(_Start)
_SNAPSHOT = msgspec.json.Decoder(_Snapshot)
_RAW_LIST = msgspec.json.Decoder(_Listed[msgspec.Raw])


@dataclass(frozen=True)
class RestConfig:
    """Where to ask, with which key, how often, and for how many bars a page at most."""

    base_url: str
    api_key: str
    rate: RequestRate
    minutes_a_page: int = _MOST_A_PAGE
    days_a_page: int = _MOST_A_PAGE


class MassiveRest:
    """Asks the vendor. One limiter covers all calls; any thread may call. `close` ends every wait.

    `stamp` gives evidence stamps in microseconds; a request's is taken before it is sent. `lag_ms` tells by how much
    the feed's time is behind the clock (0 for a live feed, years for a replay): answers are judged by the feed's time.
    """

    def __init__(
        self, config: RestConfig, clock: Clock, stamp: Callable[[], int], lag_ms: Callable[[], int] = lambda: 0
    ) -> None:
        self._config = config
        self._clock = clock
        self._stamp = stamp
        self._lag_ms = lag_ms
        self._pool = RestPool(retries=False, timeout=_TIMEOUT, headers={"Accept": "application/json"})
        self._limiter = RestLimiter(config.rate, clock)

    @property
    def rate(self) -> RequestRate:
        """How often it asks at most."""
        return self._config.rate

    def paused_s(self) -> float:
        """For how long nobody asks, because the vendor wants patience; 0 or more seconds."""
        return self._limiter.paused_s()

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer:
        """All unadjusted minute bars of `symbol` that start in [from_ms, to_ms], at most a month.

        Minutes that had not ended when they were asked for are left out. Raises KeyRefusedError; VendorError when the
        symbol is refused or an answer cannot be used; VendorUnavailableError after four attempts without an answer.
        """
        url = self._range_url(symbol, f"minute/{from_ms}/{to_ms}", self._config.minutes_a_page)
        bars, unusable, spans = dict[int, Bar](), set[int](), list[Span]()
        for page, asked_ms, stamp in self._pages(url, symbol):
            spans.append(Span(from_ms, to_ms, asked_ms, stamp))
            for start_ms, bar in _bars(symbol, page.results or [], spans[-1]):
                if bar is None:
                    unusable.add(start_ms)
                else:
                    bars[start_ms] = bar
        for start_ms in unusable:
            bars.pop(start_ms, None)
        return MinuteAnswer([bars[start_ms] for start_ms in sorted(bars)], spans[0], frozenset(unusable))

    def daily_bars(self, symbol: str, from_date: dt.date, to_date: dt.date) -> DayAnswer:
        """All unadjusted days of `symbol` from `from_date` to `to_date` (New York), both included; raises as
        `minute_bars` does. Days that had not ended when they were asked for are left out."""
        url = self._range_url(symbol, f"day/{from_date}/{to_date}", self._config.days_a_page)
        days, first_ms = dict[dt.date, DailyBar | None](), 0
        for page, asked_ms, stamp in self._pages(url, symbol):
            first_ms = first_ms or asked_ms
            days |= _days(symbol, page.results or [], (from_date, to_date), asked_ms, stamp)
        unusable = frozenset(date for date, day in days.items() if day is None)
        return DayAnswer([day for _, day in sorted(days.items()) if day is not None], first_ms, unusable)

    def snapshot(self) -> dict[str, SnapshotDay]:
        """The trading day so far of every symbol that the vendor has; raises as `minute_bars` does."""
        try:
            found = _SNAPSHOT.decode(self._get(self._config.base_url + _SNAPSHOT_PATH).body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VendorError(f"The vendor's snapshot cannot be read: {error}.") from error
        days = ((one.ticker, one.day or _Day()) for one in found.tickers or [])
        return {ticker: SnapshotDay(day.v, day.v * (day.vw or day.c)) for ticker, day in days}

    def _range_url(self, symbol: str, span: str, most: int) -> str:
        query = urlencode({"adjusted": "false", "sort": "asc", "limit": most})
        return f"{self._config.base_url}/v2/aggs/ticker/{quote(symbol, safe='')}/range/1/{span}?{query}"

    def tickers(self) -> Iterator[list[VendorTicker]]:
        """All symbols of the stock market that are traded, page by page; raises as `minute_bars` does."""
        for page in self.listed(_TICKERS_PATH, _TICKERS_WANTED, _Listing):
            yield [VendorTicker(one.ticker, one.name, one.type, one.primary_exchange) for one in page.elements]

    def listed(self, path: str, parameters: Mapping[str, str], kind: type[_Element]) -> Iterator[ListPage[_Element]]:
        """The pages of a list of the vendor's, its elements as `kind`; raises as `minute_bars` does. An element that
        lacks something, or has a value of a wrong type, costs that element, as long as others can be read."""
        decoder = msgspec.json.Decoder(_Listed[kind])  # type: ignore[valid-type]  # msgspec makes it at run time
        url, seen = f"{self._config.base_url}{path}?{urlencode(parameters)}", set[str]()
        while url:
            seen.add(url)
            reply = self._get(url)
            try:
                page = _listed(reply.body, decoder, kind)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise VendorError(f"The vendor's list {path} cannot be read: {error}.") from error
            yield ListPage(page.results or [], reply.asked_ms, reply.stamp)
            url = self._next(page.next_url, seen)

    def _pages(self, url: str, symbol: str) -> Iterator[tuple[_Page, int, int]]:
        """Each page, with when it was asked for."""
        seen: set[str] = set()
        while url:
            seen.add(url)
            reply = self._get(url)
            page = _page(reply.body, symbol)
            yield page, reply.asked_ms, reply.stamp
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
        if url in seen or len(seen) == _MOST_PAGES:
            raise VendorError("The vendor's pages run in a circle, or never end; the rest was not asked for.")
        return url

    def _get(self, url: str) -> _Reply:
        wait_s = _RETRY_FIRST_S
        for attempt in range(1, _ATTEMPTS + 1):
            with self._limiter.turn():
                asked_ms, stamp = self._clock.now_ms() - self._lag_ms(), self._stamp()
                reason, body = self._ask(url, wait_s)
            if body is not None:
                return _Reply(body, asked_ms, stamp)
            if attempt < _ATTEMPTS:
                logger.info("%s Asking again in %.0f s.", reason, max(wait_s, self._limiter.paused_s()))
                self._limiter.wait(wait_s)
                wait_s = min(_RETRY_CAP_S, wait_s * 4)
        raise VendorUnavailableError(f"{reason} Given up after {_ATTEMPTS} attempts.")

    def _ask(self, url: str, wait_s: float) -> tuple[str, bytes | None]:
        """One request: (why it may be tried again, the body or None)."""
        headers = {"Authorization": f"Bearer {self._config.api_key}"}
        try:
            answer = self._pool.request("GET", url, headers=headers, redirect=False, preload_content=False)
            body = _read(answer)
        except urllib3.exceptions.HTTPError as error:
            return f"The vendor cannot be reached ({error}).", None
        if answer.status == 200:
            return "", body
        if answer.status == 429 or answer.status >= 500:
            self._be_patient(answer, wait_s)
            return f"The vendor answered {answer.status}.", None
        if answer.status in (401, 403):
            reason = _message(body)
            raise KeyRefusedError(f"The vendor refuses the key ({answer.status}, {reason}); check MASSIVE_API_KEY.")
        raise VendorError(f"The vendor refused the request ({answer.status}): {_message(body)}")

    def _be_patient(self, answer: urllib3.BaseHTTPResponse, wait_s: float) -> None:
        """Holds everybody back when the vendor asks for it: as long as it says, else for a window of our rate."""
        told_s = _retry_after_s(answer.headers.get("Retry-After"), self._clock.now_ms())
        if told_s or answer.status == 429:
            own_s = max(wait_s, min(_RETRY_CAP_S, self._config.rate.window_s))
            self._limiter.pause(min(_LONGEST_PAUSE_S, told_s or own_s))

    def close(self) -> None:
        """Ends every wait, and lets go of the connections."""
        self._limiter.close()
        self._pool.clear()


def _listed(body: bytes, decoder: "msgspec.json.Decoder[_Listed[_Element]]", kind: type[_Element]) -> _Listed[_Element]:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raw = _RAW_LIST.decode(body)
        elements = [one for one in (_element(told, kind) for told in raw.results or []) if one is not None]
        if not elements:
            raise error from None
        return _Listed(elements, raw.next_url)


def _element(told: msgspec.Raw, kind: type[_Element]) -> _Element | None:
    try:
        return msgspec.json.decode(told, type=kind)
    except msgspec.ValidationError as error:
        logger.warning("An element of a list of the vendor's was left out: %s. %s", bytes(told)[:200], error)
        return None


def _page(body: bytes, symbol: str) -> _Page:
    try:
        page = _decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise VendorError(f"The vendor's answer cannot be read: {error}.") from error
    if page.ticker not in (None, symbol):
        raise VendorError(f"The vendor's answer is about {page.ticker:.20}, not about {symbol}.")
    return page


def _decoded(body: bytes) -> _Page:
    """The page. A bar with values of wrong types or without some costs that bar, as long as others can be read."""
    try:
        return _PAGE.decode(body)
    except msgspec.ValidationError as error:
        raw = _RAW_PAGE.decode(body)
        results = [_result(one) for one in raw.results]
        if all(math.isnan(one.v) for one in results):
            raise error from None
        return _Page(raw.ticker, results, raw.next_url)


def _result(raw: msgspec.Raw) -> _Result:
    """A bar; where it cannot be read, one of its minute that cannot be right."""
    try:
        return _RESULT.decode(raw)
    except msgspec.ValidationError:
        return _Result(_START.decode(raw).t, *[math.nan] * 5)


def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The body. VendorError when it is too long, an error of urllib3 when it takes too long."""
    try:
        body = b"".join(_pieces(answer))
    except BaseException:
        answer.close()  # what is left of it must not be taken for the next answer
        raise
    answer.release_conn()
    return body


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    deadline_s = time.monotonic() + _ANSWER_DEADLINE_S
    length = 0
    while piece := answer.read1(_PIECE_BYTES):
        yield piece
        length += len(piece)
        if length > _MOST_BYTES:
            raise VendorError(f"The vendor's answer is longer than {_MOST_BYTES >> 20} MiB; it was not read.")
        if time.monotonic() > deadline_s:
            raise urllib3.exceptions.TimeoutError(f"its answer took over {_ANSWER_DEADLINE_S:.0f} s")


def _bars(symbol: str, results: Sequence[_Result], span: Span) -> list[tuple[int, Bar | None]]:
    """Each minute that the page has of the span, with its bar, or with None where that cannot be right."""
    found: list[tuple[int, Bar | None]] = []
    for result in results:
        start_ms = int(result.t)
        if not max(FIRST_MS, span.from_ms) <= start_ms <= span.to_ms:
            continue
        tier = rest_tier(start_ms, span.asked_ms)
        if tier is None:
            continue
        prices = (result.o, result.h, result.l, result.c)
        count = None if result.n is None else int(result.n)
        bar = Bar(symbol, start_ms, *prices, result.v, result.vw, count, tier.value, span.stamp)
        try:
            found.append((start_ms, check_bar(bar)))
        except BadBarError as error:
            logger.warning("A bar of the vendor's history was refused. %s", error)
            found.append((start_ms, None))
    return found


def _days(
    symbol: str, results: Sequence[_Result], bounds: tuple[dt.date, dt.date], asked_ms: int, stamp: int
) -> dict[dt.date, DailyBar | None]:
    """Each date that the page has within `bounds`, with its day, or with None where that cannot be right."""
    found: dict[dt.date, DailyBar | None] = {}
    for result in results:
        if not FIRST_MS <= result.t <= asked_ms:
            continue
        date = new_york_date(int(result.t))
        tier = rest_day_tier(date, asked_ms)
        if tier is None or not bounds[0] <= date <= bounds[1]:
            continue
        prices = (result.o, result.h, result.l, result.c)
        count = None if result.n is None else int(result.n)
        day = DailyBar(symbol, date, *prices, result.v, result.vw, count, tier.value, stamp)
        try:
            found[date] = check_daily(day)
        except BadBarError as error:
            logger.warning("A day of the vendor's history was refused. %s", error)
            found[date] = None
    return found


def _retry_after_s(text: str | None, now_ms: int) -> float:
    """The header Retry-After, seconds or a date, in seconds from now; 0 where it says nothing that can be used."""
    if not text:
        return 0.0
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_ms / 1000)
    except (ValueError, OverflowError):
        return 0.0


def _message(body: bytes) -> str:
    try:
        answer: Any = msgspec.json.decode(body)
        return str(answer.get("error") or answer.get("message") or "no reason given")[:200]
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError):
        return "no reason given"
