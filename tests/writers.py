"""A bar writer with its spool over a real database, and ways to take that database away from it."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from src.core.domain.market.bar import Bar
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.bar_writer import MEMORY_LIMIT, DatabaseBarWriter
from src.infrastructure.database.engines import is_sqlite, sqlite_file, write_engine
from src.infrastructure.database.flush_interval import FlushInterval
from src.infrastructure.database.spool import Spool, SpoolLimits
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.infrastructure.observability.status_file import StatusFile
from tests.bars import MINUTE, bar

ROOMY = SpoolLimits(free_bytes=0)


def numbered(count: int, start: int = 0) -> list[Bar]:
    """Official bars, each of a minute of its own; ten symbols."""
    return [
        bar(f"S{n % 10}", MINUTE + n // 10 * 60_000, close=100.0 + n, observed_at=n + 1)
        for n in range(start, start + count)
    ]


class HurriedClock(SystemClock):
    """Ten seconds of it pass in one."""

    def monotonic(self) -> float:
        return time.monotonic() * 10

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(timeout_s / 10)


class Source:
    """A BarSource that tests fill."""

    def __init__(self) -> None:
        self.official: list[Bar] = []
        self.live: list[Bar] = []
        self.asked_for_live = 0  # so many times
        self.lock = threading.Lock()
        self.on_committed: Callable[[], None] = lambda: None

    def committed(self) -> None:
        self.on_committed()

    def take_official(self) -> list[Bar]:
        with self.lock:
            taken, self.official = self.official, []
        return taken

    def take_live(self) -> list[Bar]:
        with self.lock:
            taken, self.live = self.live, []
            self.asked_for_live += 1
        return taken


class Losses:
    """What was told to be lost: symbols and minutes, and the words."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, int]] = []
        self.words: list[str] = []

    def __call__(self, keys: Sequence[tuple[str, int]], words: str) -> None:
        self.keys += keys
        self.words.append(words)

    def covers(self, key: tuple[str, int]) -> bool:
        """Whether a gap made of what was told holds that minute."""
        everything = [minute_ms for symbol, minute_ms in self.keys if symbol == "*"]
        return key in self.keys or (bool(everything) and min(everything) <= key[1] <= max(everything))


class WriterRig:
    """A started writer on the database at `url`, with its spool and status file in `folder`."""

    def __init__(
        self,
        url: str,
        folder: Path,
        live_flush_ms: int = 20,
        limits: SpoolLimits = ROOMY,
        memory_limit: int = MEMORY_LIMIT,
        clock: SystemClock | None = None,
    ) -> None:
        clock = clock or HurriedClock()
        self.database = TickStockDatabase(write_engine(url), clock.now_us)
        self.source = Source()
        self.losses = Losses()
        self.spool = Spool(folder / "spool.db", self.losses, clock.now_ms, limits)
        self.status_file = StatusFile(folder / "status.json")
        self.writer = DatabaseBarWriter(
            self.database,
            self.source,
            FlushInterval(live_flush_ms),
            clock,
            self.spool,
            self.status_file,
            self.losses,
            memory_limit,
        )
        self.writer.prepare()
        self.writer.start()

    @property
    def storage(self) -> dict[str, object]:
        """What the writer tells of its storage."""
        storage: dict[str, object] = self.writer.snapshot()["storage"]
        return storage

    def official(self, bars: Sequence[Bar]) -> None:
        """Official bars come."""
        with self.source.lock:
            self.source.official += bars
        self.writer.wake()

    def live(self, bars: Sequence[Bar]) -> None:
        """Live bars come."""
        with self.source.lock:
            self.source.live += bars

    def stop(self) -> None:
        """Ends the writer and lets go of the database."""
        self.writer.stop()
        self.database.close()


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Another program holds the locks that a writer needs."""
    if is_sqlite(url):
        with contextlib.closing(sqlite3.connect(sqlite_file(url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    engine = write_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # for as long as a test takes
        connection.exec_driver_sql("LOCK TABLE write_state, service_state IN EXCLUSIVE MODE")
        yield
    engine.dispose()
