"""Splits and dividends on reading, against decimals and the real days of ../shared/data."""

import datetime as dt
import random
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec
import pytest

from src.core.domain.market.adjustment import (
    ActionKind,
    ActionSource,
    Adjusted,
    Close,
    CorporateAction,
    adjustment_of,
    ex_dates,
)
from src.core.domain.market.aggregation import PeriodBar, weeks, whole_day
from tests.bars import day
from tests.daily_files import SPLITS, SYMBOLS, daily_bars, daily_rows, has_daily_files

MICRO = Decimal("0.000001")
MONDAY = dt.date(2025, 11, 17)
TODAY = dt.date(2025, 11, 28)
needs_real_days = pytest.mark.skipif(not has_daily_files(), reason="there are no real daily files: set TEST_DATA_DIR")


def split(date: dt.date, old: float, new: float, source: ActionSource = ActionSource.REST) -> CorporateAction:
    return CorporateAction(f"{date}{old}{new}", "AAPL", date, ActionKind.SPLIT, old, new, None, None, source)


def dividend(date: dt.date, amount: float, currency: str | None = "USD") -> CorporateAction:
    kind, source = ActionKind.DIVIDEND, ActionSource.REST
    return CorporateAction(f"{date}{amount}", "AAPL", date, kind, None, None, amount, currency, source)


def on(date: dt.date, close: float = 100.0, volume: float = 1000.0) -> PeriodBar:
    return whole_day(day(date=date, close=close, volume=volume, vwap=close))


def adjusted(bar: PeriodBar, *actions: CorporateAction, today: dt.date = TODAY) -> PeriodBar:
    return adjustment_of(actions, Adjusted.SPLITS, today, {}).apply(bar)


def test_days_before_a_split_are_told_in_shares_of_after() -> None:
    found = adjusted(on(MONDAY, 100.0, 1000.5), split(dt.date(2025, 11, 18), 1, 4))
    assert (found.open, found.high, found.low, found.close) == (24.875, 25.25, 24.75, 25.0)
    assert (found.vwap, found.volume) == (25.0, 4002.0)
    assert (found.timestamp, found.trade_count) == (on(MONDAY).timestamp, None)


def test_the_day_of_a_split_trades_on_its_terms() -> None:
    assert adjusted(on(MONDAY), split(MONDAY, 1, 4)) == on(MONDAY)


def test_a_reverse_split_raises_prices() -> None:
    found = adjusted(on(MONDAY, 1.5, 1000.0), split(TODAY, 25, 1))
    assert (found.close, found.volume) == (37.5, 40.0)


def test_several_splits_multiply_on_one_day_too() -> None:
    both = [split(dt.date(2025, 11, 20), 100, 1), split(dt.date(2025, 11, 20), 1, 100)]  # as odd lots are bought out
    assert adjusted(on(MONDAY), *both) == on(MONDAY)
    found = adjusted(on(MONDAY), split(dt.date(2025, 11, 20), 1, 2), split(dt.date(2025, 11, 24), 1, 5))
    assert (found.close, found.volume) == (10.0, 10_000.0)
    between = adjusted(
        on(dt.date(2025, 11, 21)), split(dt.date(2025, 11, 20), 1, 2), split(dt.date(2025, 11, 24), 1, 5)
    )
    assert between.close == 20.0


def test_a_split_that_is_told_twice_is_one() -> None:
    twice = [split(TODAY, 1, 4), split(TODAY, 1, 4)._replace(id="another")]
    assert adjusted(on(MONDAY), *twice).close == 25.0


def test_a_split_on_a_day_without_trading_takes_effect_on_the_next() -> None:
    saturday = dt.date(2025, 11, 22)
    assert adjusted(on(dt.date(2025, 11, 21)), split(saturday, 1, 2)).close == 50.0
    assert adjusted(on(dt.date(2025, 11, 24)), split(saturday, 1, 2)).close == 100.0


def test_a_split_that_is_announced_changes_nothing_yet() -> None:
    announced = split(TODAY + dt.timedelta(days=1), 1, 2)
    assert adjusted(on(MONDAY), announced) == on(MONDAY)
    assert adjusted(on(MONDAY), announced, today=announced.date).close == 50.0


def test_what_a_file_says_of_a_day_counts_in_the_place_of_rest() -> None:
    wrong, right = split(TODAY, 1, 20), split(TODAY, 1, 2, ActionSource.CSV)
    assert adjusted(on(MONDAY), wrong, right).close == 50.0
    assert adjusted(on(MONDAY), split(TODAY - dt.timedelta(days=1), 1, 2), right).close == 25.0


@pytest.mark.parametrize(
    ("number", "old", "new", "expected"),
    [
        (150.1234, 1, 8, 18.765425),
        (0.0001, 1, 8, 0.000012),  # 0.0000125 is half-way: to the even digit
        (0.0003, 1, 8, 0.000038),  # 0.0000375
        (100.0, 3, 1, 300.0),
        (100.0, 1, 3, 33.333333),
        (200.0, 1, 3, 66.666667),
        (10.1, 1, 1.05, 9.619048),
    ],
)
def test_prices_are_rounded_once_to_millionths_half_to_even(
    number: float, old: float, new: float, expected: float
) -> None:
    bar = msgspec.structs.replace(on(MONDAY), open=number)
    assert adjusted(bar, split(TODAY, old, new)).open == expected


def test_doubles_are_as_right_as_decimals() -> None:
    rng, context = random.Random(7), Context(prec=60, rounding=ROUND_HALF_EVEN)
    for old, new in ((1, 8), (3, 2), (1, 7), (25, 1), (1, 64), (1, 1.05)):
        adjustment = adjustment_of([split(TODAY, old, new)], Adjusted.SPLITS, TODAY, {})
        for _ in range(300):
            number = float(f"{rng.randrange(1, 10 ** rng.randrange(1, 16))}e-{rng.randrange(0, 9)}")
            told = adjustment.apply(msgspec.structs.replace(on(MONDAY), open=number, volume=number))
            whole, old_, new_ = Decimal(repr(number)), Decimal(old), Decimal(repr(new))
            volume, price = context.divide(whole * new_, old_), context.divide(whole * old_, new_)
            assert told.volume == float(volume.quantize(MICRO, context=context))
            assert told.open == float(price.quantize(MICRO, context=context))


def test_volumes_are_rounded_to_millionths_of_a_share() -> None:
    assert adjusted(on(MONDAY, volume=0.000001), split(TODAY, 3, 1)).volume == 0.0
    assert adjusted(on(MONDAY, volume=1234567.654321), split(TODAY, 2, 3)).volume == 1851851.481482  # 1851851.4814815
    assert adjusted(on(MONDAY, volume=10.0**14), split(TODAY, 1, 3)).volume == 3.0 * 10**14


# -- dividends ---------------------------------------------------------------------------------------------------


def with_dividends(
    bar: PeriodBar, closes: dict[dt.date, Close], *actions: CorporateAction
) -> tuple[PeriodBar, list[str]]:
    adjustment = adjustment_of(actions, Adjusted.ALL, TODAY, closes)
    return adjustment.apply(bar), [one.reason for one in adjustment.not_applied]


def test_a_dividend_lowers_prices_before_its_ex_date_and_no_volume() -> None:
    # The vendor of the formula gives this example: 0.08 paid, 24.96 the close before: 0.9968.
    ex = dt.date(2025, 11, 20)
    closes = {ex: Close(dt.date(2025, 11, 19), 24.96)}
    found, left = with_dividends(on(MONDAY, 24.96), closes, dividend(ex, 0.08))
    assert (found.close, found.volume, left) == (24.88, 1000.0, [])
    assert with_dividends(on(ex), closes, dividend(ex, 0.08))[0] == on(ex)


def test_splits_alone_leave_dividends_out() -> None:
    assert adjusted(on(MONDAY), dividend(TODAY, 1.0)) == on(MONDAY)


def test_dividends_of_one_day_are_added_and_those_of_several_multiply() -> None:
    first, second = dt.date(2025, 11, 19), dt.date(2025, 11, 21)
    closes = {
        first: Close(first - dt.timedelta(days=1), 100.0),
        second: Close(second - dt.timedelta(days=1), 50.0),
    }
    found, _left = with_dividends(on(MONDAY), closes, dividend(first, 4.0), dividend(first, 6.0), dividend(second, 5.0))
    assert found.close == 100.0 * 0.9 * 0.9


def test_a_dividend_is_compared_with_a_close_in_its_own_shares() -> None:
    # Two for one and one dollar for each new share on the same day: the close of 100 before was two shares of 50.
    closes = {TODAY: Close(MONDAY, 100.0)}
    found, _left = with_dividends(on(MONDAY), closes, split(TODAY, 1, 2), dividend(TODAY, 1.0))
    assert found.close == 49.0


@pytest.mark.parametrize(
    ("close", "amount", "currency", "says"),
    [
        (None, 1.0, "USD", "No close of the ten days before"),
        (100.0, 1.0, "CAD", "paid in CAD"),
        (100.0, 100.0, "USD", "not below the close"),
    ],
)
def test_a_dividend_that_cannot_be_applied_is_told(
    close: float | None, amount: float, currency: str, says: str
) -> None:
    closes = {} if close is None else {TODAY: Close(MONDAY, close)}
    found, left = with_dividends(on(MONDAY), closes, dividend(TODAY, amount, currency))
    assert found == on(MONDAY)
    assert says in left[0]


def test_closes_are_wanted_of_dividends_that_took_effect() -> None:
    later = TODAY + dt.timedelta(days=1)
    assert ex_dates(
        [dividend(TODAY, 1.0), dividend(MONDAY, 1.0), dividend(later, 1.0), split(MONDAY, 1, 2)], TODAY
    ) == [
        MONDAY,
        TODAY,
    ]


# -- real days -----------------------------------------------------------------------------------------------------


def real_splits(symbol: str) -> list[CorporateAction]:
    return [split(date, old, new)._replace(symbol=symbol) for name, date, old, new in SPLITS if name == symbol]


@needs_real_days
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_days_have_no_jump_left_on_the_dates_of_their_splits(symbol: str) -> None:
    days = [whole_day(one) for one in daily_bars(symbol)]
    adjustment = adjustment_of(real_splits(symbol), Adjusted.SPLITS, TODAY, {})
    told = [adjustment.apply(one) for one in days]
    places = [
        place for place, one in enumerate(days) for name, date, *_ in SPLITS if (name, date) == (symbol, one.date)
    ]
    assert len(places) == len(real_splits(symbol))
    for place in places:
        assert abs(days[place].open / days[place - 1].close - 1) > 0.25
        assert abs(told[place].open / told[place - 1].close - 1) < 0.25
        assert abs(told[place].close / told[place - 1].close - 1) < 0.25


@needs_real_days
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_days_are_divided_as_decimals_say(symbol: str) -> None:
    adjustment = adjustment_of(real_splits(symbol), Adjusted.SPLITS, TODAY, {})
    for row, one in zip(daily_rows(symbol), daily_bars(symbol), strict=True):
        shares = 1
        for name, date, _old, new in SPLITS:
            if name == symbol and row.date < date.isoformat():
                shares *= new
        told = adjustment.apply(whole_day(one))
        for text, number in zip(row[1:5], (told.open, told.high, told.low, told.close), strict=True):
            assert Decimal(repr(number)) == round(Decimal(text) / shares, 6)
        assert Decimal(repr(told.volume)) == Decimal(row.volume) * shares


@needs_real_days
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_real_weeks_agree_with_the_calendars(symbol: str) -> None:
    by_week: dict[tuple[int, int], list[tuple[Decimal, ...]]] = defaultdict(list)
    for row in daily_rows(symbol):
        year, week, _weekday = dt.date.fromisoformat(row.date).isocalendar()
        by_week[year, week].append(tuple(Decimal(text) for text in row[1:]))
    found = list(weeks(whole_day(one) for one in daily_bars(symbol)))
    assert len(found) == len(by_week) > 800
    for (year, week), one in zip(sorted(by_week), found, strict=True):
        part = by_week[year, week]
        assert one.date == dt.date.fromisocalendar(year, week, 1)
        told = tuple(Decimal(repr(number)) for number in (one.open, one.high, one.low, one.close, one.volume))
        assert told == (
            part[0][0], max(p[1] for p in part), min(p[2] for p in part), part[-1][3], sum(p[4] for p in part),
        )  # fmt: skip
