"""Whether a connection has gone silent while the others hear. Pure: times are arguments, in seconds.

A server can go mute and keep the connection, answers to pings included. Alone that looks like a quiet market; beside
other connections that hear all the while it does not, where the silence is far longer than those this one had before.
"""

from collections import deque

# So long must have been listened to, and so often must something have come in the last five minutes, before a silence
# means anything.
LEARN_S = 60.0
LEAST_TIMES = 10
# A silence must be so much longer than the longest of the last five minutes, and at least so long.
_TIMES_LONGER = 3.0
LEAST_S = 5.0
_BUCKET_S = 60.0
_BUCKETS = 5
# The others hear steadily while they never pause for longer.
_STEADY_S = 2.0


class Hearing:
    """What one connection and the others hear, as counts of messages that only grow, from `now_s` on.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._silent = False
        self._count = 0
        self._heard_s = now_s
        self._others = 0
        self._others_heard_s = self._others_steady_s = now_s
        self._bucket_s = now_s
        self._longest_s = deque([0.0], maxlen=_BUCKETS)  # by minute
        self._times = deque([0], maxlen=_BUCKETS)  # that something came, by minute

    def look(self, count: int, others: int, up: bool, expects: bool, now_s: float) -> bool:
        """Takes the counts at `now_s`; True while this one has gone silent: until something comes, or it is not up.

        `expects`: whether anything can come; while not, nothing is learnt.
        """
        self._hear_others(others, now_s)
        if now_s - self._bucket_s >= _BUCKET_S:
            self._bucket_s = now_s
            self._longest_s.append(0.0)
            self._times.append(0)
        if count != self._count or not up or not (expects or self._silent):
            if count != self._count:
                self._times[-1] += 1
                self._note(now_s)
            self._count, self._heard_s, self._silent = count, now_s, False
        if not self._silent and self._has_gone_silent(now_s):
            self._silent = True
            self._note(now_s)  # if it was none, the next one has to be longer
        return self._silent

    def quiet_s(self, now_s: float) -> float:
        """For how long nothing came."""
        return now_s - self._heard_s

    def _note(self, now_s: float) -> None:
        self._longest_s[-1] = max(self._longest_s[-1], self.quiet_s(now_s))

    def _hear_others(self, others: int, now_s: float) -> None:
        if now_s - self._others_heard_s > _STEADY_S:
            self._others_steady_s = now_s
        if others != self._others:
            self._others, self._others_heard_s = others, now_s

    def _has_gone_silent(self, now_s: float) -> bool:
        quiet_s = self.quiet_s(now_s)
        steady = now_s - self._others_steady_s >= quiet_s
        patience_s = max(LEAST_S, _TIMES_LONGER * max(self._longest_s))
        learnt = now_s - self._since_s >= LEARN_S and sum(self._times) >= LEAST_TIMES
        return learnt and steady and quiet_s > patience_s
