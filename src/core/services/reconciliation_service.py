"""Has days compared with the vendor's bars: what is asked for, what was interrupted, and what is due. One thread."""

import datetime as dt
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.core.domain.market.bar import Bar
from src.core.domain.market.reconciliation import (
    Request,
    Run,
    RunState,
    check_date,
    date_bounds_ms,
    due_dates,
    is_settled,
    words,
)
from src.core.domain.market.session import CalendarRangeError, SessionTable
from src.core.errors import ActionRefusedError, DatabaseUnavailableError, FlatFileError
from src.core.ports import Clock, DayFiles, Job, RunLog
from src.core.services.reconciler import Conduct, Reconciler
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 60.0
_TURN_S = 1.0
_MOST_ASKED = 100


class ReconciliationService:
    """Carries out runs by `reconciler`, from `start` to `stop`: what was interrupted and what is asked for, then of its
    own accord the last trading days of `calendar` (None: every day trades).

    What it does of its own accord waits while `is_urgent` says that the vendor is needed for something more urgent.
    `lag_ms` tells by how much the feed's time is behind the clock: days are over by the feed's time.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        log: RunLog,
        files: DayFiles,
        calendar: SessionTable | None,
        clock: Clock,
        lag_ms: Callable[[], int],
        is_urgent: Callable[[], bool],
    ) -> None:
        self._reconciler = reconciler
        self._log = log
        self._files = files
        self._calendar = calendar
        self._clock = clock
        self._lag_ms = lag_ms
        self._is_urgent = is_urgent
        self._asked: deque[Request] = deque()  # the first is under way
        self._asking = threading.Lock()  # what is asked for is in the log and in the queue, or in neither
        self._all_final: set[dt.date] = set()  # days whose bars were looked at, and are: the thread's own
        self._now: Run | None = None
        self._last: Run | None = None
        self._holds = False
        self._worker = Worker("reconcile", clock, "A day could not be compared.")

    def start(self, submit: Callable[[Sequence[Bar]], bool]) -> None:
        """Starts the thread; `submit` has bars committed."""
        self._worker.start(lambda: self._turn(submit), self._recall)

    def close(self) -> None:
        """Has the thread end: to be told before the vendor's side is closed, which then fails nothing."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread; what is under way, and what waits, goes on at the next start."""
        self._worker.stop()
        self._asked.clear()  # the log knows it

    def ask(self, job: Job) -> str:
        """Takes on a run that somebody asks for, with the job's id; the sentence that says so.

        The arguments are `date` (YYYY-MM-DD), `symbols` (a list, None for all that are kept) and `file` (an absolute
        path, None for REST). Raises ActionRefusedError. Any thread may call.
        """
        request = self._request(job)
        if len(self._asked) >= _MOST_ASKED:
            raise ActionRefusedError(f"{_MOST_ASKED} days wait to be compared already; ask again when they are done.")
        waits = Run(*request, state=RunState.WAITING, started_ms=self._clock.now_ms(), total=0)
        with self._asking:
            waiting = len(self._asked)
            try:
                self._log.begin(waits)
            except DatabaseUnavailableError as error:
                raise ActionRefusedError(str(error)) from error
            self._asked.append(request)
        self._worker.wake()
        return f"{request.date} will be compared{f' after {waiting} others' if waiting else ''}."

    def _request(self, job: Job) -> Request:
        symbols, file = job.arguments["symbols"], job.arguments["file"]
        date = dt.date.fromisoformat(job.arguments["date"])
        try:
            check_date(date, self._clock.now_ms() - self._lag_ms(), self._calendar)
            if file is not None:
                self._files.check(file)
        except (CalendarRangeError, FlatFileError) as error:
            raise ActionRefusedError(f"The process that ingests says: {error}") from error
        return Request(job.id, date, None if symbols is None else tuple(symbols), file)

    def snapshot(self) -> dict[str, Any]:
        """What runs (`running`, or `waiting` for the repair of gaps), how far it is, and what the last run found."""
        run, last = self._now, self._last
        return {
            "state": "idle" if run is None else "waiting" if self._holds else "running",
            "date": None if run is None else run.date.isoformat(),
            "done": 0 if run is None else run.done_count,
            "total": 0 if run is None else run.total,
            "last": None if last is None else _told(last),
        }

    # -- the thread ----------------------------------------------------------------------------------------------

    def _recall(self) -> None:
        """Goes on with what was interrupted, and knows what was found last."""
        self._last = next((run for run in self._log.newest(10) if run.has_ended), None)
        with self._asking:
            known = {request.id for request in self._asked}
            for run in self._log.unfinished():
                if run.id not in known:
                    self._asked.append(Request(run.id, run.date, run.symbols, run.file))

    def _turn(self, submit: Callable[[Sequence[Bar]], bool]) -> float:
        """Carries out what is to be done first; for how many seconds nothing else is."""
        if self._asked:
            try:
                self._carry_out(self._asked[0], Conduct(submit, self._worker.stopping, self._note))
            except DatabaseUnavailableError:
                raise
            except Exception:
                self._asked.popleft()
                raise
            if not self._worker.stopping.is_set():
                self._asked.popleft()
            return 0.0
        request = self._due()
        if request is None:
            return _LOOK_INTERVAL_S
        self._carry_out(request, Conduct(submit, self._worker.stopping, self._note, self._await_turn))
        return 0.0

    def _due(self) -> Request | None:
        """The newest day that is to be compared of its own accord."""
        now_ms = self._clock.now_ms() - self._lag_ms()
        try:
            dates = due_dates(now_ms, self._calendar)
        except CalendarRangeError as error:
            logger.warning("No day is compared of its own accord. %s", error)
            return None
        for date in dates:
            request = Request(uuid.uuid4().hex, date, None, None)
            if self._is_due(request, now_ms):
                return request
        return None

    def _is_due(self, request: Request, now_ms: int) -> bool:
        runs = self._log.of_date(request.date)
        if any(is_settled(run, now_ms) for run in runs):
            return False
        if any(run.continues(request, now_ms) for run in runs):
            return True
        bounds_ms = date_bounds_ms(request.date)
        if request.date not in self._all_final and self._log.has_unsettled(*bounds_ms):
            return True
        self._all_final.add(request.date)
        return self._log.has_given_up(*bounds_ms)

    def _carry_out(self, request: Request, conduct: Conduct) -> None:
        logger.info("Comparing %s with %s.", request.date, request.file or "the vendor's REST side")
        try:
            run = self._reconciler.run(request, conduct)
        finally:
            self._now = None
        if run.state is not RunState.RUNNING:
            logger.log(logging.INFO if run.state is RunState.DONE else logging.WARNING, words(run))
            self._last = run

    def _note(self, run: Run) -> None:
        self._now = run

    def _await_turn(self) -> None:
        self._holds = True
        while self._is_urgent() and not self._clock.wait(self._worker.stopping, _TURN_S):
            pass
        self._holds = False


def _told(run: Run) -> Mapping[str, Any]:
    return {
        "date": run.date.isoformat(),
        "state": run.state.value,
        "bars": run.bars,
        "added": run.added,
        "differed": run.differed,
        "withdrawn": run.withdrawn,
        "failed": len(run.failed),
        "finished_at": run.finished_ms,
    }
