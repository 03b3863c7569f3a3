"""The ingesting half in a process of its own, so that it can be killed; it lives by the clock of the test."""

import functools
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from sqlalchemy import Engine, event

from src import ingest
from src.config.settings import parse_settings
from src.infrastructure.database.bar_writer import DatabaseBarWriter
from src.infrastructure.database.spool import Spool, SpoolLimits
from tests.clocks import RacingClock, SteppedClock

_HOUR_MS = 3_600_000
_BEAT_S = 0.002
# A process that has ended by itself is started again after so long, as the supervisor does.
_RESTART_S = 0.2
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.integration.faults.program"])
CRASHED = 3
SLOW = "seconds-a-statement"


class Room(NamedTuple):
    """How many bars may wait for the database: on disk, and then in memory."""

    spool_rows: int
    memory_bars: int


def run(environment: Mapping[str, str], clock_path: Path, log_path: Path, slot: int, room: Room | None) -> None:
    """What the process does: ingest until SIGTERM, or until the service ends by itself.

    SIGUSR1 sets its wall clock an hour back, SIGUSR2 an hour forward. While there is a file `SLOW` beside the clock's,
    each statement takes so many seconds as it says.
    """
    os.environ["SSL_CERT_FILE"] = environment["SSL_CERT_FILE"]
    logging.basicConfig(filename=log_path, level=logging.INFO, format="%(levelname)s %(threadName)s %(message)s")
    racing, told, crashed = RacingClock.shared(clock_path), threading.Event(), threading.Event()
    clock = SteppedClock(racing)
    signal.signal(signal.SIGUSR1, lambda *_: clock.step(-_HOUR_MS))
    signal.signal(signal.SIGUSR2, lambda *_: clock.step(_HOUR_MS))
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    threading.Thread(target=_live_on, args=(racing, slot), daemon=True).start()
    _take_time(racing, clock_path.with_name(SLOW))
    if room is not None:
        _leave(room)

    def crash() -> None:
        crashed.set()
        told.set()

    service = ingest.build_runtime(parse_settings(environment), crash, clock)
    assert service is not None
    service.start()
    while not told.wait(0.05):
        pass
    service.stop()
    logging.shutdown()
    os._exit(CRASHED if crashed.is_set() else 0)  # no thread that hangs holds the process up


def _take_time(clock: RacingClock, told: Path) -> None:
    never = threading.Event()

    @event.listens_for(Engine, "before_cursor_execute")
    def wait(*_statement: object) -> None:
        with suppress(FileNotFoundError):
            clock.wait(never, float(told.read_text()))


def _leave(room: Room) -> None:
    limits = SpoolLimits(rows=room.spool_rows)
    # They fail where the ingesting half is wired elsewhere and has no such names.
    patch.object(ingest, "Spool", functools.partial(Spool, limits=limits)).start()
    patch.object(
        ingest, "DatabaseBarWriter", functools.partial(DatabaseBarWriter, memory_limit=room.memory_bars)
    ).start()


def _live_on(clock: RacingClock, slot: int) -> None:
    while True:
        clock.beat(slot)
        time.sleep(_BEAT_S)


class Program:
    """One installation's ingesting process, from `start` to `stop` or `kill`; number `slot` of those of a test."""

    def __init__(
        self,
        environment: Mapping[str, str],
        clock_path: Path,
        log_path: Path,
        slot: int = 0,
        room: Room | None = None,
    ) -> None:
        self.environment = dict(environment)
        self._room = room
        self.slot = slot
        self.log_path = log_path
        self.stands_still = False  # stopped by a signal, as a machine that sleeps
        self._clock_path = clock_path
        self._process: BaseProcess | None = None
        self._wanted = False
        self.restarts = 0

    def start(self) -> None:
        """Starts it, and does not wait until it is ready."""
        self._wanted = True
        arguments = (self.environment, self._clock_path, self.log_path, self.slot, self._room)
        self._process = CONTEXT.Process(target=run, args=arguments, daemon=True)
        self._process.start()

    def stop(self) -> float:
        """Ends it by SIGTERM; the seconds that took."""
        started_s = time.monotonic()
        self._end(signal.SIGTERM)
        return time.monotonic() - started_s

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        self._end(signal.SIGKILL)

    def hold(self) -> None:
        """Stops all of it where it is, until `go_on`."""
        self.stands_still = True
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)
        self.stands_still = False

    def set_clock(self, hours: int) -> None:
        """Sets its wall clock an hour forward (1) or back (-1)."""
        self._signal(signal.SIGUSR2 if hours > 0 else signal.SIGUSR1)

    @property
    def lives(self) -> bool:
        """Whether it runs, and is to."""
        return self._wanted and not self.stands_still and self._process is not None and self._process.is_alive()

    def mind(self) -> None:
        """Starts it again where it has ended by itself, as the supervisor does."""
        if self._wanted and self._process is not None and not self._process.is_alive():
            time.sleep(_RESTART_S)
            self.restarts += 1
            self.start()

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    def _end(self, number: int) -> None:
        self._wanted = False
        self._signal(number)
        if self.stands_still:
            self.go_on()
        if self._process is not None:
            self._process.join(60)
            assert not self._process.is_alive(), "the program did not end within 60 s"
            self._process.close()
            self._process = None
