"""Daily bars as arrays."""

import datetime as dt

import numpy as np
import pytest

from src.core.analytics.panel import Panel

DATES = np.array(["2026-01-02", "2026-01-05", "2026-01-06"], dtype="datetime64[D]")


def panel(*, is_provisional: bool = False) -> Panel:
    close = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    return Panel(("A", "B"), DATES, close, close + 1, close - 1, close, close * 100, is_provisional)


def test_shapes_that_do_not_fit_are_named():
    five = [np.ones((2, 3))] * 4
    with pytest.raises(ValueError, match=r"volume has the shape \(2, 2\); of 2 symbols and 3 days it is \(2, 3\)"):
        Panel(("A", "B"), DATES, *five, np.ones((2, 2)))


@pytest.mark.parametrize(("date", "days"), [("2026-01-01", 0), ("2026-01-02", 1), ("2026-01-04", 1), ("2027-01-01", 3)])
def test_a_panel_until_a_date_ends_with_it(date, days):
    found = panel().until(dt.date.fromisoformat(date))
    assert found.dates.tolist() == DATES[:days].tolist()
    assert found.high.shape == (2, days)


def test_only_the_last_day_is_provisional():
    whole = panel(is_provisional=True)
    assert whole.until(dt.date(2026, 1, 6)).is_provisional
    assert not whole.until(dt.date(2026, 1, 5)).is_provisional


def test_rows_come_in_the_order_asked_for():
    found = panel(is_provisional=True).of(["B", "UNKNOWN", "A"])
    assert found.symbols == ("B", "A")
    np.testing.assert_array_equal(found.close, [[4.0, np.nan, 6.0], [1.0, 2.0, 3.0]])
    assert found.is_provisional
    assert panel().of([]).close.shape == (0, 3)
