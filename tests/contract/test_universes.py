"""What every database has to do for universes: begin with some, take more, and say what it does not know."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import insert, select

from src.config.settings import PROJECT_ROOT
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.cache.cache_control import CacheControl
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import read_engine, schema_engine, write_engine
from src.infrastructure.database.tables import (
    cache_entries,
    definition_groups,
    group_memberships,
    service_state,
    symbols,
)
from src.infrastructure.database.universe_file import load_universe_file

FILE = load_universe_file(PROJECT_ROOT / "data/universes.csv")


class Clock:
    """Seconds that go on when told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def universes(database_url: str, clock: Clock) -> Iterator[RelationshipCache]:
    engine = read_engine(database_url)
    yield RelationshipCache(engine, clock)
    engine.dispose()


def write(url: str, table: Any, *rows: dict[str, Any]) -> None:
    engine = write_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(table), list(rows))
    engine.dispose()


def add_group(url: str, name: str, *members: str) -> None:
    write(url, definition_groups, {"name": name, "type": "CUSTOM"})
    rows = [{"group_name": name, "symbol": symbol, "position": place} for place, symbol in enumerate(members, start=1)]
    if rows:
        write(url, group_memberships, *rows)


def add_entry(url: str, name: str, key: str, value: Any, type: str = "stock") -> None:
    write(url, cache_entries, {"type": type, "name": name, "key": key, "value": json.dumps(value)})


def stored(url: str, query: Any) -> list[tuple[Any, ...]]:
    engine = read_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    engine.dispose()
    return rows


# -- what a new database begins with -------------------------------------------------------------------------------


def test_a_new_database_has_the_universes_of_the_file(universes: RelationshipCache) -> None:
    assert universes.names() == sorted(FILE.groups)
    assert {name: universes.get_universe_symbols(name) for name in FILE.groups} == {
        name: group.members for name, group in FILE.groups.items()
    }


def test_a_new_database_knows_names_types_and_sectors(database_url: str) -> None:
    told = stored(database_url, select(symbols.c.symbol, symbols.c.name, symbols.c.type, symbols.c.sector))
    assert sorted(told) == sorted(tuple(instrument) for instrument in FILE.instruments.values())
    times = stored(database_url, select(symbols.c.first_seen_ms, symbols.c.active).distinct())
    assert [(first_seen_ms > 1_700_000_000_000, bool(active)) for first_seen_ms, active in times] == [(True, True)]
    groups = stored(database_url, select(definition_groups.c.name, definition_groups.c.type))
    assert sorted(groups) == sorted((group.name, group.type) for group in FILE.groups.values())


def test_what_a_database_knew_before_stays_and_what_it_lacked_is_filled(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'older.db'}"
    upgrade_to(url, "0001")
    before = [
        {"symbol": "AAPL", "name": "My Apple", "sector": None, "first_seen_ms": 1},
        {"symbol": "MSFT", "name": "", "sector": "Mine", "first_seen_ms": 2},
        {"symbol": "ZZZZ", "name": None, "sector": None, "first_seen_ms": 3},
    ]
    write(url, symbols, *before)
    migrate.upgrade(url)
    columns = (symbols.c.symbol, symbols.c.name, symbols.c.type, symbols.c.sector, symbols.c.first_seen_ms)
    assert stored(url, select(*columns).where(symbols.c.first_seen_ms < 10).order_by(symbols.c.symbol)) == [
        ("AAPL", "My Apple", "CS", "Information Technology", 1),
        ("MSFT", "Microsoft", "CS", "Mine", 2),
        ("ZZZZ", None, None, None, 3),
    ]


def upgrade_to(url: str, revision: str) -> None:
    engine = schema_engine(url)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


# -- keys ----------------------------------------------------------------------------------------------------------


def test_a_union_is_distinct_and_in_order(universes: RelationshipCache) -> None:
    union = universes.get_universe_symbols("SPY:nasdaq100")
    members = FILE.groups["sp500"].members
    assert union[:503] == members
    assert union[503:] == [symbol for symbol in FILE.groups["nasdaq100"].members if symbol not in members]
    assert len(union) == 517


def test_a_name_with_a_colon_can_be_a_part(universes: RelationshipCache) -> None:
    leaders = FILE.groups["market_leaders:top_100"].members
    assert universes.get_universe_symbols("market_leaders:top_100") == leaders
    assert universes.get_universe_symbols("market_leaders:top_100:SPY")[:100] == leaders
    assert universes.resolve("DIA:market_leaders:top_100").unknown == ()


def test_unknown_parts_are_reported_and_known_ones_used(
    universes: RelationshipCache, caplog: pytest.LogCaptureFixture
) -> None:
    assert universes.get_universe_symbols("dow30:nope:nasdaq") == FILE.groups["dow30"].members
    assert (
        "The universe dow30:nope:nasdaq has parts that do not exist: nope, nasdaq. Did you mean nasdaq100?"
        in caplog.text
    )
    assert universes.resolve("dow30:nope:nasdaq").unknown == ("nope", "nasdaq")


def test_a_key_of_which_nothing_is_known_is_empty_and_names_it(universes: RelationshipCache) -> None:
    assert universes.resolve("nope:market_leaders") == ((), ("nope", "market_leaders"))


def test_members_come_by_position(universes: RelationshipCache, database_url: str) -> None:
    add_group(database_url, "mine", "XOM", "AAPL", "MSFT")
    assert universes.get_universe_symbols("mine") == ["XOM", "AAPL", "MSFT"]


def test_a_group_without_members_is_known(universes: RelationshipCache, database_url: str) -> None:
    add_group(database_url, "later")
    assert universes.resolve("later") == ((), ())


# -- entries of older installations --------------------------------------------------------------------------------


def test_an_entry_is_a_list_or_has_one(universes: RelationshipCache, database_url: str) -> None:
    add_entry(database_url, "leaders", "top_3", ["NVDA", "BRK.B", "NVDA"])
    add_entry(database_url, "leaders", "top_2", {"symbols": ["MSFT", "BACpL"], "count": 2})
    add_entry(database_url, "leaders", "top_1", {"tickers": ["IBM"]})
    assert universes.get_universe_symbols("leaders:top_3") == ["NVDA", "BRK.B"]
    assert universes.get_universe_symbols("leaders:top_2") == ["MSFT", "BACpL"]
    assert universes.get_universe_symbols("leaders:top_2:leaders:top_1") == ["MSFT", "BACpL", "IBM"]


@pytest.mark.parametrize("value", ["text", 5, None, {"symbols": "AAPL"}, {"other": []}])
def test_an_entry_that_lists_nothing_is_no_universe(
    universes: RelationshipCache, database_url: str, value: object
) -> None:
    add_entry(database_url, "options", "theme", value)
    assert universes.resolve("options:theme").unknown == ("options", "theme")


@pytest.mark.parametrize("value", ["[AAPL", "[" * 100_000])
def test_an_entry_that_is_no_json_is_no_universe(universes: RelationshipCache, database_url: str, value: str) -> None:
    write(database_url, cache_entries, {"type": "a", "name": "b", "key": "c", "value": value})
    assert universes.resolve("b:c").unknown == ("b", "c")


def test_what_is_no_ticker_is_left_out_of_an_entry_and_told_once(
    universes: RelationshipCache, database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    add_entry(database_url, "leaders", "top_4", ["NVDA", "<b>", 7, "AAPL"])
    assert universes.get_universe_symbols("leaders:top_4") == ["NVDA", "AAPL"]
    clock.now_s += 61
    universes.names()
    assert caplog.text.count("2 symbols are left out. leaders:top_4: '<b>' is not a ticker") == 1


def test_an_exact_entry_wins_over_a_group_and_over_a_union(universes: RelationshipCache, database_url: str) -> None:
    add_entry(database_url, "market_leaders", "top_100", ["IBM"])
    add_entry(database_url, "SPY", "nasdaq100", ["GE"])
    add_entry(database_url, "SPY", "nasdaq100", ["F"], type="z")
    control = CacheControl(universes)
    assert control.get_universe_tickers("market_leaders:top_100") == ["IBM"]
    assert control.get_universe_tickers("SPY:nasdaq100") == ["GE"]
    assert control.get_universe_tickers("DIA:SPY:nasdaq100") == [*FILE.groups["dow30"].members, "GE"]


def test_a_key_that_is_no_entry_means_groups(universes: RelationshipCache) -> None:
    assert len(CacheControl(universes).get_universe_tickers("SPY:nasdaq100")) == 517


# -- freshness and failure -----------------------------------------------------------------------------------------


def test_a_change_is_seen_after_a_minute(universes: RelationshipCache, database_url: str, clock: Clock) -> None:
    add_group(database_url, "mine", "XOM")
    assert universes.get_universe_symbols("mine") == ["XOM"]
    write(database_url, group_memberships, {"group_name": "mine", "symbol": "AAPL", "position": 2})
    clock.now_s += 59
    assert universes.get_universe_symbols("mine") == ["XOM"]
    clock.now_s += 1
    assert universes.get_universe_symbols("mine") == ["XOM", "AAPL"]


def test_a_change_that_is_noted_is_seen_after_a_second(
    universes: RelationshipCache, database_url: str, clock: Clock
) -> None:
    add_group(database_url, "mine", "XOM")
    assert universes.get_universe_symbols("mine") == ["XOM"]
    write(database_url, group_memberships, {"group_name": "mine", "symbol": "AAPL", "position": 2})
    write(database_url, service_state, {"key": "universes", "value": '{"number": 1}', "updated_ms": 7})
    clock.now_s += 0.9
    assert universes.get_universe_symbols("mine") == ["XOM"]
    clock.now_s += 0.1
    assert universes.get_universe_symbols("mine") == ["XOM", "AAPL"]


def test_a_new_universe_is_found_after_a_second(universes: RelationshipCache, database_url: str, clock: Clock) -> None:
    assert universes.resolve("mine").unknown == ("mine",)
    add_group(database_url, "mine", "XOM")
    clock.now_s += 0.5
    assert universes.resolve("mine").unknown == ("mine",)
    clock.now_s += 0.5
    assert universes.resolve("mine").symbols == ("XOM",)


def test_a_database_that_is_away_is_an_error_and_no_empty_universe(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite:///{tmp_path / 'bars.db'}"
    engine = read_engine(url)
    universes = RelationshipCache(engine, clock)
    for ask in (universes.resolve, universes.get_universe_symbols, CacheControl(universes).get_universe_tickers):
        with pytest.raises(DatabaseUnavailableError):
            ask("dow30")
    migrate.upgrade(url)
    assert len(universes.get_universe_symbols("dow30")) == 30
    engine.dispose()
    (tmp_path / "bars.db").rename(tmp_path / "moved.db")
    assert len(universes.get_universe_symbols("dow30")) == 30  # still fresh
    clock.now_s += 1
    with pytest.raises(DatabaseUnavailableError):
        universes.get_universe_symbols("dow30")


def test_many_threads_may_ask(database_url: str, clock: Clock) -> None:
    engine = read_engine(database_url)
    universes = RelationshipCache(engine, clock)
    answers: list[int] = []

    def ask() -> None:
        for _ in range(30):
            clock.now_s += 10  # some of them read
            answers.append(len(universes.get_universe_symbols("SPY:nasdaq100")))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    engine.dispose()
    assert answers == [517] * 240
