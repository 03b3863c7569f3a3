"""Rotation of sectors: how each does against a benchmark, and whether that grows or fades. Pure.

Formulas, of this project (docs/architecture/market-state.md), over the closes of weeks:

    strength(t) = level(t) / benchmark(t)
    ratio(t)    = 100 * mean(strength, 4 weeks to t) / mean(strength, 26 weeks to t)
    momentum(t) = 100 * ratio(t) / mean(ratio, 8 weeks to t)

A ratio of 102 says that a sector's relative strength of the last month is 2 % above that of the last half year; a
momentum of 101 that this ratio is 1 % above its mean of the last two months. Both are means of fixed length, so that
they do not depend on where the stored history begins. Together they give four quadrants; a sector that recovers and
tires goes round them clockwise.

A sector's level is its fund's close, or made of its members: equal weights, the plain average of the returns of all
members that have both closes, week by week (`by_members`); a member's size does not count.
"""

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.newest_window import at_or_before
from src.core.analytics.panel import Dates, Floats, Panel
from src.core.analytics.trailing import before, trailing_mean
from src.core.analytics.weekly import Weekly

FAST_WEEKS = 4
SLOW_WEEKS = 26
MOMENTUM_WEEKS = 8
EVEN = 100.0
FIRST_POINT_WEEKS = SLOW_WEEKS + MOMENTUM_WEEKS - 1  # closes of so many weeks give the first point
WINDOWS = (1, 5, 21, 63, 126, 252)

Counts = NDArray[np.intp]


class Quadrant(enum.IntEnum):
    """Where a sector stands; ABSENT where too little is known."""

    ABSENT = 0
    LEADING = 1  # ratio and momentum at 100 or above
    WEAKENING = 2  # ratio at 100 or above, momentum below
    LAGGING = 3  # both below
    IMPROVING = 4  # ratio below, momentum at 100 or above


class Point(NamedTuple):
    """Where a sector stood in a week (its Monday)."""

    week: np.datetime64
    ratio: float
    momentum: float


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """Sectors over weeks; NaN where something is absent.

    `weeks` are Mondays; `ratio`, `momentum` and `quadrant` (numbers of `Quadrant`) have the shape (sectors, weeks).
    `performance` is the return over each of `windows` trading days to the panel's last day (0.05: 5 %), of the shape
    (sectors, windows), `with_data` how many members it is the average of, `benchmark_performance` the benchmark's
    (windows); for a symbol without a bar on a window's first day the newest close of the five days before stands in,
    as in the rankings. `members` is the number of members of each sector, with data or without; `weekly_members`
    (sectors, weeks) how many of them made each week's return. `level` and `benchmark_level` are what the ratio is made
    of: a fund's closes in dollars, of members 1 in the last week. With `is_provisional` the last week is not over.
    """

    sectors: tuple[str, ...]
    benchmark: str
    weeks: Dates
    level: Floats
    benchmark_level: Floats
    ratio: Floats
    momentum: Floats
    quadrant: NDArray[np.int8]
    windows: tuple[int, ...]
    performance: Floats
    benchmark_performance: Floats
    members: Counts
    with_data: Counts
    weekly_members: Counts
    is_provisional: bool

    def tail(self, row: int, weeks: int) -> list[Point]:
        """The last so many points of a sector, oldest first: only those that are there."""
        start = max(len(self.weeks) - weeks, 0)
        places = start + np.flatnonzero(np.isfinite(self.momentum[row, start:]))
        return [Point(self.weeks[at], float(self.ratio[row, at]), float(self.momentum[row, at])) for at in places]

    def why_absent(self, row: int) -> str | None:
        """Why a sector has no point in the last week, a sentence; None where it has one."""
        if len(self.weeks) and np.isfinite(self.momentum[row, -1]):
            return None
        for level, who in ((self.benchmark_level, f"the benchmark {self.benchmark}"), (self.level[row], "it")):
            if (stored := _unbroken(level)) < FIRST_POINT_WEEKS:
                return f"Needs {FIRST_POINT_WEEKS} weeks; of {who} {stored} are stored."
        return None


def by_members(
    panel: Panel, weeks: Weekly, sector_of: Mapping[str, str], benchmark: str, windows: tuple[int, ...] = WINDOWS
) -> Rotation:
    """Sectors as the equal-weighted average of their members' returns; `weeks` is `weekly(panel)`.

    `sector_of` names the sector of each symbol that is a member (a fund is none). Sectors come in alphabetical order.
    A week's or a window's return is the average over the members that have both its closes.
    """
    rows = np.array([row for row, symbol in enumerate(panel.symbols) if symbol in sector_of], dtype=np.intp)
    sectors = tuple(sorted(set(sector_of.values())))
    place = {sector: place for place, sector in enumerate(sectors)}
    sector_of_row = np.array([place[sector_of[panel.symbols[row]]] for row in rows], dtype=np.intp)
    of_weeks, weekly_members = _averages(_returns(weeks.close[rows]), sector_of_row, len(sectors))
    performance, with_data = _averages(_performance(panel.close[rows], windows), sector_of_row, len(sectors))
    named = Counter(sector_of.values())
    members = np.array([named[sector] for sector in sectors], dtype=np.intp)
    found = _Sectors(sectors, _chained(of_weeks), performance, members, with_data, weekly_members)
    return _rotation(panel, weeks, benchmark, windows, found)


def by_funds(
    panel: Panel, weeks: Weekly, funds: Mapping[str, str], benchmark: str, windows: tuple[int, ...] = WINDOWS
) -> Rotation:
    """Sectors as their funds; `funds` names each sector's fund, whose order is kept; `weeks` is `weekly(panel)`."""
    level = _rows_of(weeks.close, panel.symbols, tuple(funds.values()))
    performance = _performance(_rows_of(panel.close, panel.symbols, tuple(funds.values())), windows)
    members = np.ones(len(funds), dtype=np.intp)
    with_data, weekly_members = (np.isfinite(found).astype(np.intp) for found in (performance, _returns(level)))
    found = _Sectors(tuple(funds), level, performance, members, with_data, weekly_members)
    return _rotation(panel, weeks, benchmark, windows, found)


def ratio_and_momentum(level: Floats, benchmark_level: Floats) -> tuple[Floats, Floats]:
    """The two figures of the module's formulas, from levels of weeks: (sectors, weeks) and (weeks)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = level / benchmark_level
        ratio = 100.0 * trailing_mean(strength, FAST_WEEKS) / trailing_mean(strength, SLOW_WEEKS)
        momentum = 100.0 * ratio / trailing_mean(ratio, MOMENTUM_WEEKS)
    return ratio, momentum


def quadrants(ratio: Floats, momentum: Floats) -> NDArray[np.int8]:
    """The numbers of `Quadrant` for ratios and momentums of any shape."""
    strong = np.where(momentum >= EVEN, Quadrant.LEADING, Quadrant.WEAKENING)
    weak = np.where(momentum >= EVEN, Quadrant.IMPROVING, Quadrant.LAGGING)
    found = np.where(ratio >= EVEN, strong, weak)
    return np.where(np.isfinite(ratio) & np.isfinite(momentum), found, Quadrant.ABSENT).astype(np.int8)


class _Sectors(NamedTuple):
    """What members or funds give; the fields of `Rotation`."""

    names: tuple[str, ...]
    level: Floats
    performance: Floats
    members: Counts
    with_data: Counts
    weekly_members: Counts


def _rotation(panel: Panel, weeks: Weekly, benchmark: str, windows: tuple[int, ...], found: _Sectors) -> Rotation:
    benchmark_level = _rows_of(weeks.close, panel.symbols, (benchmark,))[0]
    ratio, momentum = ratio_and_momentum(found.level, benchmark_level)
    return Rotation(
        sectors=found.names,
        benchmark=benchmark,
        weeks=weeks.weeks,
        level=found.level,
        benchmark_level=benchmark_level,
        ratio=ratio,
        momentum=momentum,
        quadrant=quadrants(ratio, momentum),
        windows=windows,
        performance=found.performance,
        benchmark_performance=_performance(_rows_of(panel.close, panel.symbols, (benchmark,)), windows)[0],
        members=found.members,
        with_data=found.with_data,
        weekly_members=found.weekly_members,
        is_provisional=weeks.is_provisional,
    )


def _averages(values: Floats, sector_of_row: Counts, sectors: int) -> tuple[Floats, Counts]:
    """Each sector's plain average in each column over its rows that have a value, NaN without one; and their number."""
    is_there = np.isfinite(values)
    filled = np.where(is_there, values, 0.0)
    rows_of = [sector_of_row == sector for sector in range(sectors)]
    shape = (sectors, values.shape[1])
    counts = np.array([np.count_nonzero(is_there[rows], axis=0) for rows in rows_of], dtype=np.intp).reshape(shape)
    sums = np.array([filled[rows].sum(axis=0) for rows in rows_of]).reshape(shape)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), counts


def _returns(close: Floats) -> Floats:
    """The return of each week, NaN in the first one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return close / before(close, 1) - 1.0


def _chained(returns: Floats) -> Floats:
    """A level with these returns, which is 1 in the last week; NaN before the last week that has none."""
    growth = 1.0 + returns[:, :0:-1]  # from the newest week back to the second
    level = np.where(np.isnan(returns[:, -1:]), np.nan, np.ones(returns.shape))
    level[:, -2::-1] /= np.cumprod(growth, axis=1)
    return level


def _performance(close: Floats, windows: tuple[int, ...]) -> Floats:
    """The return to the last day over each window, NaN without both closes; shape (rows, windows)."""
    found = np.full((close.shape[0], len(windows)), np.nan)
    if close.shape[1]:
        for place, days in enumerate(windows):
            found[:, place] = close[:, -1] / at_or_before(close, days) - 1.0
    return found


def _rows_of(values: Floats, symbols: tuple[str, ...], wanted: tuple[str, ...]) -> Floats:
    """The rows of these symbols, of NaN for those that are not there."""
    places = {symbol: row for row, symbol in enumerate(symbols)}
    found = np.full((len(wanted), values.shape[1]), np.nan)
    for place, symbol in enumerate(wanted):
        if symbol in places:
            found[place] = values[places[symbol]]
    return found


def _unbroken(level: Floats) -> int:
    """How many of the last weeks have a level without a hole between."""
    missing = ~np.isfinite(level[::-1])
    return int(np.argmax(missing)) if missing.any() else len(level)
