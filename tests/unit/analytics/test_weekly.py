"""Weeks made of days."""

import datetime as dt

import numpy as np

from src.core.analytics.panel import Panel
from src.core.analytics.weekly import weekly
from tests.unit.analytics.closes import panel_of, random_panel

NAN = np.nan


def test_weeks_are_those_of_the_calendar():
    panel = random_panel(7, 600, seed=3, holes=0.3)
    weeks = weekly(panel)
    found: dict[tuple[int, str], tuple[dt.date, float, float]] = {}
    days: dict[dt.date, set[dt.date]] = {}
    for column, date in enumerate(panel.dates.tolist()):
        monday = date - dt.timedelta(days=date.weekday())
        days.setdefault(monday, set()).add(date)
        for row in np.flatnonzero(~np.isnan(panel.close[:, column])):
            _, volume = found.get((row, monday), (0.0, 0.0))
            found[row, monday] = (panel.close[row, column], volume + panel.volume[row, column])
    assert weeks.weeks.tolist() == sorted(days)
    for (row, monday), (close, volume) in found.items():
        place = weeks.weeks.tolist().index(monday)
        assert weeks.close[row, place] == close
        assert np.isclose(weeks.volume[row, place], volume / len(days[monday]))


def test_a_silent_week_has_the_close_before_it_and_no_volume_and_after_four_nothing():
    close = np.array([[NAN] * 5 + [7.0] + [NAN] * 29])
    weeks = weekly(panel_of(close))
    np.testing.assert_array_equal(weeks.close, [[NAN, 7.0, 7.0, 7.0, 7.0, 7.0, NAN]])
    np.testing.assert_array_equal(weeks.volume, [[NAN, 200.0, 0.0, 0.0, 0.0, 0.0, NAN]])


def test_a_day_that_is_not_over_gives_a_close_and_no_volume():
    days = panel_of([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], is_provisional=True)
    weeks = weekly(days)
    assert weeks.close.tolist() == [[5.0, 7.0]]
    assert weeks.volume.tolist() == [[1000.0, 1000.0]]
    monday = weekly(panel_of([[1.0]], is_provisional=True))
    assert np.isnan(monday.volume).all()


def test_a_week_is_over_on_its_settled_friday():
    closes = np.ones((1, 10))
    assert not weekly(panel_of(closes)).is_provisional
    assert weekly(panel_of(closes, is_provisional=True)).is_provisional
    assert weekly(panel_of(closes[:, :9])).is_provisional


def test_no_days_are_no_weeks():
    empty = np.empty((2, 0))
    weeks = weekly(Panel(("A", "B"), np.array([], dtype="datetime64[D]"), *[empty] * 5))
    assert weeks.close.shape == weeks.volume.shape == (2, 0)
    assert len(weeks.weeks) == 0
    assert not weeks.is_provisional
