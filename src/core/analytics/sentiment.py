"""Sentiment: one gauge of a universe from 0 (fear) to 100 (greed), made of five parts of the same weight. Pure.

Each part is a ratio of breadth, brought to 0..100 along a straight line between two stated ends; beyond them it stays
at 0 or 100. 50 is neutral.

    part            numerator / denominator                                              0        50       100
    breadth         advancers / (advancers + decliners), sums of 5 days                  0.35     0.50     0.65
    new_highs       new 52-week highs / (new 52-week highs + lows), sums of 5 days       0        0.50     1
    up_volume       up volume / (up volume + down volume), sums of 5 days                0.35     0.50     0.65
    above_average   closes above the 50-day and above the 200-day average / those        0        0.50     1
                    that can be compared with one
    volatility      standard deviation of the universe's mean change over 20 days /      2        1        0.5
                    that over up to 252 days, 63 at least; along its logarithm

A part is absent (NaN) on a day on which one of its days or averages is. The gauge is the mean of the parts that are
there, by their weights; it is absent with fewer than three of the five. Weights are equal because nothing shows that
one part tells more than another: the gauge sums up what is, and forecasts nothing.

Sources: breadth is the ratio of Martin Zweig's breadth thrust ("Winning on Wall Street", 1986) as a sum of five days
and not a smoothed average of ten; new_highs is the record high percent, as a sum of five days. The scales are ours: in
five days a broad market's advancers seldom leave 35 to 65 %.
"""

from dataclasses import dataclass

import numpy as np

from src.core.analytics.breadth import DailyBreadth
from src.core.analytics.panel import Dates, Floats
from src.core.analytics.windows import Counts, ratio

LEAST_PARTS = 3
SUM_DAYS = 5
SHORT_DAYS, LEAST_DAYS, YEAR = 20, 63, 252
LEVELS = (50, 200)  # bars of the averages


@dataclass(frozen=True, slots=True)
class PartKind:
    """What a part of the gauge is: its name in the API, its words for people, its weight (they sum to 1)."""

    name: str
    label: str
    meaning: str
    weight: float


BREADTH = PartKind(
    "breadth", "Breadth", "Advancers among advancers and decliners of five days: 35 % is 0, 65 % is 100.", 0.2
)
NEW_HIGHS = PartKind(
    "new_highs", "New highs", "New 52-week highs among new highs and lows of five days: 0 % is 0, 100 % is 100.", 0.2
)
UP_VOLUME = PartKind(
    "up_volume",
    "Up volume",
    "Volume of advancers in that of advancers and decliners of five days: 35 % is 0, 65 % is 100.",
    0.2,
)
ABOVE_AVERAGE = PartKind(
    "above_average", "Above averages", "Closes above the 50-day and the 200-day average: 0 % is 0, 100 % is 100.", 0.2
)
VOLATILITY = PartKind(
    "volatility",
    "Volatility",
    "Deviation of the mean change over 20 days against a year's: twice is 0, half is 100.",
    0.2,
)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part by day, each (days,): its ratio's two sides (counts, shares, or deviations as fractions) and its score.

    The score is from 0 to 100, and NaN where the part is absent.
    """

    kind: PartKind
    numerator: Floats
    denominator: Floats
    score: Floats

    @property
    def ratio(self) -> Floats:
        return ratio(self.numerator, self.denominator)


@dataclass(frozen=True, slots=True, eq=False)
class Sentiment:
    """The gauge by day, 0 to 100, NaN where fewer than three parts are there, and its five parts; arrays of (days,)."""

    dates: Dates
    is_provisional: bool
    value: Floats
    parts: tuple[Part, ...]

    @property
    def weight_present(self) -> Floats:
        """The weights of the parts that are there, summed up by day: from 0 to 1."""
        return np.asarray(sum(part.kind.weight * ~np.isnan(part.score) for part in self.parts))


def sentiment(breadth: DailyBreadth) -> Sentiment:
    """The gauge on each day of a universe's breadth."""
    parts = (_breadth(breadth), _new_highs(breadth), _up_volume(breadth), _above_average(breadth), _volatility(breadth))
    scores = np.array([part.score for part in parts])
    weights = np.array([[part.kind.weight] for part in parts]) * ~np.isnan(scores)
    value = ratio(np.sum(weights * np.nan_to_num(scores), axis=0), weights.sum(axis=0))
    value[(weights > 0).sum(axis=0) < LEAST_PARTS] = np.nan
    return Sentiment(breadth.dates, breadth.is_provisional, value, parts)


def _breadth(breadth: DailyBreadth) -> Part:
    moves = breadth.moves
    return _of_five_days(BREADTH, moves.advancers, moves.decliners, moves.counted, (0.35, 0.65))


def _new_highs(breadth: DailyBreadth) -> Part:
    new = breadth.new_extremes[YEAR]
    return _of_five_days(NEW_HIGHS, new.highs, new.lows, new.counted, (0.0, 1.0))


def _up_volume(breadth: DailyBreadth) -> Part:
    moves = breadth.moves
    return _of_five_days(UP_VOLUME, moves.up_volume, moves.down_volume, moves.counted, (0.35, 0.65))


def _above_average(breadth: DailyBreadth) -> Part:
    shares = [breadth.above_average[bars] for bars in LEVELS]
    there = np.all([share.counted > 0 for share in shares], axis=0)
    above = np.where(there, sum(share.above for share in shares), np.nan)
    counted = np.where(there, sum(share.counted for share in shares), np.nan)
    return Part(ABOVE_AVERAGE, above, counted, _score(ratio(above, counted), 0.0, 1.0))


def _volatility(breadth: DailyBreadth) -> Part:
    short = _last_days(breadth.moves.mean_change, SHORT_DAYS).std(axis=1)
    year = _last_days(breadth.moves.mean_change, YEAR)
    enough = (~np.isnan(year)).sum(axis=1) >= LEAST_DAYS
    long = np.full(len(short), np.nan)
    long[enough] = np.nanstd(year[enough], axis=1)
    doublings = np.log2(ratio(short, long), where=short > 0, out=np.full(len(short), np.nan))
    return Part(VOLATILITY, short, long, _score(doublings, 1.0, -1.0))


def _of_five_days(
    kind: PartKind, good: Counts | Floats, bad: Counts | Floats, counted: Counts, ends: tuple[float, float]
) -> Part:
    """The part good / (good + bad) of the last five days; absent unless symbols are counted on each of them."""
    first, both = (
        _last_days(np.where(counted > 0, values, np.nan), SUM_DAYS).sum(axis=1) for values in (good, good + bad)
    )
    return Part(kind, first, both, _score(ratio(first, both), *ends))


def _score(figure: Floats, zero: float, hundred: float) -> Floats:
    return np.clip(100 * (figure - zero) / (hundred - zero), 0.0, 100.0)


def _last_days(values: Floats, days: int) -> Floats:
    """For each day the last `days` values up to it, shape (all days, days), NaN before the first."""
    padded = np.concatenate([np.full(days, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, days)[1:]
