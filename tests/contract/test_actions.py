"""Splits and dividends: from the vendor's lists as the simulator serves them, from files, and as they are kept."""

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from src.cli_history_actions import actions_commands
from src.config.settings import Settings, parse_settings
from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.core.domain.market.symbol import Spellings
from src.core.errors import FlatFileError
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.action_file import read_action_file
from src.infrastructure.data_sources.massive_rest import MassiveRest, RestConfig
from src.infrastructure.data_sources.vendor_lists import VendorLists
from src.infrastructure.database.action_store import DatabaseActions, Scope
from src.infrastructure.database.bar_archive import DatabaseBarArchive
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.rest_actions import DIVIDEND, SPLIT, Action, read_actions
from src.simulator.server import SimulatorServer
from src.simulator.universe import select

FIRST, LAST = dt.date(2003, 1, 1), dt.date(2030, 1, 1)
AUGUST = dt.date(2020, 8, 31)
ACTIONS = [
    Action(AUGUST, "AAPL", SPLIT, 1, 4),
    Action(dt.date(2014, 6, 9), "AAPL", SPLIT, 1, 7),
    Action(dt.date(2014, 6, 9), "OTHER", SPLIT, 8, 1),
    *(Action(dt.date(2000, 1, 1) + dt.timedelta(days=90 * n), "MSFT", DIVIDEND, amount=0.01 + n) for n in range(30)),
    Action(dt.date(2026, 3, 2), "AAPL", DIVIDEND, amount=0.25, currency="CAD"),
]
HEADER = "symbol,date,kind,split_from,split_to,amount,currency\n"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(["AAPL", "MSFT"]))), actions=ACTIONS) as server:
        yield server


def rest_of(simulator: SimulatorServer) -> MassiveRest:
    clock = SystemClock()
    return MassiveRest(RestConfig(simulator.rest_url, "key", RequestRate(100, 1)), clock, clock.now_us)


@pytest.fixture
def lists(simulator: SimulatorServer) -> Iterator[VendorLists]:
    rest = rest_of(simulator)
    yield VendorLists(rest)
    rest.close()


@pytest.fixture
def engines(database_url: str) -> Iterator[tuple[Engine, Engine]]:
    made = read_engine(database_url), row_engine(database_url)
    yield made
    for engine in made:
        engine.dispose()


def split(date: dt.date, new: float, name: str = "1", source: ActionSource = ActionSource.REST) -> CorporateAction:
    return CorporateAction(name, "AAPL", date, ActionKind.SPLIT, 1.0, new, None, None, source)


# -- the vendor ------------------------------------------------------------------------------------------------------


def test_the_whole_markets_splits_are_kept_of_symbols_that_the_database_knows(
    lists: VendorLists, engines: tuple[Engine, Engine]
) -> None:
    read, rows = engines
    database = TickStockDatabase(write_engine(rows.url.render_as_string(hide_password=False)), lambda: 1)
    database.add_symbols(["AAPL", "IBM"])
    database.close()
    store = DatabaseActions(rows, lambda: 1)
    gone = CorporateAction("gone", "IBM", AUGUST, ActionKind.SPLIT, 1.0, 2.0, None, None, ActionSource.REST)
    store.replace(Scope(ActionKind.SPLIT, FIRST, LAST), [gone], {"IBM"})
    store.keep_splits(FIRST, LAST, lists.splits(FIRST, LAST))
    archive = DatabaseBarArchive(read)
    kept = [(one.date, one.split_to) for one in archive.actions("AAPL")]
    assert kept == [(dt.date(2014, 6, 9), 7.0), (AUGUST, 4.0)]
    assert [archive.actions(symbol) for symbol in ("OTHER", "IBM")] == [[], []]


def test_the_vendors_splits(lists: VendorLists) -> None:
    found = list(lists.splits(FIRST, LAST))
    assert [(one.symbol, one.date, one.split_from, one.split_to) for one in found] == [
        ("AAPL", dt.date(2014, 6, 9), 1.0, 7.0),
        ("OTHER", dt.date(2014, 6, 9), 8.0, 1.0),
        ("AAPL", AUGUST, 1.0, 4.0),
    ]
    assert {(one.kind, one.source, one.amount) for one in found} == {(ActionKind.SPLIT, ActionSource.REST, None)}
    assert [one.date for one in lists.splits(AUGUST, AUGUST, "AAPL")] == [AUGUST]
    assert list(lists.splits(AUGUST + dt.timedelta(days=1), LAST)) == []


def test_the_vendors_dividends_come_in_pages(lists: VendorLists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.infrastructure.data_sources.vendor_lists._PAGE", 7)
    found = list(lists.dividends(dt.date(2000, 1, 1), LAST))
    assert [one.date for one in found] == sorted(one.date for one in found)
    assert len({one.id for one in found}) == len(found) == 31
    assert (found[-1].symbol, found[-1].amount, found[-1].currency) == ("AAPL", 0.25, "CAD")


def test_a_day_of_the_whole_market(lists: VendorLists) -> None:
    days = lists.market_day(dt.date(2025, 11, 20))
    assert [one.symbol for one in days] == ["AAPL", "MSFT"]
    assert {(one.date, one.tier) for one in days} == {(dt.date(2025, 11, 20), 3)}
    assert all(one.high >= one.low > 0 and one.volume > 0 for one in days)
    assert lists.market_day(dt.datetime.now(dt.UTC).date() + dt.timedelta(days=3)) == []


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_by_its_header_and_what_cannot_be_right_is_named(tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(
        "kind,symbol,date,split_from,split_to,amount,currency\n"
        "split,AAPL,2020-08-31,1,4,,\n"
        "Dividend,brk-b,2025-11-20,,,0.25,\n"
        "dividend,BRK.B,2025-11-20,,,-1,USD\n"
        "split,AAPL,2020-02-30,1,4,,\n"
        "merger,AAPL,2020-02-03,1,4,,\n"
        "split,?,2020-02-03,1,4,,\n"
        "split,AAPL,2020-02-03,0,nan,,\n"
    )
    found = read_action_file(file, Spellings(["AAPL", "BRK.B"]).find)
    assert [(one.symbol, one.kind, one.split_to, one.amount, one.currency) for one in found.actions] == [
        ("AAPL", "split", 4.0, None, None),
        ("BRK.B", "dividend", None, 0.25, "USD"),
    ]
    assert [sentence.partition(":")[0] for sentence in found.refused] == [f"Line {n}" for n in (4, 5, 6, 7, 8)]
    assert "amount is '-1'" in found.refused[0]
    assert "allowed are split and dividend" in found.refused[2]


@pytest.mark.parametrize("text", ["symbol,date\n", "\xff"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "actions.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(FlatFileError, match=r"no column kind|cannot be read"):
        read_action_file(file, Spellings(["AAPL", "BRK.B"]).find)


# -- the store -------------------------------------------------------------------------------------------------------


def test_what_rest_says_replaces_what_it_said_before_and_leaves_files_alone(engines: tuple[Engine, Engine]) -> None:
    read, rows = engines
    store, archive = DatabaseActions(rows, lambda: 5), DatabaseBarArchive(read)
    scope = Scope(ActionKind.SPLIT, FIRST, LAST)
    mine = split(AUGUST, 4, "csv-1", ActionSource.CSV)
    assert store.add([mine, mine]) == 1
    assert store.add([mine]) == 0
    assert store.replace(scope, [split(AUGUST, 40), split(FIRST, 2, "2")], ["AAPL"]) == (2, 0)
    assert store.replace(scope, [split(AUGUST, 40), split(FIRST, 2, "2")], ["AAPL"]) == (0, 0)
    assert store.replace(scope, [split(AUGUST, 4), split(LAST, 2, "3")], ["AAPL"]) == (1, 1)
    assert archive.actions("AAPL") == [split(AUGUST, 4), mine, split(LAST, 2, "3")]
    assert store.replace(scope, [], ["MSFT"]) == (0, 0)
    assert store.replace(Scope(ActionKind.SPLIT, FIRST, AUGUST), [], ["AAPL"]) == (0, 1)
    assert [one.id for one in archive.actions("AAPL")] == ["csv-1", "3"]


def test_a_file_that_was_corrected_replaces_what_it_said_before(engines: tuple[Engine, Engine]) -> None:
    read, rows = engines
    store, archive = DatabaseActions(rows, lambda: 5), DatabaseBarArchive(read)
    wrong, right = (split(AUGUST, new, f"csv-{new}", ActionSource.CSV) for new in (40, 4))
    dividends = [right._replace(id=f"csv-{n}", kind=ActionKind.DIVIDEND, amount=n / 8) for n in (1, 2)]
    other = split(FIRST, 2, "csv-other", ActionSource.CSV)
    assert store.add([wrong, other]) == 2
    assert store.add([right, *dividends]) == 3
    assert [one.id for one in archive.actions("AAPL")] == ["csv-other", "csv-1", "csv-2", "csv-4"]


# -- the commands ----------------------------------------------------------------------------------------------------


class Commands:
    """`flask history actions ...` on a database that knows AAPL and MSFT."""

    def __init__(self, folder: Path, url: str, simulator: SimulatorServer) -> None:
        self.settings: Settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": url, "SIMULATOR_PORT": "1"})
        self.simulator = simulator
        self._read = read_engine(self.settings.database_url)

    def run(self, *arguments: str) -> Result:
        group = actions_commands(self.settings, lambda _stamp: rest_of(self.simulator))
        return CliRunner().invoke(group, list(arguments))

    def kept(self, symbol: str) -> list[CorporateAction]:
        return DatabaseBarArchive(self._read).actions(symbol)

    def close(self) -> None:
        self._read.dispose()


@pytest.fixture
def commands(tmp_path: Path, sqlite_database_url: str, simulator: SimulatorServer) -> Iterator[Commands]:
    database = TickStockDatabase(write_engine(sqlite_database_url), lambda: time.time_ns() // 1000)
    database.add_symbols(["AAPL", "MSFT"])
    database.close()
    commands = Commands(tmp_path, sqlite_database_url, simulator)
    yield commands
    commands.close()


def test_the_commands_load_and_load_again(commands: Commands) -> None:
    done = commands.run("load", "--from", "2014-01-01")
    assert done.exit_code == 0, done.output
    assert "3 splits and dividends are new, 0 are no longer told of." in done.output
    assert "0 splits and dividends are new" in commands.run("load", "--from", "2014-01-01").output
    assert [(one.kind, one.split_to) for one in commands.kept("AAPL")] == [
        ("split", 7.0),
        ("split", 4.0),
        ("dividend", None),
    ]
    assert commands.kept("OTHER") == []
    assert "30 splits and dividends are new" in commands.run("load", "--from", "2000-01-01", "--symbols", "MSFT").output


def test_the_commands_import_files_and_say_what_they_refuse(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(HEADER + "AAPL,2020-08-31,split,1,4,,\nAAPL,2020-08-31,split,1,x,,\n")
    done = commands.run("import", str(file))
    assert done.exit_code == 1
    assert "1 read, 1 of them new, 1 refused." in done.output
    assert "- Line 3: split_to is 'x'" in done.output
    assert [one.source for one in commands.kept("AAPL")] == ["csv"]
    assert "cannot be read" in commands.run("import", str(tmp_path / "none.csv")).output


def test_a_day_that_is_none_is_said(commands: Commands) -> None:
    assert "--from is a New York date" in commands.run("load", "--from", "soon").output
    assert "more than a year ahead" in commands.run("load", "--from", "9000-01-01").output


# -- the simulator ---------------------------------------------------------------------------------------------------


def test_the_simulator_reads_the_same_files(tmp_path: Path) -> None:
    file = tmp_path / "actions.csv"
    file.write_text(HEADER + "AAPL,2020-08-31,split,1,4,,\nMSFT,2025-11-20,dividend,,,0.83,\n")
    assert read_actions(file) == [ACTIONS[0], Action(dt.date(2025, 11, 20), "MSFT", DIVIDEND, amount=0.83)]
    file.write_text(HEADER + "AAPL,2020-08-31,merger,1,4,,\n")
    with pytest.raises(ValueError, match="line 2: the kind is split or dividend, not 'merger'"):
        read_actions(file)
    file.write_text(HEADER + "AAPL,2020-08-31,split,1,x,,\n")
    with pytest.raises(ValueError, match="line 2 is no split or dividend"):
        read_actions(file)
