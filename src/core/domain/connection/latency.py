"""How long aggregates take from the feed to a commit. Pure: times are arguments, in seconds that never step back.

Durations are counted in buckets, each 10 % longer than the one before, so that a figure is right to 5 %.
"""

import math
from collections import deque
from typing import Any

_FIRST_S = 0.0001
_GROWTH = math.log(1.1)
_BUCKETS = 200  # up to some five hours
_PERIOD_S = 5
_PERIODS = 12  # a minute
# Arrivals that wait for one commit are told apart up to so many; while a database is away, neighbours are joined.
_MOST_WAITING = 1024


class _Arrivals:
    """When how many aggregates arrived, in bounded memory: the more that wait, the coarser their times."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, int]] = []
        self._apart_s = 0.0

    def add(self, at_s: float, aggregates: int) -> None:
        """Takes one arrival."""
        rows = self.rows
        if rows and abs(at_s - rows[-1][0]) < self._apart_s:
            rows[-1] = (rows[-1][0], rows[-1][1] + aggregates)
            return
        rows.append((at_s, aggregates))
        if len(rows) > _MOST_WAITING:
            self._join_neighbours()

    def _join_neighbours(self) -> None:
        rows, self.rows = sorted(self.rows), []
        self._apart_s = max(0.001, 2 * self._apart_s)
        for row in rows:
            self.add(*row)


class CommitLatency:
    """From arrival to commit, over the last minute, weighted by aggregates.

    Official bars are taken to be committed at once and live ones every so often: hence two rows of what waits. Not
    safe for threads: its owner serialises the calls.
    """

    def __init__(self) -> None:
        self._official = _Arrivals()
        self._live = _Arrivals()
        self._taken = _Arrivals()
        self._periods: deque[tuple[int, list[int]]] = deque(maxlen=_PERIODS)

    def arrived(self, official: int, live: int, now_s: float) -> None:
        """A frame's aggregates: those that changed official bars, and the others."""
        if official:
            self._official.add(now_s, official)
        if live:
            self._live.add(now_s, live)

    def official_taken(self) -> None:
        """The official bars go to the writer now."""
        self._official = self._take(self._official)

    def live_taken(self) -> None:
        """The live bars go to the writer now."""
        self._live = self._take(self._live)

    def _take(self, arrivals: _Arrivals) -> _Arrivals:
        for row in arrivals.rows:
            self._taken.add(*row)
        return _Arrivals()

    def committed(self, now_s: float) -> None:
        """All that was taken is committed."""
        if not self._taken.rows:
            return
        counts = self._counts(int(now_s / _PERIOD_S))
        for arrived_s, aggregates in self._taken.rows:
            counts[_bucket(now_s - arrived_s)] += aggregates
        self._taken = _Arrivals()

    def _counts(self, period: int) -> list[int]:
        if not self._periods or self._periods[-1][0] != period:
            self._periods.append((period, [0] * _BUCKETS))
        return self._periods[-1][1]

    def snapshot(self, now_s: float) -> dict[str, Any]:
        """Milliseconds within which half and 99 % of the aggregates were committed (None for none), and their count."""
        recent = [counts for period, counts in self._periods if int(now_s / _PERIOD_S) - period < _PERIODS]
        counts = [sum(bucket) for bucket in zip(*recent, strict=True)]
        return {"p50": _percentile(counts, 0.5), "p99": _percentile(counts, 0.99), "count": sum(counts)}


def _bucket(duration_s: float) -> int:
    if duration_s <= _FIRST_S:
        return 0
    return min(_BUCKETS - 1, 1 + int(math.log(duration_s / _FIRST_S) / _GROWTH))


def _percentile(counts: list[int], share: float) -> float | None:
    """The middle of the bucket in which `share` of all is reached, in ms."""
    wanted, reached = share * sum(counts), 0
    for place, count in enumerate(counts):
        reached += count
        if count and reached >= wanted:
            return round(_FIRST_S * 1000 * math.exp((place - 0.5) * _GROWTH), 2)
    return None
