"""A database that takes no bars: since when, why, when to try again, and how long the room for what waits will last."""

from collections import deque

_RETRY_FIRST_S = 0.1
_RETRY_CAP_S = 5.0
# The rate at which bars come to wait is that of the last five minutes, and none before ten seconds.
_RATE_SPAN_S = 300.0
_RATE_AFTER_S = 10.0


class WriteOutage:
    """From the first commit that failed; the first that succeeds makes a new one. Time is an argument: seconds of a
    clock that never steps back, and epoch milliseconds."""

    def __init__(self) -> None:
        self.since_ms: int | None = None
        self.reason: str | None = None
        self._since_s = 0.0
        self._retry_s = _RETRY_FIRST_S
        self.retry_due_s = float("-inf")
        self._waiting: deque[tuple[float, int]] = deque()

    def failed(self, reason: str, now_s: float, now_ms: int) -> None:
        """A commit failed; the next is tried after 0.1 s doubling to 5 s."""
        if self.since_ms is None:
            self.since_ms, self._since_s = now_ms, now_s
        self.reason = reason
        self.retry_due_s = now_s + self._retry_s
        self._retry_s = min(_RETRY_CAP_S, self._retry_s * 2)

    def lasted_s(self, now_s: float) -> float | None:
        """How long it lasts by now; None when there is none."""
        return None if self.since_ms is None else now_s - self._since_s

    def note(self, waiting_bars: int, now_s: float) -> None:
        """So many bars wait now."""
        self._waiting.append((now_s, waiting_bars))
        while now_s - self._waiting[0][0] > _RATE_SPAN_S:
            self._waiting.popleft()

    def lasts_s(self, room_bars: int) -> int | None:
        """How long there is room at the present rate, in seconds; None while that is not known, or nothing comes."""
        if not self._waiting:
            return None
        (first_s, first), (last_s, last) = self._waiting[0], self._waiting[-1]
        if last_s - first_s < _RATE_AFTER_S or last <= first:
            return None
        return round(room_bars * (last_s - first_s) / (last - first))
