"""The seconds of one minute as columns: which ones traded, at what prices, how much.

A column at a time costs a third of what a loop over the seconds that makes each one whole costs.
"""

from itertools import compress
from operator import add
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO
from src.simulator.noise import EXPONENTIAL
from src.simulator.tape import MAX_PRINTS, MinutePlan

# Bytes of randomness a minute needs: one for each step of its price, each high, low and volume, and each print.
STEPS = 60
_SECOND_OF_BYTE = bytes(b * 60 // 256 for b in range(256))
_VOLUME_WEIGHT = [0.3 + e for e in EXPONENTIAL]
# A byte with this value marks its second: as one whose VWAP lies outside its prices, or one to be corrected.
_MARK = 255


class Seconds(NamedTuple):
    """Columns over the seconds with trades."""

    # 0 to 59, ascending.
    second: list[int]
    # Groups of trades in each second; one group has one price.
    prints: list[int]
    # Prices in cents.
    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]
    # Volumes in millionths of a share.
    volume: list[int]
    # VWAPs in half cents.
    double_vwap: list[int]
    # How long after its first version a corrected one is sent, by second; most seconds are not in it.
    correction_ms: dict[int, int]


def random_bytes(plan: MinutePlan) -> int:
    """How many random bytes `build` needs for a minute of this plan."""
    return 4 * STEPS + min(plan.trades, MAX_PRINTS)


def build(plan: MinutePlan, path: list[int], wicks: list[int], data: bytes) -> Seconds:
    """The seconds of a minute with trades, along `path` (61 prices in cents) by `data` (`random_bytes` of them).

    `wicks` is a table of 256: how many cents a second's high and low lie beyond its first and last price.
    """
    seconds, prints = _prints(data)
    up, down, weight = ([data[i * STEPS + s] for s in seconds] for i in (1, 2, 3))
    open_, high, low, close = _prices(seconds, prints, path, wicks, up, down)
    weights = [n * _VOLUME_WEIGHT[w] for n, w in zip(prints, weight, strict=True)]
    corrections_ms = {
        second: 1000 + 15 * w
        for second, count, mark, w in zip(seconds, prints, down, weight, strict=True)
        if mark == _MARK and count > 1
    }
    volumes, double_vwaps = _split(plan.seconds_micro, weights), _double_vwaps(open_, high, close, up)
    return Seconds(seconds, prints, open_, high, low, close, volumes, double_vwaps, corrections_ms)


def extent(path: list[int], wicks: list[int], data: bytes) -> tuple[int, int, int, int]:
    """Open, high, low and close in cents of the seconds that `build` makes, at half its cost."""
    seconds, prints = _prints(data)
    up, down = ([data[i * STEPS + s] for s in seconds] for i in (1, 2))
    open_, high, low, close = _prices(seconds, prints, path, wicks, up, down)
    return open_[0], max(high), min(low), close[-1]


def _prints(data: bytes) -> tuple[list[int], list[int]]:
    """The seconds with trades, ascending, and how many groups of trades each of them has."""
    counts = [0] * STEPS
    for second in data[4 * STEPS :].translate(_SECOND_OF_BYTE):
        counts[second] += 1
    seconds = list(compress(range(STEPS), counts))
    return seconds, [counts[second] for second in seconds]


def _prices(
    seconds: list[int], prints: list[int], path: list[int], wicks: list[int], up: list[int], down: list[int]
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Open, high, low and close of each second."""
    close = [path[second + 1] for second in seconds]
    # A second with a single print has a single price: no wick, and it opens where it closes.
    open_ = [path[second] if n > 1 else path[second + 1] for second, n in zip(seconds, prints, strict=True)]
    high = [(o if o > c else c) + wicks[u] if n > 1 else c for o, c, u, n in zip(open_, close, up, prints, strict=True)]
    low = [
        (o if o < c else c) - wicks[d] if n > 1 else c for o, c, d, n in zip(open_, close, down, prints, strict=True)
    ]
    return open_, high, low, close


def _split(total_micro: int, weights: list[float]) -> list[int]:
    """`total_micro` in parts of at least one share by `weights`: whole shares, the rest in the last part."""
    spare_shares = total_micro // SHARE_MICRO - len(weights)
    factor = spare_shares / sum(weights)
    parts = [(int(factor * w) + 1) * SHARE_MICRO for w in weights]
    parts[-1] += total_micro - sum(parts)
    return parts


def _double_vwaps(open_: list[int], high: list[int], close: list[int], marks: list[int]) -> list[int]:
    vwaps = list(map(add, open_, close))
    if _MARK in marks:
        for i, mark in enumerate(marks):
            if mark == _MARK:
                # Odd lots count for the VWAP but make no prices.
                vwaps[i] = 2 * high[i] + 1
    return vwaps
