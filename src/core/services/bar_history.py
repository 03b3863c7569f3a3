"""Bars of any period out of what is stored: aggregated and adjusted as they are read, in a stream."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from src.core.domain.market.adjustment import Adjusted, Adjustment, adjustment_of, ex_dates
from src.core.domain.market.aggregation import (
    DayOf,
    PeriodBar,
    Timeframe,
    period_at,
    weeks,
    whole_day,
    within_sessions,
)
from src.core.domain.market.bar import Bar
from src.core.domain.market.session import new_york_date
from src.core.history_ports import BarArchive

# Bars that are read at once: some milliseconds, after which the snapshot is let go.
_PAGE = 2_000
_ONE_DAY = dt.timedelta(days=1)


class Span(NamedTuple):
    """Which bars: of `symbol`, all periods of `timeframe` that hold an instant of [from_ms, to_ms] (epoch ms), each of
    them whole. `after_ms`: of these only what follows the period that starts then. `regular_only` leaves out what is
    not of the regular session; days and weeks never have more."""

    symbol: str
    timeframe: Timeframe
    from_ms: int
    to_ms: int
    regular_only: bool = False
    after_ms: int | None = None


class BarHistory:
    """Reads bars by `archive`, a page at a time. `day_of` gives the bounds of a date, `today` the date in New York.

    Any thread may call. Raises DatabaseUnavailableError, also in the middle of a stream.
    """

    def __init__(self, archive: BarArchive, day_of: DayOf, today: Callable[[], dt.date]) -> None:
        self._archive = archive
        self._day_of = day_of
        self._today = today

    def adjustment(self, symbol: str, adjusted: Adjusted) -> Adjustment:
        """How the bars of a symbol are adjusted today."""
        today = self._today()
        if adjusted is Adjusted.NO:
            return Adjustment(())
        actions = self._archive.actions(symbol)
        dates = ex_dates(actions, today) if adjusted is Adjusted.ALL else []
        return adjustment_of(actions, adjusted, today, self._archive.closes_before(symbol, dates) if dates else {})

    def bars(self, span: Span, adjustment: Adjustment) -> Iterator[PeriodBar]:
        """The bars, ascending. No snapshot of the database is held while the caller does something else."""
        if span.timeframe is Timeframe.DAY:
            return self._days(span, adjustment)
        if span.timeframe is Timeframe.WEEK:
            return weeks(self._days(span, adjustment))
        # All minutes of a period are of one date, so they have one factor, and are rounded once.
        start_ms, end_ms = self._bounds(span)
        minutes = self._minutes(span.symbol, start_ms, end_ms)
        periods = within_sessions(minutes, span.timeframe, self._day_of, regular_only=span.regular_only)
        return map(adjustment.apply, periods)

    def _bounds(self, span: Span) -> tuple[int, int]:
        """From the start of the first period to the end of the last."""
        end_ms = period_at(span.to_ms, span.timeframe, self._day_of).end_ms
        first = period_at(span.from_ms, span.timeframe, self._day_of).start_ms
        if span.after_ms is None:
            return first, end_ms
        return max(first, period_at(span.after_ms, span.timeframe, self._day_of).end_ms), end_ms

    def _minutes(self, symbol: str, start_ms: int, end_ms: int) -> Iterator[Bar]:
        while page := self._archive.minutes(symbol, start_ms, end_ms, _PAGE):
            yield from page
            if len(page) < _PAGE:
                return
            start_ms = page[-1].timestamp + 1

    def _days(self, span: Span, adjustment: Adjustment) -> Iterator[PeriodBar]:
        start_ms, end_ms = self._bounds(span)
        first, last = new_york_date(start_ms), new_york_date(end_ms) - _ONE_DAY
        while page := self._archive.days(span.symbol, first, last, _PAGE):
            yield from (adjustment.apply(whole_day(day)) for day in page if not day.withdrawn)
            if len(page) < _PAGE:
                return
            first = page[-1].date + _ONE_DAY


def pages(bars: Iterator[PeriodBar], size: int) -> Iterator[list[PeriodBar]]:
    """Lists of at most `size`."""
    while page := list(itertools.islice(bars, size)):
        yield page
