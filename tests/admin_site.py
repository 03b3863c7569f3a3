"""A database as ingestion with three connections leaves it, for tests of what administrators see of it."""

import time
from datetime import date
from typing import Any

from msgspec import structs
from sqlalchemy import text

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.market.gaps import Gap, GapReason
from src.core.domain.market.history import Load, LoadState, Timespan
from src.core.domain.market.pattern_event import PatternEvent
from src.core.domain.market.reconciliation import Run, RunState
from src.infrastructure.database.connection_events import DatabaseEventRecorder
from src.infrastructure.database.engines import row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.pattern_store import DatabasePatterns
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests import status_rows
from tests.bars import bar

CARRIED = {"connection_1": ["AAPL", "MSFT"], "connection_2": ["BRK.B"], "connection_3": ["NVDA", "TSLA"]}


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Ingestion:
    """What the ingesting half writes, by hand. `url` is that of a migrated database, as settings give it."""

    def __init__(self, url: str) -> None:
        self.database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
        self._rows = row_engine(url)
        self._recorder = DatabaseEventRecorder(self._rows)
        self.gaps = DatabaseGapStore(self._rows, now_ms)
        self._runs = DatabaseReconciliations(self._rows, self._rows)
        self._history = DatabaseHistory(self._rows, self._rows)
        self._merged = 0

    def report(self, row: dict[str, Any] | None = None) -> None:
        """Writes the status row; three live connections, if none is given."""
        self.database.set_state("status", row or status_rows.multi_live(now_ms()))

    def assign(self, carried: dict[str, list[str]], moved: dict[str, str] | None = None) -> None:
        """Says which connection carries which tickers."""
        self.database.set_state("assignment", {"changed_at": now_ms(), "tickers": carried, "moved": moved or {}})

    def log(self, reason: str, connection_id: str = "connection_2") -> None:
        """Adds an event to the log of connections."""
        self._recorder.record([ConnectionEvent(connection_id, now_ms(), EventKind.DISCONNECTED, reason, 1006, 60_000)])

    def miss(self, gap_id: str, *symbols: str, wait_ms: int = 600_000) -> None:
        """Opens a gap of the last ten minutes, of the second connection, that waits to be asked about."""
        end_ms = now_ms() // 60_000 * 60_000
        gap = Gap(gap_id, "connection_2", symbols, end_ms - 600_000, end_ms, GapReason.DROP, "Gone.", end_ms)
        self.gaps.record([gap])
        self.gaps.expand(gap, dict.fromkeys(symbols, now_ms() + wait_ms))

    def compare(self, run_id: str, **changes: Any) -> None:
        """Notes a run that compared a day, done but for `changes`."""
        run = Run(run_id, date(2025, 11, 19), None, None, RunState.DONE, now_ms(), 2, now_ms(), 780, 3, 12, 1, (), 2)
        self._runs.begin(structs.replace(run, **changes))

    def load(self, load_id: str, **changes: Any) -> None:
        """Notes a load of days of two symbols that runs, but for `changes`."""
        days = (date(2025, 1, 1), date(2025, 11, 19))
        load = Load(
            load_id, "rest", Timespan.DAY, ("AAPL", "MSFT"), None, *days, "admin", LoadState.RUNNING, now_ms(),
            units_total=22, units_done=10, units_empty=2, units_failed=1, bars=170, written=150,
            failures={"MSFT": "It cannot be read."},
        )  # fmt: skip
        self._history.begin(structs.replace(load, **changes))

    def trade(self, price: float, *symbols: str, minute_ms: int | None = None) -> None:
        """Commits a bar of the present minute for each of the symbols."""
        self._merged += 1
        start_ms = now_ms() // 60_000 * 60_000 if minute_ms is None else minute_ms
        self.database.merge([bar(symbol, start_ms, close=price, observed_at=self._merged) for symbol in symbols])

    def find(self, symbol: str, at_ms: int, **changes: Any) -> None:
        """Keeps a pattern that was found, a doji of a minute but for `changes`."""
        event = PatternEvent(symbol, at_ms, "1m", "doji", "neutral", 0.75, now_ms())
        DatabasePatterns(self._rows, self.database).write([structs.replace(event, **changes)])

    def take_away(self) -> None:
        """Takes from the database what every look at it reads first."""
        self._alter("write_state RENAME TO hidden_state")

    def bring_back(self) -> None:
        """Gives it back."""
        self._alter("hidden_state RENAME TO write_state")

    def _alter(self, what: str) -> None:
        with self._rows.begin() as connection:
            connection.execute(text(f"ALTER TABLE {what}"))

    def close(self) -> None:
        """Lets go of the database."""
        self.database.close()
        self._rows.dispose()


def started(url: str) -> Ingestion:
    """Ingestion that has reported, with a bar of each symbol."""
    ingestion = Ingestion(url)
    ingestion.database.set_state("feed", "massive")
    symbols = [symbol for carried in CARRIED.values() for symbol in carried]
    ingestion.database.set_state("universe", {"key": "SYMBOLS", "symbols": symbols, "unknown": [], "changed_at": 1})
    ingestion.report()
    ingestion.assign(CARRIED)
    ingestion.trade(150.0, *symbols)
    return ingestion
