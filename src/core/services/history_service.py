"""Has history loaded beside the feed: what is asked for, and what was interrupted. One thread."""

import datetime as dt
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from src.core.domain.market.bar import Bar
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.history import Load, LoadState, Timespan, words
from src.core.domain.pace import Pace
from src.core.errors import ActionRefusedError, DatabaseUnavailableError
from src.core.ports import Job
from src.core.services.history_loader import Conduct, HistoryParts, HistoryRun
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 60.0
_TURN_S = 1.0
_MOST_ASKED = 100
_WAITS = "It waits while gaps are repaired."
_BROKE = "It ended by an error in the program, which its log tells of."


class _Now(NamedTuple):
    """The load that is carried out, and what ends it."""

    id: str
    stopping: threading.Event
    pace: Pace


class HistoryService:
    """Carries out loads, from `start` to `stop`, one after another. They wait while `is_urgent` says that the vendor is
    needed for something more urgent; `submit_days` has days committed (False when some could not be)."""

    def __init__(
        self, parts: HistoryParts, submit_days: Callable[[Sequence[DailyBar]], bool], is_urgent: Callable[[], bool]
    ) -> None:
        self._parts = parts
        self._submit_days = submit_days
        self._is_urgent = is_urgent
        self._asked: deque[str] = deque()  # ids of loads; the first is under way
        self._asking = threading.Lock()  # what is asked for is in the log and in the queue, or in neither
        self._cancelled: dict[str, str] = {}  # by whom
        self._now: _Now | None = None
        self._load: Load | None = None
        self._worker = Worker("history", parts.clock, "History could not be loaded.")

    def start(self, submit: Callable[[Sequence[Bar]], bool]) -> None:
        """Starts the thread; `submit` has minutes committed."""
        self._worker.start(lambda: self._turn(submit), self._recall)

    def close(self) -> None:
        """Has the thread end: to be told before the vendor's side is closed, which then fails nothing."""
        self._worker.close()
        if (now := self._now) is not None:
            now.stopping.set()

    def stop(self) -> None:
        """Ends the thread; what is under way, and what waits, goes on at the next start."""
        self.close()
        self._worker.stop()
        self._asked.clear()  # the log knows it

    def ask(self, job: Job) -> str:
        """Takes on a load, or goes on with one; the sentence that says so. Any thread may call.

        The arguments are the load's `id`, `timespan`, `symbols` (a list), `from_date` and `to_date` (YYYY-MM-DD).
        Raises ActionRefusedError.
        """
        load = self._asked_for(job)
        if len(self._asked) >= _MOST_ASKED:
            raise ActionRefusedError(f"{_MOST_ASKED} loads wait already; ask again when they are done.")
        with self._asking:
            waiting = len(self._asked)
            try:
                if self._parts.log.find(load.id) is None:
                    self._parts.log.begin(load)
            except DatabaseUnavailableError as error:
                raise ActionRefusedError(str(error)) from error
            if load.id not in self._asked:
                self._asked.append(load.id)
        self._worker.wake()
        return f"It will be loaded{f' after {waiting} others' if waiting else ''}, when no gap waits to be repaired."

    def _asked_for(self, job: Job) -> Load:
        told = job.arguments
        return Load(
            id=told["id"],
            kind="rest",
            timespan=Timespan(told["timespan"]),
            symbols=tuple(told["symbols"]),
            files=None,
            from_date=dt.date.fromisoformat(told["from_date"]),
            to_date=dt.date.fromisoformat(told["to_date"]),
            actor=job.actor,
            state=LoadState.WAITING,
            asked_ms=self._parts.clock.now_ms(),
        )

    def cancel(self, job: Job) -> str:
        """Ends the load `id` before it is done; what it has loaded stays. Raises ActionRefusedError."""
        load_id = job.arguments["id"]
        with self._asking:
            if load_id not in self._asked:
                raise ActionRefusedError("There is no such load that waits or runs; see flask history loads.")
            self._cancelled[load_id] = job.actor
        if (now := self._now) is not None and now.id == load_id:
            now.stopping.set()
        self._worker.wake()
        return "It is ended; what it has loaded stays."

    def snapshot(self) -> dict[str, Any]:
        """What is loaded now: `running`, or `waiting` for the repair of gaps; how far, and how fast in units a minute
        (None while that is not known)."""
        now, load = self._now, self._load
        if now is None or load is None:
            return {"state": "idle", "id": None, "done": 0, "total": 0, "per_minute": None, "waiting": 0}
        per_s = now.pace.per_s()
        return {
            "state": "waiting" if load.detail == _WAITS else "running",
            "id": load.id,
            "done": load.units_done + load.units_failed,
            "total": load.units_total,
            "per_minute": None if per_s is None else round(per_s * 60, 1),
            "waiting": max(0, len(self._asked) - 1),
        }

    # -- the thread ----------------------------------------------------------------------------------------------

    def _turn(self, submit: Callable[[Sequence[Bar]], bool]) -> float:
        """Carries out what was asked for first; for how many seconds nothing else is to be done."""
        if not self._asked:
            return _LOOK_INTERVAL_S
        try:
            if self._carry_out(self._asked[0], submit):
                self._forget_first()
        except DatabaseUnavailableError:
            raise
        except Exception:
            self._forget_first()
            raise
        return 0.0

    def _recall(self) -> None:
        """Goes on with what was interrupted."""
        with self._asking:
            unfinished = [load.id for load in self._parts.log.unfinished() if load.kind == "rest"]
            self._asked.extend(load_id for load_id in unfinished if load_id not in self._asked)

    def _forget_first(self) -> None:
        with self._asking:
            if self._asked:
                self._cancelled.pop(self._asked.popleft(), None)

    def _carry_out(self, load_id: str, submit: Callable[[Sequence[Bar]], bool]) -> bool:
        """Loads, or the rest of it; False when told to stop before it ended."""
        load = self._parts.log.find(load_id)
        if load is None or load.has_ended:
            return True
        self._now = _Now(load_id, threading.Event(), Pace())
        try:
            if not self._worker.stopping.is_set() and load_id not in self._cancelled:
                conduct = Conduct(submit, self._submit_days, self._now.stopping, self._note, self._await_turn)
                load = HistoryRun(self._parts, load, conduct).run()
        except DatabaseUnavailableError:
            raise
        except Exception:
            self._parts.log.save((self._load or load).ended(self._parts.clock.now_ms(), _BROKE))
            raise
        finally:
            self._now = self._load = None
        if load_id in self._cancelled and not load.has_ended:
            load = load.ended(self._parts.clock.now_ms(), f"It was ended by {self._cancelled[load_id]}.")
            self._parts.log.save(load)
        if load.has_ended:
            logger.log(logging.INFO if load.state is LoadState.DONE else logging.WARNING, words(load))
        return load.has_ended

    def _note(self, load: Load) -> None:
        self._load = load
        if self._now is not None:
            self._now.pace.note(load.units_done + load.units_failed, self._parts.clock.monotonic())

    def _await_turn(self, load: Load) -> None:
        if self._now is None or not self._is_urgent():
            return
        self._load = waits = load.with_detail(_WAITS)
        with suppress(DatabaseUnavailableError):
            self._parts.log.save(waits)
        while self._is_urgent() and not self._parts.clock.wait(self._now.stopping, _TURN_S):
            pass
