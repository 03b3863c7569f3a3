"""Randomness without state: every value is a hash of a key and an index, so that any moment can be asked for alone.

The hash is SHAKE-128, whose output is the same on every machine and Python version; the tables turn its bytes
into distributions.
"""

from hashlib import shake_128
from math import exp, log, sqrt
from statistics import NormalDist

# A byte of a digest indexes these: 256 equally likely quantiles of each distribution.
GAUSS = [NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)]
EXPONENTIAL = [-log(1 - (i + 0.5) / 256) for i in range(256)]

# Periods in minutes, 90 days down to 2 minutes, each about a third of the one before.
_OCTAVE_PERIODS_MIN = (129_600, 43_200, 14_400, 4_800, 1_600, 533, 178, 59, 20, 7, 2)
# With amplitudes as the root of the period the sum moves like a random walk; over the 390 minutes of a regular
# session its change has a standard deviation of 0.90 (measured over 180 days), which this brings to 1.
_SESSION_SCALE = 1 / 0.90
# What remains of that random walk per square root of a second: the steps within a minute.
STEP_PER_SECOND = sqrt(1 / (390 * 60))


def digest(key: bytes, index: int, size: int) -> bytes:
    """`size` uniformly random bytes that depend only on `key` and `index`."""
    return shake_128(key + index.to_bytes(8, "little", signed=True)).digest(size)


def uniform(key: bytes, index: int) -> float:
    """A number in [0, 1) that depends only on `key` and `index`."""
    return int.from_bytes(digest(key, index, 6), "little") / (1 << 48)


def lognormal_table(sigma: float) -> list[float]:
    """256 quantiles of a lognormal factor of mean 1 whose logarithm has the standard deviation `sigma`."""
    return [exp(sigma * g - sigma * sigma / 2) for g in GAUSS]


class PathNoise:
    """A smooth random path over minutes, in units of one regular session's standard deviation.

    It is value noise: in each octave the values at the ends of every period are hashed and joined by a smooth
    step; octaves add up. It stays within about 30 units for ever and has no state but a cache.
    """

    def __init__(self, key: bytes) -> None:
        phases = shake_128(key + b"phase").digest(8 * len(_OCTAVE_PERIODS_MIN))
        self._octaves = [
            (
                key + bytes([k]),
                period,
                # Shifted against each other, or all octaves would be flat at the same moments.
                int.from_bytes(phases[8 * k : 8 * k + 8], "little") % period,
                sqrt(period / 1440) * _SESSION_SCALE,
            )
            for k, period in enumerate(_OCTAVE_PERIODS_MIN)
        ]
        # Per octave its current period; replaced whole, so that threads may share the path.
        self._periods = [self._period(k, 0) for k in range(len(self._octaves))]

    def at(self, minute: int) -> float:
        """The path at the start of `minute` (minutes since the epoch)."""
        total = 0.0
        for octave in range(len(self._periods)):
            first, last, length, start, change = self._periods[octave]
            if not first <= minute <= last:
                first, last, length, start, change = self._periods[octave] = self._period(octave, minute)
            x = (minute - first) / length
            total += start + change * x * x * (3 - 2 * x)
        return total

    def over(self, first: int, count: int) -> list[float]:
        """The path at the start of each of `count` minutes from `first` on: what `at` gives, at a tenth of its cost."""
        totals = [0.0] * count
        for key, length, phase, amplitude in self._octaves:
            number = (first + phase) // length
            minute, end = first, GAUSS[digest(key, number, 1)[0]] * amplitude
            while minute < first + count:
                begins, number = number * length - phase, number + 1
                start, end = end, GAUSS[digest(key, number, 1)[0]] * amplitude
                change, until = end - start, min(begins + length, first + count)
                totals[minute - first : until - first] = [
                    total + (start + change * (x := (m - begins) / length) * x * (3 - 2 * x))
                    for m, total in enumerate(totals[minute - first : until - first], minute)
                ]
                minute = until
        return totals

    def _period(self, octave: int, minute: int) -> tuple[int, int, int, float, float]:
        """First and last minute, length, value at the start, and its change, of the period that holds `minute`."""
        key, length, phase, amplitude = self._octaves[octave]
        number = (minute + phase) // length
        start = GAUSS[digest(key, number, 1)[0]] * amplitude
        end = GAUSS[digest(key, number + 1, 1)[0]] * amplitude
        first = number * length - phase
        return first, first + length - 1, length, start, end - start
