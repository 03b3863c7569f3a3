"""Loads and known months, on both databases."""

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest

from src.core.domain.market.history import Known, Load, LoadState, Piece, Timespan
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.history_store import DatabaseHistory

D = dt.date


@pytest.fixture
def log(database_url: str) -> Iterator[DatabaseHistory]:
    engines = read_engine(database_url), row_engine(database_url)
    yield DatabaseHistory(*engines)
    for engine in engines:
        engine.dispose()


def load(load_id: str, asked_ms: int = 1) -> Load:
    symbols = ("BACpL", "BRK.B")
    dates = (D(2024, 1, 1), D(2025, 11, 19))
    return Load(load_id, "rest", Timespan.MINUTE, symbols, None, *dates, "ann", LoadState.WAITING, asked_ms)


def test_a_load_is_kept_as_it_is(log: DatabaseHistory) -> None:
    log.begin(load("one"))
    assert log.find("one") == load("one")
    assert log.find("two") is None
    after = load("one").going_on(5).with_unit(7, 3).with_failure("BRK.B", "Why.", 2)
    log.save(after)
    assert log.find("one") == after
    log.save(after.ended(9))
    assert log.find("one") == after.ended(9)
    of_files = msgspec.structs.replace(
        load("files", 2), kind="files", symbols=None, files=("/a.csv.gz",), from_date=None, to_date=None
    )
    log.begin(of_files)
    assert log.newest(1) == [of_files]


def test_what_has_not_ended_is_listed_oldest_first(log: DatabaseHistory) -> None:
    for asked_ms, load_id in enumerate(("old", "new", "done")):
        log.begin(load(load_id, asked_ms))
    log.save(load("done", 2).going_on(0).ended(3))
    log.save(load("old", 0).going_on(4))
    assert [one.id for one in log.unfinished()] == ["old", "new"]
    assert [one.id for one in log.newest(2)] == ["done", "new"]


def test_months_are_known_with_the_load_they_belong_to(log: DatabaseHistory) -> None:
    log.begin(load("one"))
    piece = Piece("BACpL", D(2025, 1, 1), D(2025, 1, 31))
    some, more = Known(D(2025, 1, 10), D(2025, 1, 20), 7), Known(D(2025, 1, 1), D(2025, 1, 31), 9)
    after = load("one").going_on(2).with_unit(7, 7)
    log.learn(after, [(piece, some), (Piece("BACpL", D(2024, 12, 1), D(2024, 12, 31)), more)], 5)
    assert log.find("one") == after
    assert log.months("BACpL", Timespan.MINUTE) == {"2025-01": some, "2024-12": more}
    assert log.months("BACpL", Timespan.DAY) == log.months("BRK.B", Timespan.MINUTE) == {}
    log.learn(after, [(piece, more)], 6)
    assert log.months("BACpL", Timespan.MINUTE)["2025-01"] == more
