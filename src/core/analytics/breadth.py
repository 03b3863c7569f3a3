"""Breadth: how many symbols of a universe take part in a move, day by day. Pure.

A symbol is counted on a day when it has a bar of that day **and** of the market's day before; without one of the two
it is neither an advancer nor a decliner nor unchanged. Its averages and extremes are those of its own last bars, so
that a day on which it did not trade moves nothing. Prices that differ by less than a billionth are equal: what
adjusting for a split leaves in the last digits is no move.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from src.core.analytics import mcclellan
from src.core.analytics.panel import Dates, Floats, Panel
from src.core.analytics.windows import (
    Counts,
    Flags,
    averages,
    extremes,
    gathered,
    has_holes,
    places,
    ratio,
    running_sums,
)

AVERAGES = (10, 20, 50, 200)
EXTREMES = (20, 252)  # bars; 252 are 52 weeks
TIE = 1e-9
_FLAGS = 2 * len(AVERAGES) + 3 * len(EXTREMES)
_BLOCK = 256  # symbols at a time: what is in work then stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """Of `counted` symbols `above` are: both (days,)."""

    above: Counts
    counted: Counts

    @property
    def share(self) -> Floats:
        """From 0 to 1; NaN on days on which no symbol could be counted."""
        return ratio(self.above, self.counted)


@dataclass(frozen=True, slots=True, eq=False)
class NewExtremes:
    """Symbols with a new high and a new low, among `counted` with bars enough: each (days,)."""

    highs: Counts
    lows: Counts
    counted: Counts


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Symbols by the sign of their change, and their volumes in shares: each of the same one dimension.

    Volumes of nobody are 0. `mean_change` is the mean of the counted symbols' changes as a fraction (0.01 is 1 %): what
    equal sums in each of them would have earned; NaN where none is counted.
    """

    advancers: Counts
    decliners: Counts
    unchanged: Counts
    up_volume: Floats
    down_volume: Floats
    unchanged_volume: Floats
    mean_change: Floats

    @property
    def counted(self) -> Counts:
        """The denominator of the three."""
        return self.advancers + self.decliners + self.unchanged

    @property
    def net(self) -> Floats:
        """Advancers less decliners; NaN where nothing is counted."""
        return np.where(self.counted > 0, self.advancers - self.decliners, np.nan)

    @property
    def line(self) -> Floats:
        """The advance/decline line: `net` summed up from the first one on, NaN where `net` is.

        Its level depends on where it starts; only its course says something.
        """
        net = self.net
        return np.where(np.isnan(net), np.nan, np.nancumsum(net))

    @property
    def trin(self) -> Floats:
        """(advancers / decliners) / (up volume / down volume); NaN where one of the last three is 0.

        Below 1 the advancers have more than their part of the volume. Source: Richard W. Arms jr., Barron's, 1967.
        """
        return ratio(ratio(self.advancers, self.decliners), ratio(self.up_volume, self.down_volume))


@dataclass(frozen=True, slots=True, eq=False)
class DailyBreadth:
    """Breadth of `members` symbols on `dates`; every array (days,), the last day unfinished with `is_provisional`.

    `above_average` by the number of bars of the simple average (10, 20, 50, 200): symbols whose close is above the
    average of their last n closes, that day's included; counted are those with n bars and one of that day.
    `new_extremes` by the number of bars (20; 252 for 52 weeks): symbols whose high of the day is above the highest high
    of their n bars before, whose low is below the lowest low of those; counted are those with n bars before that day's.
    """

    members: int
    dates: Dates
    is_provisional: bool
    moves: Moves
    above_average: dict[int, Share]
    new_extremes: dict[int, NewExtremes]
    oscillator: Floats
    summation: Floats


def daily_breadth(panel: Panel) -> DailyBreadth:
    """The breadth of all symbols of a panel on each of its days; the first has no day before and so no moves."""
    moves, flags = _summed(panel)
    by_figure = iter(flags)
    above = {bars: Share(next(by_figure), next(by_figure)) for bars in AVERAGES}
    new = {bars: NewExtremes(next(by_figure), next(by_figure), next(by_figure)) for bars in EXTREMES}
    adjusted_net = mcclellan.ratio_adjusted(moves.advancers, moves.decliners)
    oscillator, summation = mcclellan.oscillator(adjusted_net)
    return DailyBreadth(len(panel.symbols), panel.dates, panel.is_provisional, moves, above, new, oscillator, summation)


def moves_of(close: Floats, before: Floats, volume: Floats) -> Moves:
    """The moves from prices `before` to `close`, counted over the symbols.

    The three have the shape (symbols, times), or one that numpy stretches to it; a symbol with a NaN in one of the two
    prices is not counted.
    """
    tally = np.sum([_tally(close[rows], before[rows], volume[rows]) for rows in _blocks(len(close))], axis=0)
    return _moves(tally)


def _blocks(symbols: int) -> Iterator[slice]:
    """Rows in pieces; one empty piece where there are none, so that a sum over them has its shape."""
    return (slice(start, start + _BLOCK) for start in range(0, max(symbols, 1), _BLOCK))


def _tally(close: Floats, before: Floats, volume: Floats) -> Floats:
    """Sums over the symbols: of those up, down and flat, of their volumes, of changes and of those with a change."""
    change = close - before
    slack = np.abs(before) * TIE
    which = (change > slack, change < -slack, np.abs(change) <= slack)
    valued = (before > 0) & ~np.isnan(close)
    fractions = np.divide(change, before, out=np.zeros_like(change), where=valued)
    volumes = [volume.sum(axis=0, where=kind) for kind in which]
    return np.array([*(kind.sum(axis=0) for kind in which), *volumes, fractions.sum(axis=0), valued.sum(axis=0)])


def _moves(tally: Floats) -> Moves:
    up, down, flat = tally[:3].astype(np.int64)
    up_volume, down_volume, flat_volume, change, valued = tally[3:]
    return Moves(up, down, flat, up_volume, down_volume, flat_volume, ratio(change, valued))


def _summed(panel: Panel) -> tuple[Moves, Counts]:
    """The moves by day, and how many symbols have each of the flags: (flags, days)."""
    tally, counts = np.zeros((8, len(panel.dates))), np.zeros((_FLAGS, len(panel.dates)), dtype=np.int64)
    for rows in _blocks(len(panel.symbols)):
        close = panel.close[rows]
        tally[:, 1:] += _tally(close[:, 1:], close[:, :-1], panel.volume[rows, 1:])
        counts += _flags(close, panel.high[rows], panel.low[rows]).sum(axis=1)
    return _moves(tally), counts


def _flags(close: Floats, high: Floats, low: Floats) -> Flags:
    """For each average above and counted, for each extreme high, low and counted: (flags, symbols, days)."""
    present = ~np.isnan(close)
    holed = has_holes(present)
    if not holed.any():
        return _flags_of_whole(close, high, low)
    flags = np.empty((_FLAGS, *close.shape), dtype=np.bool_)
    flags[:, ~holed] = _flags_of_whole(close[~holed], high[~holed], low[~holed])
    there = present[holed]
    together = _flags_of_whole(*(gathered(values[holed], there) for values in (close, high, low)))
    back = np.zeros(together.shape, dtype=np.bool_)
    back[:, there] = together[:, places(there)]
    flags[:, holed] = back
    return flags


def _flags_of_whole(close: Floats, high: Floats, low: Floats) -> Flags:
    """The same where no row has holes: a window of n columns is n bars, and NaN stands in front and behind only."""
    flags = np.zeros((_FLAGS, *close.shape), dtype=np.bool_)
    _fill_above(flags[: 2 * len(AVERAGES)], close)
    _fill_new(flags[2 * len(AVERAGES) :], high, low)
    return flags


def _fill_above(flags: Flags, close: Floats) -> None:
    days, sums, present = close.shape[1], running_sums(close), ~np.isnan(close)
    for above, counted, bars in zip(flags[::2], flags[1::2], AVERAGES, strict=True):
        if bars > days:
            return
        level = averages(sums, bars)
        counted[:, bars - 1 :] = present[:, bars - 1 :] & present[:, : days + 1 - bars]
        above[:, bars - 1 :] = counted[:, bars - 1 :] & (close[:, bars - 1 :] - level > np.abs(level) * TIE)


def _fill_new(flags: Flags, high: Floats, low: Floats) -> None:
    tops, bottoms = extremes(high, EXTREMES, np.maximum), extremes(low, EXTREMES, np.minimum)
    for (bars, top), (_, bottom), kinds in zip(tops, bottoms, np.split(flags, len(EXTREMES)), strict=True):
        if bars >= high.shape[1]:
            return
        over, under = high[:, bars:] - top[:, :-1], bottom[:, :-1] - low[:, bars:]
        kinds[0, :, bars:] = over > np.abs(top[:, :-1]) * TIE
        kinds[1, :, bars:] = under > np.abs(bottom[:, :-1]) * TIE
        kinds[2, :, bars:] = ~np.isnan(over)
