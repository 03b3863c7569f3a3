"""The McClellan oscillator and its summation index, ratio-adjusted. Pure.

    ratio-adjusted net advances   r(t) = 1000 (advancers - decliners) / (advancers + decliners)
    trends                        E19, E39: exponential averages of r with weights of 2/20 and 2/40 ("10 %", "5 %")
    oscillator                    E19 - E39
    summation index               19 E39 - 9 E19

Ratio-adjusted, because raw net advances grow with the number of symbols, and universes are of all sizes. Each average
starts with the simple mean of its first 19 and 39 values. The summation index rises each day by exactly that day's
oscillator; written as above (James R. Miekka's form, without the 1000 that he adds) its level does not depend on the
day on which summing began. Neutral is 0 for both.

Source: Sherman and Marian McClellan, 1969 ("Patterns for Profit", 1970).
"""

import numpy as np

from src.core.analytics.panel import Floats
from src.core.analytics.windows import Counts, ratio

FAST, SLOW = 19, 39  # days
_SCALE = 1000.0


def ratio_adjusted(advancers: Counts, decliners: Counts) -> Floats:
    """Net advances in thousandths of those that moved, NaN where none did."""
    return _SCALE * ratio(advancers - decliners, advancers + decliners)


def oscillator(adjusted_net: Floats) -> tuple[Floats, Floats]:
    """The oscillator and the summation index by day, from ratio-adjusted net advances.

    NaN up to the 39th day that has a value; a day without one is passed over and is NaN itself.
    """
    there = ~np.isnan(adjusted_net)
    fast, slow = (exponential_average(adjusted_net[there], days) for days in (FAST, SLOW))
    difference, sums = np.full((2, len(adjusted_net)), np.nan)
    difference[there] = fast - slow
    sums[there] = (SLOW - 1) / 2 * slow - (FAST - 1) / 2 * fast
    return difference, sums


def exponential_average(values: Floats, days: int) -> Floats:
    """The average with a weight of 2 / (days + 1), started with the mean of the first `days` values, NaN before."""
    average = np.full(len(values), np.nan)
    if len(values) < days:
        return average
    level = average[days - 1] = values[:days].mean()
    for place in range(days, len(values)):
        level += 2 / (days + 1) * (values[place] - level)
        average[place] = level
    return average
