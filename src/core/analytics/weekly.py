"""Weeks of many symbols as arrays, made of daily bars: what stages and the rotation of sectors are calculated from."""

from dataclasses import dataclass

import numpy as np

from src.core.analytics.panel import Dates, Floats, Panel

MAX_SILENT_WEEKS = 4
_DAYS_A_WEEK = 7
_EPOCH_WEEKDAY = 3  # 1970-01-01, from which datetime64 counts, was a Thursday
_FRIDAY = 4


@dataclass(frozen=True, slots=True, eq=False)
class Weekly:
    """Weeks of symbols, adjusted as the panel they come from.

    `weeks` are the Mondays (datetime64[D]), ascending, of weeks in which the market traded. `close`, in dollars, and
    `volume` have the shape (symbols, weeks). A week's close is its last one; a week in which a symbol did not trade has
    the close of the last week before in which it did, of at most MAX_SILENT_WEEKS before, else NaN. Its volume is in
    shares for a day of the market, so that short weeks compare with whole ones; a provisional day does not count, and
    it is NaN where the week has no other or has no close. With `is_provisional` the last week is not over: its last
    day is provisional, or is before Friday (after a Thursday before a holiday that lasts until the next week begins).
    """

    symbols: tuple[str, ...]
    weeks: Dates
    close: Floats
    volume: Floats
    is_provisional: bool


def weekly(panel: Panel) -> Weekly:
    """The panel by weeks, which begin on Monday."""
    if len(panel.dates) == 0:
        return Weekly(panel.symbols, panel.dates, panel.close, panel.volume, panel.is_provisional)
    number = panel.dates.astype("datetime64[D]").astype(np.int64)
    weekday = (number + _EPOCH_WEEKDAY) % _DAYS_A_WEEK
    mondays, first = np.unique(number - weekday, return_index=True)
    close = _carried(_last_of(panel.close, first))
    volume = np.where(np.isnan(close), np.nan, _volume_a_day(panel, first))
    is_provisional = panel.is_provisional or bool(weekday[-1] < _FRIDAY)
    return Weekly(panel.symbols, mondays.astype("datetime64[D]"), close, volume, is_provisional)


def _last_of(daily: Floats, first: np.ndarray) -> Floats:
    """The last number of each week, NaN where it has none; `first` are the columns at which weeks begin."""
    last = np.append(first[1:], daily.shape[1]) - 1
    found = daily[:, last]
    rows, weeks = np.nonzero(np.isnan(found))
    for back in range(1, _DAYS_A_WEEK):
        earlier = last[weeks] - back
        is_within = earlier >= first[weeks]
        rows, weeks = rows[is_within], weeks[is_within]
        values = daily[rows, earlier[is_within]]
        found[rows, weeks] = values
        is_missing = np.isnan(values)
        rows, weeks = rows[is_missing], weeks[is_missing]
    return found


def _carried(close: Floats) -> Floats:
    """With weeks without a close filled by the last one before."""
    week = np.arange(close.shape[1])
    known = np.maximum.accumulate(np.where(np.isnan(close), -1, week), axis=1)
    filled = np.take_along_axis(close, np.maximum(known, 0), axis=1)
    return np.where((known >= 0) & (week - known <= MAX_SILENT_WEEKS), filled, np.nan)


def _volume_a_day(panel: Panel, first: np.ndarray) -> Floats:
    """The mean volume of each week's settled days; of those without a bar it is 0."""
    settled = np.ones(len(panel.dates))
    if panel.is_provisional:
        settled[-1:] = 0.0
    days = np.add.reduceat(settled, first)
    volume = np.where(np.isnan(panel.volume), 0.0, panel.volume) * settled
    return np.add.reduceat(volume, first, axis=1) / np.where(days > 0, days, np.nan)
