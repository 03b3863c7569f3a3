"""The vendor's REST side, against a real HTTP server that answers as each test says."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest

from src.core.domain.market.bar import Bar, Tier
from src.core.errors import VendorError, VendorUnavailableError
from src.infrastructure.data_sources import massive_rest
from src.infrastructure.data_sources.massive_rest import MassiveRest, RestConfig
from tests.bars import MINUTE

_NOW = MINUTE + 120 * 60_000
Answer = tuple[int, dict[str, str], Any]


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


class Vendor:
    """Gives the answers of `script`, one a request, the last one for ever."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.asked: list[tuple[str, str | None]] = []
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vendor.asked.append((self.path, self.headers["Authorization"]))
                status, headers, body = vendor.script.pop(0) if len(vendor.script) > 1 else vendor.script[0]
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


@pytest.fixture
def make_rest(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., MassiveRest]]:
    monkeypatch.setattr(massive_rest, "_RETRY_FIRST_S", 0.01)
    made: list[MassiveRest] = []

    def make(rate: float = 1000.0, now_ms: int = _NOW) -> MassiveRest:
        stamps = count(1)
        made.append(MassiveRest(RestConfig(vendor.url, "KEY", rate, lambda: now_ms), lambda: next(stamps)))
        return made[-1]

    yield make
    for rest in made:
        rest.close()


def bars_of(rest: MassiveRest) -> list[Bar]:
    return [bar for page in rest.minute_bars("BRK.B", MINUTE, _NOW) for bar in page]


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


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", {"results": [{"t": 1}]}, {"results": "many"}])
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
    rest = MassiveRest(RestConfig("http://127.0.0.1:9", "KEY", 1000.0, lambda: _NOW), lambda: 1)
    with pytest.raises(VendorUnavailableError, match="cannot be reached"):
        bars_of(rest)
    rest.close()


def test_requests_keep_the_rate(vendor: Vendor) -> None:
    vendor.script = [(200, {}, {})]
    waits: list[float] = []
    rest = MassiveRest(RestConfig(vendor.url, "KEY", 5 / 60, lambda: _NOW, monotonic=lambda: 100.0), lambda: 1)
    rest._wait = waits.append  # type: ignore[method-assign]  # a minute of waiting, not waited
    for _ in range(3):
        bars_of(rest)
    assert waits == pytest.approx([0.0, 12.0, 24.0])
    rest.close()


def test_a_stop_ends_every_wait(vendor: Vendor, make_rest: Callable[..., MassiveRest]) -> None:
    vendor.script = [(429, {"Retry-After": "60"}, b"")]
    rest = make_rest()
    threading.Timer(0.2, rest.close).start()
    with pytest.raises(VendorUnavailableError, match="stopping"):
        bars_of(rest)
