"""The volume that symbols usually have traded by each time of the day: the mean of 20 days, read a piece at a time."""

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np

from src.core.analytics.panel import Floats
from src.core.domain.market.session import TradingDay
from src.core.market_ports import MinuteStore

USUAL_DAYS = 20
ENOUGH_DAYS = 18
POINTS = 78  # five minutes each, of a regular session of six hours and a half
_WHOLE_MS = 23_400_000
_PIECE = 500  # symbols whose minutes of a day are read at once


class UsualVolume:
    """Of some symbols over the last 20 of `days` that traded from 09:30 to 16:00. One thread calls."""

    def __init__(self, symbols: Sequence[str], days: Sequence[TradingDay]) -> None:
        self._symbols = tuple(symbols)
        whole = [day for day in days if day.close_ms - day.open_ms == _WHOLE_MS][-USUAL_DAYS:]
        self._left = [(day, start) for day in whole for start in range(0, len(symbols), _PIECE)]
        self._sums = np.zeros((len(symbols), POINTS))
        self._counts = np.zeros((len(symbols), 1))

    @property
    def is_known(self) -> bool:
        """Whether all was read."""
        return not self._left

    def read_piece(self, minutes: MinuteStore, factors: Callable[[dt.date], Floats]) -> None:
        """Reads a day of some symbols. `factors` gives what volumes of a date are multiplied by for splits, (symbols,)
        or longer. Raises DatabaseUnavailableError."""
        day, start = self._left[-1]
        rows = slice(start, min(start + _PIECE, len(self._symbols)))
        volumes = minutes.volumes(self._symbols[rows], day)
        by_points = np.nan_to_num(volumes).reshape(len(volumes), POINTS, -1).sum(axis=2)
        self._sums[rows] += by_points.cumsum(axis=1) * factors(day.date)[rows, None]
        self._counts[rows] += ~np.isnan(volumes).all(axis=1, keepdims=True)
        self._left.pop()

    def mean(self) -> Floats | None:
        """Shares from the open to the end of each five minutes, (symbols, 78): NaN for symbols of which fewer than 18
        of the days are stored; None while not all was read."""
        if not self.is_known:
            return None
        return np.where(self._counts >= ENOUGH_DAYS, self._sums / np.maximum(self._counts, 1), np.nan)
