"""How long to wait before the next attempt. No clock: durations are arguments."""

from collections.abc import Callable

# What lived this long is taken to work. Resetting sooner would make two processes with one key evict each other
# once a second.
SURVIVED_S = 60.0


class Backoff:
    """Delays that double from `first_s` up to `cap_s`, each shortened at random by up to a half.

    `random` gives numbers in [0, 1); the jitter keeps those that failed together from trying again together.
    """

    def __init__(self, random: Callable[[], float], first_s: float, cap_s: float) -> None:
        self._random = random
        self._first_s = first_s
        self._cap_s = cap_s
        self._next_s = first_s

    def next_delay_s(self, lived_s: float) -> float:
        """Seconds to wait after an attempt that lived for `lived_s`; 60 s of life start the row of delays anew."""
        if lived_s >= SURVIVED_S:
            self._next_s = self._first_s
        delay_s = self._next_s * (1 - self._random() / 2)
        self._next_s = min(self._next_s * 2, self._cap_s)
        return delay_s
