"""Patterns of completed bars: candlesticks by TA-Lib; volume surge, price gap and doji by formulas of our own. Pure.

Every pattern is a function of the newest 14 bars alone, so that it does not matter from when on bars were read: prices
go to TA-Lib as whole millionths of a dollar, of which its running sums are exact. TA-Lib is imported at the first call.
"""

import enum
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Floats
from src.core.domain.market.aggregation import MICRO, Timeframe
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier

Flags = NDArray[np.bool_]
Times = NDArray[np.int64]

TIMEFRAMES = (Timeframe.MINUTE, Timeframe.FIVE_MINUTES, Timeframe.QUARTER)
# So many bars before its last one does a candlestick pattern look at: TA-Lib's longest look back of those below.
LOOKBACK = 13
# These bars lie within so many periods of trading: a symbol that hardly trades has no patterns.
WINDOW = 30
# What is compared with the bars before is compared with the mean of so many.
BARS_BEFORE = 10
TREND_BARS = 5
SURGE_TIMES = 3.0
LEAST_GAP = 0.02
DOJI_BODY = 0.1


class Direction(enum.StrEnum):
    """What the form is taken for."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


class _Form(NamedTuple):
    """A candlestick pattern of TA-Lib: its function, and of how many bars it is. All of them reverse a trend."""

    function: str
    bars: int


# By name; TA-Lib's result is above 0 where the form is bullish, below 0 where it is bearish.
CANDLESTICKS = {
    "engulfing": _Form("CDLENGULFING", 2),
    "harami": _Form("CDLHARAMI", 2),
    "piercing_line": _Form("CDLPIERCING", 2),
    "dark_cloud_cover": _Form("CDLDARKCLOUDCOVER", 2),
    "morning_star": _Form("CDLMORNINGSTAR", 3),
    "evening_star": _Form("CDLEVENINGSTAR", 3),
    "hammer": _Form("CDLHAMMER", 1),
    "inverted_hammer": _Form("CDLINVERTEDHAMMER", 1),
    "hanging_man": _Form("CDLHANGINGMAN", 1),
    "shooting_star": _Form("CDLSHOOTINGSTAR", 1),
    "three_white_soldiers": _Form("CDL3WHITESOLDIERS", 3),
    "three_black_crows": _Form("CDL3BLACKCROWS", 3),
    "three_inside": _Form("CDL3INSIDE", 3),
    "three_outside": _Form("CDL3OUTSIDE", 3),
}
PATTERNS = (*CANDLESTICKS, "volume_surge", "price_gap", "doji")


class Minutes(NamedTuple):
    """A symbol's minutes, ascending, of one session and the end of the one before; each array has an entry a minute.

    `clock_ms` is trading time since the session began: below 0 for minutes of the session before, which ends at 0.
    Prices are dollars in the session's terms, volumes shares. `is_sure`: the bar is the vendor's own, and whole;
    `is_official`: so much later that it hardly changes.
    """

    start_ms: Times
    clock_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_sure: Flags
    is_official: Flags

    @classmethod
    def of(cls, bars: Sequence[Bar], clock_ms: Sequence[int], factors: Sequence[float]) -> Self:
        """Of stored bars, withdrawn ones not among them; `factors` are what each one's prices are multiplied by for
        splits, its volume is divided by it."""
        columns = np.array([(b.open, b.high, b.low, b.close) for b in bars], dtype=np.float64).reshape(-1, 4)
        by = np.array(factors, dtype=np.float64)
        return cls(
            np.array([b.timestamp for b in bars], dtype=np.int64),
            np.array(clock_ms, dtype=np.int64),
            columns[:, 0] * by,
            columns[:, 1] * by,
            columns[:, 2] * by,
            columns[:, 3] * by,
            np.array([b.volume for b in bars], dtype=np.float64) / by,
            np.array([b.tier >= Tier.EARLY and not b.partial for b in bars], dtype=np.bool_),
            np.array([b.tier >= Tier.OFFICIAL for b in bars], dtype=np.bool_),
        )


class Candles(NamedTuple):
    """Bars of one period, as Minutes: prices and volumes in whole millionths of a dollar and of a share, `clock_ms` of
    the period's start. `is_sure`: the period is over, and all its stored minutes are sure; `is_official`: so are they.
    """

    width_ms: int
    start_ms: Times
    clock_ms: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_sure: Flags
    is_official: Flags


class Found(NamedTuple):
    """A pattern that ends with the bar that starts at `timestamp` (epoch ms).

    `confidence`, from 0 to 1, says how plainly the bars show the form. It is no probability of what prices do next.
    """

    timestamp: int
    pattern: str
    direction: Direction
    confidence: float


def in_periods(minutes: Minutes, width_ms: int, settled_ms: int) -> Candles:
    """Minutes put together; a period without a minute has no bar. A period is over once its last minute is there, or
    at `settled_ms` (epoch ms)."""
    numbers = minutes.clock_ms // width_ms
    firsts = np.flatnonzero(np.diff(numbers, prepend=np.iinfo(np.int64).min))
    lasts = np.append(firsts[1:], len(numbers))[: len(firsts)] - 1
    clock_ms = numbers[firsts] * width_ms
    start_ms = minutes.start_ms[firsts] - (minutes.clock_ms[firsts] - clock_ms)
    last_is_there = minutes.clock_ms[lasts] == clock_ms + width_ms - MINUTE_MS
    is_over = last_is_there | (start_ms + width_ms <= settled_ms)
    empty = not len(firsts)
    return Candles(
        width_ms,
        start_ms,
        clock_ms,
        _micro(minutes.open[firsts]),
        _micro(minutes.high if empty else np.maximum.reduceat(minutes.high, firsts)),
        _micro(minutes.low if empty else np.minimum.reduceat(minutes.low, firsts)),
        _micro(minutes.close[lasts]),
        minutes.volume if empty else np.add.reduceat(_micro(minutes.volume), firsts),
        is_over if empty else is_over & np.logical_and.reduceat(minutes.is_sure, firsts),
        is_over if empty else np.logical_and.reduceat(minutes.is_official, firsts),
    )


def _micro(numbers: Floats) -> Floats:
    return np.rint(numbers * MICRO)


def find_patterns(candles: Candles) -> list[Found]:
    """All patterns of bars of the session itself (`clock_ms` from 0 on), by time and name."""
    if not len(candles.start_ms):
        return []
    found = [*_candlesticks(candles), *_surges(candles), *_gaps(candles), *_dojis(candles)]
    return sorted(found, key=lambda one: (one.timestamp, one.pattern))


def _sure_over(candles: Candles, bars_before: int) -> Flags:
    """Where a bar of the session is official, and so many before it are sure and lie within the window."""
    sure = np.zeros(len(candles.start_ms), dtype=np.bool_)
    unsure = np.cumsum(~candles.is_sure)
    firsts = max(0, len(unsure) - bars_before)  # bars that are the first of so many
    are_sure = candles.is_sure[:firsts] & (unsure[bars_before:] == unsure[:firsts])
    are_near = candles.clock_ms[bars_before:] - candles.clock_ms[:firsts] <= WINDOW * candles.width_ms
    sure[bars_before:] = are_sure & are_near
    return sure & candles.is_official & (candles.clock_ms >= 0)


def _found(
    candles: Candles, at: Flags, pattern: str, direction: Floats | NDArray[np.int32], strength: Floats
) -> Iterator[Found]:
    """One for each place; `direction` is above 0 for bullish, below for bearish."""
    if not at.any():
        return
    for place in np.flatnonzero(at):
        which = Direction.BULLISH if direction[place] > 0 else Direction.BEARISH
        kind = which if direction[place] else Direction.NEUTRAL
        yield Found(int(candles.start_ms[place]), pattern, kind, round(float(strength[place]), 3))


# -- candlesticks --------------------------------------------------------------------------------------------------


@functools.cache
def _recognisers() -> dict[str, Callable[..., NDArray[np.int32]]]:
    import talib  # some tens of megabytes: only who looks for patterns has it

    return {name: getattr(talib, form.function) for name, form in CANDLESTICKS.items()}


def _candlesticks(candles: Candles) -> Iterator[Found]:
    """TA-Lib's forms, with its own settings (ta-lib.org). It says yes (100), or 80 where one end of two bars is level:
    is its confidence, in hundredths. It looks at no trend, so we do: a form counts only where the close before it has
    fallen (bullish) or risen (bearish) over five bars."""
    sure = _sure_over(candles, LOOKBACK)
    if not sure.any():
        return
    prices = candles.open, candles.high, candles.low, candles.close
    for name, recognise in _recognisers().items():
        result = recognise(*prices)
        at = sure & (result != 0)
        if at.any():
            at &= np.sign(result) == -_trend_before(candles.close, CANDLESTICKS[name].bars)
            yield from _found(candles, at, name, result, np.abs(result) / 100)


def _trend_before(close: Floats, bars: int) -> Floats:
    """For the last bar of a form of so many bars, the sign of what the close before the form moved in five bars."""
    trend = np.zeros(len(close))
    trend[bars + TREND_BARS :] = np.sign(close[TREND_BARS:-bars] - close[: -bars - TREND_BARS])
    return trend


# -- of our own ----------------------------------------------------------------------------------------------------


def _mean_before(values: Floats) -> Floats:
    """The mean of the ten values before each; NaN where there are fewer. Exact, as the values are whole numbers."""
    means = np.full(len(values), np.nan)
    sums = np.cumsum(values)
    means[BARS_BEFORE:] = sums[BARS_BEFORE - 1 : -1] - np.append(0.0, sums[: -BARS_BEFORE - 1])
    return means / BARS_BEFORE


def _beyond(value: Floats, threshold: Floats | float) -> Floats:
    """0.5 at the threshold, nearer to 1 the further beyond: 1 - threshold / (2 value)."""
    return 1 - np.asarray(threshold) / (2 * value)


def _surges(candles: Candles) -> Iterator[Found]:
    """Volume above three times the mean of the ten bars before it, all of the same session; the direction is the bar's
    own. Confidence: 1 - 3 mean / (2 volume)."""
    mean, volume = _mean_before(candles.volume), candles.volume
    at = _sure_over(candles, BARS_BEFORE) & (volume > SURGE_TIMES * mean) & (mean > 0)
    at[BARS_BEFORE:] &= candles.clock_ms[:-BARS_BEFORE] >= 0
    at[:BARS_BEFORE] = False
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = _beyond(volume, SURGE_TIMES * mean)
    return _found(candles, at, "volume_surge", candles.close - candles.open, strength)


def _gaps(candles: Candles) -> Iterator[Found]:
    """The open above or below the close of the bar before it by more than 2 % of that close. Confidence:
    1 - 0.02 / (2 |open / close before - 1|)."""
    before = np.append(np.nan, candles.close[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        size = (candles.open - before) / np.abs(before)
        at = _sure_over(candles, 1) & (np.abs(size) > LEAST_GAP) & (before > 0)
        strength = _beyond(np.abs(size), LEAST_GAP)
    return _found(candles, at, "price_gap", size, strength)


def _dojis(candles: Candles) -> Iterator[Found]:
    """A body |close - open| of at most a tenth of the range high - low, where that range is at least the mean of the
    ten bars before it: a bar that hardly moved shows no indecision. Confidence: 1 - 5 body / range."""
    extent, body = candles.high - candles.low, np.abs(candles.close - candles.open)
    at = _sure_over(candles, BARS_BEFORE) & (extent > 0) & (body <= DOJI_BODY * extent)
    at &= extent >= _mean_before(extent)
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = 1 - body / extent / (2 * DOJI_BODY)
    return _found(candles, at, "doji", np.zeros(len(body)), strength)
