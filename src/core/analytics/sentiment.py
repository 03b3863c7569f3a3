"""Sentiment: one gauge of a universe from 0 (fear) to 100 (greed), made of five parts of the same weight. Pure.

Each part is a published figure of breadth, brought to 0..100 along a straight line between two stated ends (beyond
them it stays at 0 or 100), 50 being neutral:

    part            figure                                                              0        50       100
    breadth         advancers / (advancers + decliners), summed over 5 days             0.35     0.50     0.65
    new_highs       new 52-week highs / (new highs + new lows), summed over 5 days      0        0.50     1
    up_volume       up volume / (up + down volume), summed over 5 days                  0.35     0.50     0.65
    above_average   mean of the shares above the 50-day and 200-day averages            0        0.50     1
    volatility      standard deviation of the universe's mean change over 20 days       2        1        0.5
                    against that over up to 252 days (at least 63); by its logarithm

The gauge is the mean of the parts that are there, weighted; it is absent below three of five. Weights are equal because
nothing shows that one part tells more than another: the gauge is a summary and not a forecast.

Sources: the first is Martin Zweig's breadth thrust as a sum ("Winning on Wall Street", 1986); the second the record
high percent; that markets fall in turmoil and rise in calm is all that the last one uses.
"""

from dataclasses import dataclass

import numpy as np

from src.core.analytics.breadth import DailyBreadth
from src.core.analytics.panel import Dates, Floats
from src.core.analytics.windows import Counts, ratio

WEIGHTS = {"breadth": 0.2, "new_highs": 0.2, "up_volume": 0.2, "above_average": 0.2, "volatility": 0.2}
LEAST_PARTS = 3
SUM_DAYS = 5
SHORT_DAYS, LEAST_DAYS, YEAR = 20, 63, 252
LEVELS = (50, 200)  # bars of the averages


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of the gauge by day: its figure of the table above, its score from 0 to 100; NaN where absent."""

    name: str
    weight: float
    figure: Floats
    score: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sentiment:
    """The gauge by day, 0 to 100, NaN where fewer than three parts are there, and its five parts; arrays of (days,)."""

    dates: Dates
    is_provisional: bool
    value: Floats
    parts: tuple[Part, ...]

    @property
    def weight_present(self) -> Floats:
        """The weights of the parts that are there, by day: from 0 to 1."""
        return np.asarray(sum(part.weight * ~np.isnan(part.score) for part in self.parts))


def sentiment(breadth: DailyBreadth) -> Sentiment:
    """The gauge on each day of a universe's breadth."""
    parts = tuple(Part(name, WEIGHTS[name], *found) for name, found in _figures(breadth).items())
    scores, weights = np.array([part.score for part in parts]), np.array([[part.weight] for part in parts])
    there = ~np.isnan(scores)
    value = ratio(np.nansum(weights * scores, axis=0), np.sum(weights * there, axis=0))
    value[there.sum(axis=0) < LEAST_PARTS] = np.nan
    return Sentiment(breadth.dates, breadth.is_provisional, value, parts)


def _figures(breadth: DailyBreadth) -> dict[str, tuple[Floats, Floats]]:
    """Figure and score of each part, by its name."""
    moves, new = breadth.moves, breadth.new_extremes[YEAR]
    advancing = _share_of_week(moves.advancers, moves.decliners, moves.counted)
    highs = _share_of_week(new.highs, new.lows, new.counted)
    volume = _share_of_week(moves.up_volume, moves.down_volume, moves.counted)
    above = np.mean([breadth.above_average[bars].share for bars in LEVELS], axis=0)
    turmoil = _relative_volatility(moves.mean_change)
    return {
        "breadth": (advancing, _score(advancing, 0.35, 0.65)),
        "new_highs": (highs, _score(highs, 0.0, 1.0)),
        "up_volume": (volume, _score(volume, 0.35, 0.65)),
        "above_average": (above, _score(above, 0.0, 1.0)),
        "volatility": (turmoil, _score(np.log2(turmoil), 1.0, -1.0)),
    }


def _score(figure: Floats, zero: float, hundred: float) -> Floats:
    return np.clip(100 * (figure - zero) / (hundred - zero), 0.0, 100.0)


def _share_of_week(good: Counts | Floats, bad: Counts | Floats, counted: Counts) -> Floats:
    """good / (good + bad) of the last five days' sums, NaN unless symbols are counted on each of the five."""
    good_sum, bad_sum = (
        _last_days(np.where(counted > 0, values, np.nan), SUM_DAYS).sum(axis=1) for values in (good, bad)
    )
    return ratio(good_sum, good_sum + bad_sum)


def _last_days(values: Floats, days: int) -> Floats:
    """For each day the last `days` values up to it, shape (all days, days), NaN before the first."""
    padded = np.concatenate([np.full(days - 1, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, days)


def _relative_volatility(change: Floats) -> Floats:
    """The deviation of the last 20 changes against that of the last 252 or as many as there are, of 63 at least."""
    short = _last_days(change, SHORT_DAYS).std(axis=1)
    year = _last_days(change, YEAR)
    known = (~np.isnan(year)).sum(axis=1)
    enough = known >= LEAST_DAYS
    long = np.full(len(change), np.nan)
    long[enough] = np.nanstd(year[enough], axis=1)
    relative = ratio(short, long)
    relative[relative == 0] = np.nan
    return relative
