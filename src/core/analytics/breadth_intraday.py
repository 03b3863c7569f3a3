"""Breadth within a day: against the closes of the days before, at every point of a grid of times. Pure.

The definitions are those of breadth by day. At each point a symbol stands where its last price of the day stands; one
that has not traded yet that day, or has no close of the day before, is not counted. Volumes are those of the day up to
the point. New highs and lows go by the prices of the grid: one that stood only between two points is not seen here,
and is in the present day's figures.
"""

from dataclasses import dataclass

import numpy as np

from src.core.analytics.breadth import (
    AVERAGES,
    EXTREMES,
    Moves,
    NewExtremes,
    Share,
    moves_of,
    new_extremes,
    shares,
)
from src.core.analytics.panel import Floats, Panel
from src.core.analytics.windows import Counts, count, gathered, just_above, just_below


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """What the finished days of n symbols say for the next one, in the order of the panel; NaN with too few bars.

    `before` (n,): the closes of the last day, NaN for a symbol that has no bar of it. `sums` (averages, n): of the last
    9, 19, 49, 199 closes. `highs`, `lows` (extremes, n): the highest high, the lowest low of the last 20 and 252 bars.
    """

    before: Floats
    sums: Floats
    highs: Floats
    lows: Floats


@dataclass(frozen=True, slots=True, eq=False)
class IntradayBreadth:
    """Breadth of `members` symbols at the points of a day; every array (points,).

    `moves.net` is the advance/decline line within the day: it is not to be summed up over the points.
    """

    members: int
    moves: Moves
    above_average: dict[int, Share]
    new_extremes: dict[int, NewExtremes]


def levels_of(finished: Panel) -> Levels:
    """The levels after the last day of a panel of whole days (one with a day at least)."""
    present = ~np.isnan(finished.close)
    close, high, low = (gathered(values, present) for values in (finished.close, finished.high, finished.low))
    return Levels(
        before=finished.close[:, -1],
        sums=np.array([_newest(close, bars - 1).sum(axis=1) for bars in AVERAGES]),
        highs=np.array([_newest(high, bars).max(axis=1) for bars in EXTREMES]),
        lows=np.array([_newest(low, bars).min(axis=1) for bars in EXTREMES]),
    )


def intraday_breadth(closes: Floats, volumes: Floats, levels: Levels) -> IntradayBreadth:
    """The breadth at each point of a grid, as of five minutes.

    `closes` and `volumes` (symbols, points), of the same symbols as the levels: the last price up to the point, NaN
    before the day's first, and the shares since the point before, 0 or NaN where nothing traded.
    """
    day_volumes = np.nan_to_num(volumes, nan=0.0).cumsum(axis=1)
    return IntradayBreadth(
        members=len(levels.before),
        moves=moves_of(closes, levels.before[:, None], day_volumes),
        above_average=shares(_above(closes, levels)),
        new_extremes=new_extremes(_new(closes, levels)),
    )


def _newest(values: Floats, bars: int) -> Floats:
    """The last columns, or a column of NaN where there are not so many."""
    return values[:, -bars:] if bars <= values.shape[1] else np.full((len(values), 1), np.nan)


def _above(closes: Floats, levels: Levels) -> Counts:
    """Above and counted for each average, (8, points)."""
    floor = just_below(closes)
    counts = []
    for bars, sums in zip(AVERAGES, levels.sums, strict=True):
        average = (sums[:, None] + closes) / bars
        counts += [count(average < floor), count(~np.isnan(average))]
    return np.array(counts)


def _new(closes: Floats, levels: Levels) -> Counts:
    """Highs, lows and counted for each extreme, (6, points)."""
    top, bottom = just_below(np.fmax.accumulate(closes, axis=1)), just_above(np.fmin.accumulate(closes, axis=1))
    counts = []
    for highest, lowest in zip(levels.highs[:, :, None], levels.lows[:, :, None], strict=True):
        counts += [count(highest < top), count(lowest > bottom), count(~np.isnan(highest + top))]
    return np.array(counts)
