"""Daily bars of many symbols as arrays: what market state is calculated from. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]

_PARTS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Daily bars of symbols over trading days, adjusted for splits (and not for dividends).

    `dates` are New York trading dates (datetime64[D]), ascending, of the market and not of one symbol. The others have
    the shape (symbols, dates): prices in dollars, volumes in shares; NaN in all five where a symbol has no bar of that
    day. With `is_provisional` the last day is not over, or not settled yet.

    Raises ValueError where the shapes do not fit.
    """

    symbols: tuple[str, ...]
    dates: Dates
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    is_provisional: bool = False

    def __post_init__(self) -> None:
        shape = (len(self.symbols), len(self.dates))
        for name in _PARTS:
            if (found := getattr(self, name).shape) != shape:
                raise ValueError(
                    f"{name} has the shape {found}; of {shape[0]} symbols and {shape[1]} days it is {shape}."
                )

    def until(self, date: dt.date) -> "Panel":
        """The days up to a date, included: as things stood at its end. Views of the same arrays."""
        days = int(np.searchsorted(self.dates, np.datetime64(date, "D"), side="right"))
        is_provisional = self.is_provisional and days == len(self.dates)
        op, high, low, close, volume = (getattr(self, name)[:, :days] for name in _PARTS)
        return Panel(self.symbols, self.dates[:days], op, high, low, close, volume, is_provisional)

    def of(self, symbols: Sequence[str]) -> "Panel":
        """The rows of these symbols, in their order; those the panel does not have are left out."""
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        known = tuple(symbol for symbol in symbols if symbol in places)
        rows = np.array([places[symbol] for symbol in known], dtype=np.intp)
        op, high, low, close, volume = (getattr(self, name)[rows] for name in _PARTS)
        return Panel(known, self.dates, op, high, low, close, volume, self.is_provisional)
