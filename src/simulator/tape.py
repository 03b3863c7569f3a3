"""How much trades, minute by minute: counts and volumes, without prices.

Volumes are decided from the top down, minute first and seconds from it, so that a day's accumulated volume costs
a few microseconds a minute.
"""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from math import exp, sqrt
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO
from src.simulator.hours import Hours, date_of
from src.simulator.newyork import REGULAR_OPENS, day_start, minute_of_day
from src.simulator.noise import GAUSS, digest, lognormal_table
from src.simulator.universe import Instrument

# Trades of one minute are thrown into its seconds in at most this many groups.
MAX_PRINTS = 180
ROUND_LOT = 100

_HOUR_ACTIVITY = lognormal_table(0.35)
_MINUTE_ACTIVITY = lognormal_table(0.30)
_TRADE_SIZE = lognormal_table(0.40)
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


_NOTHING = MinutePlan(0, 0, 0, 0, 0, 0)


class Totals(NamedTuple):
    """What traded in some minutes: the volume in millionths of a share, odd lots included, and how many trades."""

    volume_micro: int
    trades: int


def totals(plans: Sequence[MinutePlan]) -> Totals:
    """The sum of some minutes."""
    if not plans:
        return Totals(0, 0)
    trades, seconds, odd, auction, late, _parts = zip(*plans, strict=True)
    odd_trades = sum(1 + count // 20 for count, micro in zip(trades, odd, strict=True) if micro)
    volume_micro = sum(seconds) + sum(odd) + sum(auction) + sum(late)
    return Totals(volume_micro, sum(trades) + odd_trades + sum(map(bool, auction)))


class Tape:
    """Plans of minutes and the volume accumulated before them, for every symbol and any minute since the epoch."""

    def __init__(self, seed: int, symbols: int, hours: Hours) -> None:
        self._seed = seed
        self._hours = hours
        # The hour before, the present one and the next: an hour of plans takes about 15 KB.
        self._hour = lru_cache(maxsize=3 * symbols)(self.plan_hour)
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

    def plan_hour(self, instrument: Instrument, hour: int) -> list[MinutePlan]:
        """Each minute of `hour` (hours since the epoch); nothing is kept, so that a long past costs no memory."""
        day = self._hours(date_of(day_start(hour * 60)))
        if day is None:
            return [_NOTHING] * 60
        data = self._noise(instrument, hour)
        trades_per_day = instrument.trades_per_day * _HOUR_ACTIVITY[data[-1]]
        average_trade, first = instrument.average_trade, minute_of_day(hour * 60)
        auctions = {REGULAR_OPENS - first, day.closes - first}
        return [
            _plan_minute(data[8 * into : 8 * into + 8], trades_per_day * share, average_trade, into in auctions)
            if share
            else _NOTHING
            for into, share in enumerate(day.rhythm[first : first + 60])
        ]

    def expected_trades(self, instrument: Instrument, hour: int) -> float:
        """How many trades `plan_hour` makes on average of an hour as lively as this one."""
        day = self._hours(date_of(day_start(hour * 60)))
        first = minute_of_day(hour * 60)
        share = 0.0 if day is None else sum(day.rhythm[first : first + 60])
        return instrument.trades_per_day * _HOUR_ACTIVITY[self._noise(instrument, hour)[-1]] * share if share else 0.0

    def _noise(self, instrument: Instrument, hour: int) -> bytes:
        """Eight bytes for each minute, and one for the hour."""
        return digest(f"{self._seed}/tape/{instrument.symbol}/".encode(), hour, 8 * 60 + 1)

    def _sums_of_day(self, symbol: str, start: int) -> "array[int]":
        sums = self._days.setdefault((symbol, start), array("q", [0]))
        self._days.move_to_end((symbol, start))
        if len(self._days) > self._days_kept:
            self._days.popitem(last=False)
        return sums


def _plan_minute(noise: bytes, expected: float, average_trade: float, auction: bool) -> MinutePlan:
    """`expected` is how many trades such a minute has; `noise` holds the minute's eight random bytes."""
    activity, first, second, size, odd, late, high, low = noise
    trades = _poisson(expected * _MINUTE_ACTIVITY[activity], first, second)
    if trades == 0:
        return MinutePlan(0, 0, (1 + odd % 99) * SHARE_MICRO, 0, 0, 0) if size < _LONE_ODD else _NOTHING
    lots = max(min(trades, MAX_PRINTS), round(trades * average_trade * _TRADE_SIZE[size] / ROUND_LOT))
    seconds_micro = lots * ROUND_LOT * SHARE_MICRO
    if low < _MIXED:
        seconds_micro += _fraction_micro(high, low) if low < _FRACTION else (1 + high % 99) * SHARE_MICRO
    odd_micro = 0
    if odd < _ODD:
        whole_micro = (1 + high % 99) * (1 + trades // 20) * SHARE_MICRO
        odd_micro = whole_micro + (_fraction_micro(high, low) if odd < _ODD_FRACTION else 0)
    auction_micro = _auction_micro(lots, activity) if auction else 0
    late_micro, late_parts = _late(late, high, lots) if late < _LATE else (0, 0)
    return MinutePlan(trades, seconds_micro, odd_micro, auction_micro, late_micro, late_parts)


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


def _fraction_micro(high: int, low: int) -> int:
    """Less than a share."""
    return (high * 256 + low) * 15


def _auction_micro(lots: int, size: int) -> int:
    """An auction's volume: one to four times what trades in the seconds of its minute."""
    return round(lots * (1 + 3 * size / 256)) * ROUND_LOT * SHARE_MICRO


def _late(choice: int, size: int, lots: int) -> tuple[int, int]:
    """Volume reported after the first `AM`, 1 to 10 % of the minute's, and in how many revisions."""
    parts = 2 if choice < _LATE_TWICE else 1
    return max(parts, lots * (1 + size % 10)) * SHARE_MICRO, parts
