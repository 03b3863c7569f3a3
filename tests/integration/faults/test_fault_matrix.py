"""The proof that no bar is lost: each row of the table of faults, alone and with others, before one oracle."""

import itertools
import os
import random
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.gaps import GapReason
from tests.integration.faults import (
    connection_faults,
    data_faults,
    process_faults,
    repair_faults,
    start_faults,
    storage_faults,
)
from tests.integration.faults.databases import Database
from tests.integration.faults.market import Market, market, moved
from tests.integration.faults.oracle import gap_reasons, gaps
from tests.integration.faults.scene import Scene
from tests.integration.faults.table import BOTH, Fault, Window
from tests.market_data import Session

TABLES = {
    "connection": connection_faults.FAULTS,
    "data": data_faults.FAULTS,
    "storage": storage_faults.FAULTS,
    "repair": repair_faults.FAULTS,
    "process": process_faults.FAULTS,
    "start": start_faults.FAULTS,
}
ALL = [(table, fault) for table, faults in TABLES.items() for fault in faults]
_SYMBOLS = (0, 1, -1)  # of a session's: the last one trades at any hour
_USUAL_SEED = 5
_LATEST_S = 330.0  # when a fault of a combination begins at the latest


def play(session: Session, database: Database, folder: Path, faults: Sequence[tuple[Fault, float]]) -> None:
    """Lets the faults happen to one run of the program, each at its time, and asks the oracle."""
    first = faults[0][0]
    played = _market(session, first.window)
    for fault, _at_s in faults:
        played = fault.alters(played)
    settings = {key: value for fault, _ in faults for key, value in fault.settings.items()}
    programs, tls = max(fault.programs for fault, _ in faults), any(fault.tls for fault, _ in faults)
    with Scene(played, database, folder, settings, programs, tls=tls, room=faults[0][0].room) as scene:
        scene.run([event for fault, at_s in faults for event in fault.events(at_s)])
        verdict = scene.settle()
        assert verdict.is_well, "\n".join([str(verdict), scene.tail(), *gaps(database.url)])
        assert not scene.tracebacks()
        if len(faults) == 1:
            look(scene, faults[0][0])


def look(scene: Scene, fault: Fault) -> None:
    """Asserts that what was to go wrong did."""
    if fault.opens is not None:
        found = gap_reasons(scene.database.url) - {GapReason.HISTORY}
        assert found.issuperset(fault.opens) if fault.opens else not found, f"gaps were opened for: {sorted(found)}"
    fault.shows(scene)


def _market(session: Session, window: Window) -> Market:
    symbols = [session.symbols[place] for place in _SYMBOLS]
    played = market(session, symbols, window.first, window.minutes)
    return moved(played, window.day, window.past, window.at) if window.day else played


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The rows that were asked for, each on each database that it is for."""
    whole = metafunc.config.getoption("--faults") == "all"
    if "fault" in metafunc.fixturenames:
        rows = [
            pytest.param(fault, kind, id=f"{table}-{fault.name}-{kind}".replace(" ", "_"))
            for table, fault in ALL
            for kind in fault.kinds
            if whole or fault.fast == kind
        ]
        metafunc.parametrize(("fault", "fault_database"), rows, indirect=["fault_database"])
    if "schedule" in metafunc.fixturenames:
        seeds = _seeds(metafunc.config.getoption("--fault-seed"), metafunc.config.getoption("--schedules"))
        rows = [
            pytest.param(number, kind, id=f"seed_{number}-{kind}")
            for number in seeds
            for kind in (BOTH if whole else BOTH[number % 2 :][:1])
        ]
        metafunc.parametrize(("schedule", "fault_database"), rows, indirect=["fault_database"])


def test_the_document_names_every_row() -> None:
    document = (PROJECT_ROOT / "docs/architecture/durability.md").read_text()
    for table, faults in TABLES.items():
        names = "; ".join(fault.name for fault in faults)
        assert f"| `tests/integration/faults/{table}_faults.py` | {names} |" in document


def test_rows_that_alter_the_script_go_together_in_any_order(session: Session) -> None:
    played = _market(session, Window(minutes=5))
    ways = [fault.alters for _, fault in ALL if not fault.alone and fault.alters is not Fault("").alters]
    for first, then in itertools.permutations(ways, 2):
        assert then(first(played)).symbols == played.symbols


@pytest.mark.timeout(360)
def test_after_a_fault_the_stored_bars_equal_the_official_ones(
    session: Session, fault: Fault, fault_database: Database, tmp_path: Path
) -> None:
    play(session, fault_database, tmp_path, [(fault, fault.at_s)])


@pytest.mark.timeout(360)
def test_after_faults_at_random_the_stored_bars_equal_the_official_ones(
    session: Session, schedule: int, fault_database: Database, tmp_path: Path
) -> None:
    drawn = combination(schedule, fault_database.kind)
    words = [f"{fault.name} at {at_s:.1f} s" for fault, at_s in drawn]
    print(f"--fault-seed {schedule}, {fault_database.kind}: {'; '.join(words)}")
    play(session, fault_database, tmp_path, drawn)


def _seeds(seed: int | None, count: int | None) -> list[int]:
    """What was asked for; new seeds of a run are the same for all processes that it is spread over."""
    if seed is not None or not count:
        return [_USUAL_SEED if seed is None else seed]
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16)
    draws = random.Random(run)
    return [draws.getrandbits(32) for _ in range(count)]


def combination(seed: int, kind: str) -> list[tuple[Fault, float]]:
    """Two to four rows that go together, with the times (seconds after the market's start) at which they begin.

    No more than one is about the database: what is locked or stopped already cannot be so once more.
    """
    draws = random.Random(seed)
    rows = [fault for _, fault in ALL if kind in fault.kinds and not fault.alone]
    while True:
        drawn = draws.sample(rows, draws.randint(2, 4))
        if sum(fault in storage_faults.FAULTS for fault in drawn) <= 1:
            return [(fault, draws.uniform(5, _LATEST_S)) for fault in drawn]
