"""The bars that a writer holds in memory until they are stored."""

import heapq
import threading
from collections.abc import Iterable, Sequence

from src.core.domain.market.bar import MINUTE_MS, Bar, Tier, merge_evidence
from src.infrastructure.database.spool_record import Key, key_of

# A live bar whose minute began so long before the newest minute can change no more: see BarBook.seal.
_SEALED_AFTER_MS = 4 * MINUTE_MS
# Of what is above the limit, some more are let go than need be, so that they are not sorted for each bar.
_SLACK = 100


class PendingBars:
    """At most one bar of each symbol and minute, merged by evidence. Any thread may call."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bars: dict[Key, Bar] = {}
        self._watermark_ms = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._bars)

    def add(self, bars: Iterable[Bar]) -> None:
        """Takes bars on."""
        with self._lock:
            for bar in bars:
                key = (bar.symbol, bar.timestamp)
                known = self._bars.get(key)
                self._bars[key] = bar if known is None else merge_evidence(known, bar)
                if bar.timestamp > self._watermark_ms:
                    self._watermark_ms = bar.timestamp

    def group(self, limit: int) -> list[Bar]:
        """At most `limit` of them; where there are more, those that came last: who reads looks at the newest."""
        with self._lock:
            if len(self._bars) <= limit:
                return list(self._bars.values())
            newest = reversed(self._bars.values())
            return [next(newest) for _ in range(limit)]

    def remove(self, bars: Sequence[Bar]) -> None:
        """These are stored; one of which there is newer evidence by now stays."""
        with self._lock:
            for bar in bars:
                key = (bar.symbol, bar.timestamp)
                if self._bars.get(key) is bar:
                    del self._bars[key]

    def settled(self) -> list[Bar]:
        """What is worth a place on disk: official bars, and live ones that can change no more."""
        with self._lock:
            sealed_ms = self._watermark_ms - _SEALED_AFTER_MS
            return [bar for bar in self._bars.values() if bar.tier != Tier.LIVE or bar.timestamp <= sealed_ms]

    def all(self) -> list[Bar]:
        """Everything."""
        with self._lock:
            return list(self._bars.values())

    def let_go(self) -> list[Bar]:
        """Gives up what is above the limit, the oldest live bars first, then the oldest of the others; those bars."""
        with self._lock:
            above = len(self._bars) - self.limit
            if above <= 0:
                return []
            count = above + self.limit // _SLACK
            gone = heapq.nsmallest(count, self._bars.values(), key=lambda bar: (bar.tier != Tier.LIVE, bar.timestamp))
            for bar in gone:
                del self._bars[key_of(bar)]
            return gone

    def holds_any(self, bars: Iterable[Bar]) -> bool:
        """Whether one of these minutes still waits."""
        with self._lock:
            return any(key_of(bar) in self._bars for bar in bars)
