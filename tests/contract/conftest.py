"""A simulator that a test drives: its events, its clock, its faults."""

from collections.abc import Iterator

import pytest

from src.simulator.clock import ManualClock
from src.simulator.server import SimulatorServer
from tests.contract.faulty_lines import NOW_MS
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
