"""The thread of what is done beside the feed: turn after turn, with a rest between, until it is told to end."""

import logging
import threading
from collections.abc import Callable

from src.core.errors import DatabaseUnavailableError
from src.core.ports import Clock

logger = logging.getLogger(__name__)

_AWAY_S = 5.0
_BROKEN_S = 60.0


class Worker:
    """A thread called `name`, from `start` to `stop`, as often as wanted; `failed` is said with the traceback of a turn
    that failed by an error in the program. Any thread may call."""

    def __init__(self, name: str, clock: Clock, failed: str, ends_within_s: float = 1.0) -> None:
        self.stopping = threading.Event()  # turns wait for it, and end early once it is set
        self._name = name
        self._clock = clock
        self._failed = failed
        self._ends_within_s = ends_within_s
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._is_wanted = False
        self._thread: threading.Thread | None = None

    def start(self, turn: Callable[[], float], begin: Callable[[], None] = lambda: None) -> None:
        """Starts the thread. `begin` comes before the first turn. Each turn gives for how many seconds at most there is
        a rest. Both may raise DatabaseUnavailableError, and are tried again. The new thread waits for an earlier one
        that has not ended yet."""
        with self._lock:
            self._is_wanted = True
        arguments = (turn, begin, self._thread)
        self._thread = threading.Thread(name=self._name, target=self._run, args=arguments, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Ends the rest: there is something to do."""
        self._wake.set()

    def close(self) -> None:
        """Has the thread end."""
        with self._lock:
            self._is_wanted = False
            self.stopping.set()
        self._wake.set()

    def stop(self) -> None:
        """Has the thread end, and waits for that as long as it may take."""
        self.close()
        if self._thread is not None:
            self._thread.join(self._ends_within_s)

    def _run(self, turn: Callable[[], float], begin: Callable[[], None], earlier: threading.Thread | None) -> None:
        if earlier is not None:
            earlier.join()
        with self._lock:
            if self._is_wanted:
                self.stopping.clear()
                self._wake.clear()
        has_begun = False
        while not self.stopping.is_set():
            try:
                if not has_begun:
                    begin()
                    has_begun = True
                self._clock.wait(self._wake, turn())
            except DatabaseUnavailableError:  # the writer of bars says so; what is to be done stays to be done
                self._clock.wait(self.stopping, _AWAY_S)
            except Exception:
                logger.exception(self._failed)
                self._clock.wait(self.stopping, _BROKEN_S)
            self._wake.clear()  # the turn that comes sees what it was for
