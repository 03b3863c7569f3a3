"""What every database has to do for universes that people change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from src.core.domain.market.universe_change import Wish
from src.core.domain.market.universe_definition import Definition, Member, UniverseBook, UniverseEdit
from src.core.domain.market.universe_text import to_csv, to_json
from src.core.errors import UniverseError
from src.core.services.universe_service import UniverseService
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.universe_store import DatabaseUniverses

MINE = Definition("mine", "THEME", "Some; of, all", (Member("IBM", 0.1), Member("AAPL"), Member("NEWCO", 1e-9)))


@pytest.fixture
def store(database_url: str) -> Iterator[DatabaseUniverses]:
    store = DatabaseUniverses(read_engine(database_url), row_engine(database_url), lambda: 5_000)
    yield store
    store.close()


@pytest.fixture
def service(store: DatabaseUniverses) -> UniverseService:
    return UniverseService(store)


def state(store: DatabaseUniverses) -> tuple[int, int, str | None]:
    """What readers learn of changes by: revisions, and the change of universes."""
    with store._read.connect() as connection:
        row = connection.execute(text("SELECT revision, symbols_revision FROM write_state")).one()
        changed = connection.execute(text("SELECT value FROM service_state WHERE key = 'universes'")).scalar()
    return row.revision, row.symbols_revision, changed


def test_a_universe_is_kept_as_it_was_defined(store: DatabaseUniverses) -> None:
    store.change(lambda book: [UniverseEdit("mine", MINE)])
    assert store.book().groups["mine"] == MINE
    assert "NEWCO" in store.book().symbols
    store.change(lambda book: [UniverseEdit("mine", MINE._replace(members=()))])
    assert store.book().groups["mine"].members == ()
    store.change(lambda book: [UniverseEdit("mine", None)])
    assert "mine" not in store.book().groups


def test_many_members_take_few_statements(store: DatabaseUniverses) -> None:
    statements: list[int] = []

    def count(_connection: Any, _cursor: Any, statement: str, rows: Any, _context: Any, _many: bool) -> None:
        # A list of rows goes one by one to PostgreSQL; for SQLite's driver that is no journey.
        is_one_by_one = isinstance(rows, list) and store._write.dialect.name == "postgresql"
        statements.append(len(rows) if is_one_by_one else 1)

    event.listen(store._write, "before_cursor_execute", count)
    members = tuple(Member(f"S{number}") for number in range(3_000))
    store.change(lambda book: [UniverseEdit("mine", MINE._replace(members=members))])
    assert store.book().groups["mine"].members == members
    assert sum(statements) < 20


def test_readers_can_see_that_something_changed_and_only_then(store: DatabaseUniverses) -> None:
    before = state(store)
    store.change(lambda book: [])
    assert state(store) == before
    store.change(lambda book: [UniverseEdit("mine", MINE)])
    revision, symbols_revision, changed = state(store)
    assert (revision, symbols_revision, changed) == (before[0] + 1, before[0] + 1, '{"changed_at":5000,"number":1}')
    store.change(lambda book: [UniverseEdit("mine", MINE._replace(members=MINE.members[:2]))])
    assert state(store)[:2] == (revision, symbols_revision)  # no symbol came


def test_two_who_change_at_once_are_both_heard(store: DatabaseUniverses) -> None:
    books: list[UniverseBook] = []

    def interrupted(book: UniverseBook) -> list[UniverseEdit]:
        books.append(book)
        if len(books) == 1:
            store.change(lambda _book: [UniverseEdit("mine", MINE)])
        mine = book.groups.get("mine", MINE._replace(members=()))
        return [UniverseEdit("mine", mine._replace(members=(*mine.members, Member("SPY"))))]

    store.change(interrupted)
    assert len(books) == 2
    assert store.book().groups["mine"].symbols == ["IBM", "AAPL", "NEWCO", "SPY"]


def test_a_change_that_fails_leaves_everything(store: DatabaseUniverses) -> None:
    before = store.book(), state(store)

    def fail(book: UniverseBook) -> list[UniverseEdit]:
        raise UniverseError("No.")

    with pytest.raises(UniverseError):
        store.change(fail)
    assert (store.book(), state(store)) == before


def test_what_is_exported_is_imported_exactly(service: UniverseService, store: DatabaseUniverses) -> None:
    store.change(
        lambda book: [UniverseEdit("mine", MINE), UniverseEdit("none yet", MINE._replace(name="none yet", members=()))]
    )
    before, at = store.book(), state(store)
    for write in (to_csv, to_json):
        content = write(service.export([])).encode()
        outcome = service.import_file(content, Wish())
        assert (outcome.applied, [one for one in outcome.changes if not one.is_nothing]) == (True, [])
        assert (store.book(), state(store)) == (before, at)
        for name in before.groups:
            service.delete(name, Wish())
        assert store.book().groups == {}
        service.import_file(content, Wish())
        assert store.book().groups == before.groups
        at = state(store)


def test_twelve_thousand_rows_are_taken_at_once(service: UniverseService) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    tickers = [f"{a}{b}{c}Q" for a in letters for b in letters for c in letters][:12_000]
    assert service.import_file("\n".join(tickers).encode(), Wish(name="all of it")).applied
    assert service.show("all of it").definition.symbols == tickers


def test_with_one_bad_line_nothing_is_done(service: UniverseService, store: DatabaseUniverses) -> None:
    before = store.book()
    outcome = service.import_file(b"AAPL\nnot a ticker\nIBM\n", Wish(name="mine"))
    assert (outcome.applied, [where for where, _text in outcome.problems]) == (False, ["line 2"])
    assert store.book() == before
    assert service.import_file(b"AAPL\nnot a ticker\nIBM\n", Wish(name="mine", skip=True)).applied
    assert store.book().groups["mine"].symbols == ["AAPL", "IBM"]


def test_lists_are_searched_by_name_words_and_ticker(service: UniverseService) -> None:
    assert [one.name for one in service.listed("Jones")[0]] == ["DIA", "dow30"]
    assert "sp500" in [one.name for one in service.listed("brk-b")[0]]
    assert service.listed("nasdak") == ([], ["nasdaq100"])
    assert len(service.listed()[0]) == 19


def test_symbols_are_added_to_what_is_there(service: UniverseService, store: DatabaseUniverses) -> None:
    assert service.add("mine", ["aapl", "ibm"], Wish(description="Mine"), is_new=True).applied
    assert service.add("mine", ["MSFT", "IBM"], Wish(), is_new=False).applied
    assert store.book().groups["mine"] == Definition(
        "mine", "CUSTOM", "Mine", (Member("AAPL"), Member("IBM"), Member("MSFT"))
    )
    with pytest.raises(UniverseError, match="already"):
        service.add("mine", [], Wish(), is_new=True)
    with pytest.raises(UniverseError, match=r"Did you mean mine\?"):
        service.add("min", ["IBM"], Wish(), is_new=False)


def test_universes_and_files_are_compared(service: UniverseService, tmp_path: Path) -> None:
    found, problems, _notes = service.compare("nasdaq100", "QQQ")
    assert (found.is_nothing, problems) == (True, [])
    found, problems, _notes = service.compare("dow30", b"AAPL\nBRK-B\nnot one\n")
    assert (found.added, len(found.removed), len(problems)) == (("BRK.B",), 29, 1)
