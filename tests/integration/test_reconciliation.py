"""Days are compared with the real REST side of the simulator: in a run, by the command, and by a running program."""

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from flask import Flask

from src.app import build_runtime, create_app
from src.config.settings import Settings, parse_settings
from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.reconciliation import Request, RunState, date_bounds_ms
from src.core.domain.market.rest_evidence import final_from_ms
from src.core.domain.market.session import new_york_date
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.massive_rest import MassiveRest, RestConfig
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.clock import ManualClock
from src.simulator.flat_files import write_flat_file
from src.simulator.habits import FAITHFUL, RestHabits
from src.simulator.history import MarketHistory
from src.simulator.hours import Hours, always, official_hours
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import default_universe
from tests.bars import stored_bars
from tests.reconciling import Bench, Vendor
from tests.waiting import wait_for

UNIVERSE = [one for one in default_universe() if one.symbol in {"GRC", "BACpL"}]
SYMBOLS = ("BACpL", "GRC")
HABITS = RestHabits(contradict=0.05, cancel=0.02)
EARLY_CLOSE, SHORT, LONG = dt.date(2025, 11, 28), dt.date(2025, 3, 9), dt.date(2025, 11, 2)


def truth(history: MarketHistory, date: dt.date, at_ms: int) -> list[Bar]:
    """What REST has of the day at a time, in the order of the table, without tiers and stamps."""
    bars = []
    for symbol in SYMBOLS:
        for _start_ms, element in history.minutes(symbol, *date_bounds_ms(date), at_ms, ascending=True):
            one = json.loads(element)
            prices = [float(one[key]) for key in "ohlcv"]
            bars.append(Bar(symbol, one["t"], *prices, one["vw"], one["n"], 0, 0))
    return bars


def plain(bars: list[Bar]) -> list[Bar]:
    return [msgspec.structs.replace(one, tier=0, observed_at=0) for one in bars if not one.withdrawn]


def planted(told: list[Bar]) -> list[Bar]:
    """What might be stored of a day: with every kind of difference from what the vendor has in the end."""
    stored = []
    for place, one in enumerate(told):
        official = msgspec.structs.replace(one, tier=Tier.OFFICIAL.value, observed_at=1, trade_count=None)
        changes: dict[str, object] = [
            {}, {"close": one.low, "volume": one.volume + 1}, {"tier": Tier.LIVE.value, "partial": True, "volume": 1.5},
            {"tier": Tier.EARLY.value}, {"withdrawn": True}, {"vwap": None},
        ][place % 7] if place % 7 < 6 else {"symbol": ""}  # fmt: skip
        stored.append(msgspec.structs.replace(official, **changes))  # type: ignore[arg-type]  # as named
    first_ms, last_ms = date_bounds_ms(new_york_date(told[0].timestamp))
    missing = [one for one in stored if one.symbol]
    edges = [msgspec.structs.replace(missing[0], symbol="GRC", timestamp=at_ms) for at_ms in (first_ms, last_ms)]
    return [*missing, *edges]


@pytest.mark.parametrize(
    ("date", "hours"),
    [(EARLY_CLOSE, official_hours()), (SHORT, always), (LONG, always)],
    ids=["early", "short", "long"],
)
def test_whatever_was_wrong_with_a_day_it_is_the_vendors_afterwards(
    sqlite_database_url: str, date: dt.date, hours: Hours
) -> None:
    now_ms = final_from_ms(date_bounds_ms(date)[0])
    source = LiveSource(SyntheticMarket(7, UNIVERSE, hours=hours), HABITS)
    bench = Bench(sqlite_database_url, Vendor(), now_ms)
    # What the feed told lacks the corrections of later, and has what was cancelled.
    bench.submit(planted(truth(MarketHistory(SyntheticMarket(7, UNIVERSE, hours=hours)), date, now_ms)))
    with SimulatorServer(source, clock=ManualClock(now_ms)) as server:
        config = RestConfig(server.rest_url, "key", RequestRate(100, 1))
        bench.vendor = MassiveRest(config, bench.clock, bench.database.clock.stamp)  # type: ignore[assignment]  # the real one
        run = bench.run(Request("one", date, SYMBOLS, None))
        assert (run.state, run.failed) == (RunState.DONE, {})
        assert min(run.added, run.differed, run.withdrawn) > 0
        stored = stored_bars(sqlite_database_url)
        assert plain(stored) == truth(source.history, date, now_ms)
        assert {one.tier for one in stored} == {Tier.FINAL}
        again = bench.run(Request("two", date, SYMBOLS, None))
        assert (again.added, again.differed, again.withdrawn) == (0, 0, 0)
        assert stored_bars(sqlite_database_url) == stored
    bench.close()


def test_a_days_flat_file_says_the_same_as_rest_but_for_the_vwap(sqlite_database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "day.csv.gz"
    write_flat_file(path, "minute", EARLY_CLOSE, UNIVERSE, seed=7, hours=official_hours(), habits=HABITS)
    now_ms = final_from_ms(date_bounds_ms(EARLY_CLOSE)[0]) + 2 * 86_400_000
    history = MarketHistory(SyntheticMarket(7, UNIVERSE, hours=official_hours()), HABITS)
    told = truth(history, EARLY_CLOSE, now_ms)
    bench = Bench(sqlite_database_url, Vendor(), now_ms)
    bench.submit(planted(told))
    assert bench.run(Request("one", EARLY_CLOSE, SYMBOLS, str(path))).state is RunState.DONE
    stored = plain(stored_bars(sqlite_database_url))
    assert [msgspec.structs.replace(one, vwap=None) for one in stored] == [
        msgspec.structs.replace(one, vwap=None) for one in told
    ]
    with_vwap = [(one.vwap, other.vwap) for one, other in zip(stored, told, strict=True) if one.vwap is not None]
    assert len(with_vwap) > len(told) / 3
    assert all(mine == vendors for mine, vendors in with_vwap)
    bench.close()


# -- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(LiveSource(SyntheticMarket(7, UNIVERSE), FAITHFUL)) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, sqlite_database_url: str, simulator: SimulatorServer) -> Settings:
    keys = {"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url, "SYMBOLS": "GRC,BACpL"}
    return parse_settings({**keys, "SIMULATOR_PORT": str(simulator.port), "BACKFILL_DAYS": "0"})


@pytest.fixture
def app(settings: Settings) -> Flask:
    return create_app(settings)


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["reconcile", *arguments])
    return result.exit_code, result.output


def some_days_ago() -> dt.date:
    return new_york_date(SystemClock().now_ms()) - dt.timedelta(days=3)


def store(url: str, *bars: Bar) -> None:
    database = TickStockDatabase(write_engine(url), SystemClock().now_us)
    database.merge(bars)
    database.close()


def official(url: str, date: dt.date, symbols: tuple[str, ...]) -> list[Bar]:
    history = MarketHistory(SyntheticMarket(7, UNIVERSE))
    return [one for one in truth(history, date, SystemClock().now_ms()) if one.symbol in symbols]


def bar_of(symbol: str, date: dt.date) -> Bar:
    return Bar(symbol, date_bounds_ms(date)[0] + 600 * MINUTE_MS, 1.0, 2.0, 1.0, 2.0, 5.0, None, None, 0, 1)


def test_the_command_compares_by_itself_where_nobody_ingests(app: Flask, settings: Settings) -> None:
    date, url = some_days_ago(), settings.database_url
    store(url, bar_of("GRC", date))
    status, said = run(app, "--date", str(date), "--symbols", "grc")
    told = official(url, date, ("GRC",))
    assert (status, "bars of 1 symbols compared" in said) == (0, True), said
    assert plain(stored_bars(url)) == told
    before = stored_bars(url)
    status, said = run(app, "--date", str(date), "--symbols", "GRC")
    assert (status, "0 were missing, 0 had other values, 0 are withdrawn." in said) == (0, True), said
    assert stored_bars(url) == before


def test_the_command_reads_a_flat_file_without_a_rest_side(
    tmp_path: Path, sqlite_database_url: str, settings: Settings
) -> None:
    date, path = some_days_ago(), tmp_path / "day.csv.gz"
    store(sqlite_database_url, bar_of("GRC", date))
    write_flat_file(path, "minute", date, UNIVERSE, seed=7, hours=always, habits=FAITHFUL)
    keys = {"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url}
    status, said = run(create_app(parse_settings(keys)), "--date", str(date), "--file", str(path))
    assert status == 0, said
    expected = [msgspec.structs.replace(one, vwap=None) for one in official(sqlite_database_url, date, ("GRC",))]
    assert plain(stored_bars(sqlite_database_url)) == expected


def test_what_the_command_cannot_do_is_said(app: Flask, settings: Settings, tmp_path: Path) -> None:
    date = str(some_days_ago())
    today = str(new_york_date(SystemClock().now_ms()))
    nobody = create_app(parse_settings({"DATABASE_URL": settings.database_url}))
    for where, arguments, reason in (
        (app, ("--date", "soon"), "--date is a New York date such as 2025-11-20, not 'soon'."),
        (app, ("--date", today), f"{today} is not over: it can be compared from"),
        (app, ("--date", date, "--symbols", "AAPL,NOPE"), "This database knows no symbol NOPE."),
        (app, ("--date", date, "--symbols", ","), "This database knows no symbol ','."),
        (app, ("--date", date, "--universe", "nope"), "There is no universe nope. There are DIA,"),
        (app, ("--date", date, "--universe", "dow30", "--symbols", "AAPL"), "exclude each other"),
        (app, ("--date", date, "--file", str(tmp_path / "none")), "cannot be read (No such file or directory)"),
        (nobody, ("--date", date), "SIMULATOR_PORT does not say where a simulator listens"),
    ):
        status, said = run(where, *arguments)
        assert status != 0
        assert reason in said


def test_symbols_that_fail_are_listed_and_the_status_is_1(app: Flask, settings: Settings, tmp_path: Path) -> None:
    date, path = some_days_ago(), tmp_path / "day.csv.gz"
    store(settings.database_url, bar_of("GRC", date))
    with gzip.open(path, "wt") as file:
        start_ns = date_bounds_ms(date)[0] * 1_000_000
        file.write("ticker,volume,open,close,high,low,window_start,transactions\n")
        file.write(f"GRC,many,1,1,1,1,{start_ns},1\n")
    status, said = run(app, "--date", str(date), "--symbols", "GRC", "--file", str(path))
    assert status == 1
    assert "1 symbols could not be compared: GRC." in said
    assert "- GRC: Line 2 of the file cannot be right: could not convert" in said
    assert "What is left of it is done by the same command." in said


def test_the_command_has_the_process_that_ingests_compare(app: Flask, settings: Settings, tmp_path: Path) -> None:
    date, url = some_days_ago(), settings.database_url
    store(url, bar_of("GRC", date), bar_of("BACpL", date))
    service = build_runtime(settings)
    assert service is not None
    service.start()
    try:
        log = DatabaseReconciliations(read_engine(url), row_engine(url))
        wait_for(lambda: log.kept_symbols(*date_bounds_ms(date)).symbols == ("BACpL", "GRC"))
        wait_for(lambda: (service.snapshot()["reconciliation"]["last"] or {}).get("date") == str(date))
        day = [one for one in stored_bars(url) if one.timestamp <= date_bounds_ms(date)[1]]
        assert plain(day) == official(url, date, ("BACpL", "GRC"))
        store(url, msgspec.structs.replace(bar_of("GRC", date), tier=Tier.FINAL.value, observed_at=2 * 10**15))
        status, said = run(app, "--date", str(date), "--symbols", "GRC")
        assert "Another process ingests into this database: it is asked to do this." in said
        assert f"{date} will be compared." in said
        assert (status, "had other values" in said) == (0, True), said
        status, said = run(app, "--date", str(date), "--file", str(tmp_path / "none"))
        assert status == 1
        assert "The process that ingests says: " in said
        assert "cannot be read (No such file or directory)" in said
    finally:
        service.stop()
