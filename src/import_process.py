"""The process that imports flat files beside the one that ingests: `python -m src.import_process LOAD_ID PARENT_PID`.

It writes by connections of its own under the other's ownership, at a lower priority, in small transactions with pauses,
so that live bars have their turn. The database's URL is its environment's `DATABASE_URL`. It ends with its parent, and
at SIGTERM after the transaction that is under way; what is left goes on with the next process.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from src.bootstrap.lifeline import end_with_parent
from src.config.settings import PROJECT_ROOT
from src.core.errors import DatabaseUnavailableError
from src.core.history_ports import STOPPED_STATUS
from src.core.ports import Clock
from src.core.services.file_import import FileImport, ImportConduct, ImportParts
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.flat_file_process import reading
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.flat_file_store import FlatFileStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.tickstock_db import TickStockDatabase

logger = logging.getLogger(__name__)

_NICENESS = 10
# A transaction of so many rows takes some 10 ms, and then as long nothing: live bars wait no longer than for one.
_ROWS = 1_000
_PAUSE_SHARE = 1.0
_ENDS_WITHIN_S = 10.0
_RETRY_S = 1.0


def import_parts(database: TickStockDatabase, read: Engine, rows: Engine, clock: Clock, most_rows: int) -> ImportParts:
    """What an import into `database` works with; it merges `most_rows` at a time."""
    kind = dialect_of(read).name
    return ImportParts(
        lambda files: reading(files, kind, most_rows, PROJECT_ROOT),
        FlatFileStore(database, read),
        DatabaseHistory(read, rows),
        clock,
        database.clock.stamp,
        size_of,
    )


def size_of(path: str) -> int:
    """A file's bytes; 0 where there is none."""
    return Path(path).stat().st_size if Path(path).is_file() else 0


class ChildProcess:
    """The process that carries out one load; fulfils the port ImportProcess."""

    def __init__(self, database_url: str, load_id: str) -> None:
        command = [sys.executable, "-m", __name__, load_id, str(os.getpid())]
        environment = {**os.environ, "DATABASE_URL": database_url}
        self._process = subprocess.Popen(  # noqa: S603  ours, and no shell
            command, cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL
        )

    def wait(self, timeout_s: float) -> int:
        """Its status once it has ended; TimeoutError while it has not."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error

    def end(self) -> None:
        """Ends it, if it has not ended."""
        self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def starter(database_url: str) -> Callable[[str], ChildProcess]:
    """What starts the process of a load, by its id."""
    return lambda load_id: ChildProcess(database_url, load_id)


def main(load_id: str, parent_pid: str) -> None:
    """Carries out the load of that id, as far as it is not done."""
    end_with_parent(int(parent_pid))
    os.nice(_NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    stopping, clock = threading.Event(), SystemClock()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that ingests, which ends this one
    while not stopping.is_set():
        try:
            _carry_out(load_id, stopping, clock)
            break
        except DatabaseUnavailableError as error:
            logger.warning("The import waits. %s", error)
            clock.wait(stopping, _RETRY_S)
    sys.exit(STOPPED_STATUS if stopping.is_set() else 0)


def _carry_out(load_id: str, stopping: threading.Event, clock: Clock) -> None:
    url = os.environ["DATABASE_URL"]
    database = TickStockDatabase(write_engine(url), clock.now_us)
    try:
        database.load_clock()
        parts = import_parts(database, read_engine(url), row_engine(url), clock, _ROWS)
        load = parts.log.find(load_id)
        if load is not None and not load.has_ended:
            FileImport(parts, load, ImportConduct(stopping, lambda _progress: None, _PAUSE_SHARE)).run()
    finally:
        database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
