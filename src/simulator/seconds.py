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
    prints = [0] * STEPS
    for second in data[4 * STEPS :].translate(_SECOND_OF_BYTE):
        prints[second] += 1
    up, down, weight = (data[i * STEPS : (i + 1) * STEPS] for i in (1, 2, 3))
    close = path[1:]
    # A second with a single print has a single price: no wick, and it opens where it closes.
    open_ = [o if n > 1 else c for o, c, n in zip(path[:-1], close, prints, strict=True)]
    high = [(o if o > c else c) + wicks[u] if n > 1 else c for o, c, u, n in zip(open_, close, up, prints, strict=True)]
    low = [
        (o if o < c else c) - wicks[d] if n > 1 else c for o, c, d, n in zip(open_, close, down, prints, strict=True)
    ]
    weights = [n * _VOLUME_WEIGHT[w] for n, w in zip(prints, weight, strict=True)]
    corrected = [s for s in range(STEPS) if down[s] == _MARK and prints[s] > 1] if _MARK in down else []
    return Seconds(
        list(compress(range(STEPS), prints)),
        list(compress(prints, prints)),
        list(compress(open_, prints)),
        list(compress(high, prints)),
        list(compress(low, prints)),
        list(compress(close, prints)),
        _split(plan.seconds_micro, list(compress(weights, prints))),
        list(compress(_double_vwaps(open_, high, close, up), prints)),
        {s: 1000 + 15 * weight[s] for s in corrected},
    )


def _split(total_micro: int, weights: list[float]) -> list[int]:
    """`total_micro` in parts of at least one share by `weights`: whole shares, the rest in the last part."""
    spare_shares = total_micro // SHARE_MICRO - len(weights)
    factor = spare_shares / sum(weights)
    parts = [(int(factor * w) + 1) * SHARE_MICRO for w in weights]
    parts[-1] += total_micro - sum(parts)
    return parts


def _double_vwaps(open_: list[int], high: list[int], close: list[int], marks: bytes) -> list[int]:
    vwaps = list(map(add, open_, close))
    if _MARK in marks:
        for i, mark in enumerate(marks):
            if mark == _MARK:
                # Odd lots count for the VWAP but make no prices.
                vwaps[i] = 2 * high[i] + 1
    return vwaps
