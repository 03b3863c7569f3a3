"""How many requests a key may make: a sliding window, by the clock that the server runs by."""

import re
from collections import deque
from math import ceil
from typing import NamedTuple

_WINDOWS_S = {"second": 1, "minute": 60, "hour": 3600}


class Rate(NamedTuple):
    """At most `requests` within any `window_s` seconds."""

    requests: int
    window_s: int


def parse_rate(text: str) -> Rate:
    """A rate such as `5/minute`. ValueError for anything else."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})/(second|minute|hour)", text, re.ASCII)
    if match is None:
        raise ValueError(f"allowed are rates such as 5/minute, 100/second or 1000/hour, not '{text}'")
    return Rate(int(match[1]), _WINDOWS_S[match[2]])


class RateLimiter:
    """Counts the requests of each key that were let through. One event loop only."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._granted_ms: dict[str, deque[int]] = {}

    def wait_s(self, key: str, now_ms: int) -> int:
        """0 when the request is let through and counted; else the seconds to wait, which is not counted."""
        self._forget(now_ms - 1000 * self._rate.window_s)
        granted_ms = self._granted_ms.setdefault(key, deque())
        if len(granted_ms) < self._rate.requests:
            granted_ms.append(now_ms)
            return 0
        return ceil((granted_ms[0] + 1000 * self._rate.window_s - now_ms) / 1000)

    def _forget(self, until_ms: int) -> None:
        """Whatever was granted up to `until_ms` counts no more; a key without a count takes no memory."""
        for key, granted_ms in list(self._granted_ms.items()):
            while granted_ms and granted_ms[0] <= until_ms:
                granted_ms.popleft()
            if not granted_ms:
                del self._granted_ms[key]
