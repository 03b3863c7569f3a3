"""Bars of longer periods: minutes to 5 minutes, 15 minutes and hours within a session, days to weeks. Pure.

A period never mixes two sessions: periods are counted from the start of each one (04:00, 09:30 and 16:00 New York; on
an early close 13:00), so that the hours of the regular session begin at 09:30 and the last one of the pre-market has
half an hour. Bounds are instants, so days on which clocks change need no care of their own. A week begins on Monday.
"""

import datetime as dt
import enum
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.session import TradingDay, new_york_date

_NEW_YORK = ZoneInfo("America/New_York")
MICRO = 1_000_000  # volumes are added in millionths of a share: sums of floats depend on their order
VWAP_DECIMALS = 6

# The bounds of a New York date; None when it does not trade.
DayOf = Callable[[dt.date], TradingDay | None]


class Timeframe(enum.StrEnum):
    """The period that a bar covers."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"

    @property
    def width_ms(self) -> int | None:
        """How long a period within a session is; None for days and weeks."""
        return _WIDTHS_MS.get(self)


_WIDTHS_MS = {
    Timeframe.MINUTE: MINUTE_MS,
    Timeframe.FIVE_MINUTES: 5 * MINUTE_MS,
    Timeframe.QUARTER: 15 * MINUTE_MS,
    Timeframe.HOUR: 60 * MINUTE_MS,
}


class PeriodBar(msgspec.Struct, frozen=True, gc=False):
    """One symbol's OHLCV period.

    `timestamp` is its start in epoch ms, UTC: of a day or a week New York's midnight. `date` is the New York date of
    the start; of a week its Monday, traded or not. `volume` is in shares, `vwap` and `trade_count` are None where a
    part does not tell them. `tier` is the lowest of its parts, `partial` whether one of them is.
    """

    symbol: str
    timestamp: int
    date: dt.date
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    trade_count: int | None
    tier: int
    partial: bool


class _Part(Protocol):
    @property
    def symbol(self) -> str: ...
    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def close(self) -> float: ...
    @property
    def volume(self) -> float: ...
    @property
    def vwap(self) -> float | None: ...
    @property
    def trade_count(self) -> int | None: ...
    @property
    def tier(self) -> int: ...
    @property
    def partial(self) -> bool: ...


class Period(NamedTuple):
    """From its start up to its end, which is not included, epoch ms."""

    start_ms: int
    end_ms: int


class Session(NamedTuple):
    """A stretch of one New York date: a session of it, or what lies before, between or after sessions."""

    date: dt.date
    start_ms: int
    end_ms: int
    is_regular: bool

    def period(self, at_ms: int, width_ms: int) -> Period:
        """The period of the session that holds `at_ms`; the last one may be shorter."""
        start_ms = at_ms - (at_ms - self.start_ms) % width_ms
        return Period(start_ms, min(start_ms + width_ms, self.end_ms))


def midnight_ms(date: dt.date) -> int:
    """New York's midnight that begins a date, epoch ms."""
    return int(dt.datetime.combine(date, dt.time(), _NEW_YORK).timestamp()) * 1000


def monday_of(date: dt.date) -> dt.date:
    """The Monday of a date's week."""
    return date - dt.timedelta(days=date.weekday())


def period_at(at_ms: int, timeframe: Timeframe, day_of: DayOf) -> Period:
    """The period that holds an instant; days and weeks from New York's midnight to the next."""
    if timeframe.width_ms is not None:
        return session_at(at_ms, day_of).period(at_ms, timeframe.width_ms)
    date = new_york_date(at_ms)
    first = monday_of(date) if timeframe is Timeframe.WEEK else date
    days = 7 if timeframe is Timeframe.WEEK else 1
    return Period(midnight_ms(first), midnight_ms(first + dt.timedelta(days=days)))


def within_sessions(
    bars: Iterable[Bar], timeframe: Timeframe, day_of: DayOf, *, regular_only: bool = False
) -> Iterator[PeriodBar]:
    """The periods of a symbol's minutes, which ascend; a period without a minute has no bar."""
    width_ms = timeframe.width_ms
    assert width_ms is not None  # noqa: S101  days and weeks are made of days
    session, period = None, Period(0, 0)
    parts: list[Bar] = []
    for bar in bars:
        if bar.timestamp >= period.end_ms:
            if session is not None and parts:
                yield together(parts, period.start_ms, session.date)
            parts = []
            if session is None or bar.timestamp >= session.end_ms:
                session = session_at(bar.timestamp, day_of)
            period = session.period(bar.timestamp, width_ms)
        if session is not None and (session.is_regular or not regular_only):
            parts.append(bar)
    if session is not None and parts:
        yield together(parts, period.start_ms, session.date)


def whole_day(bar: DailyBar) -> PeriodBar:
    """A stored day as a period."""
    return together([bar], midnight_ms(bar.date), bar.date)


def weeks(days: Iterable[PeriodBar]) -> Iterator[PeriodBar]:
    """The weeks of a symbol's days, which ascend."""
    parts: list[PeriodBar] = []
    for day in days:
        if parts and monday_of(parts[0].date) != monday_of(day.date):
            yield _week(parts)
            parts = []
        parts.append(day)
    if parts:
        yield _week(parts)


def _week(parts: Sequence[PeriodBar]) -> PeriodBar:
    monday = monday_of(parts[0].date)
    return together(parts, midnight_ms(monday), monday)


def together(parts: Sequence[_Part], start_ms: int, date: dt.date) -> PeriodBar:
    """One bar of several that follow each other; of a single one all its digits.

    Volumes are added in millionths of a share. VWAP is sum(vwap * volume) / sum(volume), rounded to 10^-6 dollars.
    """
    if len(parts) == 1:
        return _alone(parts[0], start_ms, date)
    counts = [part.trade_count for part in parts if part.trade_count is not None]
    return PeriodBar(
        parts[0].symbol,
        start_ms,
        date,
        parts[0].open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        parts[-1].close,
        sum(round(part.volume * MICRO) for part in parts) / MICRO,
        _vwap(parts),
        sum(counts) if len(counts) == len(parts) else None,
        min(part.tier for part in parts),
        any(part.partial for part in parts),
    )


def _alone(part: _Part, start_ms: int, date: dt.date) -> PeriodBar:
    numbers = (part.open, part.high, part.low, part.close, part.volume, part.vwap)
    return PeriodBar(part.symbol, start_ms, date, *numbers, part.trade_count, part.tier, part.partial)


def _vwap(parts: Sequence[_Part]) -> float | None:
    traded = [(part.vwap, part.volume) for part in parts if part.volume]
    told = [(vwap, volume) for vwap, volume in traded if vwap is not None]
    if not traded or len(told) < len(traded):
        return None
    dollars = math.fsum(vwap * volume for vwap, volume in told)
    return round(dollars / math.fsum(volume for _vwap, volume in told), VWAP_DECIMALS)


def session_at(at_ms: int, day_of: DayOf) -> Session:
    """The stretch that holds an instant."""
    date = new_york_date(at_ms)
    bounds = [(midnight_ms(date), False), (midnight_ms(date + dt.timedelta(days=1)), False)]
    if (day := day_of(date)) is not None:
        inner = [(day.pre_open_ms, False), (day.open_ms, True), (day.close_ms, False), (day.post_close_ms, False)]
        bounds[1:1] = inner
    for (start_ms, is_regular), (end_ms, _next) in itertools.pairwise(bounds):
        if at_ms < end_ms:
            return Session(date, start_ms, end_ms, is_regular)
    raise AssertionError("an instant lies before the midnight that ends its date")
