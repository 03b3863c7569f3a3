"""What a connection carried: counts since the start, the rate of the last minute, errors by kind."""

from array import array
from collections import Counter
from typing import Any

_RATE_S = 60  # whole seconds that are kept
_MEAN_S = 5
_SLOTS = _RATE_S + 1  # and the one that runs


class Traffic:
    """Costs a frame a few additions. Times are seconds that never step back, but for `now_ms`, the wall clock's.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self, now_s: float) -> None:
        self._second = int(now_s)
        self._per_second = array("q", [0] * _SLOTS)  # by second, in a ring
        self._frames = self._messages = 0
        self._last_ms: int | None = None
        self._errors: Counter[str] = Counter()

    def take_frame(self, messages: int, now_s: float, now_ms: int) -> None:
        """Counts one frame with so many usable aggregates."""
        self._advance(int(now_s))
        self._per_second[self._second % _SLOTS] += messages
        self._frames += 1
        self._messages += messages
        self._last_ms = now_ms

    def take_error(self, kind: str) -> None:
        """Counts one error."""
        self._errors[kind] += 1

    def snapshot(self, now_s: float) -> dict[str, Any]:
        """All of it as plain values; `rates` are of the last 60 whole seconds, oldest first."""
        self._advance(int(now_s))
        rates = [self._per_second[(self._second - ago) % _SLOTS] for ago in range(_RATE_S, 0, -1)]
        return {
            "last_message_time": self._last_ms,
            "frames": self._frames,
            "messages": self._messages,
            "messages_per_second": sum(rates[-_MEAN_S:]) / _MEAN_S,
            "rates": rates,
            "errors": self._errors.total(),
            "errors_by_kind": dict(self._errors),
        }

    def _advance(self, second: int) -> None:
        if second == self._second:
            return
        for passed in range(max(self._second + 1, second - _SLOTS + 1), second + 1):
            self._per_second[passed % _SLOTS] = 0
        self._second = second
