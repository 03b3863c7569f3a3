"""Longer periods against calculations made in another way: New York's wall clock, decimals, the calendar's weeks."""

import datetime as dt
import random
from collections import defaultdict
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.aggregation import (
    PeriodBar,
    Timeframe,
    midnight_ms,
    period_at,
    together,
    weeks,
    whole_day,
    within_sessions,
)
from src.core.domain.market.bar import Bar
from src.core.domain.market.session import usual_day
from src.infrastructure.calendar.session_table import load_session_table
from tests.bars import bar, day
from tests.market_data import data_dir, rows

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
# An ordinary day, both days after clocks changed, an early close, and a holiday's Saturday.
DATES = [dt.date.fromisoformat(text) for text in ("2025-11-20", "2025-03-10", "2025-11-03", "2025-11-28")]


def at(date: dt.date, clock: str) -> int:
    """An instant by New York's wall clock."""
    return round(dt.datetime.combine(date, dt.time.fromisoformat(clock), NEW_YORK).timestamp()) * 1000


def minutes_of(date: dt.date, seed: int = 1) -> list[Bar]:
    """Two thirds of the minutes from 04:00 to 20:00, with fractional volumes."""
    rng = random.Random(seed)
    first = at(date, "04:00")
    bars = []
    for number in range(960):
        low, high = sorted((rng.randrange(10_000, 20_000) / 100, rng.randrange(10_000, 20_000) / 100))
        opening, close = rng.uniform(low, high), rng.uniform(low, high)
        volume, count = rng.randrange(10**9) / 10**6, rng.randrange(1, 50)
        if rng.random() < 0.66:
            values = (opening, high, low, close, volume, round(rng.uniform(low, high), 4), count, 2, 1)
            bars.append(Bar("AAPL", first + number * 60_000, *values))
    return bars


def label(start_ms: int, timeframe: str, early: bool) -> str:
    """Which bar a minute belongs to, by the wall clock alone."""
    width = {"5m": 5, "15m": 15, "1h": 60}[timeframe]
    moment = dt.datetime.fromtimestamp(start_ms / 1000, NEW_YORK)
    minute = moment.hour * 60 + moment.minute
    close = 13 * 60 if early else 16 * 60
    anchor = 240 if minute < 570 else 570 if minute < close else close if minute < (1020 if early else 1200) else 1020
    anchored = anchor + (minute - anchor) // width * width
    return f"{anchored // 60:02}:{anchored % 60:02}"


@pytest.mark.parametrize("timeframe", ["5m", "15m", "1h"])
@pytest.mark.parametrize("date", DATES, ids=str)
def test_periods_are_those_of_new_yorks_wall_clock(date: dt.date, timeframe: str) -> None:
    minutes = minutes_of(date)
    expected: dict[int, list[Bar]] = defaultdict(list)
    for one in minutes:
        expected[at(date, label(one.timestamp, timeframe, early=date == dt.date(2025, 11, 28)))].append(one)
    found = list(within_sessions(minutes, Timeframe(timeframe), CALENDAR.trading_day))
    assert [one.timestamp for one in found] == sorted(expected)
    for period in found:
        check_together(period, expected[period.timestamp])
        assert period.date == date


def check_together(period: PeriodBar, parts: list[Bar]) -> None:
    """The figures of a period, in decimals."""
    volumes = [Decimal(str(part.volume)) for part in parts]
    assert (period.open, period.close) == (parts[0].open, parts[-1].close)
    assert period.high == max(part.high for part in parts)
    assert period.low == min(part.low for part in parts)
    assert Decimal(str(period.volume)) == sum(volumes)
    dollars = sum(Decimal(str(part.vwap)) * volume for part, volume in zip(parts, volumes, strict=True))
    assert period.vwap == pytest.approx(float(dollars / sum(volumes)), abs=1e-6)
    assert period.trade_count == sum(part.trade_count or 0 for part in parts)


def test_an_hour_of_the_regular_session_begins_at_half_past_and_no_bar_mixes_sessions() -> None:
    date = DATES[0]
    minutes = [bar(timestamp=at(date, "04:00") + number * 60_000) for number in range(960)]
    starts = [
        f"{dt.datetime.fromtimestamp(one.timestamp / 1000, NEW_YORK):%H:%M}"
        for one in within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day)
    ]
    pre = ["04:00", "05:00", "06:00", "07:00", "08:00", "09:00"]
    regular = ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]
    assert starts == [*pre, *regular, "16:00", "17:00", "18:00", "19:00"]
    kept = within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day, regular_only=True)
    assert [one.volume for one in kept] == [6000.0] * 6 + [3000.0]


def test_on_an_early_close_the_regular_session_ends_at_one() -> None:
    date = DATES[3]
    minutes = [bar(timestamp=at(date, clock)) for clock in ("12:59", "13:00", "16:59", "17:00")]
    regular = within_sessions(minutes, Timeframe.MINUTE, CALENDAR.trading_day, regular_only=True)
    assert [one.timestamp for one in regular] == [at(date, "12:59")]
    hours = within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day)
    assert [one.timestamp for one in hours] == [at(date, clock) for clock in ("12:30", "13:00", "16:00", "17:00")]


def test_what_is_stored_of_a_day_without_trading_belongs_to_no_session() -> None:
    saturday = dt.date(2025, 11, 22)
    minutes = [bar(timestamp=at(saturday, clock)) for clock in ("00:30", "09:30", "10:10", "23:59")]
    found = list(within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day))
    assert [one.timestamp for one in found] == [at(saturday, clock) for clock in ("00:00", "09:00", "10:00", "23:00")]
    assert list(within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day, regular_only=True)) == []
    # The simulated market trades every day.
    regular = within_sessions(minutes, Timeframe.HOUR, usual_day, regular_only=True)
    assert [(one.timestamp, one.volume) for one in regular] == [(at(saturday, "09:30"), 200.0)]


def test_the_days_on_which_clocks_change_have_hours_of_an_hour() -> None:
    for text, hours in (("2025-03-09", 23), ("2025-11-02", 25)):
        sunday = dt.date.fromisoformat(text)
        first, following = midnight_ms(sunday), midnight_ms(sunday + dt.timedelta(days=1))
        minutes = [bar(timestamp=at_ms) for at_ms in range(first, following, 60_000)]
        found = list(within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day))
        assert [one.timestamp for one in found] == [first + number * 3_600_000 for number in range(hours)]


def test_a_period_holds_what_is_told_of_all_its_parts() -> None:
    parts = [bar(tier=2, trade_count=1), bar(timestamp=bar().timestamp + 60_000, tier=0, vwap=None, partial=True)]
    found = together(parts, parts[0].timestamp, DATES[0])
    assert (found.tier, found.partial, found.vwap, found.trade_count) == (0, True, None, None)
    silent = bar(volume=0.0, vwap=None, trade_count=0)
    assert together([bar(trade_count=5), silent], 0, DATES[0]).vwap == 150.0
    assert together([silent, silent], 0, DATES[0]).vwap is None


def test_fractional_volumes_are_added_without_the_errors_of_floats() -> None:
    parts = [bar(volume=0.1), bar(volume=0.2), bar(volume=0.000001)]
    assert together(parts, 0, DATES[0]).volume == 0.300001


def test_a_period_of_one_part_has_all_the_digits_of_it() -> None:
    for volume in (0.00000025, 76.0930035807385, 304423.379995643):
        assert together([bar(volume=volume)], 0, DATES[0]).volume == volume


# -- weeks -----------------------------------------------------------------------------------------------------------


def test_a_week_begins_on_monday_traded_or_not() -> None:
    # Monday 2025-01-20 was a holiday; the week before ends on Friday.
    dates = [dt.date(2025, 1, number) for number in (16, 17, 21, 22, 24, 27)]
    found = list(weeks(whole_day(day(date=date, close=10.0 + place)) for place, date in enumerate(dates)))
    assert [str(one.date) for one in found] == ["2025-01-13", "2025-01-20", "2025-01-27"]
    assert [one.timestamp for one in found] == [midnight_ms(one.date) for one in found]
    assert [(one.open, one.close, one.volume) for one in found] == [
        (9.5, 11.0, 200.0),
        (11.5, 14.0, 300.0),
        (14.5, 15.0, 100.0),
    ]


def test_the_period_that_holds_an_instant() -> None:
    thursday = DATES[0]
    noon = at(thursday, "12:10")
    assert period_at(noon, Timeframe.HOUR, CALENDAR.trading_day).start_ms == at(thursday, "11:30")
    stub = period_at(at(thursday, "09:29"), Timeframe.HOUR, CALENDAR.trading_day)
    assert (stub.start_ms, stub.end_ms) == (at(thursday, "09:00"), at(thursday, "09:30"))
    assert period_at(noon, Timeframe.DAY, CALENDAR.trading_day).start_ms == at(thursday, "00:00")
    week = period_at(noon, Timeframe.WEEK, CALENDAR.trading_day)
    assert (week.start_ms, week.end_ms) == (at(dt.date(2025, 11, 17), "00:00"), at(dt.date(2025, 11, 24), "00:00"))


# -- real sessions -------------------------------------------------------------------------------------------------


REAL_FILES = [(symbol, date) for symbol in ("AIG", "BAC", "IBM", "SPY") for date in ("20131008", "20131009")]


@pytest.mark.skipif(not (data_dir() / "intraday").is_dir(), reason="there is no real data: set TEST_DATA_DIR")
@pytest.mark.parametrize(("symbol", "date"), REAL_FILES)
def test_hours_of_real_minutes_agree_with_another_calculation(symbol: str, date: str) -> None:
    told = rows(data_dir() / f"intraday/minute/{symbol}_{date}.csv.gz")
    minutes = [
        Bar(symbol, row.start_ms, *map(float, (row.open, row.high, row.low, row.close, row.volume)), None, None, 3, 1)
        for row in told
    ]
    # On that day New York was four hours behind UTC: seconds since 04:00 New York are those since 08:00 UTC.
    expected: dict[int, list[tuple[Decimal, ...]]] = defaultdict(list)
    for row in told:
        of_day = row.start_ms // 60_000 % 1440 - 240
        anchor = 240 if of_day < 570 else 570 if of_day < 960 else 960
        start_ms = row.start_ms - (of_day - anchor) % 60 * 60_000
        expected[start_ms].append(tuple(Decimal(text) for text in row[1:]))
    found = list(within_sessions(minutes, Timeframe.HOUR, CALENDAR.trading_day))
    assert len(found) >= 7
    told_hours = [
        (start_ms, part[0][0], max(p[1] for p in part), min(p[2] for p in part), part[-1][3], sum(p[4] for p in part))
        for start_ms, part in sorted(expected.items())
    ]
    assert told_hours == [
        (one.timestamp, *(Decimal(repr(n)) for n in (one.open, one.high, one.low, one.close, one.volume)))
        for one in found
    ]
