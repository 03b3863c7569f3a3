"""The parts of the fault matrix."""

from collections.abc import Iterator

import pytest

from tests.integration.faults.databases import Database, PostgresDatabase, SqliteDatabase
from tests.market_data import Session, make_session
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The session that is played."""
    return make_session(tmp_path_factory.mktemp("session"))


@pytest.fixture
def fault_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the kind that the test is parametrised with, with the newest schema."""
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    database: Database
    if request.param == "sqlite":
        database = SqliteDatabase(url)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = PostgresDatabase(server, url.rpartition("/")[2])
    yield database
    database.close()
