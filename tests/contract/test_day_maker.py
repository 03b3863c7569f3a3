"""Days that the database makes of minutes, against the same made one by one in Python."""

import datetime as dt
from collections.abc import Iterator

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.aggregation import together
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.daily_plan import DayOfMinutes, Minutes, day_of_stretch
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.day_maker import DatabaseDayMaker
from src.infrastructure.database.engines import read_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, day
from tests.unit.test_aggregation import at, minutes_of

CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
THURSDAY = dt.date(2025, 11, 20)
EARLY_CLOSE = dt.date(2025, 11, 28)
LATER_MS = at(dt.date(2025, 12, 1), "09:00")


@pytest.fixture
def maker(database_url: str) -> Iterator[DatabaseDayMaker]:
    engine = read_engine(database_url)
    yield DatabaseDayMaker(engine)
    engine.dispose()


def make(maker: DatabaseDayMaker, days: list[DayOfMinutes], stamp: int, now_ms: int) -> list[DailyBar]:
    whole = maker.stretches([Minutes(day.symbol, day.from_ms, day.to_ms) for day in days])
    return [day_of_stretch(day, one, stamp, now_ms) for day, one in zip(days, whole, strict=True) if one]


def of(symbol: str, date: dt.date) -> DayOfMinutes:
    bounds = CALENDAR.trading_day(date)
    assert bounds is not None
    return DayOfMinutes(symbol, date, bounds.open_ms, bounds.close_ms)


@pytest.mark.parametrize("date", [THURSDAY, EARLY_CLOSE, dt.date(2025, 3, 10), dt.date(2025, 11, 3)], ids=str)
def test_a_day_is_that_of_its_regular_sessions_minutes(
    database: TickStockDatabase, maker: DatabaseDayMaker, date: dt.date
) -> None:
    minutes = minutes_of(date)
    database.merge(minutes)
    clock = "13:00" if date == EARLY_CLOSE else "16:00"
    regular = [one for one in minutes if at(date, "09:30") <= one.timestamp < at(date, clock)]
    expected = together(regular, 0, date)
    (made,) = make(maker, [of("AAPL", date), of("IBM", date)], 7, LATER_MS)
    assert (made.symbol, made.date, made.tier, made.observed_at) == ("AAPL", date, Tier.LIVE, 7)
    for name in ("open", "high", "low", "close", "volume", "trade_count", "partial"):
        assert getattr(made, name) == getattr(expected, name), name
    assert made.vwap == pytest.approx(expected.vwap, abs=1e-6)


def test_what_is_absent_in_a_minute_is_absent_in_the_day_and_what_is_withdrawn_does_not_count(
    database: TickStockDatabase, maker: DatabaseDayMaker
) -> None:
    database.merge([bar(vwap=None, trade_count=5), bar(timestamp=MINUTE + 60_000, close=10.0, withdrawn=True)])
    database.merge([bar("IBM", trade_count=5), bar("IBM", MINUTE + 60_000, volume=0.0, vwap=None, trade_count=1)])
    apple, ibm = make(maker, [of("AAPL", THURSDAY), of("IBM", THURSDAY)], 1, LATER_MS)
    assert (apple.vwap, apple.trade_count, apple.low) == (None, 5, 149.25)
    assert (ibm.vwap, ibm.trade_count) == (150.0, 6)


def test_a_day_is_partial_while_it_trades_or_a_minute_of_it_is(
    database: TickStockDatabase, maker: DatabaseDayMaker
) -> None:
    database.merge([bar("AAPL"), bar("IBM", partial=True)])
    days = [of("AAPL", THURSDAY), of("IBM", THURSDAY)]
    assert [one.partial for one in make(maker, days, 1, LATER_MS)] == [False, True]
    assert [one.partial for one in make(maker, days, 1, at(THURSDAY, "15:59"))] == [True, True]


def test_large_and_fractional_volumes_are_added_exactly(database: TickStockDatabase, maker: DatabaseDayMaker) -> None:
    volumes = [0.1, 0.2, 123_456_789.654321, 9_000_000_000.0]
    database.merge([bar(timestamp=MINUTE + place * 60_000, volume=volume) for place, volume in enumerate(volumes)])
    (made,) = make(maker, [of("AAPL", THURSDAY)], 1, LATER_MS)
    assert made.volume == 9_123_456_789.954321


def test_a_provisional_day_is_withdrawn_when_all_its_minutes_are_and_not_when_they_are_gone(
    database: TickStockDatabase, maker: DatabaseDayMaker
) -> None:
    live = Tier.LIVE.value
    database.merge([bar("AAPL", withdrawn=True), bar("IBM", withdrawn=True)])
    database.merge_daily([day("AAPL", tier=live), day("IBM"), day("MSFT", tier=live)])
    days = [of(symbol, THURSDAY) for symbol in ("AAPL", "IBM", "MSFT")]
    assert make(maker, days, 2, LATER_MS) == []
    (found,) = maker.withdrawn(days, 2)
    assert (found.symbol, found.withdrawn, found.observed_at, found.close) == ("AAPL", True, 2, 150.25)


def test_what_changed_is_told_by_symbol(database: TickStockDatabase, maker: DatabaseDayMaker) -> None:
    hour = 3_600_000
    first = maker.noted_since(None)
    database.merge([bar("IBM", MINUTE)])
    database.merge([bar("AAPL", MINUTE - 2 * hour), bar("AAPL", MINUTE - hour)])
    database.merge([bar("AAPL", MINUTE - 3 * hour)])
    noted = maker.noted_since(first.revision)
    assert list(noted.changes) == [("AAPL", MINUTE - 3 * hour, MINUTE - hour)]
    assert noted.revision == first.revision + 3
    assert list(maker.noted_since(noted.revision).changes) == []


def test_the_symbols_with_minutes(database: TickStockDatabase, maker: DatabaseDayMaker) -> None:
    database.merge([bar("IBM"), bar("AAPL"), bar("MSFT", MINUTE - 60_000)])
    assert maker.symbols_between(MINUTE, MINUTE + 60_000) == ["AAPL", "IBM"]
    assert maker.ends(["NONE", "IBM", "AAPL"], MINUTE, MINUTE + 60_000) == (MINUTE, MINUTE)
    assert maker.ends(["NONE"], MINUTE, MINUTE + 60_000) is None
    assert maker.ends([], MINUTE, MINUTE + 60_000) is None


def minutes(symbols: int) -> list[Bar]:
    return [bar(f"S{number}", observed_at=number) for number in range(symbols)]


def test_many_days_are_made_in_one_question(database: TickStockDatabase, maker: DatabaseDayMaker) -> None:
    database.merge(minutes(300))
    days = [of(f"S{number}", THURSDAY) for number in range(300)]
    assert {one.symbol for one in make(maker, days, 1, LATER_MS)} == {day.symbol for day in days}


def test_what_two_parts_of_a_session_come_to_is_what_all_of_it_does(
    database: TickStockDatabase, maker: DatabaseDayMaker
) -> None:
    database.merge(minutes_of(THURSDAY))
    day = of("AAPL", THURSDAY)
    middle = at(THURSDAY, "11:17")
    after_ms = day.from_ms + MINUTE_MS
    parts = [(day.from_ms, day.to_ms), (after_ms, middle), (middle, day.to_ms)]
    whole, early, late = maker.stretches([Minutes("AAPL", *part) for part in parts])
    (first,) = maker.stretches([Minutes("AAPL", day.from_ms, after_ms)])
    assert whole is not None
    assert early is not None
    together_ = early.then(late) if first is None else first.then(early).then(late)
    assert together_._replace(dollars=whole.dollars) == whole
    assert together_.dollars == pytest.approx(whole.dollars, rel=1e-12)
