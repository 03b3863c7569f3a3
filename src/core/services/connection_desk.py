"""Where administrators and connections meet: what is asked is carried out, what happens is logged. One thread.

The feed's threads only leave events here, in memory; the thread `connection-desk` is the one that asks and writes the
database, and the one on which actions run.
"""

import logging
import reprlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from src.core.domain.connection.chronicle import Chronicle
from src.core.domain.connection.event import ConnectionEvent
from src.core.domain.connection.state import StatusChange
from src.core.errors import ActionRefusedError, DatabaseUnavailableError, RowRefusedError
from src.core.ports import Clock, ConnectionControl, EventRecorder, Job, JobAnswer, JobInbox

logger = logging.getLogger(__name__)

# A job may name all symbols of a market; its line in the log names some.
_SHORT = reprlib.Repr()
_SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring = 5, 10, 80
_LOOK_INTERVAL_S = 0.2
_MOST_WAITING = 1_000  # events, while the database is away
_MOST_A_TRANSACTION = 100
_STOP_DEADLINE_S = 1.0
_FAILED = "This went wrong by an error in the program; its log has the details."


class ConnectionDesk:
    """Carries out jobs on `control` and writes events to `recorder`, from `start` to `stop`.

    `note` and `note_status` may be called on a socket's thread: they wait for nothing. `write_gaps` writes what is to
    be written of gaps. `others` carry out jobs that are not about connections, by their kind: each gives a sentence, or
    refuses.
    """

    def __init__(
        self,
        control: ConnectionControl,
        inbox: JobInbox,
        recorder: EventRecorder,
        clock: Clock,
        write_gaps: Callable[[], None],
        others: Mapping[str, Callable[[Job], str]] | None = None,
    ) -> None:
        self._control = control
        self._inbox = inbox
        self._recorder = recorder
        self._clock = clock
        self._write_gaps = write_gaps
        self._others = others or {}
        self._chronicle = Chronicle()
        self._lock = threading.Lock()
        self._events: deque[ConnectionEvent] = deque(maxlen=_MOST_WAITING)
        self._dropped = 0
        self._batch: list[ConnectionEvent] = []  # this thread's own, like the next: what is being written
        self._answers: dict[str, JobAnswer] = {}  # of jobs that were carried out, as long as that is not written
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="connection-desk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes the events that wait (for a second at most, if the database does not answer) and ends the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_DEADLINE_S + 0.5)

    def note_status(self, change: StatusChange) -> None:
        """Notes a change of a connection's status, if it makes an event."""
        with self._lock:
            event = self._chronicle.event_of(change, self._clock.now_ms())
        if event is not None:
            self.note(event)

    def note(self, event: ConnectionEvent) -> None:
        """Notes an event; while the database is away the newest 1,000 are kept."""
        with self._lock:
            self._dropped += len(self._events) == _MOST_WAITING
            self._events.append(event)
        self._wake.set()

    def snapshot(self) -> dict[str, Any]:
        """Events that wait for the database, and those given up since the start."""
        return {"waiting_events": len(self._events) + len(self._batch), "dropped_events": self._dropped}

    # -- the desk's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_LOOK_INTERVAL_S)  # a look of the machine's time, whatever the clock
            self._wake.clear()
            try:
                self._write_gaps()
                self._write_events()
                self._do_jobs()
            except DatabaseUnavailableError:  # the writer of bars says so; what is due stays due
                self._stopping.wait(_LOOK_INTERVAL_S)
            except Exception:
                logger.exception("The desk of the connections could not do its work.")
                self._stopping.wait(_LOOK_INTERVAL_S)
        self._drain()

    def _do_jobs(self) -> None:
        """Carries out each job once, even if its answer cannot be written for a while."""
        self._hand_answers_in()
        for job in self._inbox.waiting():
            self._answers[job.id] = self._carry_out(job)
            self._hand_answers_in()

    def _hand_answers_in(self) -> None:
        for job_id, answer in list(self._answers.items()):
            self._inbox.finish(job_id, answer)
            del self._answers[job_id]

    def _carry_out(self, job: Job) -> JobAnswer:
        what = f"{job.kind} {_SHORT.repr(dict(job.arguments))}"
        try:
            said = self._act(job)
        except ActionRefusedError as error:
            logger.warning("%s, asked by %s, was refused: %s", what, job.actor, error)
            return JobAnswer("refused", str(error))
        except Exception:
            logger.exception("%s, asked by %s, failed by an error in the program.", what, job.actor)
            return JobAnswer("refused", _FAILED)
        logger.info("%s, asked by %s: %s", what, job.actor, said)
        return JobAnswer("done", said)

    def _act(self, job: Job) -> str:
        """Does what a job asks; the sentence that says what was done."""
        asked = job.arguments
        match job.kind:
            case "connection.pause":
                return self._control.pause(asked["connection_id"], job.actor)
            case "connection.resume":
                return self._control.resume(asked["connection_id"], job.actor)
            case "connection.reconnect":
                return self._control.reconnect(asked["connection_id"], job.actor)
            case "connection.move":
                return self._control.move(asked["ticker"], asked["connection_id"], job.actor)
        if job.kind in self._others:
            return self._others[job.kind](job)
        raise ActionRefusedError(f"{job.kind} is nothing that this version can do.")

    def _write_events(self) -> None:
        while self._batch or self._take_batch():
            try:
                self._recorder.record(self._batch)
            except RowRefusedError as error:
                logger.warning("%d events of connections are not in their log. %s", len(self._batch), error)
            self._batch = []

    def _take_batch(self) -> bool:
        with self._lock:
            self._batch = [self._events.popleft() for _ in range(min(len(self._events), _MOST_A_TRANSACTION))]
        return bool(self._batch)

    def _drain(self) -> None:
        deadline_s = self._clock.monotonic() + _STOP_DEADLINE_S
        while True:
            try:
                self._write_gaps()
                self._write_events()
            except DatabaseUnavailableError:
                if self._clock.monotonic() >= deadline_s:
                    return
                self._clock.wait(threading.Event(), _LOOK_INTERVAL_S)
            except Exception:
                logger.exception("What the desk of the connections had left to write is lost.")
                return
            else:
                return
