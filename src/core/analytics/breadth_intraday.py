"""Breadth within a day: against the closes of the day before, at every point of a grid of times. Pure.

At each point a symbol stands where its last price of the day stands; one that has not traded yet, or has no close of
the day before, is not counted. Volumes are those of the day up to the point. The same definitions as by day, so that
the last point of a finished day is that day's breadth, except that daily closes come from the closing auction.
"""

from dataclasses import dataclass

import numpy as np

from src.core.analytics.breadth import Moves, moves_of
from src.core.analytics.panel import Floats


@dataclass(frozen=True, slots=True, eq=False)
class IntradayBreadth:
    """Breadth of `members` symbols at the points of a day; every array (points,).

    `moves.net` is the advance/decline figure of the day up to the point; it is not to be summed up over the points.
    """

    members: int
    moves: Moves


def intraday_breadth(closes: Floats, volumes: Floats, before: Floats) -> IntradayBreadth:
    """The breadth at each point of a grid, as of five minutes.

    `closes` and `volumes` (symbols, points): the last price in the piece of time up to the point and the shares in it,
    NaN where nothing traded. `before` (symbols,): the closes of the day before, adjusted as the day's prices are.
    """
    day_volumes = np.nan_to_num(volumes, nan=0.0).cumsum(axis=1)
    return IntradayBreadth(len(before), moves_of(carried_on(closes), before[:, None], day_volumes))


def carried_on(values: Floats) -> Floats:
    """Each row with its NaNs replaced by the last value before them."""
    newest = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(newest, axis=1), axis=1)
