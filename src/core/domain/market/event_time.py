"""Event time: what time it is by the feed's own data. Pure: clocks are arguments.

A feed is behind the machine's clock by some seconds, a delayed one by minutes, a replay by years. The smallest
distance of the last minutes between data and clock tells what the feed would say now, though it says nothing. It is
measured with the wall clock and with the monotonic one, and the later answer counts: the wall clock can be set back,
and the monotonic one stands still while a machine sleeps. Too late an answer makes a gap wider; too early a one would
leave minutes out.
"""

_BUCKET_S = 300.0  # after this long without confirmation a distance counts no more: the clock may have been set


class EventTime:
    """Not safe for threads: its owner serialises the calls. Times are epoch ms, `_s` monotonic seconds.

    While nothing is known it is the wall clock's time.
    """

    def __init__(self) -> None:
        self.heard_s: float | None = None  # when something was heard for the first time
        self._wall = _Smallest(float("inf"))
        self._monotonic = _Smallest(float("inf"))

    def assume(self, behind_ms: float) -> None:
        """The feed was so far behind the wall clock in an earlier life."""
        self._wall = _Smallest(behind_ms)

    def hear(self, event_ms: int, now_ms: int, now_s: float) -> None:
        """Data came of which the newest is from `event_ms` (the end of its window)."""
        if self.heard_s is None:
            self.heard_s = now_s
        self._wall.take(now_ms - event_ms, now_s)
        self._monotonic.take(now_s * 1000 - event_ms, now_s)

    def at(self, then_s: float, now_ms: int, now_s: float) -> int:
        """The event time at `then_s`, a moment of before or now."""
        then_ms = now_ms - (now_s - then_s) * 1000
        if self.heard_s is None and self._wall.value == float("inf"):
            return round(then_ms)
        return round(max(then_ms - self._wall.value, then_s * 1000 - self._monotonic.value))

    def behind_ms(self, now_ms: int, now_s: float) -> int:
        """How far event time is behind the wall clock; negative if the clock was set back."""
        return now_ms - self.at(now_s, now_ms, now_s)

    def surely_behind_ms(self, now_ms: int, now_s: float) -> int:
        """The same where the earlier answer counts, so that no minute is taken to have ended before it has."""
        if self.heard_s is None:
            return 0 if self._wall.value == float("inf") else round(self._wall.value)
        return round(max(self._wall.value, now_ms - (now_s * 1000 - self._monotonic.value)))


class _Smallest:
    """The smallest of what was taken in the last five to ten minutes in which anything was."""

    def __init__(self, value: float) -> None:
        self.value = self._before = self._bucket = value
        self._bucket_s: float | None = None

    def take(self, value: float, now_s: float) -> None:
        if self._bucket_s is None or now_s - self._bucket_s >= _BUCKET_S:
            self._before, self._bucket, self._bucket_s = self._bucket, value, now_s
        elif value < self._bucket:
            self._bucket = value
        else:
            return
        self.value = min(self._before, self._bucket)
