"""What the vendor's REST side answers, as the rest of the program sees it."""

import datetime as dt
from typing import NamedTuple

from src.core.domain.market.bar import Bar
from src.core.domain.market.comparison import Span
from src.core.domain.market.daily import DailyBar


class MinuteAnswer(NamedTuple):
    """All that the vendor has of one symbol's minutes in `span`: bars ascending by time, one a minute.

    `unusable` are the minutes of which the answer has a bar that cannot be right: it is not among `bars`, and yet the
    vendor has one.
    """

    bars: list[Bar]
    span: Span
    unusable: frozenset[int] = frozenset()


class DayAnswer(NamedTuple):
    """All that the vendor has of one symbol's days within some dates, asked for at `asked_ms` (epoch ms): ascending,
    without those that had not ended then. `unusable` are the days of which the answer has what cannot be right."""

    bars: list[DailyBar]
    asked_ms: int
    unusable: frozenset[dt.date] = frozenset()


class SnapshotDay(NamedTuple):
    """A symbol's trading day so far: shares, and dollars at their average price; both 0 when it did not trade yet."""

    volume: float
    dollar_volume: float


class VendorTicker(NamedTuple):
    """A symbol of the vendor's list; None for what it does not say. `type` is CS, ETF and the like, `exchange` a market
    identifier such as XNAS."""

    ticker: str
    name: str | None
    type: str | None
    exchange: str | None
