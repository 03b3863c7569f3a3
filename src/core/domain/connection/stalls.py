"""Whether who reads was kept from it, so that what it reads next may be old. Pure: times are arguments."""

# So long nothing was read, for a reason of our own: a frame that took too long, a process or machine that was stopped.
STALL_S = 5.0
# After so long what had piled up is read, or the server has dropped who read too slowly.
_BEHIND_MS = 60_000


class Stalls:
    """Looks at a reader now and then. `now_s` never steps back; `now_ms` is the wall clock, epoch ms.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self, now_s: float, now_ms: int) -> None:
        self._looked = (now_s, now_ms)
        self._free_s, self._free_ms = now_s, now_ms  # the last look at which it did not work on the present frame
        self._frame: int | None = None
        self._since_ms: int | None = None
        self._until_ms = 0

    def look(self, frame: int | None, now_s: float, now_ms: int) -> bool:
        """Takes the number of the frame that is worked on, None while there is none; True for the same as before."""
        stuck = frame is not None and frame == self._frame
        if now_s - self._free_s >= STALL_S:
            if self._since_ms is None or now_ms > self._until_ms:
                self._since_ms = self._free_ms
            if stuck or self._since_ms == self._free_ms:  # not another stall, soon after an older one
                self._until_ms = now_ms + _BEHIND_MS
        if not stuck:
            self._free_s, self._free_ms = (now_s, now_ms) if frame is None else self._looked
        self._looked, self._frame = (now_s, now_ms), frame
        return stuck

    def since_ms(self, now_s: float, now_ms: int) -> int | None:
        """From when on what was read until now may be incomplete; None while all is read in time."""
        if self._since_ms is not None and now_ms <= self._until_ms:
            return self._since_ms
        return self._free_ms if now_s - self._free_s >= STALL_S else None
