"""The ports of market state: where its daily bars and the minutes of its days come from, as arrays."""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Floats
from src.core.domain.market.adjustment import CorporateAction
from src.core.domain.market.session import TradingDay


class PanelMark(NamedTuple):
    """Up to where daily bars were read: a database, its revision, and how often corporate actions were loaded to it."""

    database_id: str
    revision: int
    actions: int


class DayCells(NamedTuple):
    """Daily bars of some symbols and dates, as they traded: for n of them the places of the symbol and of the date in
    the lists that were asked for, and `values` (5, n): open, high, low, close, volume; NaN for a day without a bar."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: Floats


class PanelStore(Protocol):
    """Stored daily bars as arrays. Any thread may call; methods raise DatabaseUnavailableError.

    No snapshot lasts for longer than a piece. To stay current, take `mark` before the first `days`; then, now and then,
    the `mark` of that time and what `changes` tells between the two.
    """

    def mark(self) -> PanelMark:
        """Up to where is stored now: a query that costs next to nothing."""

    def days(self, symbols: Sequence[str], dates: Sequence[dt.date]) -> Floats:
        """Open, high, low, close and volume as they traded, shape (5, symbols, dates); NaN where no bar is stored.
        `dates` ascend."""

    def changes(
        self, symbols: Sequence[str], dates: Sequence[dt.date], since: PanelMark, until: PanelMark
    ) -> DayCells | None:
        """What changed of these days after `since`: at least up to `until`, and as it is now. None where that is not
        known any more, or another database: read the days anew."""

    def splits(self, symbols: Sequence[str]) -> list[CorporateAction]:
        """The splits of these symbols; they are as before while `PanelMark.actions` is."""


class MinuteStore(Protocol):
    """Stored minutes of the regular session as arrays. Any thread may call; methods raise DatabaseUnavailableError."""

    def minutes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """Open, high, low, close and volume of each minute of the day's regular session: (5, symbols, minutes); NaN
        where no bar is stored."""

    def cumulative_volume(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """Shares traded from the open of the day's regular session to the end of each five minutes of it, of what is
        stored: (symbols, points); NaN in the rows of symbols without a minute."""
