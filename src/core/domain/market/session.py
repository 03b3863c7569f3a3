"""The trading calendar: which days trade, and in which phase of the day an instant lies.

Days are New York dates; instants are epoch milliseconds UTC. Every weekday trades 04:00-09:30 (pre-market),
09:30-16:00 (regular) and 16:00-20:00 (post-market) New York time, apart from the exceptions of the table. On
an early close the regular session ends at 13:00 and the post-market at 17:00.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from src.core.errors import TickStockError

_NEW_YORK = ZoneInfo("America/New_York")
_PRE_OPEN = dt.time(4, 0)
_OPEN = dt.time(9, 30)
_CLOSE, _POST_CLOSE = dt.time(16, 0), dt.time(20, 0)
_EARLY_CLOSE, _EARLY_POST_CLOSE = dt.time(13, 0), dt.time(17, 0)
_ONE_DAY = dt.timedelta(days=1)
_MINUTE_MS = 60_000
_SATURDAY = 5


class CalendarRangeError(TickStockError):
    """The date lies outside what the calendar covers."""


class Phase(StrEnum):
    """The part of a trading day; `closed` is the night, the weekend and holidays."""

    PRE = "pre"
    REGULAR = "regular"
    POST = "post"
    CLOSED = "closed"


class DayKind(StrEnum):
    """How a weekday can differ from the others."""

    HOLIDAY = "holiday"
    EARLY_CLOSE = "early_close"


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One day's bounds in epoch ms UTC. Each phase includes its start and excludes its end."""

    date: dt.date
    pre_open_ms: int
    open_ms: int
    close_ms: int
    post_close_ms: int

    def phase(self, now_ms: int) -> Phase:
        """The phase of this day at `now_ms`; before its pre-market and after its post-market it is closed."""
        if not self.pre_open_ms <= now_ms < self.post_close_ms:
            return Phase.CLOSED
        if now_ms < self.open_ms:
            return Phase.PRE
        return Phase.REGULAR if now_ms < self.close_ms else Phase.POST


@dataclass(frozen=True, slots=True)
class SessionTable:
    """The calendar of the days `covered_from` to `covered_to`, both included.

    Every question about another day raises CalendarRangeError: a guess there would call a holiday a gap.
    """

    exceptions: Mapping[dt.date, DayKind]
    covered_from: dt.date
    covered_to: dt.date

    def trading_day(self, date: dt.date) -> TradingDay | None:
        """The bounds of a New York date, or None when it does not trade."""
        self._check_covered(date)
        kind = self.exceptions.get(date)
        if date.weekday() >= _SATURDAY or kind is DayKind.HOLIDAY:
            return None
        early = kind is DayKind.EARLY_CLOSE
        return TradingDay(
            date=date,
            pre_open_ms=_instant_ms(date, _PRE_OPEN),
            open_ms=_instant_ms(date, _OPEN),
            close_ms=_instant_ms(date, _EARLY_CLOSE if early else _CLOSE),
            post_close_ms=_instant_ms(date, _EARLY_POST_CLOSE if early else _POST_CLOSE),
        )

    def known_or_usual(self, date: dt.date) -> TradingDay | None:
        """The same; of a date that the table does not cover, a weekday's usual bounds. For bars that exist already."""
        try:
            return self.trading_day(date)
        except CalendarRangeError:
            return usual_day(date) if date.weekday() < _SATURDAY else None

    def phase(self, now_ms: int) -> Phase:
        """The phase at an instant."""
        # A trading day begins and ends within its New York date, so no other day can claim the instant.
        day = self.trading_day(new_york_date(now_ms))
        return day.phase(now_ms) if day else Phase.CLOSED

    def phase_or_closed(self, now_ms: int) -> Phase:
        """The same; `closed` on a day that the table does not cover."""
        try:
            return self.phase(now_ms)
        except CalendarRangeError:
            return Phase.CLOSED

    def trading_minutes(self, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """The first and the last minute in trading hours among those from `from_ms` to `to_ms`, both included; None
        when there is none. Days that the table does not cover are taken to trade."""
        try:
            first_ms = max(from_ms, self._day_that_ends_after(from_ms).pre_open_ms)
            last_ms = min(to_ms, self.latest_days(to_ms, 1)[0].post_close_ms - _MINUTE_MS)
        except CalendarRangeError:
            return from_ms, to_ms
        return (first_ms, last_ms) if first_ms <= last_ms else None

    def _day_that_ends_after(self, at_ms: int) -> TradingDay:
        date = new_york_date(at_ms)
        while (day := self.trading_day(date)) is None or day.post_close_ms <= at_ms:
            date += _ONE_DAY
        return day

    def trading_date(self, now_ms: int) -> dt.date:
        """The trading day that `now_ms` lies in, or the latest before it; it begins with its pre-market."""
        return self.latest_days(now_ms, 1)[0].date

    def latest_days(self, now_ms: int, count: int) -> list[TradingDay]:
        """The trading day that `now_ms` lies in, or the latest before it, and those before that one: `count` in all."""
        days = self._days_back_from(new_york_date(now_ms))
        return list(islice((day for day in days if day.pre_open_ms <= now_ms), count))

    def _days_back_from(self, date: dt.date) -> Iterator[TradingDay]:
        """Trading days from `date` back, without end: walking out of the covered days raises."""
        while True:
            day = self.trading_day(date)
            if day:
                yield day
            date -= _ONE_DAY

    def _check_covered(self, date: dt.date) -> None:
        if not self.covered_from <= date <= self.covered_to:
            raise CalendarRangeError(
                f"The trading calendar covers {self.covered_from} to {self.covered_to}, and not {date}; "
                "extend data/sessions.csv with scripts/dev_tools/make_sessions.py."
            )


def usual_day(date: dt.date) -> TradingDay:
    """The bounds of a date as if it were an ordinary trading day: those of the simulated market's every day."""
    bounds = (_instant_ms(date, time) for time in (_PRE_OPEN, _OPEN, _CLOSE, _POST_CLOSE))
    return TradingDay(date, *bounds)


def new_york_date(now_ms: int) -> dt.date:
    """The date in New York at an instant in epoch ms UTC."""
    return dt.datetime.fromtimestamp(now_ms // 1000, _NEW_YORK).date()


def _instant_ms(date: dt.date, new_york_time: dt.time) -> int:
    # No bound of a day lies in an hour that a change of the clocks repeats or skips (Sunday, 01:00 to 03:00).
    return int(dt.datetime.combine(date, new_york_time, _NEW_YORK).timestamp()) * 1000
