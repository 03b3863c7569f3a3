"""What many tests share: a fresh database with this program's schema."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.market_data import data_dir, has_real_data


def pytest_report_header() -> str:
    """Which sessions the replays use: without real ones they run on simulated ones, and say so."""
    if has_real_data():
        return f"market data: real sessions of {data_dir()}"
    return f"market data: a seeded SIMULATED session, as {data_dir()} has none (set TEST_DATA_DIR)"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The URL of an empty database with the newest schema."""
    url = f"sqlite:///{tmp_path / 'bars.db'}"
    migrate.upgrade(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[TickStockDatabase]:
    """A writer on a database of its own."""
    database = TickStockDatabase(write_engine(database_url), lambda: time.time_ns() // 1000)
    yield database
    database.close()
