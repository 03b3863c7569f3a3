"""How good the stored minutes of today are: how fresh, how complete, and what came or changed late."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.coverage import Day, DayState
from src.core.domain.market.gaps import GapTotals
from src.core.domain.market.reconciliation import Run
from src.core.history_ports import Freshness
from src.core.ports import GapReader, RunLog
from src.core.services.coverage_service import CoverageService

_RUNS = 10  # days compared that are told


class SymbolQuality(NamedTuple):
    """A symbol's newest trading day. `newest_ms` is the start of its newest bar of any day and `tier` that bar's, None
    without one; `bars` are the day's stored minutes, `regular` those of the regular session. `late` counts minutes of
    the day that came or were changed when bars more than 20 minutes newer were there."""

    symbol: str
    newest_ms: int | None
    tier: Tier | None
    state: DayState
    bars: int
    regular: int
    late: int


class Quality(NamedTuple):
    """What is known of symbols' newest trading day. `passed` are the regular session's minutes up to now: what
    `regular` is measured against. `gaps` are all that are kept, of any day; `runs` the newest that compared a day with
    the vendor's bars, newest first."""

    day: Day
    passed: int
    symbols: list[SymbolQuality]
    gaps: GapTotals
    runs: list[Run]


class QualityService:
    """Any thread may call. `now_ms` is the wall clock. Methods raise DatabaseUnavailableError, and CalendarRangeError
    while the calendar does not cover today."""

    def __init__(
        self,
        coverage: CoverageService,
        freshness: Freshness,
        gaps: GapReader,
        runs: RunLog,
        now_ms: Callable[[], int],
    ) -> None:
        self._coverage = coverage
        self._freshness = freshness
        self._gaps = gaps
        self._runs = runs
        self._now_ms = now_ms

    def quality(self, symbols: Sequence[str]) -> Quality:
        """Of these symbols, in their order."""
        [day] = self._coverage.newest_days(1)
        cells = self._coverage.cells(symbols, [day])
        newest = self._freshness.newest(symbols)
        late = self._freshness.late_changes(day.from_ms, day.to_ms)
        rows = []
        for symbol in symbols:
            [cell] = cells[symbol]
            newest_ms, tier = newest.get(symbol, (None, None))
            minutes = minutes_within(late.get(symbol, ()), day.from_ms, day.to_ms)
            rows.append(SymbolQuality(symbol, newest_ms, tier, cell.state, cell.bars, cell.regular, minutes))
        return Quality(day, self._passed(day), rows, self._gaps.totals(), self._runs.newest(_RUNS))

    def _passed(self, day: Day) -> int:
        """The minutes of the regular session that are over."""
        return min(max(0, (self._now_ms() - day.open_ms) // MINUTE_MS), day.regular_minutes)


def minutes_within(ranges: Sequence[tuple[int, int]], from_ms: int, to_ms: int) -> int:
    """How many minutes from `from_ms` to `to_ms` lie in any of some ranges; all bounds are starts of minutes, the last
    ones included."""
    minutes, reached_ms = 0, from_ms
    for first_ms, last_ms in sorted(ranges):
        end_ms = min(last_ms, to_ms)
        start_ms = max(first_ms, reached_ms)
        minutes += max(0, (end_ms - start_ms) // MINUTE_MS + 1)
        reached_ms = max(reached_ms, end_ms + MINUTE_MS)
    return minutes
