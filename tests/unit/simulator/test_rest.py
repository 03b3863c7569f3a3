"""The REST side: ranges, pages, keys and the vendor's shapes of errors."""

import asyncio
import json
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.simulator.clock import Clock
from src.simulator.newyork import date_bounds_ms
from src.simulator.rest import Answer, RestApi
from src.simulator.source import Publisher

MINUTE_MS = 60_000
START_MS = 1_763_649_000_000
ORIGIN = "http://127.0.0.1:9"
NOW_MS = START_MS + 10**9


class Bars:
    """A source with a bar in each of the given minutes of AAPL and BRK.B, and no feed."""

    def __init__(self, minutes: list[int]) -> None:
        self._starts_ms = [START_MS + minute * MINUTE_MS for minute in minutes]

    @property
    def description(self) -> str:
        return "bars"

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """There is no feed."""

    def bars(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        if symbol in {"AAPL", "BRK.B"}:
            wanted = [start_ms for start_ms in self._starts_ms if from_ms <= start_ms <= min(to_ms, now_ms)]
            yield from ((start_ms, f'{{"t":{start_ms}}}') for start_ms in sorted(wanted, reverse=not ascending))


def ask(target: str, *, minutes: range | list[int] = range(10), key: str | None = None, bearer: str = "key") -> Answer:
    api = RestApi(Bars(list(minutes)), key)
    return asyncio.run(api.answer(target, f"Bearer {bearer}" if bearer else "", ORIGIN, NOW_MS))


def path(start: object = START_MS, end: object = NOW_MS, ticker: str = "AAPL", span: str = "1/minute") -> str:
    return f"/v2/aggs/ticker/{ticker}/range/{span}/{start}/{end}"


def times(answer: Answer) -> list[int]:
    return [bar["t"] for bar in json.loads(answer.body).get("results", [])]


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
)
def test_pages_together_are_the_whole(minutes: list[int], limit: int, sort: str) -> None:
    url = ORIGIN + path() + f"?limit={limit}&sort={sort}&adjusted=false"
    seen: list[int] = []
    while url:
        assert url.startswith(ORIGIN)
        body = json.loads(ask(url.removeprefix(ORIGIN), minutes=minutes).body)
        page = [bar["t"] for bar in body.get("results", [])]
        assert len(page) == body["resultsCount"] <= limit
        assert body["adjusted"] is False
        seen += page
        url = body.get("next_url", "")
        assert not url or len(page) == limit
    expected = sorted((START_MS + minute * MINUTE_MS for minute in minutes), reverse=sort == "desc")
    assert seen == expected


def test_the_limit_is_5000_unless_asked_otherwise() -> None:
    assert len(times(ask(path(), minutes=range(5001)))) == 5000
    assert len(times(ask(path() + "?limit=50000", minutes=range(5001)))) == 5001


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v3/other", 404, "There is nothing at /v3/other"),
        ("/v2/aggs/ticker/AAPL/range/1/minute/1", 404, "There is nothing"),
        (path(span="5/minute"), 400, "Only 1/minute is served"),
        (path(span="1/day"), 400, "Only 1/minute is served"),
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
