"""The one thread that commits bars: in groups, official bars at once, live bars every so often.

It takes what changed from a BarSource, so a slow database makes its batches larger, never a queue longer. What could
not be committed it keeps, merged by evidence, and tries again: merging twice changes nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from src.core.domain.market.bar import Bar, merge_evidence
from src.core.errors import DatabaseUnavailableError
from src.core.ports import BarSource
from src.infrastructure.database.flush_interval import FlushInterval
from src.infrastructure.database.tickstock_db import TickStockDatabase

logger = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.1
_RETRY_CAP_S = 5.0
_STOP_DEADLINE_S = 2.0
_WARN_INTERVAL_S = 60.0


class DatabaseBarWriter:
    """Commits what `source` gives. `wake` may be called from the socket's thread: it never waits for a database.

    `interval` decides how long live bars wait; `monotonic` reads seconds that never step back.
    """

    def __init__(
        self,
        database: TickStockDatabase,
        source: BarSource,
        interval: FlushInterval,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._source = source
        self._interval = interval
        self._monotonic = monotonic
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], Bar] = {}  # this thread's own
        self._submitted: list[tuple[Sequence[Bar], threading.Event]] = []
        self._states: dict[str, Any] = {}
        self._committed_rows = 0
        self._commits = 0
        self._refused_rows = 0
        self._last_commit_s = 0.0
        self._failing_since_s: float | None = None
        self._warned_s = float("-inf")

    def start(self) -> None:
        """Starts the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="bar-writer", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Official bars are there to be taken: commit now."""
        self._wake.set()

    def submit(self, bars: Sequence[Bar]) -> bool:
        """Hands over bars that did not come from the source, and waits until they are committed.

        False when the writer was stopped first. Never to be called on the socket's thread.
        """
        done = threading.Event()
        with self._lock:
            self._submitted.append((bars, done))
        self._wake.set()
        while not done.wait(0.2):
            if self._stopping.is_set() and not self._alive():
                return done.is_set()
        return True

    def post_state(self, key: str, value: Any) -> None:
        """Keeps a small fact with one of the next commits; of several for one key the last."""
        with self._lock:
            self._states[key] = value

    def stop(self) -> None:
        """Commits what is there (for some 3 s at most, if the database does not answer) and ends the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_DEADLINE_S + 3)

    def snapshot(self) -> dict[str, Any]:
        """The writer's health: durations in seconds, counts since the start."""
        failing_since_s = self._failing_since_s
        return {
            "commits": self._commits,
            "rows": self._committed_rows,
            "refused_rows": self._refused_rows,
            "waiting_bars": len(self._pending),
            "last_commit_s": round(self._last_commit_s, 4),
            "live_flush_ms": self._interval.current_ms,
            "failing_for_s": None if failing_since_s is None else round(self._monotonic() - failing_since_s, 1),
        }

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        live_due_s = self._monotonic()
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, live_due_s - self._monotonic()))
            self._wake.clear()
            try:
                live_due_s = self._run_once(live_due_s)
            except Exception:
                logger.exception("A group of bars could not be taken.")
                self._stopping.wait(_RETRY_FIRST_S)
        self._drain()

    def _run_once(self, live_due_s: float) -> float:
        """Commits what is there to commit; when live bars are due next."""
        waiting = self._take(self._source.take_official())
        if self._monotonic() >= live_due_s:
            live = self._source.take_live()
            self._take(live)
            live_due_s = self._monotonic() + self._interval.after(len(live), self._monotonic())
        self._commit_until_done(waiting)
        return live_due_s

    def _take(self, bars: Sequence[Bar]) -> list[threading.Event]:
        with self._lock:
            submitted, self._submitted = self._submitted, []
        for batch in (bars, *(batch for batch, _ in submitted)):
            for bar in batch:
                key = (bar.symbol, bar.timestamp)
                known = self._pending.get(key)
                self._pending[key] = bar if known is None else merge_evidence(known, bar)
        return [done for _, done in submitted]

    def _commit_until_done(self, waiting: list[threading.Event]) -> None:
        """Commits all that is pending; while the database is away, takes on what comes and tries again."""
        retry_s = _RETRY_FIRST_S
        while not self._commit():
            if self._stopping.wait(retry_s):
                break
            retry_s = min(_RETRY_CAP_S, retry_s * 2)
            waiting += self._take(self._source.take_official() + self._source.take_live())
        else:
            for done in waiting:
                done.set()

    def _commit(self) -> bool:
        with self._lock:
            states, self._states = self._states, {}
        started_s = self._monotonic()
        try:
            if self._pending:
                refused = self._database.merge(self._pending.values()).refused
                self._refused_rows += refused
                self._committed_rows += len(self._pending) - refused
                self._commits += 1
                self._last_commit_s = self._monotonic() - started_s
                self._pending.clear()
            self._source.committed()
            for key, value in states.items():
                self._database.set_state(key, value)
            self._database.forget_old_changes()
        except Exception as error:  # noqa: BLE001  whatever it is, bars must not be lost with this thread
            self._report_failure(error)
            with self._lock:
                self._states = {**states, **self._states}
            return False
        if self._failing_since_s is not None:
            logger.info("The database answers again.")
            self._failing_since_s = None
        return True

    def _report_failure(self, error: Exception) -> None:
        now_s = self._monotonic()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        if now_s - self._warned_s >= _WARN_INTERVAL_S:
            self._warned_s = now_s
            known = isinstance(error, DatabaseUnavailableError)
            text = "%s %d bars wait in memory; trying again."
            logger.warning(text, error, len(self._pending), exc_info=None if known else error)

    def _drain(self) -> None:
        deadline_s = self._monotonic() + _STOP_DEADLINE_S
        waiting = self._take(self._source.take_official() + self._source.take_live())
        while not self._commit():
            if self._monotonic() >= deadline_s:
                logger.error("%d bars could not be committed before the stop.", len(self._pending))
                return
            time.sleep(_RETRY_FIRST_S)
        for done in waiting:
            done.set()
