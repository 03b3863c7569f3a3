"""Whether a connection may carry tickers, after how it has behaved. Pure: times are arguments, in seconds.

What is down keeps its tickers for a few seconds, since most drops are over by then; what came back gets them only when
it has stayed for a while, and a longer one each time it is lost again, so that one that comes and goes moves nothing
to and fro.
"""

from collections import deque

# An attempt to connect again fits in, which waits 0.5 to 1 s before it begins.
MOVE_AFTER_S = 3.0
RETURN_AFTER_S = 10.0
_LONGEST_RETURN_S = 320.0
# Who carried for this long has settled: the next return is a short one again.
_STEADY_S = 600.0
# So many drops within that time are as good as being down.
_DROPS = 3
_DROPS_WITHIN_S = 60.0


class Presence:
    """One connection's behaviour, from `now_s` on. Not safe for threads: its owner serialises the calls.

    `able` says whether it may carry tickers. It begins able, and is not while it is lost: down for 3 s, dropped three
    times within 60 s, or not allowed to be up (paused, not granted).
    """

    def __init__(self, now_s: float) -> None:
        self.able = True
        self._up = False
        self._since_s = now_s
        self._able_since_s = now_s
        self._drops_s: deque[float] = deque(maxlen=_DROPS)
        self._return_after_s = RETURN_AFTER_S

    def look(self, up: bool, allowed: bool, now_s: float) -> bool:
        """Takes what is at `now_s`; gives `able`."""
        if up != self._up:
            self._up, self._since_s = up, now_s
            if not up:
                self._drops_s.append(now_s)
        if self.able and (not allowed or self._is_lost(now_s)):
            self._lose(allowed, now_s)
        elif not self.able and allowed and up and now_s - self._since_s >= self._return_after_s:
            self.able, self._able_since_s = True, now_s
            self._return_after_s = min(self._return_after_s * 2, _LONGEST_RETURN_S)
        return self.able

    def _is_lost(self, now_s: float) -> bool:
        if self._up:
            return False
        often = len(self._drops_s) == _DROPS and now_s - self._drops_s[0] <= _DROPS_WITHIN_S
        return often or now_s - self._since_s >= MOVE_AFTER_S

    def _lose(self, allowed: bool, now_s: float) -> None:
        self.able = False
        if not allowed or now_s - self._able_since_s >= _STEADY_S:
            self._return_after_s = RETURN_AFTER_S
