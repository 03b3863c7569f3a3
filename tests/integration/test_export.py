"""`flask export` writes what the API tells, whole or not at all."""

import csv
import datetime as dt
import gzip
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from src.cli_export import export_command
from src.config.settings import parse_settings
from src.core.domain.market.aggregation import whole_day
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tables import corporate_actions
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.presentation.api.bars_text import CSV_HEADER, columns_of
from tests.bars import MINUTE, bar, day

FIRST = dt.date(2025, 11, 17)


class Exporting:
    """A database, and the command on it, which writes into `folder`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": url, "SIMULATOR_PORT": "1"})
        self.database = TickStockDatabase(write_engine(self.settings.database_url), lambda: MINUTE * 1000)
        self.database.claim_feed("massive")
        self.database.merge([bar(timestamp=MINUTE + number * 60_000) for number in range(90)])
        self.database.merge([bar("BRK.B", timestamp=MINUTE - 60_000, vwap=None, volume=0.5)])
        self.database.merge_daily([day(date=FIRST + dt.timedelta(days=number), close=100.0) for number in range(3)])

    def run(self, file: str, *options: str, symbols: str = "AAPL") -> Result:
        arguments = [str(self.folder / file), "--symbols", symbols, *options]
        return CliRunner().invoke(export_command(self.settings), arguments)


@pytest.fixture
def exporting(tmp_path: Path, sqlite_database_url: str) -> Iterator[Exporting]:
    exporting = Exporting(tmp_path, sqlite_database_url)
    yield exporting
    exporting.database.close()


def test_minutes_of_several_symbols_as_csv(exporting: Exporting) -> None:
    done = exporting.run("bars.csv", "--from", "2025-11-20", symbols="aapl,BRK-B")
    assert done.exit_code == 0, done.output
    assert "91 bars of 2 symbols were written to" in done.output
    rows = list(csv.DictReader((exporting.folder / "bars.csv").read_text().splitlines()))
    assert [row["symbol"] for row in rows] == ["AAPL"] * 90 + ["BRK.B"]
    assert (rows[-1]["timestamp"], rows[-1]["volume"], rows[-1]["vwap"]) == (str(MINUTE - 60_000), "0.5", "")


def test_regular_hours_as_packed_json(exporting: Exporting) -> None:
    options = ("--from", "2025-11-20", "--to", "2025-11-20", "--timeframe", "1h", "--session", "regular")
    assert exporting.run("bars.json.gz", *options, symbols="AAPL,BRK.B").exit_code == 0
    with gzip.open(exporting.folder / "bars.json.gz", "rt") as file:
        told = json.load(file)
    assert [(one["symbol"], one["timestamp"], one["volume"]) for one in told] == [
        ("AAPL", MINUTE, 6000.0),
        ("AAPL", MINUTE + 3_600_000, 3000.0),
    ]


def test_adjusted_days_and_what_could_not_be_applied(exporting: Exporting) -> None:
    rows = [
        {"id": "1", "date": FIRST + dt.timedelta(days=1), "kind": "split", "split_from": 1, "split_to": 4},
        {"id": "2", "date": FIRST, "kind": "dividend", "amount": 1.0, "currency": "USD"},
    ]
    engine = write_engine(exporting.settings.database_url)
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(corporate_actions), {"symbol": "AAPL", "source": "csv", "loaded_ms": 0, **row})
    engine.dispose()
    done = exporting.run("bars.csv", "--from", "2025-11-17", "--timeframe", "1d", "--adjusted", "all")
    assert "AAPL: the dividend of 2025-11-17 was not applied. No close" in done.output
    told = csv.DictReader((exporting.folder / "bars.csv").read_text().splitlines())
    assert [row["close"] for row in told] == ["25", "100", "100"]


def test_parquet_is_written_where_pyarrow_is_and_said_to_be_missing_where_not(exporting: Exporting) -> None:
    done = exporting.run("bars.parquet", "--from", "2025-11-20")
    if importlib.util.find_spec("pyarrow") is None:
        assert done.exit_code == 1
        assert "pip install pyarrow" in done.output
        return
    assert done.exit_code == 0, done.output
    parquet = importlib.import_module("pyarrow.parquet")
    table = parquet.read_table(exporting.folder / "bars.parquet")
    assert table.num_rows == 90
    assert table.column("date")[0].as_py() == dt.date(2025, 11, 20)
    assert table.column("timestamp")[0].as_py() == dt.datetime.fromtimestamp(MINUTE / 1000, dt.UTC)


def test_columns_hold_what_rows_do() -> None:
    columns = columns_of(
        [whole_day(day(date=FIRST, close=100.0, volume=0.5, vwap=None)), whole_day(day(date=FIRST, tier=0))]
    )
    assert len(columns) == CSV_HEADER.count(",") + 1
    assert columns[2] == (FIRST, FIRST)
    assert [column[0] for column in columns[6:]] == [100.0, 0.5, None, None, "official", False]
    assert columns[-2] == ("official", "live")


def test_the_last_of_all_days_is_up_to_now_and_only_the_ending_says_that_a_file_is_packed(exporting: Exporting) -> None:
    done = exporting.run("bars.gz.csv", "--from", "2025-11-20", "--to", "9999-12-31")
    assert done.exit_code == 0, done.output
    assert (exporting.folder / "bars.gz.csv").read_text().count("\n") == 91


@pytest.mark.parametrize(
    ("file", "options", "says"),
    [
        ("bars.txt", ("--from", "2025-11-20"), "no ending that says how to write it"),
        ("bars.csv", ("--from", "yesterday"), "--from is a New York date"),
        ("bars.csv", ("--from", "2025-11-20", "--to", "2025-11-19"), "lies before --from"),
        ("bars.csv", ("--from", "9000-01-01"), "--from (9000-01-01) lies in the future"),
        ("none/bars.csv", ("--from", "2025-11-20"), "cannot be written (No such file"),
    ],
)
def test_what_cannot_be_exported_says_why(exporting: Exporting, file: str, options: tuple[str, ...], says: str) -> None:
    done = exporting.run(file, *options)
    assert done.exit_code == 1
    assert says in done.output


def test_nothing_is_overwritten_and_nothing_half_is_left(exporting: Exporting) -> None:
    (exporting.folder / "kept.csv").write_text("mine")
    assert "exists already" in exporting.run("kept.csv", "--from", "2025-11-20").output
    assert (exporting.folder / "kept.csv").read_text() == "mine"
    engine = write_engine(exporting.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ohlcv_1min RENAME TO elsewhere")
    engine.dispose()
    done = exporting.run("bars.csv", "--from", "2025-11-20")
    assert done.exit_code == 1
    assert "not available" in done.output
    assert sorted(path.name for path in exporting.folder.glob("*bars.csv*")) == []
    assert sorted(path.name for path in exporting.folder.glob(".*")) == []


def test_somebody_has_to_be_named(exporting: Exporting) -> None:
    arguments = [str(exporting.folder / "bars.csv"), "--from", "2025-11-20"]
    done = CliRunner().invoke(export_command(exporting.settings), arguments)
    assert "--symbols or --universe" in done.output
