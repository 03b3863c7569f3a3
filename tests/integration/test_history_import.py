"""Flat files are imported by the command: read by one process, stored by another."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import Result

from src import cli_history_import
from src.app import build_runtime, create_app
from src.cli_owner import own_store
from src.config.settings import PROJECT_ROOT, Settings, parse_settings
from src.core.domain.market.bar import Tier
from src.core.domain.market.history import Load, LoadState, Timespan
from src.core.errors import FlatFileError
from src.core.history_ports import STOPPED_STATUS
from src.core.ports import Clock
from src.import_process import ChildProcess, starter
from src.infrastructure.data_sources.flat_file_process import reading
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.habits import FAITHFUL
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import default_universe
from tests.bars import MINUTE, reader_of, stored_bars
from tests.flat_files import line, write
from tests.waiting import wait_for

UNIVERSE = [one for one in default_universe() if one.symbol == "GRC"]

LINES = [line(ticker, minute) for ticker in ("AAPL", "BACpL") for minute in range(3)]


def run(url: str, tmp_path: Path, *files: str) -> Result:
    """`flask history import` in this process."""
    app = create_app(parse_settings({"DATA_DIR": str(tmp_path), "DATABASE_URL": url}))
    return app.test_cli_runner().invoke(args=["history", "import", *files])


def test_files_are_imported_and_what_became_of_them_is_told(sqlite_database_url: str, tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv.gz", LINES)
    with_bad_rows = write(tmp_path / "bad rows.csv.gz", [line("IBM"), line("IBM", 1, high="1"), line("IBM", 2)])
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(Path(good).read_bytes()[:-9])
    result = run(sqlite_database_url, tmp_path, good, str(cut), with_bad_rows, good)
    assert result.exit_code == 1
    assert "Of 3 files 2 were loaded, 0 are empty, 1 failed; 8 bars were read, and 8 of them" in result.output
    assert f"1 rows of {with_bad_rows} cannot be right and were left out. Line 3: The bar IBM" in result.output
    assert f"- {cut}: {cut} cannot be read (Compressed file ended" in result.output
    assert [bar.symbol for bar in stored_bars(sqlite_database_url)] == ["AAPL"] * 3 + ["BACpL"] * 3 + ["IBM"] * 2
    log = DatabaseHistory(read_engine(sqlite_database_url), row_engine(sqlite_database_url))
    (load,) = log.newest(2)
    assert load.files == (good, str(cut), with_bad_rows)
    assert (load.units_done, load.units_failed, load.bars, load.written) == (2, 1, 8, 8)
    again = run(sqlite_database_url, tmp_path, good)
    assert again.exit_code == 0
    assert "6 bars were read, and 0 of them" in again.output


def test_what_is_no_file_is_said_before_anything_begins(sqlite_database_url: str, tmp_path: Path) -> None:
    result = run(sqlite_database_url, tmp_path, write(tmp_path / "day.csv.gz", LINES), "nowhere.csv.gz")
    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no file ")
    assert stored_bars(sqlite_database_url) == []


def test_the_process_that_ingests_has_files_imported_beside_it(sqlite_database_url: str, tmp_path: Path) -> None:
    with SimulatorServer(LiveSource(SyntheticMarket(7, UNIVERSE), FAITHFUL)) as simulator:
        keys = {"SYMBOLS": "GRC", "SIMULATOR_PORT": str(simulator.port), "BACKFILL_DAYS": "0"}
        settings = parse_settings({"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url, **keys})
        service = build_runtime(settings)
        assert service is not None
        service.start()
        try:
            reader = reader_of(sqlite_database_url)
            wait_for(lambda: reader.state("status"))
            result = run(sqlite_database_url, tmp_path, write(tmp_path / "day.csv.gz", LINES))
            assert "It will be imported beside the feed." in result.output
            assert "6 bars were read, and 6 of them were not stored like this before." in result.output
            assert result.exit_code == 0, result.output
            imported = [one for one in stored_bars(sqlite_database_url) if one.timestamp < MINUTE + 180_000]
            assert [one.symbol for one in imported] == ["AAPL"] * 3 + ["BACpL"] * 3
            assert {one.tier for one in imported} == {Tier.FINAL}
        finally:
            service.stop()


def test_an_import_that_was_interrupted_goes_on_with_the_files_that_are_left(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    log = DatabaseHistory(read_engine(sqlite_database_url), row_engine(sqlite_database_url))
    files = tuple(write(tmp_path / f"{name}.csv.gz", [line(name)]) for name in ("A", "B", "C", "D"))
    load = Load("one", "files", Timespan.MINUTE, None, files, None, None, "somebody", LoadState.RUNNING, 1)
    load = load.going_on(4).with_unit(1, 1).with_failure(files[1], "It was cut off.")
    log.begin(load)
    child = starter(sqlite_database_url)("one")
    wait_for(lambda: ended_with(child) == 0)
    done = log.find("one")
    assert done is not None
    assert (done.state, done.units_total, done.units_done, done.failures) == (LoadState.DONE, 4, 4, {})
    assert [bar.symbol for bar in stored_bars(sqlite_database_url)] == ["B", "C", "D"]


def test_it_lets_go_of_the_database_between_files(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_history_import, "_TURN_S", -1.0)
    monkeypatch.setattr(cli_history_import, "_BETWEEN_TURNS_S", 0.0)
    turns = []

    def own(settings: Settings, clock: Clock) -> AbstractContextManager[TickStockDatabase]:
        turns.append(clock)
        return own_store(settings, clock)

    monkeypatch.setattr(cli_history_import, "own_store", own)
    bad = [line(minute=1, high="1")]
    files = [write(tmp_path / f"{name}.csv.gz", [line(name), *bad]) for name in ("A", "B", "C")]
    result = run(sqlite_database_url, tmp_path, *files)
    assert result.exit_code == 0, result.output
    assert len(turns) == 3
    assert "Of 3 files 3 were loaded, 0 are empty, 0 failed; 3 bars were read, and 3 of them" in result.output
    assert result.output.count("cannot be right and were left out") == 3
    assert [bar.symbol for bar in stored_bars(sqlite_database_url)] == ["A", "B", "C"]


def test_the_same_command_after_a_kill_begins_anew_and_ends_what_was_killed(
    sqlite_database_url: str, tmp_path: Path
) -> None:
    log = DatabaseHistory(read_engine(sqlite_database_url), row_engine(sqlite_database_url))
    files = tuple(write(tmp_path / f"{name}.csv.gz", [line(name)]) for name in ("A", "B"))
    killed = Load("one", "files", Timespan.DAY, None, files, None, None, "somebody", LoadState.RUNNING, 1)
    log.begin(killed.going_on(2).with_unit(1, 1))
    assert run(sqlite_database_url, tmp_path, *files).exit_code == 0
    ended = log.find("one")
    assert ended is not None
    assert (ended.state, ended.detail) == (LoadState.FAILED, "It was interrupted, and begun anew.")
    assert [bar.symbol for bar in stored_bars(sqlite_database_url)] == ["A", "B"]


def test_a_process_waits_for_a_database_that_is_away_and_can_be_told_to_stop(
    sqlite_database_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = DatabaseHistory(read_engine(sqlite_database_url), row_engine(sqlite_database_url))
    files = (write(tmp_path / "day.csv.gz", LINES),)
    log.begin(Load("one", "files", Timespan.MINUTE, None, files, None, None, "somebody", LoadState.RUNNING, 1))
    there = Path(sqlite_database_url.removeprefix("sqlite:///"))
    away = there.rename(tmp_path / "away.db")

    def begin() -> ChildProcess:
        child = starter(sqlite_database_url)("one")
        wait_for(lambda: "The import waits." in capfd.readouterr().err)
        return child

    stopped, waiting = begin(), begin()
    stopped._process.terminate()
    wait_for(lambda: ended_with(stopped) == STOPPED_STATUS)
    away.rename(there)
    wait_for(lambda: ended_with(waiting) == 0)
    assert len(stored_bars(sqlite_database_url)) == 6


def ended_with(child: ChildProcess) -> int | None:
    try:
        return child.wait(0.1)
    except TimeoutError:
        return None


def test_a_reading_process_that_dies_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(FlatFileError, match=r"ended before it was done \(status 1\)"),
        reading([(write(tmp_path / "day.csv.gz", LINES), 1)], "no such database", 100, PROJECT_ROOT) as messages,
    ):
        list(messages)
