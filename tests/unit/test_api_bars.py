"""`GET /api/bars` over real databases: periods, adjustment, paging, CSV, gzip, and clients that hang up."""

import csv
import datetime as dt
import gzip
import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.market.bar import Tier
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tables import corporate_actions
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, day
from tests.daily_files import SPLITS, daily_bars, daily_rows, has_daily_files

FIRST = dt.date(2025, 11, 17)  # a Monday


class Site:
    """The web half over a database of its own."""

    def __init__(self, tmp_path: Path, url: str) -> None:
        settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", "DATABASE_URL": url})
        self.engine = write_engine(settings.database_url)
        self.database = TickStockDatabase(self.engine, lambda: time.time_ns() // 1000)
        self.database.claim_feed("massive")
        self.app: Flask = create_app(settings)
        self.client = self.app.test_client()

    def get(self, query: str, status: int = 200) -> Any:
        answer = self.client.get(f"/api/bars?{query}")
        assert answer.status_code == status, answer.text
        return json.loads(answer.data)

    def rows(self, query: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.client.get(f"/api/bars?format=csv&{query}").text)))

    def act(self, symbol: str, date: dt.date, **values: object) -> None:
        row = {"id": f"{symbol}{date}", "symbol": symbol, "date": date, "source": "rest", "loaded_ms": 0, **values}
        with self.engine.begin() as connection:
            connection.execute(insert(corporate_actions), row)


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    site = Site(tmp_path, database_url)
    yield site
    site.database.close()


@pytest.fixture
def lite(tmp_path: Path, sqlite_database_url: str) -> Iterator[Site]:
    """For what does not depend on the database."""
    site = Site(tmp_path, sqlite_database_url)
    yield site
    site.database.close()


def starts(answer: Any) -> list[int]:
    return [one["timestamp"] for one in answer["bars"]]


def test_minutes_hours_days_and_weeks_come_out_of_either_database(site: Site) -> None:
    minutes = [bar(timestamp=MINUTE + number * 60_000, observed_at=number) for number in range(90)]
    site.database.merge([*minutes, bar(timestamp=MINUTE - 60_000, withdrawn=True), bar("IBM")])
    days = [day(date=FIRST + dt.timedelta(days=number), close=100.0 + number) for number in range(5)]
    site.database.merge_daily([*days, day(date=FIRST + dt.timedelta(days=7), withdrawn=True)])
    assert starts(site.get("symbol=AAPL&from=2025-11-20&to=2025-11-20")) == [one.timestamp for one in minutes]
    hours = site.get("symbol=aapl&timeframe=1h&from=2025-11-20&to=2025-11-20")
    assert [(one["timestamp"], one["volume"]) for one in hours["bars"]] == [
        (MINUTE, 6000.0),
        (MINUTE + 3_600_000, 3000.0),
    ]
    found = site.get("symbol=AAPL&timeframe=1d&from=2025-11-18&to=2025-12-31")
    assert [(one["date"], one["close"], one["tier"]) for one in found["bars"]] == [
        (f"2025-11-{18 + number}", 101.0 + number, "official") for number in range(4)
    ]
    (week,) = site.get("symbol=AAPL&timeframe=1w&from=2025-11-19&to=2025-11-19")["bars"]
    assert (week["date"], week["open"], week["close"], week["volume"]) == ("2025-11-17", 99.5, 104.0, 500.0)


def test_an_adjusted_answer_is_in_todays_shares_and_what_is_stored_stays(site: Site) -> None:
    site.database.merge_daily([day(date=FIRST, close=100.0), day(date=FIRST + dt.timedelta(days=1), close=25.0)])
    site.database.merge([bar(timestamp=MINUTE - 3 * 86_400_000, close=100.0)])
    site.act("AAPL", FIRST + dt.timedelta(days=1), kind="split", split_from=1, split_to=4)
    site.act("AAPL", FIRST + dt.timedelta(days=2), kind="dividend", amount=1, currency="USD")
    site.act("AAPL", FIRST - dt.timedelta(days=60), kind="dividend", amount=1, currency="USD")  # no close before it
    site.act("AAPL", dt.date(9000, 1, 1), kind="dividend", amount=1, currency="USD")  # announced
    where = "symbol=AAPL&timeframe=1d&from=2025-11-17"
    assert [one["close"] for one in site.get(where)["bars"]] == [100.0, 25.0]
    adjusted = site.get(f"{where}&adjusted=true")["bars"]
    assert [(one["close"], one["volume"]) for one in adjusted] == [(25.0, 400.0), (25.0, 100.0)]
    everything = site.get(f"{where}&adjusted=all")
    assert [one["close"] for one in everything["bars"]] == [24.0, 24.0]
    assert [one["date"] for one in everything["not_applied"]] == ["2025-09-18"]
    (minute,) = site.get("symbol=AAPL&from=2025-11-17&to=2025-11-17&adjusted=true")["bars"]
    assert (minute["close"], minute["volume"]) == (25.0, 400.0)
    (week,) = site.get(f"{where.replace('1d', '1w')}&adjusted=true")["bars"]
    assert (week["open"], week["close"], week["volume"]) == (24.875, 25.0, 500.0)


def test_a_cut_answer_goes_on_with_its_cursor_and_nothing_is_told_twice(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000, observed_at=number) for number in range(100)])
    for where, width in (("timeframe=1m", 1), ("timeframe=15m", 15)):
        found: list[int] = []
        cursor = ""
        while True:
            answer = lite.get(f"symbol=AAPL&{where}&from=2025-11-20&limit=3{cursor}")
            found += starts(answer)
            if not answer["more"]:
                assert answer["cursor"] is None
                break
            assert answer["count"] == 3
            cursor = f"&cursor={answer['cursor']}"
        assert found == list(range(MINUTE, MINUTE + 100 * 60_000, width * 60_000))
    days = [day(date=FIRST + dt.timedelta(days=number)) for number in range(20)]
    lite.database.merge_daily(days)
    first = lite.rows("symbol=AAPL&timeframe=1w&from=2025-11-17&limit=1")
    rest = lite.rows(f"symbol=AAPL&timeframe=1w&from=2025-11-17&cursor={first[-1]['timestamp']}")
    assert [row["date"] for row in first + rest] == ["2025-11-17", "2025-11-24", "2025-12-01"]


def test_an_answer_of_exactly_the_limit_says_that_there_is_no_more(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(1_000)])
    answer = lite.get("symbol=AAPL&from=2025-11-20&limit=1000")
    assert (answer["count"], answer["more"], answer["cursor"]) == (1000, False, None)
    answer = lite.get("symbol=AAPL&from=2025-11-20&limit=999")
    assert (answer["count"], answer["more"], answer["cursor"]) == (999, True, str(answer["bars"][-1]["timestamp"]))


def test_a_period_is_told_whole_even_where_the_bounds_cut_it(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(120)])
    within = MINUTE + 30 * 60_000
    (hour,) = lite.get(f"symbol=AAPL&timeframe=1h&from={within}&to={within + 1}")["bars"]
    assert (hour["timestamp"], hour["volume"]) == (MINUTE, 6000.0)


def test_the_regular_session_alone(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in (-1, 0, 389, 390)])
    found = lite.get("symbol=AAPL&from=2025-11-20&to=2025-11-20&session=regular")
    assert starts(found) == [MINUTE, MINUTE + 389 * 60_000]


def test_csv_has_every_digit_and_nothing_for_what_is_absent(lite: Site) -> None:
    values: dict[str, Any] = {"volume": 1234.567891, "vwap": 0.0000001, "trade_count": 12}
    lite.database.merge([bar(close=150.123456789012, **values), bar("BRK.B", vwap=None, volume=1e14)])
    answer = lite.client.get("/api/bars?symbol=AAPL&from=2025-11-20&format=csv")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="AAPL_1m.csv"'
    assert answer.text == (
        "symbol,timestamp,date,open,high,low,close,volume,vwap,trade_count,tier,partial\n"
        f"AAPL,{MINUTE},2025-11-20,149.623456789012,151.123456789012,149.123456789012,150.123456789012,"
        "1234.567891,0.0000001,12,official,false\n"
    )
    (row,) = lite.rows("symbol=BRK.B&from=2025-11-20")
    assert (row["volume"], row["vwap"], row["trade_count"]) == ("100000000000000", "", "")


def test_gzip_is_for_who_accepts_it(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(3_000)])
    where = "/api/bars?symbol=AAPL&from=2025-11-20"
    plain = lite.client.get(where)
    packed = lite.client.get(where, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in lite.client.get(where, headers={"Accept-Encoding": "gzip;q=0"}).headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 5


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Give one ticker, such as symbol=AAPL."),
        ("symbol=AAPL,MSFT", "Give one ticker"),
        ("symbols=AAPL", "no parameter 'symbols'"),
        ("symbol=AAPL&timeframe=2m", "allowed are 1m, 5m, 15m, 1h, 1d and 1w"),
        ("symbol=AAPL&adjusted=yes", "allowed are false, true and all"),
        ("symbol=AAPL&session=post", "allowed are all and regular"),
        ("symbol=AAPL&format=xml", "allowed are json and csv"),
        ("symbol=AAPL&limit=50001", "from 1 to 50000"),
        ("symbol=AAPL&from=2025-11-21&to=2025-11-20", "from lies after to"),
        ("symbol=AAPL&from=9000-01-01", "from lies in the future"),
        ("symbol=AAPL&from=2025-02-30", "no such date"),
        ("symbol=AAPL&to=9999-12-31", "no such date"),
        ("symbol=AAPL&from=yesterday", "from is 'yesterday'"),
        ("symbol=AAPL&cursor=x", "what an answer gave"),
    ],
)
def test_what_cannot_be_asked_says_what_can(lite: Site, query: str, says: str) -> None:
    lite.database.merge([bar()])
    assert says in lite.get(query, 400)["error"]["message"]


def test_an_unknown_symbol_is_404(lite: Site) -> None:
    assert lite.get("symbol=NONE", 404)["error"]["code"] == "unknown_symbol"


def test_a_range_without_bars_is_empty(lite: Site) -> None:
    lite.database.merge([bar()])
    answer = lite.get("symbol=AAPL&from=1970-01-01&to=1990-01-01")
    assert (answer["bars"], answer["count"], answer["more"]) == ([], 0, False)
    assert lite.rows("symbol=AAPL&from=1970-01-01&to=1990-01-01") == []


def test_a_client_that_hangs_up_leaves_no_connection_behind(site: Site) -> None:
    site.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(9_000)])
    answer = site.client.get("/api/bars?symbol=AAPL&from=2025-11-01&limit=9000", buffered=False)
    next(iter(answer.response))
    # Nothing holds a snapshot while the client reads: the bars can be replaced and the table be altered.
    with site.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ohlcv_1min RENAME TO elsewhere")
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO ohlcv_1min")
    answer.close()
    assert site.get("symbol=AAPL&from=2025-11-01&limit=1")["count"] == 1


def test_a_database_that_goes_away_in_the_middle_breaks_the_answer_off(lite: Site) -> None:
    lite.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(9_000)])
    answer = lite.client.get("/api/bars?symbol=AAPL&from=2025-11-01&limit=9000", buffered=False)
    pieces = iter(answer.response)
    next(pieces)
    with lite.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ohlcv_1min RENAME TO elsewhere")
    with pytest.raises(Exception, match="not available"):
        list(pieces)
    assert lite.get("symbol=AAPL&from=2025-11-01", 503)["error"]["code"] == "unavailable"


# -- real days -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not has_daily_files(), reason="there are no real daily files: set TEST_DATA_DIR")
def test_real_daily_files_round_trip_exactly_and_their_splits_leave_no_jump(site: Site) -> None:
    for symbol in ("AAPL", "IBM"):
        site.database.merge_daily(daily_bars(symbol))
        for name, date, old, new in SPLITS:
            if name == symbol:
                site.act(symbol, date, kind="split", split_from=old, split_to=new)
        where = f"symbol={symbol}&timeframe=1d&from=1998-01-01&to=2021-12-31&limit=50000"
        told = [
            tuple(row[name] for name in ("date", "open", "high", "low", "close", "volume")) for row in site.rows(where)
        ]
        expected = daily_rows(symbol)
        assert [row[0] for row in told] == [row.date for row in expected]
        numbers = [[Decimal(text) for text in row[1:]] for row in told]
        assert numbers == [[Decimal(text) for text in row[1:]] for row in expected]
        closes = {row["date"]: float(row["close"]) for row in site.rows(f"{where}&adjusted=true")}
        dates = sorted(closes)
        for name, date, *_ratio in SPLITS:
            if name == symbol:
                before = dates[dates.index(date.isoformat()) - 1]
                assert abs(closes[date.isoformat()] / closes[before] - 1) < 0.25


def test_a_tier_of_a_stored_day_is_told(lite: Site) -> None:
    lite.database.merge_daily([day(date=FIRST, tier=Tier.LIVE.value, partial=True)])
    (found,) = lite.get("symbol=AAPL&timeframe=1d&from=2025-11-17&to=2025-11-17")["bars"]
    assert (found["tier"], found["partial"]) == ("live", True)
