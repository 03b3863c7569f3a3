"""Has flat files imported beside the feed, each import by a process of its own: what is asked for, and what was
interrupted. One thread, which only waits for that process."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from src.core.domain.market.history import Load, LoadState, Timespan, words
from src.core.errors import ActionRefusedError, DatabaseUnavailableError
from src.core.history_ports import STOPPED_STATUS, ImportProcess, LoadLog
from src.core.ports import Clock, Job
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 60.0
_POLL_S = 0.2
_RETRY_S = 5.0
_MOST_ASKED = 100
# What a process that was told to stop ends with: None when this service told it, and its own status.
_STOPPED = (None, STOPPED_STATUS)


class FileImportService:
    """Carries out imports, from `start` to `stop`, one after another. `begin` starts the process that carries out the
    load of an id; `size_of` gives a file's bytes, 0 for one that is not there."""

    def __init__(
        self,
        log: LoadLog,
        begin: Callable[[str], ImportProcess],
        size_of: Callable[[str], int],
        clock: Clock,
    ) -> None:
        self._log = log
        self._begin = begin
        self._size_of = size_of
        self._clock = clock
        self._asked: deque[str] = deque()  # ids of loads; the first is under way
        self._asking = threading.Lock()  # what is asked for is in the log and in the queue, or in neither
        self._cancelled: dict[str, str] = {}  # by whom
        self._worker = Worker("file-import", clock, "Files could not be imported.", ends_within_s=2.0)

    def start(self) -> None:
        """Starts the thread."""
        self._worker.start(self._turn, self._recall)

    def close(self) -> None:
        """Has the thread end, and the process with it."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread; what is under way, and what waits, goes on at the next start."""
        self._worker.stop()
        self._asked.clear()  # the log knows it

    def ask(self, job: Job) -> str:
        """Takes on an import, or goes on with one; the sentence that says so. Any thread may call.

        The arguments are the load's `id` and `files`, a list of absolute paths. Raises ActionRefusedError.
        """
        files = tuple(job.arguments["files"])
        if missing := [path for path in files if not self._size_of(path)]:
            raise ActionRefusedError(f"The process that ingests finds no file {', '.join(missing)} on its machine.")
        if len(self._asked) >= _MOST_ASKED:
            raise ActionRefusedError(f"{_MOST_ASKED} imports wait already; ask again when they are done.")
        load = Load(
            job.arguments["id"], "files", Timespan.MINUTE, None, files, None, None, job.actor, LoadState.WAITING,
            self._clock.now_ms(),
        )  # fmt: skip
        with self._asking:
            waiting = len(self._asked)
            try:
                if self._log.find(load.id) is None:
                    self._log.begin(load)
            except DatabaseUnavailableError as error:
                raise ActionRefusedError(str(error)) from error
            if load.id not in self._asked:
                self._asked.append(load.id)
        self._worker.wake()
        return f"It will be imported beside the feed{f', after {waiting} others' if waiting else ''}."

    def knows(self, load_id: str) -> bool:
        """Whether an import of that id waits or runs."""
        return load_id in self._asked

    def cancel(self, job: Job) -> str:
        """Ends the import `id`, which is known, before it is done; what was stored of it stays."""
        self._cancelled[job.arguments["id"]] = job.actor
        return "It is ended; what was imported stays."

    # -- the thread ----------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        """Carries out what was asked for first; for how many seconds nothing else is to be done."""
        if not self._asked:
            return _LOOK_INTERVAL_S
        if self._carry_out(self._asked[0]):
            self._asked.popleft()
        return 0.0

    def _recall(self) -> None:
        """Goes on with what was interrupted."""
        with self._asking:
            unfinished = [load.id for load in self._log.unfinished() if load.kind == "files"]
            self._asked.extend(load_id for load_id in unfinished if load_id not in self._asked)

    def _carry_out(self, load_id: str) -> bool:
        """Has a load imported, or the rest of it; False when told to stop before it ended."""
        load = self._log.find(load_id)
        if load is None or load.has_ended:
            return True
        status = self._process(load_id)
        load = self._log.find(load_id) or load
        if not load.has_ended:
            if status in _STOPPED and load_id not in self._cancelled:
                self._clock.wait(self._worker.stopping, _RETRY_S)
                return False
            load = load.ended(self._clock.now_ms(), self._why(load_id, status))
            self._log.save(load)
        logger.log(logging.INFO if load.state is LoadState.DONE else logging.WARNING, words(load))
        return True

    def _process(self, load_id: str) -> int | None:
        """Waits for the process, and ends it when told to stop; its status, None where it was ended."""
        process = self._begin(load_id)
        try:
            while not self._worker.stopping.is_set() and load_id not in self._cancelled:
                with suppress(TimeoutError):
                    return process.wait(_POLL_S)
            return None
        finally:
            process.end()

    def _why(self, load_id: str, status: int | None) -> str:
        if load_id in self._cancelled:
            return f"It was ended by {self._cancelled.pop(load_id)}."
        return f"The process that imports ended before it was done (status {status}); its log may say why."
