"""How many requests the vendor grants within a window of time, and when the next one may be made. Pure."""

from collections import deque
from typing import NamedTuple

# How soon to look again while every request that is granted is still under way.
_LOOK_AGAIN_S = 0.25


class RequestRate(NamedTuple):
    """At most `requests` (1 or more) within any `window_s` seconds."""

    requests: int
    window_s: int

    @property
    def per_minute(self) -> float:
        """Requests a minute."""
        return self.requests * 60 / self.window_s


class RequestWindow:
    """Counts the requests of the last window, and holds all of them back during a pause.

    The vendor counts a request somewhere between its sending and its answer. So one that is under way counts, and one
    that was answered counts for a whole window from its answer on: within any window of the vendor's clock there are
    never more than granted, however long an answer takes. Times are seconds of a clock that never steps back.
    """

    def __init__(self, rate: RequestRate) -> None:
        self._rate = rate
        self._answered_s: deque[float] = deque()
        self._under_way = 0
        self._paused_until_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """How long to wait before asking again whether a request may begin; 0 when it may begin now."""
        while self._answered_s and self._answered_s[0] + self._rate.window_s <= now_s:
            self._answered_s.popleft()
        free_s = 0.0
        if len(self._answered_s) + self._under_way >= self._rate.requests:
            free_s = self._answered_s[0] + self._rate.window_s - now_s if self._answered_s else _LOOK_AGAIN_S
        return max(free_s, self.paused_s(now_s))

    def begin(self) -> None:
        """A request is sent."""
        self._under_way += 1

    def end(self, now_s: float) -> None:
        """A request was answered, or given up."""
        self._under_way -= 1
        self._answered_s.append(now_s)

    def pause(self, until_s: float) -> None:
        """No request begins before then."""
        self._paused_until_s = max(self._paused_until_s, until_s)

    def paused_s(self, now_s: float) -> float:
        """How long the pause still lasts, 0 or more seconds."""
        return max(0.0, self._paused_until_s - now_s)
