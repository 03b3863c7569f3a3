"""The parts of the fault matrix."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.databases import Database, DistantDatabase, PostgresDatabase, SqliteDatabase
from tests.integration.faults.start_faults import ElsewhereDatabase
from tests.market_data import Session, make_session
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The session that is played."""
    return make_session(tmp_path_factory.mktemp("session"))


@pytest.fixture
def fault_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the kind that the test is parametrised with, with the newest schema."""
    database: Database = request.getfixturevalue(f"{request.param}_fault_database")
    yield database
    database.close()


@pytest.fixture
def sqlite_fault_database(sqlite_database_url: str) -> SqliteDatabase:
    """A file."""
    return SqliteDatabase(sqlite_database_url)


@pytest.fixture
def elsewhere_fault_database(tmp_path: Path, migrated_file: Path) -> ElsewhereDatabase:
    """A file that is not in the program's folder."""
    (tmp_path / "elsewhere").mkdir()
    file = shutil.copy(migrated_file, tmp_path / "elsewhere" / "bars.db")
    return ElsewhereDatabase(f"sqlite:///{file}", tmp_path)


@pytest.fixture
def small_disk_fault_database(tmp_path: Path, migrated_file: Path) -> Iterator[SqliteDatabase]:
    """A file on a disk of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield SqliteDatabase(f"sqlite:///{shutil.copy(migrated_file, disk / 'bars.db')}")
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def postgresql_fault_database(postgresql_database_url: str, postgres_server: PostgresServer) -> PostgresDatabase:
    """A database of the test run's server."""
    return PostgresDatabase(postgres_server, postgresql_database_url.rpartition("/")[2])


@pytest.fixture
def distant_fault_database(postgresql_database_url: str, postgres_server: PostgresServer) -> DistantDatabase:
    """The same, at the other end of a line."""
    return DistantDatabase(postgres_server, postgresql_database_url.rpartition("/")[2])
