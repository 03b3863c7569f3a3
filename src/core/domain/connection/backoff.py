"""How long to wait before the next attempt to connect. No clock: durations are arguments."""

from collections.abc import Callable

from src.core.domain.connection.state import Ending

BASE_S = 1.0
CAP_S = 60.0
# A session that lived this long shows that the server wants us; before, a reset would make two processes with one
# key evict each other once a second.
SURVIVED_S = 60.0
_COOL_DOWN_S = {Ending.DROPPED: 0.0, Ending.TOO_MANY: 60.0, Ending.REFUSED_KEY: 900.0}


class Backoff:
    """Capped exponential delays with full jitter in their upper half; `random` gives numbers in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._attempt = 0

    def next_delay_s(self, ending: Ending, lived_s: float) -> float:
        """Seconds to wait after a session that ended so, and had data flowing for `lived_s` seconds."""
        if lived_s >= SURVIVED_S:
            self._attempt = 0
        ceiling_s = min(CAP_S, BASE_S * float(1 << min(self._attempt, 16)))
        self._attempt += 1
        return _COOL_DOWN_S[ending] + ceiling_s * (0.5 + 0.5 * self._random())
