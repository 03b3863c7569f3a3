"""The ports of market state: where its daily bars and the minutes of its days come from, as arrays."""

import datetime as dt
from collections.abc import Mapping, Sequence
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

    Much is read in pieces, so that no snapshot lasts. To stay current, take the `mark` before `days`; then, now and
    then, a new `mark`, and after it what changed since the one before.
    """

    def mark(self) -> PanelMark:
        """Up to where is stored now: a query that costs next to nothing."""

    def days(self, symbols: Sequence[str], dates: Sequence[dt.date]) -> Floats:
        """Open, high, low, close and volume as they traded, shape (5, symbols, dates); NaN where no bar is stored.
        `dates` ascend."""

    def changes(self, symbols: Sequence[str], dates: Sequence[dt.date], since: PanelMark) -> DayCells:
        """What changed of these days after `since`, as it is now. Costs next to nothing where none of them did. Of
        another database than that of `since` it tells nothing of use: read its days anew."""

    def splits(self, symbols: Sequence[str]) -> list[CorporateAction]:
        """The splits of these symbols; they are as before while `PanelMark.actions` is."""


class MinuteStore(Protocol):
    """Stored minutes of the regular session as arrays. Any thread may call; methods raise DatabaseUnavailableError."""

    def minutes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """Open, high, low, close and volume of each minute of the day's regular session: (5, symbols, minutes); NaN
        where no bar is stored."""

    def volumes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """The shares of each of these minutes: (symbols, minutes); NaN where no bar is stored."""


class Described(NamedTuple):
    """What is said of symbols: the names of companies and the sectors, by symbol; and by sector the fund that holds
    its companies."""

    names: Mapping[str, str]
    sectors: Mapping[str, str]
    funds: Mapping[str, str]


class MarketFacts(Protocol):
    """What market state has to know beside bars. Any thread may call; methods raise DatabaseUnavailableError."""

    def described(self) -> Described:
        """What is said of all symbols, at most a minute old; the same object while nothing else was found."""

    def settled(self, symbols: Sequence[str], date: dt.date) -> frozenset[str]:
        """Those whose bar of the date is the vendor's own, and not made of minutes."""
