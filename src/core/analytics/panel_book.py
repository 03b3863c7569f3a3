"""Daily bars of many symbols kept current: as they traded, and the same adjusted for splits. Pure."""

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Floats, Panel
from src.core.domain.market.adjustment import Adjusted, Adjustment, CorporateAction, adjustment_of

_VOLUME = 4
_Places = NDArray[np.intp]


class PanelBook:
    """Owns the arrays of a panel. One thread calls.

    `panel` gives views that later calls write into: what is to last is calculated, or copied, before the next one.
    """

    def __init__(
        self, symbols: Sequence[str], dates: Sequence[dt.date], values: Floats, splits: Iterable[CorporateAction]
    ) -> None:
        """`values` as `PanelStore.days` gives them: they are the book's from here on. Splits count that took effect
        up to the last of `dates`."""
        self._symbols = tuple(symbols)
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        self._dates = tuple(dates)
        self._days = np.array(dates, dtype="datetime64[D]")
        self._values = values  # adjusted
        self._adjustments: dict[int, Adjustment] = {}  # of symbols that were split
        self._traded: dict[int, Floats] = {}  # of the same: their bars as they traded, (5, dates)
        self.split(splits)

    def put(self, rows: _Places, columns: _Places, values: Floats) -> None:
        """Days as they traded, as `DayCells` tells them: `values` (5, n)."""
        self._values[:, rows, columns] = values
        for place in np.flatnonzero(np.isin(rows, list(self._traded))):
            row, column = int(rows[place]), int(columns[place])
            self._traded[row][:, column] = values[:, place]
            self._adjust(row, column)

    def put_day(self, column: int, values: Floats) -> None:
        """All symbols' bars of one date, as they traded: `values` (5, symbols); NaN leaves what is stored."""
        rows = np.flatnonzero(~np.isnan(values[_VOLUME]))
        self.put(rows, np.full_like(rows, column), values[:, rows])

    def split(self, splits: Iterable[CorporateAction]) -> None:
        """Another list of splits in the place of the one before."""
        for row, traded in self._traded.items():
            self._values[:, row] = traded
        of_symbols: dict[int, list[CorporateAction]] = {}
        for split in splits:
            if split.symbol in self._rows and self._dates and self._dates[0] < split.date <= self._dates[-1]:
                of_symbols.setdefault(self._rows[split.symbol], []).append(split)
        self._adjustments = {
            row: adjustment_of(of_symbol, Adjusted.SPLITS, self._dates[-1], {}) for row, of_symbol in of_symbols.items()
        }
        self._traded = {row: self._values[:, row].copy() for row in self._adjustments}
        for row in self._adjustments:
            for column in range(len(self._dates)):
                self._adjust(row, column)

    def volume_factors(self, column: int) -> Floats:
        """What the volume of each symbol on one date is multiplied by: (symbols,), 1 without a split after it."""
        factors = np.ones(len(self._symbols))
        for row, adjustment in self._adjustments.items():
            factors[row] = adjustment.volume_factor(self._dates[column])
        return factors

    def panel(self, is_provisional: bool) -> Panel:
        """The panel, adjusted."""
        opened, high, low, close, volume = self._values
        return Panel(self._symbols, self._days, opened, high, low, close, volume, is_provisional)

    def _adjust(self, row: int, column: int) -> None:
        bar = self._traded[row][:, column]
        if not np.isnan(bar[_VOLUME]):
            *prices, volume = bar.tolist()
            self._values[:, row, column] = self._adjustments[row].numbers(self._dates[column], prices, volume)
