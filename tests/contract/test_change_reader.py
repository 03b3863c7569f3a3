"""The look at the database's revision, and what may follow from one that is some milliseconds old."""

import threading
import time

import pytest
from sqlalchemy import insert, text

from src.core.domain.market.cursor import Cursor
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.tables import write_state
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar
from tests.waiting import wait_for


def test_a_cut_answer_does_not_pass_the_first_bars_of_a_symbol_not_known_yet(
    database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar("S0", MINUTE)])
    engine = read_engine(database_url)
    seen = DatabaseChangeReader(engine).seen()
    start = Cursor(seen.database_id, seen.revision - 1, seen.newest_ms)
    # Committed within the 100 ms that `seen` may be old; S1 is asked for, too, but was not known then.
    database.merge([bar("S1", MINUTE)])
    database.merge([bar("S0", MINUTE + place * 60_000) for place in range(1, 4)])
    early = DatabaseChangeReader(engine).changes(["S0"], start, 2, seen)
    assert early is not None
    reader = DatabaseChangeReader(engine)
    later = reader.changes(["S0", "S1"], early.cursor, 100, reader.seen())
    assert later is not None
    assert {(told.symbol, told.timestamp) for told in (*early.bars, *later.bars)} == {
        ("S1", MINUTE), *(("S0", MINUTE + place * 60_000) for place in range(4))
    }  # fmt: skip
    engine.dispose()


def test_a_failed_first_look_is_told_to_all_who_wait_for_it(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = read_engine(sqlite_database_url)
    reader = DatabaseChangeReader(engine)
    failures: list[str] = []
    looks: list[str] = []

    def fail_slowly(_self: DatabaseChangeReader) -> None:
        looks.append(threading.current_thread().name)
        time.sleep(0.3)  # as a network that swallows all that is sent
        raise DatabaseUnavailableError("away")

    def ask() -> None:
        with pytest.raises(DatabaseUnavailableError):
            reader.seen()
        failures.append("away")

    monkeypatch.setattr(DatabaseChangeReader, "_look", fail_slowly)
    threads = [threading.Thread(target=ask, name="asks") for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 20
    assert looks.count("asks") == 1  # and not one after the other
    engine.dispose()


def test_a_failure_noticed_in_the_middle_of_a_question_is_no_answer(sqlite_database_url: str) -> None:
    engine = read_engine(sqlite_database_url)
    reader = DatabaseChangeReader(engine)
    reader.seen()

    class Interrupting(int):
        """A revision; while it is compared, the watch finds the database away."""

        def __gt__(self, other: object) -> bool:
            reader._seen = DatabaseUnavailableError("away")
            return False

    assert reader.seen(Interrupting(0)).revision == 0
    engine.dispose()


def test_symbols_are_looked_up_anew_when_the_database_is_another_one(database_url: str) -> None:
    database = TickStockDatabase(write_engine(database_url), lambda: MINUTE * 1000)
    for place in range(3):
        database.merge([bar(f"S{place}")])
    engine = read_engine(database_url)
    reader = DatabaseBarReader(engine, DatabaseChangeReader(engine))
    assert reader.resolve(["S0", "NEW"], DatabaseChangeReader(engine).seen()) == (["S0"], ["NEW"])
    writer = write_engine(database_url)
    with writer.begin() as connection:  # a copy of an earlier time, made a database of its own, and written to
        connection.execute(text("UPDATE write_state SET database_id = :id, revision = 1, symbols_revision = 1"),
                           {"id": "0" * 32})  # fmt: skip
    writer.dispose()
    database.close()
    database = TickStockDatabase(write_engine(database_url), lambda: MINUTE * 1000)
    database.merge([bar("NEW")])
    assert reader.resolve(["S0", "NEW"], DatabaseChangeReader(engine).seen()) == (["S0", "NEW"], [])
    database.close()
    engine.dispose()


def test_who_is_too_far_behind_begins_anew(
    database: TickStockDatabase, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.database.change_reader._FURTHEST_BARS", 10)
    database.merge([bar("S0", MINUTE), bar("S1", MINUTE)])
    reader = DatabaseChangeReader(read_engine(database_url))
    seen = reader.seen()
    start = Cursor(seen.database_id, seen.revision, seen.newest_ms)
    database.merge([bar("S0", MINUTE - minute * 60_000) for minute in range(30, 45)])
    later = DatabaseChangeReader(read_engine(database_url)).seen()
    assert reader.changes(["S0"], start, 100, later) is None
    told = reader.changes(["S1"], start, 100, later)
    assert told is not None, "of S1 nothing changed"
    assert told.bars == []


def test_a_restore_in_the_middle_is_a_database_that_is_away(database: TickStockDatabase, database_url: str) -> None:
    database.merge([bar("S0", MINUTE)])
    engine = write_engine(database_url)
    with engine.begin() as connection:
        kept = connection.execute(text("SELECT * FROM write_state")).mappings().one()
        connection.execute(text("DELETE FROM write_state"))
    reader = DatabaseChangeReader(read_engine(database_url))
    with pytest.raises(DatabaseUnavailableError, match="a row is missing"):
        reader.seen()
    with engine.begin() as connection:
        connection.execute(insert(write_state).values(**kept))
    wait_for(lambda: looks_again(reader))
    engine.dispose()


def looks_again(reader: DatabaseChangeReader) -> bool:
    try:
        return reader.seen().revision > 0
    except DatabaseUnavailableError:
        return False
