"""`flask history coverage` on an SQLite file."""

import pytest

from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar

_DAYS = ("--from", "2025-11-19", "--to", "2025-11-20")


@pytest.fixture
def database(sqlite_database_url: str) -> str:
    database = TickStockDatabase(write_engine(sqlite_database_url), SystemClock().now_us)
    database.merge([bar("AAPL", MINUTE), bar("BRK.B", MINUTE), bar("BRK.B", MINUTE - 86_400_000)])
    database.close()
    return sqlite_database_url


def run(url: str, *arguments: str) -> list[str]:
    app = create_app(parse_settings({"DATABASE_URL": url, "USE_MASSIVE_API": "false"}))
    done = app.test_cli_runner().invoke(args=["history", "coverage", *_DAYS, *arguments])
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_days_are_told_with_what_is_missing_and_how_it_is_loaded(database: str) -> None:
    title, legend, *rows, counts, command = run(database, "--symbols", "aapl,brk-b")
    assert title == "2 symbols, 2 trading days from 2025-11-19 to 2025-11-20."
    assert "(blank) dropped, too old" in legend
    assert rows == ["AAPL   -+  missing 2025-11-19", "BRK.B  ++"]
    assert counts.endswith("3 not compared with the vendor yet (75.0 %), 1 missing (25.0 %).")
    assert command == (
        "What is missing is loaded by: .venv/bin/flask history load --symbols AAPL --from 2025-11-19 --to 2025-11-19 "
        "--timespan minute"
    )


def test_what_many_symbols_lack_is_loaded_by_their_universe_and_where_nothing_is_missing_nothing_is_said(
    database: str,
) -> None:
    assert run(database, "--universe", "dow30")[-1].endswith(
        "flask history load --universe dow30 --from 2025-11-19 --to 2025-11-20 --timespan minute"
    )
    assert "loaded by" not in run(database, "--symbols", "BRK.B")[-1]


def test_csv_has_a_line_for_each_day(database: str) -> None:
    assert run(database, "--symbols", "AAPL", "--format", "csv") == [
        "symbol,date,state,bars,regular_bars,regular_minutes",
        "AAPL,2025-11-19,missing,0,0,1440",
        "AAPL,2025-11-20,unconfirmed,1,1,1440",
    ]
