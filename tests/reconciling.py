"""What tests of the reconciliation share: a clock, a vendor that answers as told, and a reconciler on a database."""

import datetime as dt
import itertools
import threading
from collections.abc import Mapping, Sequence

import msgspec

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.comparison import Span
from src.core.domain.market.gaps import GapRow
from src.core.domain.market.reconciliation import Request, Run
from src.core.domain.market.vendor_answer import MinuteAnswer, SnapshotDay
from src.core.errors import VendorError
from src.core.services.reconciler import Conduct, Reconciler
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapReader, DatabaseGapStore
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, stored_bars
from tests.held_clock import HeldClock

DAY = dt.date(2025, 11, 20)
NOW = MINUTE + 2 * 86_400_000
_numbers = itertools.count()


def at(place: int, symbol: str = "AAPL", **values: object) -> Bar:
    return bar(symbol, timestamp=MINUTE + place * MINUTE_MS, **values)  # type: ignore[arg-type]  # as given


def final(place: int, symbol: str = "AAPL", **values: object) -> Bar:
    return at(place, symbol, tier=Tier.FINAL.value, observed_at=NOW * 1000 + 10**6, **values)


def request(*symbols: str) -> Request:
    return Request(f"run-{next(_numbers)}", DAY, symbols or None, None)


def shown(url: str) -> list[Bar]:
    """What readers see of the table, but for stamps."""
    return [msgspec.structs.replace(one, observed_at=0) for one in stored_bars(url) if not one.withdrawn]


class StoppedClock(HeldClock):
    """A clock that stands where it was set; waits end at once, and so does time that is waited for."""

    def __init__(self, now_ms: int) -> None:
        super().__init__(now_ms)
        self.waits: list[float] = []

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        return event.wait(0.01)


class Vendor:
    """A MinuteSource that has `bars`, and fails for symbols that `errors` names; it notes what it is asked for."""

    def __init__(self, bars: Sequence[Bar] = (), errors: Mapping[str, VendorError] | None = None) -> None:
        self.bars = list(bars)
        self.errors = dict(errors or {})
        self.asked: list[str] = []
        self.unusable: frozenset[int] = frozenset()

    rate = RequestRate(100, 1)

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer:
        self.asked.append(symbol)
        if symbol in self.errors:
            raise self.errors[symbol]
        mine = [bar for bar in self.bars if bar.symbol == symbol and from_ms <= bar.timestamp <= to_ms]
        stamp = max((bar.observed_at for bar in mine), default=NOW * 1000 + 10**6)
        return MinuteAnswer(mine, Span(from_ms, to_ms, NOW, stamp), self.unusable)

    def snapshot(self) -> dict[str, SnapshotDay]:
        return {}

    def paused_s(self) -> float:
        return 0.0

    def close(self) -> None: ...


class Bench:
    """A reconciler on the database at `url`, whose evidence is committed at once."""

    def __init__(self, url: str, vendor: Vendor, now_ms: int) -> None:
        self.clock = StoppedClock(now_ms)
        self.vendor = vendor
        self.database = TickStockDatabase(write_engine(url), self.clock.now_us)
        self._engines = (read_engine(url), row_engine(url))
        self.log = DatabaseReconciliations(*self._engines)
        self.gaps = DatabaseGapStore(self._engines[1], self.clock.now_ms)
        self.told: list[Run] = []
        self.stopping = threading.Event()
        self.minutes = DatabaseMinutes(self._engines[0])
        self.reconciler = Reconciler(
            lambda: self.vendor, FlatFiles(), self.minutes, self.log, self.gaps, self.clock, self.database.clock.stamp
        )

    def submit(self, bars: Sequence[Bar]) -> bool:
        return self.database.merge(bars).refused == 0

    def run(self, request: Request) -> Run:
        return self.reconciler.run(request, Conduct(self.submit, self.stopping, self.told.append))

    def listed_gaps(self) -> list[GapRow]:
        return DatabaseGapReader(self._engines[0]).listed(9)

    def close(self) -> None:
        self.database.close()
        for engine in self._engines:
            engine.dispose()
