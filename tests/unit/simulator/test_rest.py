"""The REST side: addresses, ranges, pages, keys, rates and the vendor's shapes of errors."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.simulator.newyork import date_bounds_ms
from src.simulator.rate_limit import Rate, parse_rate
from src.simulator.rest import Answer, RestApi
from src.simulator.source import Listing

MINUTE_MS = 60_000
DAY_MS = 86_400_000
START_MS = 1_763_649_000_000
ORIGIN = "http://127.0.0.1:9"
NOW_MS = START_MS + 10**9
SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"
TICKERS = "/v3/reference/tickers"
LISTINGS = [
    Listing("AAPL", "Apple", "CS", "XNAS"),
    Listing("BACpL", "Bank of America preferred L", "PFD", "XNYS"),
    Listing("BRK.B", "Berkshire Hathaway B", "CS", "XNYS"),
    Listing("SPY", "SPDR S&P 500 ETF", "ETF", "ARCX"),
    Listing("T", "AT&T", "CS", "XNYS"),
]


class Bars:
    """A history with a window in each of the given minutes (or days) of AAPL and BRK.B."""

    def __init__(self, minutes: list[int]) -> None:
        self._minutes = minutes
        self.listings: Sequence[Listing] = LISTINGS

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        return self._windows(MINUTE_MS, symbol, from_ms, min(to_ms, now_ms), ascending)

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        return self._windows(DAY_MS, symbol, from_ms, to_ms, ascending)

    def _windows(
        self, each_ms: int, symbol: str, from_ms: int, to_ms: int, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        starts_ms = [START_MS + number * each_ms for number in self._minutes] if symbol in {"AAPL", "BRK.B"} else []
        wanted = [start_ms for start_ms in starts_ms if from_ms <= start_ms <= to_ms]
        return iter([(start_ms, f'{{"t":{start_ms}}}') for start_ms in sorted(wanted, reverse=not ascending)])

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        yield from (f'{{"T":"{one.ticker}","t":{midnight_ms}}}' for one in LISTINGS if midnight_ms < START_MS)

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        yield from (f'{{"ticker":"{symbol}","updated":{now_ms}}}' for symbol in symbols)


def ask(target: str, *, minutes: range | list[int] = range(10), key: str | None = None, bearer: str = "key") -> Answer:
    api = RestApi(Bars(list(minutes)), key)
    return asyncio.run(api.answer(target, f"Bearer {bearer}" if bearer else "", ORIGIN, NOW_MS))


def path(start: object = START_MS, end: object = NOW_MS, ticker: str = "AAPL", span: str = "1/minute") -> str:
    return f"/v2/aggs/ticker/{ticker}/range/{span}/{start}/{end}"


def times(answer: Answer) -> list[int]:
    return [bar["t"] for bar in json.loads(answer.body).get("results", [])]


def pages(url: str, minutes: range | list[int] = range(10)) -> Iterator[dict[str, Any]]:
    """The bodies from `url` on, each page from where the one before says."""
    while url:
        assert url.startswith(ORIGIN)
        answer = ask(url.removeprefix(ORIGIN), minutes=minutes)
        assert answer.status == 200
        yield (body := json.loads(answer.body))
        url = body.get("next_url", "")


def test_an_answer_has_the_vendors_shape() -> None:
    answer = ask(path(START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS) + "?adjusted=false")
    body = json.loads(answer.body)
    assert len(body.pop("request_id")) == 32
    assert body == {
        "ticker": "AAPL", "queryCount": 2, "resultsCount": 2, "adjusted": False, "status": "OK",
        "results": [{"t": START_MS + MINUTE_MS}, {"t": START_MS + 2 * MINUTE_MS}],
    }  # fmt: skip
    assert answer.status == 200


def test_an_unknown_ticker_has_no_results() -> None:
    for ticker in ("ZZZZ", "aapl"):
        body = json.loads(ask(path(ticker=ticker)).body)
        assert body["resultsCount"] == 0
        assert "results" not in body
    assert times(ask(path(ticker="BRK%2EB"))) == times(ask(path()))


def test_dates_are_whole_new_york_days() -> None:
    minutes = range(-2000, 2000)
    first_ms, end_ms = date_bounds_ms(date(2025, 11, 20))
    found = times(ask(path("2025-11-20", "2025-11-20"), minutes=minutes))
    assert (found[0], found[-1]) == (first_ms, end_ms - MINUTE_MS)
    assert len(found) == 1440


@settings(deadline=None, max_examples=60)
@given(
    minutes=st.lists(st.integers(0, 400), unique=True, max_size=250),
    limit=st.integers(1, 120),
    sort=st.sampled_from(["asc", "desc"]),
    span=st.sampled_from([("1/minute", MINUTE_MS), ("1/day", DAY_MS)]),
)
def test_pages_together_are_the_whole(minutes: list[int], limit: int, sort: str, span: tuple[str, int]) -> None:
    target = path(end=START_MS + 400 * span[1], span=span[0]) + f"?limit={limit}&sort={sort}&adjusted=false"
    seen: list[int] = []
    for body in pages(ORIGIN + target, minutes):
        page = [bar["t"] for bar in body.get("results", [])]
        assert len(page) == body["resultsCount"] <= limit
        assert body["adjusted"] is False
        assert len(page) == limit or "next_url" not in body
        seen += page
    known = [START_MS + number * span[1] for number in minutes]
    expected = sorted((t for t in known if span[1] == DAY_MS or t <= NOW_MS), reverse=sort == "desc")
    assert seen == expected


def test_the_limit_is_5000_unless_asked_otherwise() -> None:
    assert len(times(ask(path(), minutes=range(5001)))) == 5000
    assert len(times(ask(path() + "?limit=50000", minutes=range(5001)))) == 5001


def test_a_day_of_the_whole_market_is_one_answer() -> None:
    midnight_ms, _end_ms = date_bounds_ms(date(2025, 11, 20))
    body = json.loads(ask("/v2/aggs/grouped/locale/us/market/stocks/2025-11-20?adjusted=false").body)
    assert (body["resultsCount"], body["adjusted"], body["status"]) == (5, False, "OK")
    assert body["results"][0] == {"T": "AAPL", "t": midnight_ms}
    empty = json.loads(ask("/v2/aggs/grouped/locale/us/market/stocks/2025-11-21").body)
    assert (empty["resultsCount"], empty["adjusted"], "results" in empty) == (0, True, False)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "AAPL BACpL BRK.B SPY T"),
        ("?order=desc&limit=2", "T SPY BRK.B BACpL AAPL"),
        ("?limit=1&active=true&market=stocks", "AAPL BACpL BRK.B SPY T"),
        ("?ticker=BACpL", "BACpL"),
        ("?ticker=BACPL", ""),
        ("?type=CS&limit=2", "AAPL BRK.B T"),
        ("?type=CS&exchange=XNYS", "BRK.B T"),
        ("?search=america", "BACpL"),
        ("?search=t%26t", "T"),
        ("?market=crypto", ""),
        ("?active=false", ""),
    ],
)
def test_tickers_are_listed_in_pages(query: str, expected: str) -> None:
    found = [one["ticker"] for body in pages(ORIGIN + TICKERS + query) for one in body.get("results", [])]
    assert found == expected.split()


def test_a_listed_ticker_has_the_vendors_fields() -> None:
    body = json.loads(ask(TICKERS + "?ticker=BACpL").body)
    assert (body["count"], body["status"]) == (1, "OK")
    assert body["results"] == [{
        "ticker": "BACpL", "name": "Bank of America preferred L", "market": "stocks", "locale": "us",
        "primary_exchange": "XNYS", "type": "PFD", "active": True, "currency_name": "usd",
    }]  # fmt: skip


def test_a_snapshot_is_of_all_tickers_or_of_those_asked_for() -> None:
    for query, expected in (("", 5), ("?tickers=", 5), ("?tickers=T,ZZZZ,BACpL,spy", 2)):
        body = json.loads(ask(SNAPSHOT + query).body)
        assert len(body["tickers"]) == body["count"] == expected
    assert body["tickers"] == [{"ticker": "BACpL", "updated": NOW_MS}, {"ticker": "T", "updated": NOW_MS}]
    assert "tickers" not in json.loads(ask(SNAPSHOT + "?tickers=ZZZZ").body)


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v3/other", 404, "There is nothing at /v3/other"),
        ("/v2/aggs/ticker/AAPL/range/1/minute/1", 404, "There is nothing"),
        (path(span="5/minute"), 400, "Only 1/minute and 1/day are served here, not 5/minute"),
        (path(span="1/week"), 400, "not 1/week"),
        (path(start="yesterday"), 400, "'from' is a date"),
        (path(end="2025-13-01"), 400, "'to' is a date"),
        (path(end="9" * 30), 400, "'to' is a date"),
        (path(start=NOW_MS, end=START_MS), 400, "lies before 'from'"),
        (path() + "?limit=0", 400, "'limit' is a number from 1 to 50000"),
        (path() + "?limit=50001", 400, "'limit'"),
        (path() + "?limit=", 400, "'limit'"),
        (path() + "?sort=up", 400, "'sort' is asc or desc"),
        (path() + "?adjusted=1", 400, "'adjusted' is true or false"),
        (path() + "?cursor=%C3%BC", 400, "cursor"),
        (path() + "?cursor=abcde", 400, "cursor"),
        ("/v2/aggs/grouped/locale/us/market/stocks/1763649000000", 400, "'date' is a date (YYYY-MM-DD)"),
        (TICKERS + "?limit=1001", 400, "'limit' is a number from 1 to 1000"),
        (TICKERS + "?active=yes", 400, "'active' is true or false"),
        (TICKERS + "?cursor=YT1i", 400, "cursor"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_the_vendors_shape(target: str, status: int, message: str) -> None:
    answer = ask(target)
    body = json.loads(answer.body)
    assert answer.status == status
    assert body["status"] == "ERROR"
    assert message in body["error"]


def test_a_key_is_needed_and_either_place_is_good() -> None:
    assert ask(path(), bearer="").status == 401
    assert ask(path() + "?apiKey=", bearer="").status == 401
    assert ask(path() + "?apiKey=any", bearer="").status == 200
    assert ask(path(), bearer="right", key="right").status == 200
    assert ask(path() + "?apiKey=right", bearer="", key="right").status == 200
    wrong = ask(path(), bearer="wrong", key="right")
    assert (wrong.status, json.loads(wrong.body)["error"]) == (401, "Unknown API Key")


def test_more_requests_than_the_rate_are_refused_until_the_first_is_a_window_ago() -> None:
    api = RestApi(Bars([]), None, Rate(2, 60))

    def request(at_s: float, key: str = "key") -> tuple[int, int | None]:
        answer = asyncio.run(api.answer(path(), f"Bearer {key}", ORIGIN, NOW_MS + int(1000 * at_s)))
        assert (json.loads(answer.body)["status"] == "OK") == (answer.status == 200)
        return answer.status, answer.retry_after_s

    assert [request(0), request(10), request(10.5)] == [(200, None), (200, None), (429, 50)]
    # Each key has a rate of its own, and what was refused does not count.
    assert request(11, "other") == (200, None)
    assert request(59.999) == (429, 1)
    assert request(60) == (200, None)
    assert request(60) == (429, 10)
    assert request(70) == (200, None)


def test_a_rate_is_written_as_requests_a_unit() -> None:
    assert parse_rate("5/minute") == Rate(5, 60)
    assert parse_rate("100/second") == Rate(100, 1)
    for text in ("5", "0/minute", "5/day", "-1/second", "x/minute", "٥/minute"):
        with pytest.raises(ValueError, match="allowed are rates such as 5/minute"):
            parse_rate(text)


def test_the_same_requests_have_the_same_bytes() -> None:
    def bodies() -> list[str]:
        api = RestApi(Bars(list(range(100))), None)
        targets = (path(), path() + "?limit=7", TICKERS, SNAPSHOT, "/nothing")
        return [asyncio.run(api.answer(target, "Bearer k", ORIGIN, NOW_MS)).body for target in targets]

    assert bodies() == bodies()
