"""How much trades, minute by minute: counts and volumes, without prices.

Volumes are decided from the top down, minute first and seconds from it, so that a day's accumulated volume costs
a few microseconds a minute.
"""

import threading
from array import array
from collections import OrderedDict
from functools import lru_cache
from math import exp, sqrt
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO
from src.simulator.newyork import REGULAR_CLOSES, REGULAR_OPENS, day_start, minute_of_day
from src.simulator.noise import GAUSS, digest, lognormal_table
from src.simulator.universe import Instrument

# Trades of one minute are thrown into its seconds in at most this many groups.
MAX_PRINTS = 180
ROUND_LOT = 100

_HOUR_ACTIVITY = lognormal_table(0.35)
_MINUTE_ACTIVITY = lognormal_table(0.30)
_TRADE_SIZE = lognormal_table(0.40)
_BYTES_PER_MINUTE = 8
_DAYS_KEPT_PER_SYMBOL = 3

# Of 256 minutes: this many have odd lots, have them in fractions, are revised, are revised twice.
_ODD, _ODD_FRACTION, _LATE, _LATE_TWICE = 64, 8, 8, 2
# Of 256 minutes: this many have a fraction of a share, or a mixed lot, within the volume of a second.
_FRACTION, _MIXED = 6, 60
# Of 256 minutes without an eligible trade: this many have an odd lot all the same, which makes no bar.
_LONE_ODD = 3


class MinutePlan(NamedTuple):
    """What trades in one minute; volumes in millionths of a share. Without `trades` the minute has no bar."""

    trades: int
    seconds_micro: int
    odd_micro: int
    auction_micro: int
    late_micro: int
    late_parts: int

    @property
    def total_micro(self) -> int:
        """All of it: what the minute's last `AM` says."""
        return self.seconds_micro + self.odd_micro + self.auction_micro + self.late_micro

    @property
    def odd_trades(self) -> int:
        """How many trades the odd lots were."""
        return 1 + self.trades // 20 if self.odd_micro else 0


def _daily_rhythm() -> list[float]:
    """Share of a day's trades in each of its 1,440 New York minutes: a smile by day, half as lively by night."""
    weights = []
    for minute in range(1440):
        if REGULAR_OPENS <= minute < REGULAR_CLOSES:
            x = 2 * (minute - REGULAR_OPENS) / (REGULAR_CLOSES - REGULAR_OPENS) - 1
            weights.append(1 + 1.6 * x * x + 2.0 * exp(-(minute - REGULAR_OPENS) / 12))
        else:
            # Far more than a real night has: a demonstration must move at any hour.
            weights.append(0.5)
    total = sum(weights)
    return [weight / total for weight in weights]


_RHYTHM = _daily_rhythm()


class Tape:
    """Plans of minutes and the volume accumulated before them, for every symbol and any minute since the epoch."""

    def __init__(self, seed: int, symbols: int) -> None:
        self._seed = seed
        # The hour before, the present one and the next: an hour of plans takes about 15 KB.
        self._hour = lru_cache(maxsize=3 * symbols)(self._plan_hour)
        # By symbol and New York day the volume before each minute, as far as it was needed: 12 KB for a whole day.
        self._days: OrderedDict[tuple[str, int], array[int]] = OrderedDict()
        self._days_kept = _DAYS_KEPT_PER_SYMBOL * symbols
        self._lock = threading.Lock()

    def plan(self, instrument: Instrument, minute: int) -> MinutePlan:
        """What trades in `minute` (minutes since the epoch)."""
        hour, into = divmod(minute, 60)
        return self._hour(instrument, hour)[into]

    def volume_before(self, instrument: Instrument, minute: int) -> int:
        """Millionths of a share traded from New York midnight to the start of `minute`, odd lots included."""
        start = day_start(minute)
        with self._lock:
            sums = self._sums_of_day(instrument.symbol, start)
            while len(sums) <= minute - start:
                sums.append(sums[-1] + self.plan(instrument, start + len(sums) - 1).total_micro)
            return sums[minute - start]

    def _sums_of_day(self, symbol: str, start: int) -> "array[int]":
        sums = self._days.setdefault((symbol, start), array("q", [0]))
        self._days.move_to_end((symbol, start))
        if len(self._days) > self._days_kept:
            self._days.popitem(last=False)
        return sums

    def _plan_hour(self, instrument: Instrument, hour: int) -> list[MinutePlan]:
        size = 60 * _BYTES_PER_MINUTE
        data = digest(f"{self._seed}/tape/{instrument.symbol}/".encode(), hour, size + 1)
        trades_per_day = instrument.trades_per_day * _HOUR_ACTIVITY[data[size]]
        return [
            _plan_minute(
                data[i * _BYTES_PER_MINUTE : (i + 1) * _BYTES_PER_MINUTE],
                minute_of_day(hour * 60 + i),
                trades_per_day,
                instrument.average_trade,
            )
            for i in range(60)
        ]


def _plan_minute(data: bytes, day_minute: int, trades_per_day: float, average_trade: float) -> MinutePlan:
    expected = trades_per_day * _RHYTHM[day_minute] * _MINUTE_ACTIVITY[data[0]]
    trades = _poisson(expected, data[1], data[2])
    if trades == 0:
        lone = (1 + data[4] % 99) * SHARE_MICRO if data[3] < _LONE_ODD else 0
        return MinutePlan(0, 0, lone, 0, 0, 0)
    lots = max(min(trades, MAX_PRINTS), round(trades * average_trade * _TRADE_SIZE[data[3]] / ROUND_LOT))
    fraction_micro = (data[6] * 256 + data[7]) * 15
    return MinutePlan(
        trades,
        lots * ROUND_LOT * SHARE_MICRO + _uneven_micro(data[7], data[6], fraction_micro),
        _odd_micro(data[4], data[6], trades, fraction_micro),
        _auction_micro(day_minute, lots, data[0]),
        *_late(data[5], data[6], lots),
    )


def _poisson(expected: float, first: int, second: int) -> int:
    """A count of mean `expected` from two random bytes."""
    if expected > 12:
        return max(0, round(expected + sqrt(expected) * GAUSS[first]))
    remaining = (first * 256 + second + 0.5) / 65536
    probability, count = exp(-expected), 0
    while remaining > probability and count < 60:
        remaining -= probability
        count += 1
        probability *= expected / count
    return count


def _uneven_micro(choice: int, size: int, fraction_micro: int) -> int:
    """What the seconds' volume has beyond round lots: mostly nothing."""
    if choice < _FRACTION:
        return fraction_micro
    return (1 + size % 99) * SHARE_MICRO if choice < _MIXED else 0


def _odd_micro(choice: int, size: int, trades: int, fraction_micro: int) -> int:
    if choice >= _ODD:
        return 0
    whole = (1 + size % 99) * (1 + trades // 20) * SHARE_MICRO
    return whole + (fraction_micro if choice < _ODD_FRACTION else 0)


def _auction_micro(day_minute: int, lots: int, size: int) -> int:
    """The opening and closing auctions' volume: one to four times what trades in the seconds of their minute."""
    if day_minute not in (REGULAR_OPENS, REGULAR_CLOSES):
        return 0
    return round(lots * (1 + 3 * size / 256)) * ROUND_LOT * SHARE_MICRO


def _late(choice: int, size: int, lots: int) -> tuple[int, int]:
    """Volume reported after the first `AM`, 1 to 10 % of the minute's, and in how many revisions."""
    if choice >= _LATE:
        return 0, 0
    parts = 2 if choice < _LATE_TWICE else 1
    return max(parts, lots * (1 + size % 10)) * SHARE_MICRO, parts
