"""What tests of loads share: a vendor that answers as told, and loads that are carried out on a database."""

import datetime as dt
import itertools
import threading
from collections.abc import Callable, Sequence

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.comparison import Span
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.history import Load, LoadState, Timespan, Trading
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.domain.market.session import new_york_date
from src.core.domain.market.vendor_answer import DayAnswer, MinuteAnswer, SnapshotDay
from src.core.errors import KeyRefusedError, VendorError
from src.core.services.history_loader import Conduct, HistoryParts, HistoryRun
from src.infrastructure.database.daily_store import DatabaseDays
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.reconciling import StoppedClock

_SATURDAY = 5
_numbers = itertools.count()
Asked = tuple[str, dt.date, dt.date]


class PastVendor:
    """Has a bar of each weekday of every symbol from `listed` on, as a day and as the minute 14:30 UTC. It refuses what
    begins before `granted_from`, fails with what stands in `errors` first, and tells nothing of what is in `silent`."""

    rate = RequestRate(5, 60)

    def __init__(self, stamp: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self.stamp = stamp
        self.now_ms = now_ms
        self.asked: list[Asked] = []
        self.listed = dt.date(2020, 1, 1)
        self.granted_from = dt.date.min
        self.errors: list[VendorError] = []
        self.silent: set[str] = set()
        self.unusable: set[dt.date] = set()
        self.before_answer: Callable[[], None] = lambda: None

    def _dates(self, symbol: str, from_date: dt.date, to_date: dt.date) -> list[dt.date]:
        self.asked.append((symbol, from_date, to_date))
        self.before_answer()
        if self.errors:
            raise self.errors.pop(0)
        if from_date < self.granted_from:
            raise KeyRefusedError("The plan does not include these years.")
        first = max(from_date, self.listed)
        days = (first + dt.timedelta(days=count) for count in range((to_date - first).days + 1))
        return [day for day in days if day.weekday() < _SATURDAY and symbol not in self.silent]

    def daily_bars(self, symbol: str, from_date: dt.date, to_date: dt.date) -> DayAnswer:
        dates, stamp = self._dates(symbol, from_date, to_date), self.stamp()
        told = [DailyBar(symbol, date, 1.5, 2.5, 1.0, 2.0, 100.5, 1.75, 3, Tier.FINAL, stamp) for date in dates]
        unusable = frozenset(self.unusable.intersection(dates))
        return DayAnswer([day for day in told if day.date not in unusable], self.now_ms(), unusable)

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer:
        dates, stamp = self._dates(symbol, new_york_date(from_ms), new_york_date(to_ms)), self.stamp()
        starts = [date_bounds_ms(date)[0] // 86_400_000 * 86_400_000 + 52_200_000 for date in dates]
        told = [Bar(symbol, start_ms, 1.5, 2.5, 1.0, 2.0, 9.5, None, 3, Tier.FINAL, stamp) for start_ms in starts]
        return MinuteAnswer(told, Span(from_ms, to_ms, self.now_ms(), stamp))

    def snapshot(self) -> dict[str, SnapshotDay]:
        return {}

    def paused_s(self) -> float:
        return 0.0

    def close(self) -> None: ...


class HistoryBench:
    """Loads on the database at `url`, whose evidence is committed at once, at a time that stands still."""

    def __init__(self, url: str, now_ms: int) -> None:
        self.clock = StoppedClock(now_ms)
        self.database = TickStockDatabase(write_engine(url), self.clock.now_us)
        self.vendor = PastVendor(self.database.clock.stamp, self.clock.now_ms)
        self._engines = (read_engine(url), row_engine(url))
        self.log = DatabaseHistory(*self._engines)
        minutes, days = DatabaseMinutes(self._engines[0]), DatabaseDays(self._engines[0])
        self.gaps = DatabaseGapStore(self._engines[1], self.clock.now_ms)
        self.parts = HistoryParts(lambda: self.vendor, minutes, days, self.gaps, self.log, Trading(None), self.clock)
        self.stopping = threading.Event()
        self.told: list[Load] = []

    def submit(self, bars: Sequence[Bar]) -> bool:
        return self.database.merge(bars).refused == 0

    def submit_days(self, days: Sequence[DailyBar]) -> bool:
        return self.database.merge_daily(days).refused == 0

    def load(
        self, symbols: Sequence[str], from_date: dt.date, to_date: dt.date, timespan: Timespan = Timespan.DAY
    ) -> Load:
        """A new load, which waits."""
        load = Load(
            f"load-{next(_numbers)}", "rest", timespan, tuple(symbols), None, from_date, to_date, "tests",
            LoadState.WAITING, self.clock.now_ms(),
        )  # fmt: skip
        self.log.begin(load)
        return load

    def run(self, load: Load) -> Load:
        conduct = Conduct(self.submit, self.submit_days, self.stopping, self.told.append)
        return HistoryRun(self.parts, load, conduct).run()

    def close(self) -> None:
        self.database.close()
        for engine in self._engines:
            engine.dispose()
