"""Which minutes of which symbols and days are stored, and what is known to be missing."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.coverage import Day, DayState, Known, Span, Stored, missing_spans, state_of
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.domain.market.session import SessionTable
from src.core.history_ports import Coverage, DayGaps, Settled

_ONE_DAY = dt.timedelta(days=1)
Bounds = tuple[int, int | None]


class Cell(NamedTuple):
    """A symbol's day: what is known, the minutes that are stored, and those of the regular session."""

    state: DayState
    bars: int
    regular: int


class SymbolDay(NamedTuple):
    """A symbol's day in detail. `tiers` counts bars by the name of their tier; `withdrawn` those that the vendor has no
    more. `missing` are the regular session's minutes without a bar that have passed, `missing_outside` the others'."""

    symbol: str
    day: Day
    cell: Cell
    tiers: Mapping[str, int]
    withdrawn: int
    missing: Sequence[Span]
    missing_outside: Sequence[Span]
    gaps: Sequence[Bounds]


class CoverageService:
    """Any thread may call. `calendar` is None for a market that trades at any hour of every day; `now_ms` is the wall
    clock. Methods raise DatabaseUnavailableError, and CalendarRangeError for dates that the calendar does not cover."""

    def __init__(self, coverage: Coverage, calendar: SessionTable | None, now_ms: Callable[[], int]) -> None:
        self._coverage = coverage
        self._calendar = calendar
        self._now_ms = now_ms

    def days(self, first: dt.date, last: dt.date) -> list[Day]:
        """The trading days from `first` to `last`, both included, up to today; oldest first."""
        dates = (first + _ONE_DAY * number for number in range((last - first).days + 1))
        days = (self.day(date) for date in dates)
        now_ms = self._now_ms()
        return [day for day in days if day is not None and day.from_ms <= now_ms]

    def newest_days(self, count: int) -> list[Day]:
        """The newest `count` trading days, today among them; oldest first."""
        date = dt.datetime.fromtimestamp(self._now_ms() / 1000, dt.UTC).date()
        days: list[Day] = []
        while len(days) < count:
            days = self.days(date, date) + days
            date -= _ONE_DAY
        return days

    def day(self, date: dt.date) -> Day | None:
        """The bounds of a New York date; None when nothing trades then."""
        if self._calendar is None:
            first_ms, last_ms = date_bounds_ms(date)
            return Day(date.isoformat(), first_ms, last_ms, first_ms, last_ms)
        found = self._calendar.trading_day(date)
        if found is None:
            return None
        last_ms, close_ms = found.post_close_ms - MINUTE_MS, found.close_ms - MINUTE_MS
        return Day(date.isoformat(), found.pre_open_ms, last_ms, found.open_ms, close_ms)

    def cells(self, symbols: Sequence[str], days: Sequence[Day]) -> dict[str, list[Cell]]:
        """Of each symbol a cell for each day, in the order of `days`."""
        if not days:
            return {symbol: [] for symbol in symbols}
        knowledge = self._knowledge(symbols, days)
        return {
            symbol: [_cell(one, knowledge.of(symbol, day)) for one, day in zip(stored, days, strict=True)]
            for symbol, stored in self._coverage.stored(symbols, days).items()
        }

    def symbol_day(self, symbol: str, day: Day) -> SymbolDay:
        """One cell in detail."""
        bars = self._coverage.bars(symbol, day.from_ms, day.to_ms)
        there = [bar for bar in bars if not bar.withdrawn]
        starts = {bar.timestamp for bar in bars}
        knowledge = self._knowledge([symbol], [day])
        passed_ms = min(day.to_ms, self._now_ms() // MINUTE_MS * MINUTE_MS - MINUTE_MS)
        before = missing_spans(starts, day.from_ms, min(day.open_ms - MINUTE_MS, passed_ms))
        after = missing_spans(starts, day.close_ms + MINUTE_MS, passed_ms)
        return SymbolDay(
            symbol,
            day,
            _cell(_stored(bars, day), knowledge.of(symbol, day)),
            {tier.name.lower(): sum(bar.tier == tier for bar in there) for tier in Tier},
            len(bars) - len(there),
            missing_spans(starts, day.open_ms, min(day.close_ms, passed_ms)),
            [*before, *after],
            knowledge.gaps_of(symbol, day),
        )

    def _knowledge(self, symbols: Sequence[str], days: Sequence[Day]) -> "_Knowledge":
        return _Knowledge(
            self._coverage.gaps(days[0].from_ms, days[-1].to_ms),
            self._coverage.settled(symbols, days[0].date, days[-1].date),
            self._coverage.pruned_before_ms(),
            self._now_ms(),
        )


class _Knowledge(NamedTuple):
    gaps: DayGaps
    settled: Settled
    pruned_before_ms: int
    now_ms: int

    def of(self, symbol: str, day: Day) -> Known:
        month = (symbol, day.date[:7])
        has_daily = _is_within(day.date, self.settled.daily.get(month))
        return Known(
            has_open_gap=_touches([*self.gaps.open.get(symbol, ()), *self.gaps.of_all], day),
            has_lost_gap=_touches(self.gaps.lost.get(symbol, ()), day),
            is_settled=_is_within(day.date, self.settled.minutes.get(month)),
            did_not_trade=has_daily and (symbol, day.date) not in self.settled.traded,
            is_pruned=day.to_ms < self.pruned_before_ms,
            goes_on=day.to_ms + MINUTE_MS > self.now_ms,
        )

    def gaps_of(self, symbol: str, day: Day) -> list[Bounds]:
        gaps = (*self.gaps.open.get(symbol, ()), *self.gaps.of_all, *self.gaps.lost.get(symbol, ()))
        return sorted((gap for gap in gaps if _touches([gap], day)), key=lambda gap: gap[0])


def _is_within(date: str, dates: tuple[str, str] | None) -> bool:
    return dates is not None and dates[0] <= date <= dates[1]


def _touches(gaps: Iterable[Bounds], day: Day) -> bool:
    return any(first_ms <= day.to_ms and (last_ms is None or last_ms >= day.from_ms) for first_ms, last_ms in gaps)


def _cell(stored: Stored, known: Known) -> Cell:
    return Cell(state_of(stored, known), stored.bars, stored.regular)


def _stored(bars: Sequence[Bar], day: Day) -> Stored:
    regular = sum(day.open_ms <= bar.timestamp <= day.close_ms for bar in bars)
    return Stored(len(bars), regular, bool(bars) and bars[0].tier == bars[-1].tier == Tier.FINAL)
