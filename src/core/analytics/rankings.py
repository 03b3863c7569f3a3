"""Rankings: what each symbol of a universe did over windows of trading days, and its place among the others. Pure.

All figures are of the panel's last day and of prices adjusted for splits, not for dividends: C is the last day's close
(of a provisional day: the newest price), O its open, C[n] the close n trading days before it. Where a symbol did not
trade on that earlier day, the newest close of the five trading days before it stands for it. A figure that the panel
has too little for is NaN; `ranking_reasons.reason` says why.

| figure | formula |
|---|---|
| price, volume | C and the last day's volume |
| change_nd, n of 1, 5, 21, 63, 126, 252 | C / C[n] - 1 |
| since_open | C / O - 1 |
| gap | O / C[1] - 1 |
| relative_nd, n of 21, 63, 126, 252 | (C / C[n]) / (B / B[n]), B the benchmark's close: above 1 grew more than it |
| strength | 0.4 C/C[63] + 0.2 C/C[126] + 0.2 C/C[189] + 0.2 C/C[252] - 1 |
| strength_percentile | 100 * (symbols with a lower strength + half of those with the same) / symbols with a strength |
| relative_volume | volume / mean volume of the 20 days before, by the same time of day |
| from_high, from_low | C / highest high - 1 and C / lowest low - 1 of the last 252 days, the last one included |
| dollar_volume | C * volume |
| dollar_volume_20d | mean of close * volume over the 20 days before the last |

Sources. The weighting of 3, 6, 9 and 12 months by 40, 20, 20 and 20 %: elitetrader.com, thread 65465, "0.4 * (C * 100 /
C65) + ...", there with 65, 130, 195 and 260 days. The percentile: J. T. Roscoe, Fundamental Research Statistics (1975),
the percentile rank (CF - 0.5 F) / N * 100. The ratio of growths is the usual comparative relative strength (R. A. Levy,
Relative Strength as a Criterion for Investment Selection, Journal of Finance 22, 1967, takes it against averages).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.newest_window import YEAR_DAYS, at_or_before, highest_of, lowest_of, mean_of, newest
from src.core.analytics.panel import Floats, Panel

Rows = NDArray[np.intp]

CHANGE_DAYS: Final = (1, 5, 21, 63, 126, 252)
RELATIVE_DAYS: Final = (21, 63, 126, 252)
STRENGTH_WEIGHTS: Final = MappingProxyType({63: 0.4, 126: 0.2, 189: 0.2, 252: 0.2})
VOLUME_DAYS: Final = 20
POINT_MINUTES: Final = 5
DAY_POINTS: Final = 78  # of a regular session of 390 minutes
FEWEST_RANKED: Final = 2  # a place among fewer says nothing


class Figure(NamedTuple):
    """A column of the rankings. `unit`: `dollars`, `shares`, `fraction` (0.01 is 1 %), `ratio` or `percentile`."""

    name: str
    label: str
    unit: str
    meaning: str


def _days(count: int) -> str:
    return f"{count} trading {'day' if count == 1 else 'days'}"


FIGURES: Final[tuple[Figure, ...]] = (
    Figure("price", "Price", "dollars", "close of the day, or its newest price"),
    Figure("volume", "Volume", "shares", "shares traded on the day"),
    *(Figure(f"change_{n}d", f"Chg {n} d", "fraction", f"change of the close over {_days(n)}") for n in CHANGE_DAYS),
    Figure("since_open", "Since open", "fraction", "change from the day's open"),
    Figure("gap", "Gap", "fraction", "the day's open against the close before it"),
    *(
        Figure(f"relative_{n}d", f"Rel. {n} d", "ratio", f"growth over {_days(n)}, divided by the benchmark's")
        for n in RELATIVE_DAYS
    ),
    Figure("strength", "Strength", "fraction", "change over 3, 6, 9 and 12 months, weighted 40/20/20/20"),
    Figure("strength_percentile", "Percentile", "percentile", "share of the universe whose strength is lower"),
    Figure("relative_volume", "Rel. volume", "ratio", "volume against the mean of 20 days by the same time of day"),
    Figure("from_high", "From high", "fraction", "distance from the highest price of 252 trading days"),
    Figure("from_low", "From low", "fraction", "distance from the lowest price of 252 trading days"),
    Figure("dollar_volume", "Dollar volume", "dollars", "price times volume of the day"),
    Figure("dollar_volume_20d", "Dollar volume, 20 d", "dollars", "mean of the 20 days before the last"),
)


@dataclass(frozen=True, slots=True, eq=False)
class TimeOfDay:
    """Where the last, provisional day stands, for volumes by the same time of day.

    `minutes` since the regular session opened, 0 to 390 (negative before). `usual_volume` has the shape (symbols, 78):
    the mean volume of the days before from the open until 5, 10, ... 390 minutes after it, its rows as the panel's,
    NaN where it is not known; None while it has not been calculated at all.
    """

    minutes: float
    usual_volume: Floats | None

    def usual_by_now(self) -> Floats | None:
        """The mean volume by this minute, shape (symbols,), between two points in proportion; None when unknown."""
        if self.usual_volume is None or self.minutes <= 0:
            return None
        place = min(self.minutes / POINT_MINUTES, DAY_POINTS)
        after = int(np.ceil(place)) - 1
        later = self.usual_volume[:, after]
        earlier = self.usual_volume[:, after - 1] if after else np.zeros_like(later)
        return earlier + (later - earlier) * (place - after)


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """The figures of a universe's symbols, by the names in FIGURES, each of the shape (symbols,), NaN where absent.

    `ranked` is how many symbols have a strength: the percentile's denominator. `lower` (symbols,) is its numerator.
    `alphabet` (symbols,) is each symbol's place when they are sorted by name.
    """

    panel: Panel
    benchmark: Panel
    time_of_day: TimeOfDay | None
    figures: Mapping[str, Floats]
    lower: Floats
    ranked: int
    alphabet: Rows


def rank(panel: Panel, benchmark: Panel, time_of_day: TimeOfDay | None = None) -> Rankings:
    """The figures of the panel's last day.

    `panel` holds the universe, among which percentiles are counted; `benchmark` the same days of one symbol, or of
    none when it is not stored (then what compares with it is absent). `time_of_day` is wanted while the last day is
    provisional; relative volume is absent without it. A settled day is compared with the whole days before it.
    """
    figures = _of_the_day(panel) | _changes(panel)
    figures |= _against(figures, benchmark) | _strength(panel)
    lower, ranked = _places(figures["strength"])
    figures["strength_percentile"] = 100 * lower / ranked if ranked >= FEWEST_RANKED else np.full_like(lower, np.nan)
    figures |= _extremes(panel) | _volumes(panel, time_of_day)
    ordered = MappingProxyType({figure.name: figures[figure.name] for figure in FIGURES})
    return Rankings(panel, benchmark, time_of_day, ordered, lower, ranked, _alphabet(panel.symbols))


def last_column(values: Floats) -> Floats:
    """The last day's values, shape (symbols,); NaN where there is no day at all."""
    return at_or_before(values, 0, stale_days=0)


def _of_the_day(panel: Panel) -> dict[str, Floats]:
    price, opened = last_column(panel.close), last_column(panel.open)
    return {
        "price": price,
        "volume": last_column(panel.volume),
        "since_open": _ratio(price, opened) - 1,
        "gap": _ratio(opened, at_or_before(panel.close, 1)) - 1,
    }


def _growth(close: Floats, days: int) -> Floats:
    return _ratio(last_column(close), at_or_before(close, days))


def _changes(panel: Panel) -> dict[str, Floats]:
    return {f"change_{days}d": _growth(panel.close, days) - 1 for days in CHANGE_DAYS}


def _against(figures: Mapping[str, Floats], benchmark: Panel) -> dict[str, Floats]:
    of_benchmark = benchmark.close if benchmark.symbols else np.full((1, len(benchmark.dates)), np.nan)
    return {
        f"relative_{days}d": _ratio(figures[f"change_{days}d"] + 1, _growth(of_benchmark, days))
        for days in RELATIVE_DAYS
    }


def _strength(panel: Panel) -> dict[str, Floats]:
    parts = [weight * _growth(panel.close, days) for days, weight in STRENGTH_WEIGHTS.items()]
    return {"strength": np.sum(parts, axis=0) - 1}


def _places(scores: Floats) -> tuple[Floats, int]:
    """How many have a lower score, ties by half (the one itself among them); and how many have a score."""
    ordered = np.sort(scores[~np.isnan(scores)])
    below = np.searchsorted(ordered, scores, side="left")
    not_above = np.searchsorted(ordered, scores, side="right")
    return np.where(np.isnan(scores), np.nan, (below + not_above) / 2), len(ordered)


def _extremes(panel: Panel) -> dict[str, Floats]:
    price = last_column(panel.close)
    reaches_back = ~np.isnan(at_or_before(panel.close, YEAR_DAYS - 1))
    high = highest_of(newest(panel.high, YEAR_DAYS), YEAR_DAYS)
    low = lowest_of(newest(panel.low, YEAR_DAYS), YEAR_DAYS)
    return {
        "from_high": np.where(reaches_back, _ratio(price, high) - 1, np.nan),
        "from_low": np.where(reaches_back, _ratio(price, low) - 1, np.nan),
    }


def _volumes(panel: Panel, time_of_day: TimeOfDay | None) -> dict[str, Floats]:
    volume, price = last_column(panel.volume), last_column(panel.close)
    volumes, closes = (newest(values, VOLUME_DAYS, skip=1) for values in (panel.volume, panel.close))
    if panel.is_provisional:
        usual = time_of_day.usual_by_now() if time_of_day else None
    else:
        usual = mean_of(volumes, VOLUME_DAYS)
    return {
        "relative_volume": np.full_like(volume, np.nan) if usual is None else _ratio(volume, usual),
        "dollar_volume": price * volume,
        "dollar_volume_20d": mean_of(volumes * closes, VOLUME_DAYS),
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    """The quotient; NaN where the divisor is zero."""
    return above / np.where(below == 0, np.nan, below)


def _alphabet(symbols: tuple[str, ...]) -> Rows:
    places = np.empty(len(symbols), dtype=np.intp)
    places[np.argsort(np.array(symbols, dtype=str), kind="stable")] = np.arange(len(symbols))
    return places
