"""What one connection is still to be sent, and when. Knows no clock and no socket: time is an argument."""

import heapq
from collections import Counter
from collections.abc import Sequence

from src.simulator.disturbance import Late, disturbed
from src.simulator.faults import OnConnections
from src.simulator.feed_faults import Delay
from src.simulator.frames import Raw
from src.simulator.wire import Event


class Lane:
    """Holds back what faults make late. Versions of one window never overtake each other, and nothing a delay."""

    def __init__(self) -> None:
        # Each with when it is sent, the entry it came with, and its place in that entry.
        self._waiting: list[tuple[int, int, int, Late]] = []
        self._entries = 0
        # When the latest version of a window is sent, while one waits; and how many wait.
        self._window_ms: dict[str, int] = {}
        self._window_counts: Counter[str] = Counter()
        self._earliest_ms = 0
        self.held_bytes = 0

    @property
    def next_ms(self) -> int | None:
        """When something is due next (epoch milliseconds), None when nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def enter(self, events: Sequence[Event], faults: Sequence[OnConnections], now_ms: int) -> None:
        """Take events as the faults in force change them."""
        delay_s = sum(fault.by_s for fault in faults if isinstance(fault, Delay))
        self._earliest_ms = max(self._earliest_ms, now_ms + round(delay_s * 1000))
        self._entries += 1
        for place, late in enumerate(disturbed(events, faults)):
            send_at_ms = max(self._earliest_ms + late.after_ms, self._window_ms.get(late.window, 0))
            self._window_ms[late.window] = send_at_ms
            self._window_counts[late.window] += 1
            self.held_bytes += _size(late)
            heapq.heappush(self._waiting, (send_at_ms, self._entries, place, late))

    def due(self, now_ms: int) -> list[list[Event | Raw]]:
        """Take out what is due by `now_ms`: a list for each moment and entry, whoever asks when."""
        bundles: list[list[Event | Raw]] = []
        latest = None
        while self._waiting and self._waiting[0][0] <= now_ms:
            send_at_ms, entry, _place, late = heapq.heappop(self._waiting)
            if (send_at_ms, entry) != latest:
                bundles.append([])
                latest = send_at_ms, entry
            bundles[-1].append(late.item)
            self._forget(late)
        return bundles

    def _forget(self, late: Late) -> None:
        self.held_bytes -= _size(late)
        self._window_counts[late.window] -= 1
        if not self._window_counts[late.window]:
            del self._window_counts[late.window], self._window_ms[late.window]


def _size(late: Late) -> int:
    return 0 if isinstance(late.item, Raw) else len(late.item.element)
