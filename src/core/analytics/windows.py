"""Windows over the days of many symbols at once: averages and extremes of each symbol's own bars. Pure.

They take arrays of the shape (symbols, days) in which NaN stands only before a symbol's first bar and after its last:
`gathered` brings rows with holes to that form.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Floats

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

TIE = 1e-9  # prices that differ by less are equal: an adjustment for a split leaves such differences


def has_holes(present: Flags) -> bool:
    """Whether any row lacks a day after its first one."""
    return bool((present[:, :-1] & ~present[:, 1:]).any())


def places(present: Flags) -> Flags:
    """Where the bars of each row stand when they are moved together to the right."""
    days = present.shape[1]
    return np.asarray(np.arange(days) >= days - present.sum(axis=1)[:, None])


def gathered(values: Floats, present: Flags) -> Floats:
    """Each row's bars moved together to the right, NaN before them: a window of n columns is then n bars."""
    together = np.full_like(values, np.nan)
    together[places(present)] = values[present]
    return together


def scattered(together: Flags, present: Flags) -> Flags:
    """The way back: flags (kinds, symbols, days) of gathered rows, at the days they came from; False where absent."""
    source = np.zeros(present.shape, dtype=np.intp)
    source[present] = np.flatnonzero(places(present))
    by_day = np.take(together.reshape(len(together), -1), source.ravel(), axis=1)
    return np.asarray(by_day.reshape(together.shape) & present)


def count(flags: Flags) -> Counts:
    """How many of the symbols have a flag: (..., symbols, days) to (..., days)."""
    # Bytes are summed up ten times as fast as booleans.
    return np.asarray(flags.view(np.uint8).sum(axis=-2, dtype=np.uint32), dtype=np.int64)


def running_sums(values: Floats) -> Floats:
    """Sums of the first 0, 1, ... columns, shape (symbols, days + 1), NaN taken as nothing."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(np.nan_to_num(values, nan=0.0), axis=1, out=sums[:, 1:])
    return sums


def averages(sums: Floats, bars: int) -> Floats:
    """Simple averages of `bars` columns out of running sums: shape (symbols, days + 1 - bars), by their last day."""
    return np.asarray((sums[:, bars:] - sums[:, : sums.shape[1] - bars]) / bars)


def extremes(
    values: Floats, widths: Sequence[int], pick: Callable[[Floats, Floats], Floats]
) -> Iterator[tuple[int, Floats]]:
    """Of each width (ascending) the extreme of all windows, shape (symbols, days + 1 - width), by their first column.

    `pick` is np.maximum or np.minimum. A window of 2n columns is made of two of n, so that 252 cost eight passes; a
    window with a NaN in it is NaN.
    """
    run, width = values, 1
    for wanted in widths:
        while 2 * width <= wanted:
            run = pick(run[:, :-width], run[:, width:])
            width *= 2
        rest = wanted - width
        yield wanted, pick(run[:, : max(run.shape[1] - rest, 0)], run[:, rest:])


def ratio(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    """part / whole, NaN where the whole is 0 or NaN."""
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0))


def just_below(prices: Floats) -> Floats:
    """What another price must be under to be lower than these."""
    return prices - TIE * np.abs(prices)


def just_above(prices: Floats) -> Floats:
    """What another price must be over to be higher than these."""
    return prices + TIE * np.abs(prices)
