"""The bar book between the feed's threads, which fill it, and the writer's, which empties it."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from src.core.domain.connection.latency import CommitLatency
from src.core.domain.market.bar import Bar
from src.core.domain.market.bar_book import BarBook
from src.core.domain.market.tick import TickData


@dataclass
class IntakeStats:
    """Counts since the start; times are epoch ms. Owned by a BarIntake."""

    ticks: int = 0
    batches: int = 0
    last_tick_ms: int | None = None
    lost_frames: int = 0
    last_lost_frame_ms: int | None = None


class BarIntake:
    """Owns the book and its lock, and knows how long aggregates take from here to a commit. The writer's BarSource.

    Any thread may call; no call waits for more than a merge. `monotonic` reads seconds that never step back.
    """

    def __init__(self, book: BarBook, monotonic: Callable[[], float]) -> None:
        self._book = book
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._latency = CommitLatency()
        self.stats = IntakeStats()

    # -- the feed's threads --------------------------------------------------------------------------------------

    def merge(self, ticks: Sequence[TickData], now_ms: int) -> bool:
        """Merges the aggregates of a frame that came at `now_ms`; True when they changed an official bar."""
        arrived_s = self._monotonic()
        with self._lock:
            official = self._book.merge(ticks)
            self._latency.arrived(official, len(ticks) - official, arrived_s)
            self.stats.ticks += len(ticks)
            self.stats.batches += 1
            self.stats.last_tick_ms = now_ms
        return official > 0

    def interrupt(self, symbols: Collection[str] | None) -> None:
        """Marks what is open of these symbols (None: of all) as partial: something of them was missed."""
        with self._lock:
            self._book.interrupt(symbols)

    def lose_frame(self, now_ms: int) -> None:
        """Counts a frame that could not be read."""
        with self._lock:
            self.stats.lost_frames += 1
            self.stats.last_lost_frame_ms = now_ms

    # -- the service's thread ------------------------------------------------------------------------------------

    def seed(self, bars: Iterable[Bar]) -> None:
        """Takes the stored live bars of open minutes, at a start."""
        with self._lock:
            self._book.seed(bars)

    def seal(self, now_ms: int) -> None:
        """Forgets minutes that are over, by event time but no later than `now_ms`."""
        with self._lock:
            self._book.seal(min(self._book.watermark_ms, now_ms))

    # -- the writer's thread -------------------------------------------------------------------------------------

    def take_official(self) -> list[Bar]:
        """The official bars that changed since they were last taken."""
        with self._lock:
            self._latency.official_taken()
            return self._book.take_official()

    def take_live(self) -> list[Bar]:
        """The live bars that changed since they were last taken."""
        with self._lock:
            self._latency.live_taken()
            return self._book.take_live()

    def committed(self) -> None:
        """All that was taken is committed."""
        committed_s = self._monotonic()
        with self._lock:
            self._latency.committed(committed_s)

    # -- health --------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The book's health; times are epoch ms."""
        with self._lock:
            return {
                "watermark": self._book.watermark_ms or None,
                "open_minutes": self._book.open_minutes,
                "late_seconds": self._book.late_seconds,
            }

    def pipeline(self, taken: int) -> dict[str, Any]:
        """How long aggregates take to a commit, and how many bars wait for one: those `taken`, and those that changed
        since."""
        with self._lock:
            return {
                "event_to_commit_ms": self._latency.snapshot(self._monotonic()),
                "waiting_bars": taken + self._book.changed_bars,
            }
