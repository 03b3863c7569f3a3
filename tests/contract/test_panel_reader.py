"""Daily bars and minutes of many symbols as arrays, from every database; and which of them changed since."""

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pytest

from src.core.analytics.panel import Floats
from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.session import usual_day
from src.infrastructure.database import panel_reader
from src.infrastructure.database.action_store import DatabaseActions, Scope
from src.infrastructure.database.day_notes import DayNote, noted, span_since
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.panel_reader import DatabasePanelStore
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import bar, day

MONDAY = dt.date(2025, 11, 17)
DATES = [MONDAY + dt.timedelta(days=number) for number in range(5)]
SYMBOLS = ["IBM", "AAPL", "BACpL", "NONE"]


@pytest.fixture
def store(database_url: str) -> Iterator[DatabasePanelStore]:
    engine = read_engine(database_url)
    yield DatabasePanelStore(engine)
    engine.dispose()


def numbers(one: DailyBar | Bar) -> list[float]:
    return [one.open, one.high, one.low, one.close, one.volume]


def some_days() -> list[DailyBar]:
    """Of all dates but one, and of symbols and dates that nobody asks for."""
    places = [
        (symbol, date) for date in DATES for symbol in ("IBM", "AAPL", "OTHER") if (symbol, date.day) != ("IBM", 19)
    ]
    places += [("IBM", MONDAY - dt.timedelta(days=3)), ("IBM", DATES[-1] + dt.timedelta(days=1))]
    days = [
        day(symbol, date, close=100.0001 + number / 7, volume=10.0**number + 0.654321)
        for number, (symbol, date) in enumerate(places)
    ]
    return [*days, day("BACpL", MONDAY, close=-37.630001), day("BACpL", DATES[1], withdrawn=True)]


def as_panel(days: list[DailyBar]) -> Floats:
    values = np.full((5, len(SYMBOLS), len(DATES)), np.nan)
    for one in days:
        if one.symbol in SYMBOLS and one.date in DATES and not one.withdrawn:
            values[:, SYMBOLS.index(one.symbol), DATES.index(one.date)] = numbers(one)
    return values


def test_days_are_read_as_they_are_stored(
    database: TickStockDatabase, store: DatabasePanelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_reader, "_ROWS_BY_KEY", 7)  # pieces
    monkeypatch.setattr(panel_reader, "_ROWS_IN_ORDER", 7)
    np.testing.assert_array_equal(store.days(SYMBOLS, DATES), as_panel([]))
    days = some_days()
    database.merge_daily(days)
    for passed_by in (10_000, 0):  # in their order, by key
        monkeypatch.setattr(panel_reader, "_PASSED_BY", passed_by)
        np.testing.assert_allclose(store.days(SYMBOLS, DATES), as_panel(days), rtol=1e-14, atol=5e-7)
    assert store.days([], DATES).shape == (5, 0, 5)
    assert store.days(SYMBOLS, []).shape == (5, 4, 0)


def test_what_changed_is_found_however_old_and_what_did_not_is_not_read(
    database: TickStockDatabase, store: DatabasePanelStore
) -> None:
    database.merge_daily([day(symbol, date) for symbol in SYMBOLS[:3] for date in DATES])
    mark = store.mark()
    assert store.changes(SYMBOLS, DATES, mark).rows.size == 0
    values = store.days(SYMBOLS, DATES)
    database.merge_daily([day("AAPL", DATES[1], close=9.0, observed_at=2)])
    database.merge_daily([day("IBM", DATES[4], observed_at=2)])  # confirmed, so nobody sees a change
    database.merge_daily([day("BACpL", DATES[3], observed_at=2, withdrawn=True), day("OTHER", DATES[3])])
    database.merge_daily([day("AAPL", DATES[4] + dt.timedelta(days=1))])
    database.merge([bar("AAPL")])
    cells = store.changes(SYMBOLS, DATES, mark)
    assert sorted(zip(cells.rows.tolist(), cells.columns.tolist(), strict=True)) == [(1, 1), (2, 3)]
    values[:, cells.rows, cells.columns] = cells.values
    np.testing.assert_array_equal(values, store.days(SYMBOLS, DATES))
    since = store.mark()
    assert since.database_id == mark.database_id
    assert since.revision > mark.revision
    assert store.changes(SYMBOLS, DATES, since).rows.size == 0
    assert store.changes(SYMBOLS, DATES[:1], mark).rows.size == 0


def test_splits_are_told_and_the_mark_says_when_they_may_have_changed(
    database: TickStockDatabase, database_url: str, store: DatabasePanelStore
) -> None:
    engine = row_engine(database_url)
    actions = DatabaseActions(engine, lambda: 1)
    split = CorporateAction("1", "AAPL", DATES[2], ActionKind.SPLIT, 1.0, 4.0, None, None, ActionSource.REST)
    paid = CorporateAction("2", "AAPL", DATES[2], ActionKind.DIVIDEND, None, None, 0.25, "USD", ActionSource.REST)
    marks = [store.mark()]
    actions.replace(
        Scope(ActionKind.SPLIT, DATES[0], DATES[4]), [split, paid, split._replace(id="3", symbol="ELSE")], []
    )
    marks.append(store.mark())
    assert store.splits(SYMBOLS) == [split]
    actions.add([split._replace(id="4", source=ActionSource.CSV)])
    marks.append(store.mark())
    assert [mark.actions for mark in marks] == [0, 1, 2]
    engine.dispose()


def test_minutes_of_the_regular_session_are_read_as_they_are_stored(
    database: TickStockDatabase, store: DatabasePanelStore
) -> None:
    session = usual_day(dt.date(2025, 11, 20))
    starts = [session.open_ms + minute * MINUTE_MS for minute in (-1, 0, 1, 77, 389, 390)]
    bars = [
        bar(symbol, start, close=50.0 + start % 977 / 100, volume=0.1) for start in starts for symbol in SYMBOLS[:2]
    ]
    withdrawn = bar("BACpL", starts[2], tier=Tier.FINAL.value, withdrawn=True)
    database.merge([*bars, withdrawn, bar("OTHER", starts[1])])
    expected = np.full((5, 4, 390), np.nan)
    for one in bars:
        if 0 <= (minute := (one.timestamp - session.open_ms) // MINUTE_MS) < 390:
            expected[:, SYMBOLS.index(one.symbol), minute] = numbers(one)
    np.testing.assert_allclose(store.minutes(SYMBOLS, session), expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(store.volumes(SYMBOLS, session), expected[4])


def test_notes_tell_of_all_that_changed_however_many_there_were() -> None:
    notes: list[DayNote] = []
    dates = [(MONDAY + dt.timedelta(days=number)).isoformat() for number in range(100)]
    for revision, date in enumerate(reversed(dates), 1):
        notes = noted(notes, DayNote(revision, date, date))
    notes = noted(notes, DayNote(101, dates[0], dates[0]))
    assert len(notes) <= 40
    assert span_since(notes, 0) == (dates[0], dates[99])
    assert span_since(notes, 99) == (dates[0], dates[0])
    assert span_since(notes, 101) is None
    for revision, date in enumerate(reversed(dates), 1):
        span = span_since(notes, revision - 1)
        assert span is not None
        assert span[0] <= date <= span[1]
