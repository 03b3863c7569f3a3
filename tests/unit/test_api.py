"""The read API over a real database: parameters, answers, errors."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from src import __version__
from src.app import create_app
from src.config.settings import PROJECT_ROOT, parse_settings
from src.core.domain.market.bar import Tier
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import sqlite_file, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar
from tests.waiting import wait_for

_MINUTE_MS = 60_000


class Site:
    """The web half over a database of its own."""

    def __init__(self, tmp_path: Path, **keys: str) -> None:
        settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", **keys})
        migrate.upgrade(settings.database_url)
        self.database = TickStockDatabase(write_engine(settings.database_url), lambda: time.time_ns() // 1000)
        self.client: FlaskClient = create_app(settings).test_client()

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        assert answer.content_type == "application/json"
        return json.loads(answer.data)

    def error(self, path: str, status: int, code: str) -> str:
        body = self.get(path, status)
        assert list(body) == ["error"]
        assert body["error"]["code"] == code
        message: str = body["error"]["message"]
        return message


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    site = Site(tmp_path, DATABASE_URL=database_url)
    for place in range(5):
        site.database.merge([bar("AAPL", MINUTE + place * _MINUTE_MS, close=150 + place, observed_at=place)])
    site.database.merge(
        [bar("BRK.B", MINUTE + _MINUTE_MS, tier=Tier.LIVE.value), bar("BACpL", MINUTE), bar("BACPL", MINUTE)]
    )
    yield site
    site.database.close()


@pytest.fixture
def plain_site(tmp_path: Path, sqlite_database_url: str) -> Iterator[Site]:
    """A site whose database does not matter."""
    site = Site(tmp_path, DATABASE_URL=sqlite_database_url)
    site.database.merge([bar(symbol) for symbol in ("AAPL", "BRK.B", "BACpL", "BACPL")])
    yield site
    site.database.close()


def times(body: Any) -> list[tuple[str, int]]:
    return [(tick["symbol"], (tick["timestamp"] - MINUTE) // _MINUTE_MS) for tick in body["ticks"]]


def test_one_symbol(site: Site) -> None:
    body = site.get("/api/ticks/recent?symbol=AAPL")
    assert (body["symbol"], body["count"]) == ("AAPL", 5)
    assert abs(body["server_time"] - time.time() * 1000) < 5000
    assert body["ticks"][0] == {
        "symbol": "AAPL", "timestamp": MINUTE, "open": 149.5, "high": 151.0, "low": 149.0, "close": 150.0,
        "volume": 100.0, "vwap": 150.0, "tier": "official",
    }  # fmt: skip
    assert times(body) == [("AAPL", place) for place in range(5)]


def test_without_since_the_newest_bars_ascending(site: Site) -> None:
    assert times(site.get("/api/ticks/recent?symbol=AAPL&limit=2")) == [("AAPL", 3), ("AAPL", 4)]


def test_since_is_inclusive_in_every_notation(site: Site) -> None:
    for since in (
        str((MINUTE + 2 * _MINUTE_MS) // 1000),
        str(MINUTE + 2 * _MINUTE_MS),
        "2025-11-20T14:32:00Z",
        "2025-11-20T14:32:00",
        "2025-11-20T09:32:00-05:00",
        "2025-11-20T15:32:00%2B01:00",
        "2025-11-20T15:32:00+01:00",
    ):
        found = times(site.get(f"/api/ticks/recent?symbol=AAPL&since={since}&limit=2"))
        assert found == [("AAPL", 2), ("AAPL", 3)], since


def test_several_symbols_are_one_flat_list_by_time_then_symbol(site: Site) -> None:
    body = site.get("/api/ticks/recent?symbols=BRK.B,AAPL,NONE,AAPL&limit=4")
    assert "symbol" not in body
    assert body["unknown"] == ["NONE"]
    assert times(body) == [("AAPL", 1), ("BRK.B", 1), ("AAPL", 2), ("AAPL", 3), ("AAPL", 4)]
    assert body["ticks"][1]["tier"] == "live"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("aapl", "AAPL"), ("brk-b", "BRK.B"), ("BRK.B", "BRK.B"), ("BACpL", "BACpL"), ("BACPL", "BACPL")],
)
def test_what_a_user_types_is_matched_exactly_then_loosely(plain_site: Site, typed: str, meant: str) -> None:
    assert plain_site.get(f"/api/ticks/recent?symbol={typed}")["symbol"] == meant


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", "symbol"),
        ("symbol=", "symbol"),
        ("symbol=AAPL,MSFT", "symbols"),
        ("symbols=", "symbols"),
        ("symbols=,,", "symbols"),
        ("symbol=AAPL&symbols=MSFT", "not both"),
        ("symbol=AAPL&limit=0", "from 1 to 1000"),
        ("symbol=AAPL&limit=1001", "from 1 to 1000"),
        ("symbol=AAPL&limit=ten", "from 1 to 1000"),
        ("symbol=AAPL&limit=-5", "from 1 to 1000"),
        ("symbol=AAPL&limit=%D9%A3", "from 1 to 1000"),
        ("symbol=AAPL&since=yesterday", "ISO 8601"),
        ("symbol=AAPL&since=-1", "ISO 8601"),
        ("symbol=AAPL&since=9e99", "ISO 8601"),
        ("symbol=AAPL&since=99999999999999999999999", "1970 to 9999"),
        ("symbol=AAPL&sinse=1", "sinse"),
        ("symbol=AAPL&symbol=IBM", "more than once"),
        ("symbols=" + ",".join(["A"] * 1001), "at most 1000"),
    ],
)
def test_wrong_parameters_are_named(plain_site: Site, query: str, names: str) -> None:
    assert names in plain_site.error(f"/api/ticks/recent?{query}", 400, "bad_parameter")


def test_an_answer_has_a_largest_size(plain_site: Site) -> None:
    assert "100000 bars" in plain_site.error("/api/ticks/recent?universe=sp500&limit=1000", 413, "too_large")
    assert plain_site.get("/api/ticks/recent?universe=sp500&limit=150")["count"] == 2


def test_unknown_symbols_are_404(site: Site) -> None:
    for typed in ("ZZZZ", "' OR 1=1 --", "%3Cscript%3E", "~AAPL"):
        site.error(f"/api/ticks/recent?symbol={typed}", 404, "unknown_symbol")


def test_a_symbol_that_appears_later_is_found(site: Site) -> None:
    site.error("/api/ticks/recent?symbol=NEW", 404, "unknown_symbol")
    site.database.merge([bar("NEW")])
    time.sleep(0.3)  # a look for unknown names is made four times a second at most
    assert site.get("/api/ticks/recent?symbol=NEW")["count"] == 1


def test_quotes_compare_with_the_close_of_the_regular_session_before(tmp_path: Path) -> None:
    site = Site(tmp_path)
    now_ms = time.time_ns() // 1_000_000 // _MINUTE_MS * _MINUTE_MS
    _, before = load_session_table(PROJECT_ROOT / "data/sessions.csv").latest_days(now_ms, 2)
    site.database.merge(
        [
            bar("AAPL", before.close_ms - 2 * _MINUTE_MS, close=99.0),
            bar("AAPL", before.close_ms - _MINUTE_MS, close=100.0),
            bar("AAPL", before.close_ms, close=90.0),  # after hours
            bar("AAPL", now_ms, close=110.0, volume=0.5),
            bar("NEW", before.open_ms - _MINUTE_MS, close=5.0),
            bar("NEW", now_ms, close=10.0),
        ]
    )
    body = site.get("/api/quotes?symbols=AAPL,NEW,NONE")
    assert body["unknown"] == ["NONE"]
    old, new = body["quotes"]
    assert (old["last"], old["reference"], old["change"], old["change_percent"]) == (
        110.0,
        "previous_close",
        10.0,
        10.0,
    )
    assert (old["day_volume"], old["timestamp"], old["tier"]) == (0.5, now_ms, "official")
    assert old["spark"] == [99.0, 100.0, 90.0, 110.0]
    assert (old["name"], new["name"]) == ("Apple Inc.", None)
    assert (new["reference"], new["reference_price"], new["change"], new["change_percent"]) == (None, None, None, None)
    site.database.close()


def test_quotes_without_symbols_are_those_of_the_running_universe(site: Site) -> None:
    assert site.get("/api/quotes")["quotes"] == []
    site.database.set_state("universe", {"symbols": ["AAPL", "NOT.YET"]})
    wait_for(lambda: [quote["symbol"] for quote in site.get("/api/quotes")["quotes"]] == ["AAPL"])


def test_of_the_whole_market_the_known_symbols_are_listed(site: Site) -> None:
    site.database.set_state("universe", {"key": "SYMBOLS", "symbols": ["*"], "unknown": [], "changed_at": 7})
    expected = ["AAPL", "BACPL", "BACpL", "BRK.B"]
    universe = site.get("/api/status")["universe"]
    assert universe == {"key": "SYMBOLS", "count": 1, "symbols": expected, "unknown": [], "changed_at": 7}
    assert [quote["symbol"] for quote in site.get("/api/quotes")["quotes"]] == expected


def test_before_ingestion_ever_ran_the_status_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path)
    body = site.get("/api/status")
    assert (body["condition"], body["reason"]) == ("down", "Ingestion has not started yet.")
    assert body["feed"] == {"name": None, "simulated": False}
    checks = site.get("/readyz", 503)["checks"]
    assert [(check["name"], check["ok"]) for check in checks] == [("database", True), ("ingest", False)]
    site.database.close()


@pytest.mark.parametrize(("is_there", "told"), [(True, "0001"), (False, "There is no database")])
def test_readyz_names_a_database_without_schema(tmp_path: Path, is_there: bool, told: str) -> None:
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1"})
    if is_there:
        sqlite_file(settings.database_url).touch()
    answer = create_app(settings).test_client().get("/readyz")
    assert answer.status_code == 503
    check = json.loads(answer.data)["checks"][0]
    assert (check["name"], check["ok"]) == ("database", False)
    assert told in check["message"]


def test_the_api_is_unavailable_and_not_broken_without_its_tables(tmp_path: Path) -> None:
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1"})
    answer = create_app(settings).test_client().get("/api/ticks/recent?symbol=AAPL")
    assert answer.status_code == 503
    assert json.loads(answer.data)["error"]["code"] == "unavailable"


def test_healthz_tells_the_version(plain_site: Site) -> None:
    assert plain_site.get("/healthz") == {"status": "ok", "version": __version__}


def test_errors_outside_the_api_are_json_too(plain_site: Site) -> None:
    plain_site.error("/nowhere", 404, "not_found")
    answer = plain_site.client.post("/api/ticks/recent")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_in_the_role_ingest_only_operations_are_served(tmp_path: Path) -> None:
    site = Site(tmp_path, ROLE="ingest")
    assert site.get("/healthz")["status"] == "ok"
    site.error("/api/ticks/recent?symbol=AAPL", 404, "not_found")
    site.error("/", 404, "not_found")
    site.database.close()


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/api/ticks/recent?symbol=AAPL"])
def test_every_answer_closes_the_doors(plain_site: Site, path: str) -> None:
    headers = plain_site.client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


def test_the_dashboard_says_that_data_are_simulated(tmp_path: Path) -> None:
    simulated, real = Site(tmp_path / "a"), Site(tmp_path / "b", MASSIVE_API_KEY="k")
    real.database.claim_feed("massive")
    assert "<title>Simulated data" in simulated.client.get("/").text
    assert "<title>Simulated data" not in real.client.get("/").text
    real.database.set_state("feed", "simulated")  # what fills the database counts, not what this process was told
    wait_for(lambda: "<title>Simulated data" in real.client.get("/").text)
    simulated.database.close()
    real.database.close()


def test_a_quote_has_the_companys_name_and_what_keeps_the_days_volume(site: Site) -> None:
    body = site.get("/api/quotes?symbols=AAPL")
    (quote,) = body["quotes"]
    assert quote["name"] == "Apple Inc."
    assert quote["recent"] == [[MINUTE + place * _MINUTE_MS, 100.0] for place in range(5)]
    after = site.get(f"/api/ticks/recent?symbol=AAPL&cursor={body['cursor']}")
    assert (after["reset"], after["more"]) == (False, False)
