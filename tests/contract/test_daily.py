"""Days in every database: merged by evidence as minutes are, every digit kept, read a page at a time."""

import datetime as dt
import functools
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from src.core.domain.market.bar import Bar, merge_evidence
from src.core.domain.market.daily import DailyBar, check_daily
from src.core.errors import BadBarError
from src.infrastructure.database.daily_store import DatabaseDays
from src.infrastructure.database.engines import read_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import bar, day, evidence, evidence_with_absent_values, stored_bars, stored_days

FRIDAY = dt.date(2025, 11, 21)
_dates = (dt.date(1990, 1, 1) + dt.timedelta(days=number) for number in itertools.count())


def revisions(url: str) -> list[int]:
    engine = read_engine(url)
    with engine.connect() as connection:
        found = [row[0] for row in connection.execute(text("SELECT revision FROM ohlcv_daily ORDER BY symbol, date"))]
    engine.dispose()
    return found


def test_a_day_comes_back_as_it_went_in_and_makes_its_symbol_known(
    database: TickStockDatabase, database_url: str
) -> None:
    original = day("BACpL", volume=1234.567891, vwap=None, trade_count=12, partial=True)
    assert database.merge_daily([original]).refused == 0
    assert stored_days(database_url) == [original]
    database.merge([bar("BACpL")])  # no trouble with what is known now
    assert [stored.symbol for stored in stored_bars(database_url)] == ["BACpL"]


@given(evidence() | evidence_with_absent_values(), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_order_and_repetition_of_evidence_end_in_the_same_day_as_in_memory(
    database: TickStockDatabase, database_url: str, accounts: list[Bar], data: st.DataObject
) -> None:
    date = next(_dates)
    days = [DailyBar(one.symbol, date, *(getattr(one, name) for name in Bar.__struct_fields__[2:])) for one in accounts]
    for account in data.draw(st.permutations(days + data.draw(st.lists(st.sampled_from(days), max_size=4)))):
        database.merge_daily([account])
    (stored,) = [stored for stored in stored_days(database_url) if stored.date == date]
    assert stored == functools.reduce(merge_evidence, days)


def test_a_batch_with_several_accounts_of_a_day_keeps_the_best(database: TickStockDatabase, database_url: str) -> None:
    database.merge_daily([day(close=2.0, observed_at=2), day(close=3.0, observed_at=3), day(close=1.0)])
    assert [stored.close for stored in stored_days(database_url)] == [3.0]


def test_what_changes_nothing_for_readers_keeps_the_revision(database: TickStockDatabase, database_url: str) -> None:
    first = database.merge_daily([day(observed_at=1)]).revision
    database.merge_daily([day(observed_at=3)])
    assert revisions(database_url) == [first]
    last = database.merge_daily([day(close=9.0, observed_at=4)]).revision
    assert revisions(database_url) == [last]


def test_stamps_go_on_from_those_of_days(database: TickStockDatabase) -> None:
    database.merge_daily([day(observed_at=10**16)])
    database.load_clock()
    assert database.clock.stamp() > 10**16


def test_a_page_of_days_is_read_by_date(database: TickStockDatabase, database_url: str) -> None:
    days = [day(date=FRIDAY + dt.timedelta(days=number), observed_at=number) for number in range(5)]
    database.merge_daily([*reversed(days), day("IBM")])
    engine = read_engine(database_url)
    reader = DatabaseDays(engine)
    assert reader.days_between("AAPL", FRIDAY, FRIDAY + dt.timedelta(days=3)) == days[:4]
    assert reader.days_between("AAPL", days[1].date, days[4].date, limit=2) == days[1:3]
    engine.dispose()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (day(date=dt.date(1969, 12, 31)), "before 1970"),
        (day(close=float("nan")), "not finite"),
        (day(volume=-1.0), "negative volume"),
        (day(volume=1e16), "above 1e"),
        (day(trade_count=10**25), "as many trades"),
    ],
)
def test_a_day_that_cannot_be_right_says_why(bad: DailyBar, says: str) -> None:
    with pytest.raises(BadBarError, match=says):
        check_daily(bad)
