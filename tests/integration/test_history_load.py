"""`flask history load` against the simulator's real REST side: alone, killed in the middle, and beside a service."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from src.app import build_runtime, create_app
from src.config.settings import PROJECT_ROOT, Settings, parse_settings
from src.core.domain.market.history import Load, LoadState
from src.core.domain.market.session import new_york_date
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.history_store import DatabaseHistory
from src.simulator.server import SimulatorServer
from tests.bars import stored_bars, stored_days
from tests.past_market import PastMarket
from tests.waiting import wait_for

SYMBOLS = [f"S{number:02}" for number in range(16)]
LISTED, SATURDAY = dt.date(2024, 1, 1), 5


@pytest.fixture
def market() -> PastMarket:
    return PastMarket(dict.fromkeys(SYMBOLS, LISTED))


@pytest.fixture
def simulator(market: PastMarket) -> Iterator[SimulatorServer]:
    with SimulatorServer(market) as server:
        yield server


@pytest.fixture
def keys(tmp_path: Path, sqlite_database_url: str, simulator: SimulatorServer) -> dict[str, str]:
    return {
        "DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url, "SYMBOLS": "S00,S01",
        "SIMULATOR_PORT": str(simulator.port), "BACKFILL_DAYS": "0", "USE_MASSIVE_API": "false",
    }  # fmt: skip


@pytest.fixture
def settings(keys: dict[str, str]) -> Settings:
    return parse_settings(keys)


def run(settings: Settings, *arguments: str) -> tuple[int, str]:
    result = create_app(settings).test_cli_runner().invoke(args=["history", *arguments])
    return int(result.exit_code), result.output


def newest(settings: Settings) -> Load | None:
    reader, writer = read_engine(settings.database_url), row_engine(settings.database_url)
    found = DatabaseHistory(reader, writer).newest(1)
    reader.dispose()
    writer.dispose()
    return found[0] if found else None


def weeks_ago() -> dt.date:
    """So few days ago that a page holds them."""
    return new_york_date(SystemClock().now_ms()) - dt.timedelta(days=25)


def weekdays(load: Load | None) -> int:
    """How many a load is about."""
    assert load is not None
    assert load.from_date is not None
    assert load.to_date is not None
    ordinals = range(load.from_date.toordinal(), load.to_date.toordinal() + 1)
    return sum(dt.date.fromordinal(ordinal).weekday() < SATURDAY for ordinal in ordinals)


def test_days_and_minutes_are_loaded_once(settings: Settings, market: PastMarket) -> None:
    for timespan, stored, each in (("day", stored_days, 1), ("minute", stored_bars, 3)):
        arguments = ("load", "--symbols", "S00,s01", "--from", str(weeks_ago()), "--timespan", timespan)
        status, said = run(settings, *arguments)
        assert (status, "are to be asked for in" in said) == (0, True), said
        assert len(stored(settings.database_url)) == 2 * each * weekdays(newest(settings))
        market.asked.clear()
        status, said = run(settings, *arguments)
        assert (status, "There was nothing to ask for" in said) == (0, True), said
        assert market.asked == []
    status, said = run(settings, "loads")
    assert "done: minutes of 2 symbols, " in said


def test_what_cannot_be_loaded_is_said(settings: Settings) -> None:
    for arguments, reason in (
        (("--symbols", "S00", "--from", "2090-01-01"), "Nothing can be loaded from 2090-01-01 on"),
        (("--symbols", "S00", "--from", "soon"), "--from is a New York date such as 2025-11-20, not 'soon'."),
        (("--symbols", "S00", "--from", "2025-02-01", "--to", "2025-01-01"), "--to (2025-01-01) lies before --from"),
        (("--symbols", ",", "--from", "2025-01-01"), "--symbols is a list such as AAPL,MSFT, not ','."),
        (("--symbols", "A B", "--from", "2025-01-01"), "'A B' is not a ticker"),
        (("--from", "2025-01-01"), "--universe or --symbols says what is to be loaded"),
        (("--universe", "nope", "--from", "2025-01-01"), "There is no universe nope"),
    ):
        status, said = run(settings, "load", *arguments, "--timespan", "day")
        assert status != 0
        assert reason in said, said
    assert "is no load that waits or runs" in run(settings, "cancel", "1234")[1]
    assert "No history was loaded yet." in run(settings, "loads")[1]


def command(keys: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **keys, "FLASK_APP": "src.app:create_app"}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "history", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def asked_twice(asked: Sequence[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
    return {page: count for page, count in Counter(asked).items() if count > 1}


def test_a_load_that_is_killed_goes_on_and_asks_for_nothing_twice(
    keys: dict[str, str], settings: Settings, market: PastMarket
) -> None:
    load = ("load", "--symbols", ",".join(SYMBOLS), "--from", str(weeks_ago()), "--timespan", "day")
    reached, go_on = threading.Event(), threading.Event()
    market.at_page = lambda count: (reached.set(), go_on.wait(60)) if count == 8 else None
    process = command(keys, *load)
    assert reached.wait(60)
    os.kill(process.pid, signal.SIGKILL)  # while its request is under way
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    go_on.set()
    kept = newest(settings)
    assert kept is not None
    assert (kept.state, 0 < kept.units_done < kept.units_total) == (LoadState.RUNNING, True)
    status, said = run(settings, *load)
    assert status == 0, said
    ended = newest(settings)
    assert ended is not None
    assert (ended.id, ended.state, ended.units_done) == (kept.id, LoadState.DONE, kept.units_total)
    assert len(stored_days(settings.database_url)) == len(SYMBOLS) * weekdays(newest(settings))
    # The request that was under way had no answer, and so is asked for again; what was answered is not.
    assert list(asked_twice(market.asked).values()) in ([], [2])
    assert set(asked_twice(market.asked)) <= {market.asked[7]}


def test_a_service_does_it_and_goes_on_after_a_restart(settings: Settings, market: PastMarket) -> None:
    service = build_runtime(settings)
    assert service is not None
    service.start()
    answer: list[tuple[int, str]] = []
    reached, go_on = threading.Event(), threading.Event()
    arguments = ("load", "--symbols", ",".join(SYMBOLS[:9]), "--from", str(weeks_ago()), "--timespan", "minute")
    try:
        wait_for(lambda: service.snapshot()["connection"]["status"] == "connected")
        market.asked.clear()
        market.at_page = lambda count: (reached.set(), go_on.wait(60)) if count == 5 else None
        asking = threading.Thread(target=lambda: answer.append(run(settings, *arguments)))
        asking.start()
        assert reached.wait(60)
        assert service.snapshot()["history"]["state"] == "running"
    finally:
        go_on.set()
        service.stop()
    again = build_runtime(settings)
    assert again is not None
    again.start()
    try:
        asking.join(60)
        status, said = answer[0]
        assert (status, "Another process ingests into this database: it is asked to do this." in said) == (0, True)
        assert "It will be loaded, when no gap waits to be repaired." in said
    finally:
        again.stop()
    assert set(asked_twice(market.asked)) <= {market.asked[4]}
    assert len(stored_bars(settings.database_url)) == 9 * 3 * weekdays(newest(settings))
