"""Means over the last so many columns. Pure."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from src.core.analytics.panel import Floats


def trailing_mean(values: Floats, columns: int) -> Floats:
    """The mean of each column and those before it, `columns` in all, for each row; NaN where one of them is."""
    mean = np.full(values.shape, np.nan)
    if values.shape[1] >= columns:
        mean[:, columns - 1 :] = sliding_window_view(values, columns, axis=1).mean(axis=-1)
    return mean


def before(values: Floats, columns: int) -> Floats:
    """The values of so many columns before, for each row; NaN where there are none."""
    earlier = np.full(values.shape, np.nan)
    earlier[:, columns:] = values[:, : max(values.shape[1] - columns, 0)]
    return earlier
