"""The one thread that commits bars: in groups, official bars at once, live bars every so often.

It takes what changed from a BarSource, so a slow database makes its batches larger, never a queue longer. While the
database takes none, bars go to the spool on local disk, and what is still forming waits in memory; both are stored
when it is back, beside what comes. Merging twice changes nothing, so what may have been committed is merged again.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from src.core.domain.market.bar import Bar, Tier
from src.core.errors import DatabaseUnavailableError
from src.core.ports import BarSource, Clock
from src.infrastructure.database.flush_interval import FlushInterval
from src.infrastructure.database.pending_bars import PendingBars
from src.infrastructure.database.spool import OnLost, Spool
from src.infrastructure.database.spool_record import key_of
from src.infrastructure.database.tickstock_db import MAX_ROWS_A_TRANSACTION, TickStockDatabase
from src.infrastructure.database.write_outage import WriteOutage
from src.infrastructure.observability.status_file import TOLD_ASIDE, StatusFile

logger = logging.getLogger(__name__)

# Bars in memory: measured 58 MB for 100,000.
MEMORY_LIMIT = 1_000_000
_STOP_DEADLINE_S = 2.0
_WARN_INTERVAL_S = 60.0
_ERROR_PAUSE_S = 0.1
# From so long a failure on, bars are put aside on disk, so often.
_PUT_ASIDE_AFTER_S = 1.0
_PUT_ASIDE_EVERY_S = 1.0
_SPOOL_PAUSE_S = 5.0
# The newest minutes of the spool are stored before a start seeds its open minutes from what is stored.
_SEEDED_SPAN_MS = 240_000
# A status that was not stored for so long is told by a file.
_UNTOLD_S = 2.0
_UP_TO_WHEN = "heard"


class DatabaseBarWriter:
    """Commits what `source` gives. `wake` may be called from the socket's thread: it never waits for a database.

    `interval` decides how long live bars wait. `on_lost` is told, on any thread, of bars that could be kept neither in
    the database nor on disk nor in memory: their symbols and minutes, and why, a sentence.
    """

    def __init__(
        self,
        database: TickStockDatabase,
        source: BarSource,
        interval: FlushInterval,
        clock: Clock,
        spool: Spool,
        status_file: StatusFile,
        on_lost: OnLost,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self._database = database
        self._source = source
        self._interval = interval
        self._clock = clock
        self._spool = spool
        self._status_file = status_file
        self._on_lost = on_lost
        self._pending = PendingBars(memory_limit)
        self._outage = WriteOutage()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._submitted: list[tuple[Sequence[Bar], threading.Event]] = []
        self._waiting: list[tuple[Sequence[Bar], threading.Event]] = []
        self._states: dict[str, Any] = {}
        self._told_aside: dict[str, Any] = {}
        self._told_s = float("-inf")  # when the states were last stored
        self._is_held = False  # the database is not to be written to yet
        self._committing_since: tuple[float, int] | None = None
        self._live_due_s = float("-inf")
        self._put_aside_due_s = float("-inf")
        self._spool_due_s = float("-inf")
        self._committed_rows = 0
        self._commits = 0
        self._refused_rows = 0
        self._lost_bars = 0
        self._last_commit_s = 0.0
        self._lasts_s: int | None = None
        self._warned_s = float("-inf")

    # -- life ------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Before the first evidence is stamped: takes up the spool, and stores its newest minutes, from which a start
        seeds the open ones. Raises DatabaseUnavailableError."""
        self._database.load_clock()
        self._spool.open(self._database.database_id)
        self._database.clock.raise_floor(self._spool.newest_stamp_us)
        self._store_spooled(self._spool.newest(_SEEDED_SPAN_MS))
        self._status_file.remove()
        self._outage = WriteOutage()
        self._told_s = self._clock.monotonic()

    def hold(self, reason: str) -> None:
        """Before the start: the database does not answer, and why, a sentence."""
        self._outage.failed(reason, self._clock.monotonic(), self._clock.now_ms())

    def prepare_apart(self, database_id: str, stamp_us: int) -> list[Bar]:
        """In place of `prepare`, for a database that does not answer: bars wait on disk for the one of that id, and new
        evidence is stamped after `stamp_us`. Gives the live bars of the spool's newest minutes."""
        self._spool.open(database_id)
        self._database.clock.raise_floor(max(stamp_us, self._spool.newest_stamp_us))
        self._is_held = True
        return [bar for bar in self._spool.newest(_SEEDED_SPAN_MS) if bar.tier == Tier.LIVE]

    def release(self) -> None:
        """After `prepare_apart`: the database may be written to."""
        self._outage.retry_due_s = float("-inf")
        self._is_held = False

    def start(self) -> None:
        """Starts the thread."""
        self._stopping.clear()
        self._live_due_s = self._clock.monotonic()
        self._thread = threading.Thread(target=self._run, name="bar-writer", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Official bars are there to be taken: commit now."""
        self._wake.set()

    def submit(self, bars: Sequence[Bar]) -> bool:
        """Hands over bars that did not come from the source, and waits until they are committed, or on disk.

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
        """Keeps a small fact with one of the next commits; of several for one key the last.

        While the database takes none, the status goes to a file, with what else readers ask for.
        """
        with self._lock:
            self._states[key] = value
        if key in TOLD_ASIDE:
            self._told_aside[key] = value
        if key == "status" and self._clock.monotonic() - self._told_s > _UNTOLD_S:
            self._status_file.write({**value, **self._told_aside})

    def stop(self) -> None:
        """Stores what is there, or puts it on disk within some 2 s if the database does not answer; ends the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_DEADLINE_S)
            if self._alive():  # the database holds it up
                self._put_all_aside()
                self._thread.join(_STOP_DEADLINE_S)

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # -- health ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The writer's health: durations in seconds, counts since the start; `since` is epoch ms."""
        failing_for_s = self._outage.lasted_s(self._clock.monotonic())
        return {
            "commits": self._commits,
            "rows": self._committed_rows,
            "refused_rows": self._refused_rows,
            "waiting_bars": len(self._pending) + self._spool.count,
            "last_commit_s": round(self._last_commit_s, 4),
            "live_flush_ms": self._interval.current_ms,
            "failing_for_s": None if failing_for_s is None else round(failing_for_s, 1),
            "storage": self._storage(),
        }

    def _storage(self) -> dict[str, Any]:
        since_ms, reason = self._outage.since_ms, self._outage.reason
        committing = self._committing_since
        if since_ms is None and committing and (waited_s := self._clock.monotonic() - committing[0]) > _UNTOLD_S:
            since_ms, reason = committing[1], f"It has not answered for {waited_s:.0f} s."
        if self._spool.trouble and (since_ms is not None or self._spool.count):
            reason = " ".join(filter(None, [reason, self._spool.trouble]))
        return {
            "since": since_ms,
            "reason": reason,
            "memory_bars": len(self._pending),
            "memory_limit": self._pending.limit,
            "spooled_bars": self._spool.count,
            "spooled_bytes": self._spool.size_bytes,
            "spool_limit_bytes": self._spool.limits.size_bytes,
            "lasts_s": self._lasts_s,
            "lost_bars": self._lost_bars,
            "damaged_rows": self._spool.damaged_rows,
        }

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wait()
            try:
                self._step()
            except Exception:
                logger.exception("A group of bars could not be taken.")
                self._clock.wait(self._stopping, _ERROR_PAUSE_S)
        self._finish()

    def _wait(self) -> None:
        now_s = self._clock.monotonic()
        if self._outage.since_ms is not None:  # what arrives does not hurry a database that is away
            due_s = self._put_aside_due_s if self._is_held else min(self._outage.retry_due_s, self._put_aside_due_s)
            self._clock.wait(self._stopping, max(0.0, due_s - now_s))
        elif not self._has_more():
            self._clock.wait(self._wake, max(0.0, self._live_due_s - now_s))
        self._wake.clear()

    def _has_more(self) -> bool:
        return len(self._pending) > 0 or (self._spool.count > 0 and self._spool.trouble is None)

    def _step(self) -> None:
        """Takes what there is to take; stores a group of it, and a group of what waits on disk."""
        self._take(self._source.take_official())
        now_s = self._clock.monotonic()
        if now_s >= self._live_due_s:
            live = self._source.take_live()
            self._take(live)
            self._live_due_s = now_s + self._interval.after(len(live), now_s)
        if now_s >= self._outage.retry_due_s and not self._is_held:
            self._commit()
        self._put_aside()
        self._release()

    def _take(self, bars: Sequence[Bar]) -> None:
        with self._lock:
            submitted, self._submitted = self._submitted, []
            self._waiting += submitted
        self._pending.add(bars)
        for batch, _ in submitted:
            self._pending.add(batch)

    def _release(self) -> None:
        """Tells who submitted bars that wait no more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for bars, done in waiting:
                if self._pending.holds_any(bars):
                    self._waiting.append((bars, done))
                else:
                    done.set()

    # -- the database ----------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        """Stores one group of each kind, and the states. Whatever goes wrong, nothing is given up."""
        with self._lock:
            states, self._states = self._states, {}
        self._committing_since = (self._clock.monotonic(), self._clock.now_ms())
        try:
            group = self._pending.group(MAX_ROWS_A_TRANSACTION)
            self._store(group)
            self._pending.remove(group)
            if not len(self._pending) and (group or self._outage.since_ms is None):
                self._source.committed()
            self._store_states(states)
            self._database.forget_old_changes()
            self._store_spooled(self._spooled_group())
        except Exception as error:  # noqa: BLE001  whatever it is, bars must not be lost with this thread
            with self._lock:
                self._states = {**states, **self._states}
            self._fail(error)
        else:
            self._succeed()
        finally:
            self._committing_since = None

    def _store_states(self, states: dict[str, Any]) -> None:
        """Stores them; what says up to when bars are stored waits until no other ones do: a kill must leave its gap."""
        for key, value in states.items():
            if key == _UP_TO_WHEN and len(self._pending):
                with self._lock:
                    self._states.setdefault(key, value)
            else:
                self._database.set_state(key, value)

    def _store(self, bars: Sequence[Bar]) -> None:
        if not bars:
            return
        started_s = self._clock.monotonic()
        refusals = self._database.merge(bars).refusals
        self._refused_rows += len(refusals)
        self._committed_rows += len(bars) - len(refusals)
        self._commits += 1
        self._last_commit_s = self._clock.monotonic() - started_s
        for bar, words in refusals:
            self._on_lost([key_of(bar)], words)

    def _spooled_group(self) -> list[Bar]:
        """What is to be stored next of what waits on disk; a spool in trouble is left alone for a while."""
        now_s = self._clock.monotonic()
        if now_s < self._spool_due_s:
            return []
        bars = self._spool.take(MAX_ROWS_A_TRANSACTION)
        if self._spool.trouble is not None:
            self._spool_due_s = now_s + _SPOOL_PAUSE_S
        return bars

    def _store_spooled(self, bars: Sequence[Bar]) -> None:
        self._store(bars)
        self._spool.drop(bars)

    def _succeed(self) -> None:
        self._told_s = self._clock.monotonic()
        if self._outage.since_ms is not None:
            logger.info("The database answers again.")
            self._outage = WriteOutage()
            self._lasts_s = None

    def _fail(self, error: Exception) -> None:
        now_s = self._clock.monotonic()
        known = isinstance(error, DatabaseUnavailableError)
        reason = str(error) if known else f"There was an error in the program ({type(error).__name__})."
        if self._outage.since_ms is None:
            self._put_aside_due_s = now_s + _PUT_ASIDE_AFTER_S
        self._outage.failed(reason, now_s, self._clock.now_ms())
        if now_s - self._warned_s >= _WARN_INTERVAL_S:
            self._warned_s = now_s
            text = "%s %d bars wait in memory and %d on disk; trying again."
            logger.warning(text, reason, len(self._pending), self._spool.count, exc_info=None if known else error)

    # -- the disk --------------------------------------------------------------------------------------------------

    def _put_aside(self) -> None:
        """While the database takes none: what can change no more goes to disk; what is too much for memory is lost."""
        now_s = self._clock.monotonic()
        if self._outage.since_ms is None or now_s < self._put_aside_due_s:
            return
        self._put_aside_due_s = now_s + _PUT_ASIDE_EVERY_S
        self._spool_bars(self._pending.settled())
        if gone := self._pending.let_go():
            self._lost_bars += len(gone)
            logger.error("%d bars were given up: there is no room left in memory.", len(gone))
            self._on_lost([key_of(bar) for bar in gone], "There was no room left for bars that wait for the database.")
        self._outage.note(len(self._pending) + self._spool.count, now_s)
        self._lasts_s = self._outage.lasts_s(self._spool.room() + self._pending.limit - len(self._pending))

    def _spool_bars(self, bars: Sequence[Bar]) -> None:
        if bars:
            self._pending.remove(bars[: self._spool.put(bars)])

    def _put_all_aside(self) -> None:
        self._take([*self._source.take_official(), *self._source.take_live()])
        self._spool_bars(self._pending.all())
        self._release()

    def _finish(self) -> None:
        """Stores everything; what the database does not take at once goes to disk, what is still forming too."""
        deadline_s = self._clock.monotonic() + _STOP_DEADLINE_S
        self._take([*self._source.take_official(), *self._source.take_live()])
        while self._outage.since_ms is None and self._clock.monotonic() < deadline_s:
            self._commit()
            if not len(self._pending):
                break
        self._put_all_aside()
        if len(self._pending):
            logger.error("%d bars could be neither committed nor put on disk before the stop.", len(self._pending))
        self._spool.close()
