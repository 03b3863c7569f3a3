"""The vendor's REST side, against a real HTTP server that answers as each test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import pytest

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.vendor_answer import SnapshotDay, VendorTicker
from src.core.errors import KeyRefusedError, VendorError, VendorUnavailableError
from src.infrastructure.data_sources import massive_rest, rest_connections
from src.infrastructure.data_sources.massive_rest import MassiveRest, RestConfig
from tests.bars import MINUTE
from tests.clocks import RacingClock
from tests.scripted_vendor import Vendor
from tests.waiting import wait_for

_NOW = MINUTE + 120 * 60_000
_RATE = RequestRate(1000, 1)


def result(offset_min: int, **changes: Any) -> dict[str, Any]:
    return {
        "t": MINUTE + offset_min * 60_000,
        "o": 1,
        "h": 2.5,
        "l": 0.5,
        "c": 1.5,
        "v": 100,
        "vw": 1.4,
        "n": 7,
        **changes,
    }


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


@pytest.fixture
def make_rest(vendor: Vendor) -> Iterator[Callable[..., MassiveRest]]:
    made: list[MassiveRest] = []

    def make(rate: RequestRate = _RATE, speed: float = 1000.0, lag_ms: int = 0) -> MassiveRest:
        stamps = count(1)
        config, clock = RestConfig(vendor.url, "KEY", rate), RacingClock(_NOW, speed)
        made.append(MassiveRest(config, clock, lambda: next(stamps), lambda: lag_ms))
        return made[-1]

    yield make
    for rest in made:
        rest.close()


def bars_of(rest: MassiveRest) -> list[Bar]:
    return rest.minute_bars("BRK.B", MINUTE, _NOW).bars


def test_it_asks_for_unadjusted_minutes_with_the_key_in_the_header(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [(200, {}, {"results": [result(0)]})]
    (bar,) = bars_of(make_rest())
    assert vendor.asked == [
        (f"/v2/aggs/ticker/BRK.B/range/1/minute/{MINUTE}/{_NOW}?adjusted=false&sort=asc&limit=50000", "Bearer KEY")
    ]
    assert (bar.symbol, bar.timestamp, bar.close, bar.volume, bar.vwap, bar.trade_count) == (
        "BRK.B",
        MINUTE,
        1.5,
        100,
        1.4,
        7,
    )


def test_pages_are_followed_and_each_has_the_stamp_of_its_request(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [
        (200, {}, {"results": [result(0)], "next_url": vendor.url + "/v2/next?cursor=2"}),
        (200, {}, {"results": [result(1)], "next_url": None}),
    ]
    assert [(bar.timestamp, bar.observed_at) for bar in bars_of(make_rest())] == [(MINUTE, 1), (MINUTE + 60_000, 2)]
    assert [path for path, _ in vendor.asked][1] == "/v2/next?cursor=2"


def test_the_tier_follows_from_the_time_of_asking_and_the_forming_minute_is_dropped(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [(200, {}, {"results": [result(0), result(110), result(120)]})]
    assert [bar.tier for bar in bars_of(make_rest())] == [Tier.OFFICIAL, Tier.EARLY]


@pytest.mark.parametrize("body", [{}, {"results": None}, {"results": []}])
def test_an_empty_answer_is_no_error(vendor: Vendor, make_rest: Callable[..., MassiveRest], body: Any) -> None:
    vendor.script = [(200, {}, body)]
    assert bars_of(make_rest()) == []


def test_a_foreign_next_page_is_refused(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(200, {}, {"results": [result(0)], "next_url": "http://127.0.0.2:1/steal-the-key"})]
    with pytest.raises(VendorError, match="another host"):
        bars_of(make_rest())


def test_pages_in_a_circle_end(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(200, {}, {"results": [result(0)], "next_url": vendor.url + "/v2/again"})]
    with pytest.raises(VendorError, match="circle"):
        bars_of(make_rest())
    assert len(vendor.asked) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_vendor_is_asked_again(vendor: Vendor, make_rest: Callable[..., MassiveRest], status: int) -> None:
    vendor.script = [
        (status, {}, b"busy"),
        (status, {"Retry-After": "0"}, b"busy"),
        (200, {}, {"results": [result(0)]}),
    ]
    assert len(bars_of(make_rest())) == 1
    assert len(vendor.asked) == 3


def test_patience_ends_after_four_attempts(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(503, {}, b"")]
    with pytest.raises(VendorUnavailableError, match="Given up after 4 attempts"):
        bars_of(make_rest())
    assert len(vendor.asked) == 4


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"error": "Unknown API Key"}, "refuses the key .401, Unknown API Key"),
        (404, b"<html>", "no reason given"),
        (302, b"", "302"),
    ],
)
def test_a_refusal_is_told_and_not_repeated(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], status: int, body: Any, says: str
) -> None:
    vendor.script = [(status, {"Location": "http://127.0.0.2:1/"}, body)]
    with pytest.raises(VendorError, match=says):
        bars_of(make_rest())
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", {"results": [{"t": 1}]}, {"results": "many"}, {"results": [{}]}]
)
def test_an_answer_that_cannot_be_read_is_an_error(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], body: Any
) -> None:
    vendor.script = [(200, {}, body)]
    with pytest.raises(VendorError, match="cannot be read"):
        bars_of(make_rest())


def test_an_incoherent_bar_costs_that_bar(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], caplog: pytest.LogCaptureFixture
) -> None:
    vendor.script = [(200, {}, {"results": [result(0), result(1, h=0.1), result(2)]})]
    assert len(bars_of(make_rest())) == 2
    assert "not coherent" in caplog.text


def test_an_absent_vendor_is_unavailable(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    rest = MassiveRest(RestConfig("http://127.0.0.1:9", "KEY", _RATE), RacingClock(_NOW, 1000.0), lambda: 1)
    with pytest.raises(VendorUnavailableError, match="cannot be reached"):
        bars_of(rest)
    rest.close()


def test_a_stop_ends_every_wait(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(429, {"Retry-After": "60"}, b"")]
    rest = make_rest(speed=1.0)
    threading.Timer(0.2, rest.close).start()
    with pytest.raises(VendorUnavailableError, match="stopping"):
        bars_of(rest)


def _date(in_s: float) -> str:
    return formatdate(_NOW / 1000 + in_s, usegmt=True)


@pytest.mark.parametrize(
    ("told", "pause_s"),
    [("120", 120), (_date(120), 120), ("999999", 900), (_date(-60), 60), ("soon", 60), ("-5", 60), (None, 60)],
)
def test_a_429_holds_everybody_back_as_long_as_the_vendor_says(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], told: str | None, pause_s: float
) -> None:
    vendor.script = [(429, {"Retry-After": told} if told else {}, b"")]
    rest = make_rest(RequestRate(5, 60), speed=1.0)

    def ask() -> None:
        with suppress(VendorUnavailableError):
            bars_of(rest)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(rest.paused_s)
    assert pause_s - 5 < rest.paused_s() <= pause_s
    threading.Timer(0.1, rest.close).start()
    with pytest.raises(VendorUnavailableError, match="stopping"):  # another caller waits too, and asks nothing
        rest.snapshot()
    thread.join(60)
    assert len(vendor.asked) == 1


def test_requests_keep_the_rate(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(200, {}, {})]
    rest, clock = make_rest(RequestRate(2, 60), speed=1200.0), RacingClock(0, 1200.0)
    for _ in range(3):
        bars_of(rest)
    assert clock.monotonic() >= 60


def test_a_minute_of_which_the_answer_cannot_be_right_is_named(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [(200, {}, {"results": [result(0), result(1, h=0.1), result(2), result(2, h=0.1)]})]
    answer = make_rest().minute_bars("BRK.B", MINUTE, _NOW)
    assert [bar.timestamp for bar in answer.bars] == [MINUTE]
    assert answer.unusable == {MINUTE + 60_000, MINUTE + 120_000}


@pytest.mark.parametrize("changes", [{"o": None}, {"v": "100"}, {"vw": True}, {"n": 1e300}])
def test_a_bar_with_a_value_that_cannot_be_read_costs_that_bar(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], changes: dict[str, Any]
) -> None:
    vendor.script = [(200, {}, {"results": [result(0, t=float(MINUTE)), result(1, **changes)]})]
    answer = make_rest().minute_bars("BRK.B", MINUTE, _NOW)
    assert [bar.timestamp for bar in answer.bars] == [MINUTE]
    assert answer.unusable == {MINUTE + 60_000}


def test_of_two_bars_of_one_minute_the_later_counts_and_none_outside_of_what_was_asked_for(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [(200, {}, {"results": [result(3), result(-1), result(3, v=7), result(2), result(300)]})]
    assert [(bar.timestamp, bar.volume) for bar in bars_of(make_rest())] == [
        (MINUTE + 120_000, 100),
        (MINUTE + 180_000, 7),
    ]


def test_an_answer_is_of_the_feeds_time_and_of_when_it_was_first_asked_for(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    vendor.script = [
        (200, {}, {"results": [result(0)], "next_url": "/v2/next"}),
        (200, {}, {"results": [result(59), result(60)]}),
    ]
    answer = make_rest(lag_ms=60 * 60_000, speed=1.0).minute_bars("BRK.B", MINUTE, _NOW)
    assert (answer.span.from_ms, answer.span.to_ms, answer.span.stamp) == (MINUTE, _NOW, 1)
    assert MINUTE + 60 * 60_000 <= answer.span.asked_ms < MINUTE + 61 * 60_000
    assert [(bar.timestamp, bar.tier) for bar in answer.bars] == [
        (MINUTE, Tier.OFFICIAL),
        (MINUTE + 59 * 60_000, Tier.EARLY),
    ]


def test_an_answer_about_another_ticker_is_refused(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(200, {}, {"ticker": "BRK.A", "results": [result(0)]})]
    with pytest.raises(VendorError, match=r"about BRK.A, not about BRK.B"):
        bars_of(make_rest())


def test_pages_without_end_are_given_up(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "_MOST_PAGES", 3)
    vendor.script = [(200, {}, {"next_url": f"/v2/next?cursor={page}"}) for page in range(9)]
    with pytest.raises(VendorError, match="never end"):
        bars_of(make_rest())
    assert len(vendor.asked) == 3


def test_an_answer_that_is_too_long_is_not_read(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "_MOST_BYTES", 1 << 20)
    vendor.script = [(200, {}, b" " * (2 << 20))]
    with pytest.raises(VendorError, match="longer than 1 MiB"):
        bars_of(make_rest())


class Drip(BaseHTTPRequestHandler):
    """Answers a byte at a time, without end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                threading.Event().wait(0.01)

    def log_message(self, *_: Any) -> None: ...


def test_an_answer_that_never_ends_is_given_up(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "_ANSWER_DEADLINE_S", 0.05)
    vendor.server.RequestHandlerClass = Drip
    with pytest.raises(VendorUnavailableError, match=r"its answer took over"):
        bars_of(make_rest())


class DripHead(Drip):
    """Begins its answer a byte at a time, without end."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")

    def end_headers(self) -> None: ...


class Mute(Drip):
    """Answers nothing until the line is cut."""

    def do_GET(self) -> None:
        with suppress(OSError):
            self.rfile.read(1)


@pytest.mark.parametrize("answering", [DripHead, Mute])
def test_an_answer_that_never_begins_is_given_up(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], monkeypatch: pytest.MonkeyPatch, answering: type[Drip]
) -> None:
    monkeypatch.setattr(rest_connections, "HEAD_DEADLINE_S", 0.05)
    vendor.server.RequestHandlerClass = answering
    with pytest.raises(VendorUnavailableError, match="did not begin within"):
        bars_of(make_rest())


def test_the_snapshot_tells_what_each_symbol_traded_today(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    days = [
        {"ticker": "AAPL", "day": {"v": 10.5, "vw": 200, "c": 210}, "min": {"av": 9}},
        {"ticker": "NEWB", "day": {"v": 2, "c": 3}},
        {"ticker": "IDLE", "day": {"v": 0, "vw": 0, "c": 0}},
        {"ticker": "GONE"},
    ]
    vendor.script = [(200, {}, {"status": "OK", "tickers": days})]
    assert make_rest().snapshot() == {
        "AAPL": SnapshotDay(10.5, 2100.0),
        "NEWB": SnapshotDay(2.0, 6.0),
        "IDLE": SnapshotDay(0.0, 0.0),
        "GONE": SnapshotDay(0.0, 0.0),
    }
    assert vendor.asked == [("/v2/snapshot/locale/us/markets/stocks/tickers", "Bearer KEY")]


@pytest.mark.parametrize(("status", "error"), [(403, KeyRefusedError), (404, VendorError), (200, VendorError)])
def test_a_plan_without_a_snapshot_says_so(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], status: int, error: type[VendorError]
) -> None:
    vendor.script = [(status, {}, b"[]")]
    with pytest.raises(error):
        make_rest().snapshot()


# -- the list of symbols -------------------------------------------------------------------------------------------


def test_the_list_of_symbols_comes_page_by_page(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    apple = {"ticker": "AAPL", "name": "Apple Inc.", "type": "CS", "primary_exchange": "XNAS", "market": "stocks"}
    first = {"results": [apple, {"ticker": "BACpL"}], "next_url": f"{vendor.url}/v3/reference/tickers?cursor=2"}
    vendor.script = [(200, {}, first), (200, {}, {"results": [{"ticker": "MSFT", "name": None}]})]
    assert list(make_rest().tickers()) == [
        [VendorTicker("AAPL", "Apple Inc.", "CS", "XNAS"), VendorTicker("BACpL", None, None, None)],
        [VendorTicker("MSFT", None, None, None)],
    ]
    assert "/v3/reference/tickers?market=stocks&active=true" in vendor.asked[0][0]


@pytest.mark.parametrize(
    "body", [b"<html>", {"results": [{"name": "no ticker"}]}, {"results": [], "next_url": "http://elsewhere.example/"}]
)
def test_a_list_of_symbols_that_cannot_be_right_is_refused(
    vendor: Vendor, make_rest: Callable[..., MassiveRest], body: object
) -> None:
    vendor.script = [(200, {}, body)]
    with pytest.raises(VendorError):
        list(make_rest().tickers())


def test_an_element_that_cannot_be_read_costs_a_list_no_other(
    vendor: Vendor, make_rest: Callable[..., MassiveRest]
) -> None:
    told = [{"name": "no ticker"}, {"ticker": "AAPL"}, {"ticker": "MSFT", "name": 7}, "IBM"]
    vendor.script = [
        (200, {}, {"results": told, "next_url": f"{vendor.url}/2"}),
        (200, {}, {"results": [{"ticker": "GE"}]}),
    ]
    assert [[one.ticker for one in page] for page in make_rest().tickers()] == [["AAPL"], ["GE"]]
