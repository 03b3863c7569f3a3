"""A panel kept current is the one that would be made anew; adjusted as single bars are, to the last digit."""

import datetime as dt

import numpy as np
import pytest

from src.core.analytics.panel import Floats
from src.core.analytics.panel_book import PanelBook
from src.core.domain.market.adjustment import ActionKind, ActionSource, Adjusted, CorporateAction, adjustment_of
from src.core.domain.market.aggregation import PeriodBar

DATES = [dt.date(2025, 11, 17) + dt.timedelta(days=number) for number in range(5)]
SYMBOLS = ("AAPL", "SPLT", "IBM")


def split(date: dt.date, old: float, new: float, symbol: str = "SPLT") -> CorporateAction:
    return CorporateAction(f"{symbol}{date}", symbol, date, ActionKind.SPLIT, old, new, None, None, ActionSource.REST)


def traded() -> Floats:
    return np.array([np.linspace(at, at + 33.123457, 15).reshape(3, 5) for at in (10.0, 30.0, 5.0, 20.0, 1234.567891)])


def adjusted_one_by_one(values: Floats, splits: list[CorporateAction]) -> Floats:
    expected = values.copy()
    adjustment = adjustment_of(splits, Adjusted.SPLITS, DATES[-1], {})
    for column, date in enumerate(DATES):
        numbers = values[:, 1, column].tolist()
        bar = adjustment.apply(PeriodBar("SPLT", 0, date, *numbers, None, None, 3, False))
        expected[:, 1, column] = [bar.open, bar.high, bar.low, bar.close, bar.volume]
    return expected


def arrays(book: PanelBook) -> Floats:
    panel = book.panel(False)
    return np.array([panel.open, panel.high, panel.low, panel.close, panel.volume])


def test_days_before_a_split_are_adjusted_and_so_are_later_changes_of_them() -> None:
    splits = [split(DATES[2], 3, 7), split(DATES[4], 1, 10)]
    book = PanelBook(SYMBOLS, DATES, traded(), splits)
    np.testing.assert_array_equal(arrays(book), adjusted_one_by_one(traded(), splits))
    changed = traded()
    changed[:, [0, 1, 1], [3, 1, 4]] *= 1.01
    book.put(np.array([0, 1, 1]), np.array([3, 1, 4]), changed[:, [0, 1, 1], [3, 1, 4]])
    np.testing.assert_array_equal(arrays(book), adjusted_one_by_one(changed, splits))
    assert book.volume_factors(3).tolist() == [1.0, 10.0, 1.0]
    assert book.volume_factors(0).tolist() == [1.0, pytest.approx(70 / 3), 1.0]


def test_another_list_of_splits_takes_the_place_of_the_one_before() -> None:
    book = PanelBook(SYMBOLS, DATES, traded(), [split(DATES[2], 1, 2)])
    book.split([split(DATES[3], 5, 1)])
    np.testing.assert_array_equal(arrays(book), adjusted_one_by_one(traded(), [split(DATES[3], 5, 1)]))
    book.split([split(DATES[4] + dt.timedelta(days=1), 1, 2), split(DATES[2], 1, 2, "ELSE"), split(DATES[0], 1, 9)])
    np.testing.assert_array_equal(arrays(book), traded())  # announced; not of the panel; of before its first day


def test_the_present_day_takes_the_place_of_what_is_stored_where_it_traded() -> None:
    book = PanelBook(SYMBOLS, DATES, traded(), [split(DATES[4], 1, 2)])
    expected = arrays(book).copy()
    now = np.full((5, 3), np.nan)
    now[:, 1] = expected[:, 1, 4] = [1.0, 3.0, 0.5, 2.0, 77.0]
    book.put_day(4, now)
    np.testing.assert_array_equal(arrays(book), expected)


def test_a_withdrawn_day_is_gone() -> None:
    book = PanelBook(SYMBOLS, DATES, traded(), [split(DATES[4], 1, 2)])
    book.put(np.array([1, 2]), np.array([0, 0]), np.full((5, 2), np.nan))
    assert np.isnan(arrays(book)[:, 1:, 0]).all()
    assert not np.isnan(arrays(book)[:, :, 1:]).any()
