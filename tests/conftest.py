"""What many tests share: a fresh database with this program's schema, and a PostgreSQL when one is asked for."""

import itertools
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import argon2
import argon2.profiles
import hypothesis
import pytest

from src.config.settings import parse_settings
from src.infrastructure import passwords
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.market_data import data_dir, has_real_data
from tests.migrated_databases import MigratedDatabases
from tests.postgres import PostgresServer, find_installation

_NO_POSTGRES = "there is no PostgreSQL: install Debian's postgresql, or requirements-dev.txt on Linux"
_database_numbers = itertools.count(1)

# An example may take long on a busy machine; each test has a deadline of its own.
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long each fuzz test runs, with which random numbers, and how much of the fault matrix."""
    parser.addoption("--fuzz-seconds", type=float, default=5.0, help="how long parser and API are fuzzed (5)")
    parser.addoption("--faults", choices=("fast", "all"), default="fast", help="which rows of the table of faults")
    parser.addoption("--schedules", type=int, help="how many new random combinations of faults (default: a known one)")
    parser.addoption("--fault-seed", type=int, help="the seed of the one combination to run, such as one that failed")
    parser.addoption("--fuzz-seed", type=int, help="the seed of a run that failed (default: a new one)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A long fuzz run is no test that hangs."""
    for item in items:
        if "fuzz_seconds" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(item.config.getoption("--fuzz-seconds") + 180))


@pytest.fixture
def fuzz_seconds(request: pytest.FixtureRequest) -> float:
    """How long to fuzz."""
    seconds: float = request.config.getoption("--fuzz-seconds")
    return seconds


@pytest.fixture
def fuzz_seed(request: pytest.FixtureRequest) -> int:
    """The seed that was given, else a new one."""
    seed: int | None = request.config.getoption("--fuzz-seed")
    return secrets.randbelow(2**32) if seed is None else seed


def pytest_report_header() -> list[str]:
    """What the tests run on: real sessions or simulated ones, and which PostgreSQL."""
    return [f"market data: {_market_data()}", f"PostgreSQL: {find_installation() or 'NONE, its tests are skipped'}"]


def _market_data() -> str:
    if has_real_data():
        return f"real sessions of {data_dir()}"
    return f"a seeded SIMULATED session, as {data_dir()} has none (set TEST_DATA_DIR)"


@pytest.fixture(scope="session", autouse=True)
def real_hash_parameters() -> Iterator[argon2.Parameters]:
    """Makes hashes of passwords in a thousandth of their time; gives the parameters that the program has."""
    real = passwords.RFC_9106_LOW_MEMORY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "RFC_9106_LOW_MEMORY", argon2.profiles.CHEAPEST)
        yield real


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL server of this test run. A test that kills it has to start it again."""
    if find_installation() is None:
        pytest.skip(_NO_POSTGRES)
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"test_{next(_database_numbers)}"
    postgres_server.create_database(name)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def migrated_databases(postgres_server: PostgresServer) -> MigratedDatabases:
    """PostgreSQL databases with the newest schema."""
    postgres_server.create_database("migrated")
    migrate.upgrade(as_settings_give_it(postgres_server.url("migrated")))
    return MigratedDatabases(postgres_server)


def as_settings_give_it(url: str) -> str:
    """A database's URL as users write it, as the program uses it."""
    return parse_settings({"DATABASE_URL": url}).database_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database with the newest schema, of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    return url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the newest schema, to be copied and not to be written to."""
    path = tmp_path_factory.mktemp("migrated") / "bars.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_database_url(tmp_path: Path, migrated_file: Path) -> str:
    """The URL of an empty SQLite database with the newest schema."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'bars.db')}"


@pytest.fixture
def postgresql_database_url(postgres_server: PostgresServer, migrated_databases: MigratedDatabases) -> Iterator[str]:
    """The URL of an empty PostgreSQL database with the newest schema."""
    name = migrated_databases.take()
    yield as_settings_give_it(postgres_server.url(name))
    migrated_databases.give_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[TickStockDatabase]:
    """A writer on a database of its own."""
    database = TickStockDatabase(write_engine(database_url), lambda: time.time_ns() // 1000)
    yield database
    database.close()
