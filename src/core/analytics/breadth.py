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
    count,
    extremes,
    gathered,
    has_holes,
    just_above,
    just_below,
    ratio,
    running_sums,
    scattered,
)

AVERAGES = (10, 20, 50, 200)
EXTREMES = (20, 252)  # bars; 252 are 52 weeks
_OF_AVERAGES = 2 * len(AVERAGES)
_FLAGS = _OF_AVERAGES + 3 * len(EXTREMES)
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
    def trin(self) -> Floats:
        """(advancers / decliners) / (up volume / down volume); NaN where one of the last three is 0.

        Below 1 the advancers have more than their part of the volume. Source: Richard W. Arms jr., Barron's, 1967.
        """
        return ratio(ratio(self.advancers, self.decliners), ratio(self.up_volume, self.down_volume))


@dataclass(frozen=True, slots=True, eq=False)
class DailyBreadth:
    """Breadth of `members` symbols on `dates`; every array (days,), the last day unfinished with `is_provisional`.

    `present` are the symbols that have a bar of the day.
    `above_average` by the number of bars of the simple average (10, 20, 50, 200): symbols whose close is above the
    average of their last n closes, that day's included; counted are those with n bars and one of that day.
    `new_extremes` by the number of bars (20; 252 for 52 weeks): symbols whose high of the day is above the highest high
    of their n bars before, whose low is below the lowest low of those; counted are those with n bars before that day's.
    """

    members: int
    dates: Dates
    is_provisional: bool
    present: Counts
    moves: Moves
    above_average: dict[int, Share]
    new_extremes: dict[int, NewExtremes]
    oscillator: Floats
    summation: Floats

    @property
    def line(self) -> Floats:
        """The advance/decline line: advancers less decliners, summed up from the first day that has any.

        NaN on a day without. Its level depends on where it starts: only its course says something.
        """
        return np.where(np.isnan(self.moves.net), np.nan, np.nancumsum(self.moves.net))


def daily_breadth(panel: Panel) -> DailyBreadth:
    """The breadth of all symbols of a panel on each of its days; the first has no day before and so no moves."""
    moves, flags = _summed(panel)
    adjusted_net = mcclellan.ratio_adjusted(moves.advancers, moves.decliners)
    oscillator, summation = mcclellan.oscillator(adjusted_net)
    return DailyBreadth(
        members=len(panel.symbols),
        dates=panel.dates,
        is_provisional=panel.is_provisional,
        present=count(~np.isnan(panel.close)),
        moves=moves,
        above_average=shares(flags[:_OF_AVERAGES]),
        new_extremes=new_extremes(flags[_OF_AVERAGES:]),
        oscillator=oscillator,
        summation=summation,
    )


def shares(counts: Counts) -> dict[int, Share]:
    """By the bars of the average, out of the counts above and counted of each: (8, times)."""
    return {bars: Share(*pair) for bars, *pair in zip(AVERAGES, counts[::2], counts[1::2], strict=True)}


def new_extremes(counts: Counts) -> dict[int, NewExtremes]:
    """By the bars, out of the counts of highs, lows and counted of each: (6, times)."""
    kinds = (counts[::3], counts[1::3], counts[2::3])
    return {bars: NewExtremes(*three) for bars, *three in zip(EXTREMES, *kinds, strict=True)}


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
    counted = ~np.isnan(close) & ~np.isnan(before)
    up, down = before < just_below(close), before > just_above(close)
    kinds = (up, down, counted & ~up & ~down)
    shares = np.where(counted, volume, 0.0)
    volumes = [np.einsum("st,st->t", shares, kind) for kind in kinds]
    valued = counted & (before > 0)
    fractions = np.divide(close - before, before, out=np.zeros(counted.shape), where=valued)
    return np.array([*map(count, kinds), *volumes, fractions.sum(axis=0), count(valued)])


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
        counts += count(_flags(close, panel.high[rows], panel.low[rows]))
    return _moves(tally), counts


def _flags(close: Floats, high: Floats, low: Floats) -> Flags:
    """For each average above and counted, for each extreme high, low and counted: (flags, symbols, days)."""
    present = ~np.isnan(close)
    if not has_holes(present):
        return _flags_of_whole(close, high, low)
    together = _flags_of_whole(*(gathered(values, present) for values in (close, high, low)))
    return scattered(together, present)


def _flags_of_whole(close: Floats, high: Floats, low: Floats) -> Flags:
    """The same where no row has holes, so that a window of n columns is n bars."""
    flags = np.zeros((_FLAGS, *close.shape), dtype=np.bool_)
    _fill_above(flags[:_OF_AVERAGES], close)
    _fill_new(flags[_OF_AVERAGES:], high, low)
    return flags


def _fill_above(flags: Flags, close: Floats) -> None:
    days, sums, present, floor = close.shape[1], running_sums(close), ~np.isnan(close), just_below(close)
    for is_above, counted, bars in zip(flags[::2], flags[1::2], AVERAGES, strict=True):
        if bars > days:
            return
        first = bars - 1
        np.logical_and(present[:, first:], present[:, : days - first], out=counted[:, first:])
        is_above[:, first:] = counted[:, first:] & (averages(sums, bars) < floor[:, first:])


def _fill_new(flags: Flags, high: Floats, low: Floats) -> None:
    floor, ceiling, present = just_below(high), just_above(low), ~np.isnan(high)
    tops, bottoms = extremes(high, EXTREMES, np.maximum), extremes(low, EXTREMES, np.minimum)
    for (bars, top), (_, bottom), kinds in zip(tops, bottoms, np.split(flags, len(EXTREMES)), strict=True):
        if bars >= high.shape[1]:
            return
        np.less(top[:, :-1], floor[:, bars:], out=kinds[0, :, bars:])
        np.greater(bottom[:, :-1], ceiling[:, bars:], out=kinds[1, :, bars:])
        np.logical_and(~np.isnan(top[:, :-1]), present[:, bars:], out=kinds[2, :, bars:])
