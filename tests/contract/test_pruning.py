"""Minutes that are too old are dropped, on both databases."""

import datetime as dt

import pytest

from src.core.domain.market.gaps import Gap, GapReason, GapState
from src.core.domain.market.history import Known, Load, LoadState, Piece, Timespan
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.history_ports import Pruned
from src.infrastructure.database import pruning
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapReader, DatabaseGapStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.pruning import DatabasePruner
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.infrastructure.doctor.growth import measure_growth
from tests.bars import MINUTE, bar, stored_bars

_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


@pytest.fixture
def pruner(database_url: str, monkeypatch: pytest.MonkeyPatch) -> DatabasePruner:
    monkeypatch.setattr(pruning, "_ROWS_A_TRANSACTION", 4)
    return DatabasePruner(row_engine(database_url), lambda: 1)


def left(database_url: str) -> list[tuple[str, int]]:
    return [(one.symbol, (one.timestamp - MINUTE) // _MINUTE_MS) for one in stored_bars(database_url)]


def test_what_is_older_is_dropped_in_pieces(
    pruner: DatabasePruner, database: TickStockDatabase, database_url: str
) -> None:
    for symbol, count in (("A", 12), ("B", 3), ("C", 0)):
        database.merge([bar(symbol, MINUTE + place * _MINUTE_MS) for place in range(count)])
    before_ms = MINUTE + 9 * _MINUTE_MS
    pieces: list[int] = []
    assert pruner.count(before_ms) == 12
    assert pruner.prune(before_ms, lambda rows, _seconds: pieces.append(rows) is None) == 12
    assert pieces == [4, 4, 1, 3]
    assert left(database_url) == [("A", 9), ("A", 10), ("A", 11)]
    assert pruner.pruned() == Pruned(before_ms, 12)
    assert pruner.prune(before_ms, lambda _rows, _seconds: False) == 0


def test_an_interrupted_one_is_gone_on_with(
    pruner: DatabasePruner, database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar("A", MINUTE + place * _MINUTE_MS) for place in range(9)])
    assert pruner.prune(MINUTE + 9 * _MINUTE_MS, lambda _rows, _seconds: False) == 4
    assert pruner.pruned() == Pruned(0, 4), "readers do not take the rest for dropped"
    assert len(left(database_url)) == 5
    assert pruner.prune(MINUTE + 9 * _MINUTE_MS, lambda _rows, _seconds: True) == 5
    assert pruner.pruned() == Pruned(MINUTE + 9 * _MINUTE_MS, 9)


def test_what_the_feed_last_sent_is_known(pruner: DatabasePruner, database: TickStockDatabase) -> None:
    assert pruner.heard_ms() == 0
    database.set_state("heard", {"event_ms": MINUTE, "at_ms": MINUTE + 1, "quiet_ms": None})
    assert pruner.heard_ms() == MINUTE


def test_what_was_dropped_can_be_loaded_again(pruner: DatabasePruner, database_url: str) -> None:
    log = DatabaseHistory(read_engine(database_url), row_engine(database_url))
    for timespan in Timespan:
        load = Load(timespan, "rest", timespan, ("A",), None, None, None, "somebody", LoadState.RUNNING, 1)
        for month in (9, 10, 11):
            piece = Piece("A", dt.date(2025, month, 1), dt.date(2025, month, 28))
            log.learn(load, [(piece, Known(*piece[1:], 7))], 1)
    pruner.prune(date_bounds_ms(dt.date(2025, 10, 15))[0], lambda _rows, _seconds: True)
    assert log.months("A", Timespan.MINUTE) == {
        "2025-10": Known(dt.date(2025, 10, 15), dt.date(2025, 10, 28), 7),
        "2025-11": Known(dt.date(2025, 11, 1), dt.date(2025, 11, 28), 7),
    }
    assert len(log.months("A", Timespan.DAY)) == 3


def test_what_was_given_up_is_forgotten_with_its_minutes(pruner: DatabasePruner, database_url: str) -> None:
    gaps = DatabaseGapStore(row_engine(database_url), lambda: 1)
    for name, from_min in (("old", 0), ("new", 10), ("open", 0)):
        bounds = (MINUTE + from_min * _MINUTE_MS, MINUTE + (from_min + 5) * _MINUTE_MS)
        gap = Gap(name, "A", ("A",), *bounds, GapReason.DROP, "", 1)
        gaps.record([gap])
        gaps.expand(gap, {"A": 1})
    given_up = [entry for entry in gaps.entries(2, 9) if entry.gap_id != "open"]
    gaps.note(given_up, GapState.UNREPAIRABLE, None, 0, "It was refused.")
    pruner.prune(MINUTE + 10 * _MINUTE_MS, lambda _rows, _seconds: True)
    assert [entry.gap_id for entry in gaps.unrepaired(MINUTE, MINUTE + 99 * _MINUTE_MS)] == ["open", "new"]
    assert {row.id for row in DatabaseGapReader(read_engine(database_url)).listed(9)} == {"open", "new"}


def test_how_much_a_bar_takes_is_measured_by_those_that_are_left(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.doctor.growth._FEWEST_BARS", 100)
    engine, now_ms = read_engine(sqlite_database_url), MINUTE + 2 * _DAY_MS
    database = TickStockDatabase(write_engine(sqlite_database_url), lambda: now_ms * 1000)
    for day_ms in (0, _DAY_MS):
        database.merge([bar("A", MINUTE + day_ms + place * _MINUTE_MS) for place in range(1000)])
    whole = measure_growth(engine, sqlite_database_url, now_ms)
    DatabasePruner(row_engine(sqlite_database_url), lambda: 1).prune(MINUTE + _DAY_MS, lambda _rows, _seconds: True)
    rest = measure_growth(engine, sqlite_database_url, now_ms)
    assert rest.size_bytes < whole.size_bytes, "room that is free for new bars is not counted"
    assert rest.bytes_a_day == pytest.approx(rest.size_bytes), "1,000 bars in a day are all there are"
    database.close()
