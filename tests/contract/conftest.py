"""A simulator that a test drives: its events, its clock, its faults; and a database server that it may kill."""

from collections.abc import Iterator

import pytest

from src.infrastructure.database import migrate
from src.simulator.clock import ManualClock
from src.simulator.server import SimulatorServer
from tests.conftest import as_settings_give_it
from tests.contract.faulty_lines import NOW_MS
from tests.postgres import PostgresServer
from tests.unit.simulator.puppet import Puppet, serving


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def server(puppet: Puppet, clock: ManualClock) -> Iterator[SimulatorServer]:
    with serving(puppet, clock=clock, control=True) as server:
        assert puppet.started.wait(60)
        yield server


@pytest.fixture(scope="module")
def killable_server() -> Iterator[PostgresServer]:
    """A server that a test may kill, once for all of a module: to make one and its schema takes seconds."""
    with PostgresServer() as server:
        server.create_database("migrated")
        migrate.upgrade(as_settings_give_it(server.url("migrated")))
        yield server


@pytest.fixture
def own_server(killable_server: PostgresServer) -> Iterator[PostgresServer]:
    """That server, with a new database `bars`; who was connected to it is not so afterwards."""
    killable_server.create_database("bars", template="migrated")
    yield killable_server
    if not killable_server.is_running:
        killable_server.start()
    killable_server.drop_database("bars")
