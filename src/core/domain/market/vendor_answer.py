"""What the vendor's REST side answers, as the rest of the program sees it."""

from typing import NamedTuple

from src.core.domain.market.bar import Bar
from src.core.domain.market.comparison import Span


class MinuteAnswer(NamedTuple):
    """All that the vendor has of one symbol's minutes in `span`: bars ascending by time, one a minute.

    `unusable` are the minutes of which the answer has a bar that cannot be right: it is not among `bars`, and yet the
    vendor has one.
    """

    bars: list[Bar]
    span: Span
    unusable: frozenset[int] = frozenset()


class SnapshotDay(NamedTuple):
    """A symbol's trading day so far: shares, and dollars at their average price; both 0 when it did not trade yet."""

    volume: float
    dollar_volume: float
