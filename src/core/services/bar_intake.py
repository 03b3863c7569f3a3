"""The bar book between the feed's threads, which fill it, and the writer's, which empties it."""

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from src.core.domain.connection.latency import CommitLatency
from src.core.domain.market.bar import Bar
from src.core.domain.market.bar_book import BarBook, Doubt
from src.core.domain.market.event_time import EventTime
from src.core.domain.market.tick import TickData
from src.core.ports import Clock

# Bars and seconds are sent again with corrections for so long.
_SENT_AGAIN_MS = 1_800_000


@dataclass
class IntakeStats:
    """Counts since the start; times are epoch ms. Owned by a BarIntake."""

    ticks: int = 0
    batches: int = 0
    last_tick_ms: int | None = None
    lost_frames: int = 0
    last_lost_frame_ms: int | None = None


class BarIntake:
    """Owns the book and its lock, and knows what time it is by the feed, and how long aggregates take from here to a
    commit. The writer's BarSource. Any thread may call; no call waits for more than a merge."""

    def __init__(self, book: BarBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()
        self._latency = CommitLatency()
        self._event_time = EventTime()
        self._heard_before_ms = 0  # by the last life
        self._advanced_s = clock.monotonic()  # when the book's watermark last moved
        self.stats = IntakeStats()

    # -- the feed's threads --------------------------------------------------------------------------------------

    def merge(self, ticks: Sequence[TickData], now_ms: int) -> bool:
        """Merges the aggregates of a frame that came at `now_ms`; True when they changed an official bar."""
        arrived_s = self._clock.monotonic()
        with self._lock:
            before_ms = self._book.watermark_ms
            official = self._book.merge(ticks)
            if self._book.watermark_ms > before_ms:
                self._advanced_s = arrived_s
                if self._is_new(self._book.watermark_ms):
                    self._event_time.hear(ticks[-1].timestamp + ticks[-1].window_ms, now_ms, arrived_s)
            self._latency.arrived(official, len(ticks) - official, arrived_s)
            self.stats.ticks += len(ticks)
            self.stats.batches += 1
            self.stats.last_tick_ms = now_ms
        return official > 0

    def _is_new(self, watermark_ms: int) -> bool:
        """Whether the newest data of this life can tell the time: what the last life heard before may be sent again,
        but not for half an hour (a replay that was begun anew)."""
        return not self._heard_before_ms - _SENT_AGAIN_MS <= watermark_ms <= self._heard_before_ms

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
        """Forgets minutes that are over, by event time but no later than `now_ms`.

        Event time is that of the newest data, and goes on while none comes: after the close too the last minutes end.
        """
        with self._lock:
            silent_ms = (self._clock.monotonic() - self._advanced_s) * 1000 if self._book.watermark_ms else 0
            self._book.seal(min(round(self._book.watermark_ms + silent_ms), now_ms))

    def take_doubts(self) -> list[Doubt]:
        """What may be missing by what did come, since it was last taken."""
        with self._lock:
            return self._book.take_doubts()

    # -- event time ----------------------------------------------------------------------------------------------

    def assume(self, heard_ms: int, behind_ms: float) -> None:
        """An earlier life heard what came until `heard_ms` (event time), and was so far behind the wall clock."""
        with self._lock:
            self._heard_before_ms = heard_ms
            self._event_time.assume(behind_ms)

    @property
    def heard_s(self) -> float | None:
        """When something came for the first time since the start, monotonic seconds."""
        return self._event_time.heard_s

    def event_ms(self, then_s: float | None = None) -> int:
        """Event time now, or at a moment of before (monotonic seconds), epoch ms; never earlier than it was."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
        with self._lock:
            return self._event_time.at(now_s if then_s is None else then_s, now_ms, now_s)

    def behind_ms(self) -> int:
        """How far event time is behind the wall clock."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
        with self._lock:
            return self._event_time.behind_ms(now_ms, now_s)

    def surely_behind_ms(self) -> int:
        """The same, at least: what ended by that time has ended, however the clock was set."""
        now_ms, now_s = self._clock.now_ms(), self._clock.monotonic()
        with self._lock:
            return self._event_time.surely_behind_ms(now_ms, now_s)

    @property
    def watermark_ms(self) -> int:
        """The newest window start that came; 0 before anything did."""
        return self._book.watermark_ms

    # -- repairs -------------------------------------------------------------------------------------------------

    def day_volumes(self, before_ms: int) -> dict[str, float]:
        """The day's volume of symbols of which no official bar came since one that began before then, on that day."""
        with self._lock:
            return self._book.day_volumes(before_ms)

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
        committed_s = self._clock.monotonic()
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
                "event_to_commit_ms": self._latency.snapshot(self._clock.monotonic()),
                "waiting_bars": taken + self._book.changed_bars,
            }
