"""The present day out of its minutes: what each symbol's regular session comes to so far. Pure; fed by changes.

Minutes of the newest half an hour or so are kept one by one, in a ring, so that one that is revised or withdrawn takes
the place of what it was. What is older is settled: added up, by five minutes and for the day. A change of a settled
minute cannot be worked in, since nobody knows any more what it was: its symbol is to be loaded anew.

Volumes are added as whole millionths of a share, in doubles: exact up to nine billion shares of a symbol and day.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from src.core.analytics.panel import Floats
from src.core.domain.market.aggregation import MICRO
from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.session import TradingDay

POINT_MINUTES = 5
_POINTS_IN_RING = 8
_RING = _POINTS_IN_RING * POINT_MINUTES  # minutes: changes of the last 20 come by themselves, and late
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(5)


class DayBars(NamedTuple):
    """The day so far of n symbols, each (n,): dollars and shares, NaN for a symbol that has not traded."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class DayGrid(NamedTuple):
    """The day by five-minute points: `ends_ms` (points,) epoch ms, the end of each five minutes; `close` (n, points)
    the last close up to there, NaN before the first minute; `volume` (n, points) the shares of those five minutes, 0
    where nothing traded. `points` so many as have begun by the newest minute of any symbol."""

    ends_ms: tuple[int, ...]
    close: Floats
    volume: Floats


class DayBook:
    """One day of some symbols. One thread calls; what it gives are copies.

    `take` is told changes in any order. A change of a minute that has left the ring cannot be worked in: its symbol is
    among `stale` until `load` is told all its minutes.
    """

    def __init__(self, symbols: Sequence[str], day: TradingDay) -> None:
        count = len(symbols)
        self._symbols = tuple(symbols)
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        self._day = day
        self._minutes = (day.close_ms - day.open_ms) // MINUTE_MS
        points = -(-self._minutes // POINT_MINUTES)
        self._first = 0  # the first minute that is not settled; a point begins with it
        self._newest = -1
        self._ring = np.full((5, count, _RING), np.nan)  # a minute's place is its number modulo the ring's length
        self._settled = np.full((4, count), np.nan)  # open, high, low, close
        self._closes = np.full((count, points), np.nan)
        self._volumes = np.zeros((count, points))  # millionths
        self._stale: set[str] = set()

    def load(self, symbols: Sequence[str], minutes: Floats) -> None:
        """All minutes of some symbols, as `MinuteStore.minutes` tells them, in the place of what is known of them."""
        known = [place for place, symbol in enumerate(symbols) if symbol in self._rows]
        rows = np.array([self._rows[symbols[place]] for place in known], dtype=np.intp)
        values = np.array(minutes[:, known])
        values[_VOLUME] = np.rint(values[_VOLUME] * MICRO)
        traded = np.flatnonzero(~np.isnan(values[_CLOSE]).all(axis=0))
        self._turn_to(int(traded[-1]) if len(traded) else -1)
        settled, rest = values[:, :, : self._first], values[:, :, self._first : self._first + _RING]
        points = self._first // POINT_MINUTES
        pieces = settled.reshape(5, len(rows), points, POINT_MINUTES)
        self._closes[rows, :points] = _last(pieces[_CLOSE])
        self._volumes[rows, :points] = np.nansum(pieces[_VOLUME], axis=2)
        self._settled[:, rows] = _summary(settled) if points else np.nan
        places = np.arange(self._first, self._first + rest.shape[2]) % _RING
        self._ring[:, rows[:, np.newaxis], places] = rest
        self._stale.difference_update(symbols)

    def take(self, bars: Iterable[Bar]) -> None:
        """Minutes that were created or revised; the withdrawn too. Those of other symbols, days and sessions are
        nothing."""
        day, rows = self._day, self._rows
        found = [bar for bar in bars if day.open_ms <= bar.timestamp < day.close_ms and bar.symbol in rows]
        if not found:
            return
        minutes = np.array([(bar.timestamp - day.open_ms) // MINUTE_MS for bar in found], dtype=np.intp)
        self._turn_to(int(minutes.max()))
        in_ring = minutes >= self._first
        self._stale.update(bar.symbol for bar, is_in in zip(found, in_ring, strict=True) if not is_in)
        values = np.array([(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found]).T
        values[_VOLUME] = np.rint(values[_VOLUME] * MICRO)
        values[:, np.array([bar.withdrawn for bar in found], dtype=np.bool_)] = np.nan  # SQLite tells 0 and 1
        places = np.array([rows[bar.symbol] for bar in found], dtype=np.intp)
        self._ring[:, places[in_ring], minutes[in_ring] % _RING] = values[:, in_ring]

    @property
    def stale(self) -> list[str]:
        """Symbols whose settled minutes changed, in order: to be loaded."""
        return [symbol for symbol in self._symbols if symbol in self._stale]

    @property
    def newest_ms(self) -> int | None:
        """The start of the newest minute that was told, epoch ms."""
        return None if self._newest < 0 else self._day.open_ms + self._newest * MINUTE_MS

    def bars(self) -> DayBars:
        """The day so far."""
        ring = _summary(self._in_order())
        opened, high, low, close = self._settled
        volume = self._volumes.sum(axis=1) + np.nansum(self._ring[_VOLUME], axis=1)
        bars = (
            np.where(np.isnan(opened), ring[_OPEN], opened),
            np.fmax(high, ring[_HIGH]),
            np.fmin(low, ring[_LOW]),
            np.where(np.isnan(ring[_CLOSE]), close, ring[_CLOSE]),
        )
        return DayBars(*bars, np.where(np.isnan(bars[_CLOSE]), np.nan, volume / MICRO))

    def grid(self) -> DayGrid:
        """The day so far by five-minute points."""
        points = self._newest // POINT_MINUTES + 1
        settled = self._first // POINT_MINUTES
        pieces = self._in_order().reshape(5, len(self._symbols), _POINTS_IN_RING, POINT_MINUTES)
        close = np.concatenate((self._closes[:, :settled], _last(pieces[_CLOSE])), axis=1)[:, :points]
        volume = np.concatenate((self._volumes[:, :settled], np.nansum(pieces[_VOLUME], axis=2)), axis=1)[:, :points]
        width_ms = POINT_MINUTES * MINUTE_MS
        ends = (self._day.open_ms + (point + 1) * width_ms for point in range(points))
        return DayGrid(tuple(min(end, self._day.close_ms) for end in ends), _carried_on(close), volume / MICRO)

    def _in_order(self) -> Floats:
        """The ring's minutes, the oldest first."""
        return np.roll(self._ring, -(self._first % _RING), axis=2)

    def _turn_to(self, minute: int) -> None:
        """Makes room for a minute: what is too old for the ring is settled, by points."""
        self._newest = max(self._newest, minute)
        while minute >= self._first + _RING:
            place = self._first % _RING
            piece = self._ring[:, :, place : place + POINT_MINUTES]
            self._settle(self._first // POINT_MINUTES, piece)
            piece[:] = np.nan
            self._first += POINT_MINUTES

    def _settle(self, point: int, piece: Floats) -> None:
        """Adds a point's minutes of all symbols, which follow on those that are settled."""
        opened, high, low, close = _summary(piece)
        before = self._settled
        before[_OPEN] = np.where(np.isnan(before[_OPEN]), opened, before[_OPEN])
        before[_HIGH] = np.fmax(before[_HIGH], high)
        before[_LOW] = np.fmin(before[_LOW], low)
        before[_CLOSE] = np.where(np.isnan(close), before[_CLOSE], close)
        self._closes[:, point] = close
        self._volumes[:, point] = np.nansum(piece[_VOLUME], axis=1)


def _summary(minutes: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low and close of minutes in order (5, n, k); NaN where none traded."""
    first = np.isnan(minutes[_OPEN]).argmin(axis=1)
    opened = np.take_along_axis(minutes[_OPEN], first[:, np.newaxis], axis=1)[:, 0]
    high, low = np.fmax.reduce(minutes[_HIGH], axis=1), np.fmin.reduce(minutes[_LOW], axis=1)
    return opened, high, low, _last(minutes[_CLOSE])


def _last(values: Floats) -> Floats:
    """The last value along the last axis that is not NaN, or NaN."""
    backwards = values[..., ::-1]
    place = np.isnan(backwards).argmin(axis=-1)
    return np.take_along_axis(backwards, place[..., np.newaxis], axis=-1)[..., 0]


def _carried_on(values: Floats) -> Floats:
    """Each NaN as the value before it in its row."""
    places = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    carried: Floats = np.take_along_axis(values, np.maximum.accumulate(places, axis=1), axis=1)
    return carried
