"""How fast something long gets on. Pure: times are arguments, seconds of a clock that never steps back."""

from collections import deque

_WINDOW_S = 60.0


class Pace:
    """The pace of the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int, now_s: float) -> None:
        """So much is done."""
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= _WINDOW_S:
            self._seen.popleft()

    def per_s(self) -> float | None:
        """Units a second; None while nothing can be said."""
        if not self._seen:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (last_s - first_s) if last > first and last_s > first_s else None
