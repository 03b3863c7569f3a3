"""Values within the newest window of trading days, where days can be missing. Pure.

Arrays have the shape (symbols, days), NaN where a symbol has no value; a window is the newest `days` columns.
"""

import math

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Floats

Counts = NDArray[np.intp]

YEAR_DAYS = 252  # trading days taken for 52 weeks
STALE_DAYS = 5  # how much older than wanted a close may be: a thin share does not trade every day
_ENOUGH = 0.9


def enough(days: int) -> int:
    """How many of a window's days need a value for a figure of that window: nine of ten, rounded up."""
    return math.ceil(_ENOUGH * days)


def at_or_before(values: Floats, days_ago: int, stale_days: int = STALE_DAYS) -> Floats:
    """Each row's value of the day that lies `days_ago` columns before the last one, else the newest of the
    `stale_days` columns before that; NaN where there is none. Shape (symbols,)."""
    place = values.shape[1] - 1 - days_ago
    if place < 0:
        return np.full(values.shape[0], np.nan)
    found = values[:, place].copy()
    for earlier in range(place - 1, max(place - stale_days, 0) - 1, -1):
        missing = np.isnan(found)
        if not missing.any():
            break
        found[missing] = values[missing, earlier]
    return found


def count_of(values: Floats) -> Counts:
    """How many values each row has. Shape (symbols,)."""
    counts: Counts = values.shape[1] - np.count_nonzero(np.isnan(values), axis=1)
    return counts


def newest(values: Floats, days: int, skip: int = 0) -> Floats:
    """The newest `days` columns, without the very last `skip`; fewer where there are fewer. A view."""
    end = max(values.shape[1] - skip, 0)
    return values[:, max(end - days, 0) : end]


def mean_of(values: Floats, days: int) -> Floats:
    """Each row's mean over a window of `days` columns, of which `enough` have a value; else NaN. Shape (symbols,)."""
    counts = count_of(values)
    totals = np.nansum(values, axis=1)
    return np.where(counts >= enough(days), totals / np.maximum(counts, 1), np.nan)


def highest_of(values: Floats, days: int) -> Floats:
    """Each row's highest value in a window of `days` columns, of which `enough` have one; else NaN."""
    return _extreme(np.fmax, values, days)


def lowest_of(values: Floats, days: int) -> Floats:
    """Each row's lowest value in a window of `days` columns, of which `enough` have one; else NaN."""
    return _extreme(np.fmin, values, days)


def _extreme(choose: np.ufunc, values: Floats, days: int) -> Floats:
    if values.shape[1] < enough(days):
        return np.full(values.shape[0], np.nan)
    found: Floats = choose.reduce(values, axis=1)
    return np.where(count_of(values) >= enough(days), found, np.nan)
