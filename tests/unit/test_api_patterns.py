"""`GET /api/patterns/recent` and `patterns=true` of the one poll, over a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.market.cursor import Cursor
from src.presentation.api import patterns
from tests.admin_site import Ingestion, started
from tests.bars import MINUTE, bar
from tests.waiting import wait_for

_MINUTE_MS = 60_000


class Site:
    """The web half on a database into which events are written."""

    def __init__(self, folder: Path, url: str) -> None:
        self.ingestion: Ingestion = started(url)
        self.ingestion.database.merge([bar("AAPL", MINUTE), bar("IBM", MINUTE)])
        settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": url, "SIMULATOR_PORT": "1"})
        self.client: FlaskClient = create_app(settings).test_client()

    def find(self, place: int, symbol: str = "AAPL", **changes: Any) -> None:
        self.ingestion.find(symbol, MINUTE + place * _MINUTE_MS, **changes)

    def catch_up(self) -> None:
        """Waits until what was written is seen, which takes some 100 ms."""
        written = self.ingestion.database.merge([bar("SPY", MINUTE, observed_at=1)]).revision or 0
        wait_for(lambda: _revision(self.get("/api/patterns/recent?symbol=AAPL")["cursor"]) >= written)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json


def _revision(text: str) -> int:
    cursor = Cursor.decode(text)
    assert cursor is not None
    return cursor.revision


@pytest.fixture
def site(tmp_path: Path, sqlite_database_url: str) -> Iterator[Site]:
    site = Site(tmp_path, sqlite_database_url)
    for place in range(3):
        site.find(place)
    site.find(3, "IBM", pattern="engulfing", timeframe="5m", direction="bullish", confidence=0.8)
    yield site
    site.ingestion.close()


def told(body: Any) -> list[tuple[str, int, str, bool]]:
    """Symbol, minute, pattern and whether it was taken back."""
    return [
        (
            one["symbol"],
            (one["timestamp"] - MINUTE) // _MINUTE_MS,
            one["pattern"],
            one.get("withdrawn", False),
        )
        for one in body["patterns"]
    ]


DOJIS = [("AAPL", place, "doji", False) for place in range(3)]
ENGULFING = ("IBM", 3, "engulfing", False)


def test_the_newest_are_told_of_whom_and_what_is_asked_for(site: Site) -> None:
    body = site.get("/api/patterns/recent?symbols=AAPL,IBM,NONE")
    assert told(body) == [*DOJIS, ENGULFING]
    assert (body["count"], body["more"], body["reset"], body["unknown"]) == (4, False, False, ["NONE"])
    one = body["patterns"][3]
    assert (one["timeframe"], one["direction"], one["confidence"]) == ("5m", "bullish", 0.8)
    assert told(site.get("/api/patterns/recent?symbol=AAPL&limit=2")) == DOJIS[1:]
    assert told(site.get("/api/patterns/recent?universe=listening&timeframe=5m")) == []  # IBM is not listened to
    assert told(site.get("/api/patterns/recent?limit=2")) == DOJIS[1:]
    assert told(site.get("/api/patterns/recent?symbols=AAPL,IBM&pattern=engulfing,hammer")) == [ENGULFING]
    body = site.get(f"/api/patterns/recent?symbols=AAPL,IBM&since={MINUTE + _MINUTE_MS}&limit=2")
    assert (told(body), body["more"]) == (DOJIS[1:], True)
    for wrong in ("timeframe=1h", "pattern=", "pattern=moon", "limit=5001", "since=1&cursor=x"):
        assert site.get(f"/api/patterns/recent?symbol=AAPL&{wrong}", 400)["error"]["code"] == "bad_parameter"


def test_a_cursor_tells_what_was_found_and_taken_back_since(site: Site) -> None:
    first = site.get("/api/patterns/recent?symbols=AAPL,IBM")
    path = "/api/patterns/recent?symbols=AAPL,IBM&cursor="
    assert told(site.get(path + first["cursor"])) == []
    site.find(1, withdrawn=True)
    site.find(4)
    site.catch_up()
    second = site.get(path + first["cursor"])
    gone, new = ("AAPL", 1, "doji", True), ("AAPL", 4, "doji", False)
    assert (told(second), second["reset"]) == ([gone, new], False)
    assert told(site.get(path + second["cursor"])) == []
    cut = site.get(path + first["cursor"] + "&limit=1")
    assert (told(cut), cut["more"]) == ([gone], True)
    assert told(site.get(path + cut["cursor"])) == [new]
    assert told(site.get("/api/patterns/recent?symbols=AAPL,IBM")) == [DOJIS[0], DOJIS[2], ENGULFING, new]
    assert site.get(path + "x")["reset"]


def test_the_one_poll_tells_bars_and_patterns_by_one_cursor(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/api/ticks/recent?symbols=AAPL,IBM&patterns=true"
    first = site.get(path)
    assert (told(first), first["patterns_more"]) == ([*DOJIS, ENGULFING], False)
    assert "patterns" not in site.get("/api/ticks/recent?symbols=AAPL,IBM")
    site.find(1, withdrawn=True)
    site.ingestion.database.merge([bar("AAPL", MINUTE, close=151.0, observed_at=9)])
    site.find(4, "IBM")
    site.catch_up()
    second = site.get(f"{path}&cursor={first['cursor']}")
    assert told(second) == [("AAPL", 1, "doji", True), ("IBM", 4, "doji", False)]
    assert [one["close"] for one in second["ticks"]] == [151.0]
    assert told(site.get(f"{path}&cursor={second['cursor']}")) == []
    assert told(site.get(f"/api/ticks/recent?symbol=IBM&patterns=true&cursor={first['cursor']}")) == [
        ("IBM", 4, "doji", False)
    ]
    monkeypatch.setattr(patterns, "MOST_IN_A_POLL", 1)
    too_much = site.get(f"/api/ticks/recent?symbols=IBM,AAPL&patterns=true&cursor={first['cursor']}")
    assert (told(too_much), too_much["patterns_more"]) == ([("IBM", 4, "doji", False)], True)


def test_many_symbols_are_looked_for_along_the_times(site: Site) -> None:
    names = ",".join(["AAPL", "IBM", *(f"X{number}" for number in range(30))])
    site.ingestion.database.merge([bar(f"X{number}", MINUTE) for number in range(30)])
    assert told(site.get(f"/api/patterns/recent?symbols={names}")) == [*DOJIS, ENGULFING]
    assert told(site.get(f"/api/patterns/recent?symbols={names}&since={MINUTE}&limit=1")) == DOJIS[:1]
