"""When to say that bars have stopped, and that they are back. Pure: times are arguments, epoch ms."""

import enum
from typing import NamedTuple

# Shorter interruptions heal by themselves, and say so on the page.
STOPPED_AFTER_MS = 60_000
# A feed that comes and goes is back only when it stays.
BACK_AFTER_MS = 10_000


class AlertKind(enum.StrEnum):
    """What an alert tells."""

    BARS_STOPPED = "bars_stopped"
    BARS_BACK = "bars_back"


class Alert(NamedTuple):
    """Bars stopped at `since_ms`, for a `reason` (a sentence); `at_ms` is when that, or their return, was certain."""

    kind: AlertKind
    since_ms: int
    at_ms: int
    reason: str


class BarsWatch:
    """Tells once that bars stopped and once that they are back, however often the feed comes and goes in between.

    `stopped_ms` is the outage that was told already, in an earlier life of the program; None for none.
    """

    def __init__(self, stopped_ms: int | None = None) -> None:
        self._told_ms = stopped_ms
        self._trouble_ms: int | None = None
        self._back_ms: int | None = None
        self._reason = ""

    def look(self, trouble: str | None, arrived_ms: int | None, expected: bool, now_ms: int) -> Alert | None:
        """What is to be told now.

        `trouble` says what keeps bars away, None for nothing; `arrived_ms` when the last came; `expected` whether the
        market, or a simulated feed, is to send any now.
        """
        if self._told_ms is None:
            return self._look_for_stop(trouble, expected, now_ms)
        arrives = trouble is None and arrived_ms is not None and arrived_ms > self._told_ms
        return self._look_for_return(self._told_ms, arrives, now_ms)

    def _look_for_stop(self, trouble: str | None, expected: bool, now_ms: int) -> Alert | None:
        if trouble is None or not expected:
            self._trouble_ms = None
            return None
        if self._trouble_ms is None:
            self._trouble_ms = now_ms
        if now_ms - self._trouble_ms < STOPPED_AFTER_MS:
            return None
        self._told_ms, self._back_ms, self._reason = self._trouble_ms, None, trouble
        return Alert(AlertKind.BARS_STOPPED, self._trouble_ms, now_ms, trouble)

    def _look_for_return(self, told_ms: int, arrives: bool, now_ms: int) -> Alert | None:
        if not arrives:
            self._back_ms = None
            return None
        if self._back_ms is None:
            self._back_ms = now_ms
        if now_ms - self._back_ms < BACK_AFTER_MS:
            return None
        self._told_ms = self._trouble_ms = None
        return Alert(AlertKind.BARS_BACK, told_ms, now_ms, self._reason)
