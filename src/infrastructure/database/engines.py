"""Engines: how a connection of each database is opened, and what an error of it means."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from src.core.errors import DatabaseUnavailableError

# How long one call waits for another process's lock before it is reported as unavailable. The writer tries again by
# itself, and must be able to stop in between.
_BUSY_TIMEOUT_S = 5.0
_WRITER_BUSY_TIMEOUT_S = 1.0
_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
_READER_PRAGMAS = ("query_only=ON",)


def write_engine(url: str) -> Engine:
    """The engine of the one writer: a single connection whose transactions take the write lock at once."""
    folder = sqlite_file(url).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnavailableError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    return _sqlite_engine(url, "rwc", _WRITER_PRAGMAS, "BEGIN IMMEDIATE", _WRITER_BUSY_TIMEOUT_S, pool_size=1)


def read_engine(url: str) -> Engine:
    """The engine of the readers: connections that cannot write, nor make a file where there is none."""
    return _sqlite_engine(url, "rw", _READER_PRAGMAS, "BEGIN", _BUSY_TIMEOUT_S, pool_size=8)


def sqlite_file(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def _sqlite_engine(
    url: str, mode: str, pragmas: tuple[str, ...], begin: str, busy_timeout_s: float, pool_size: int
) -> Engine:
    address = f"file:{quote(str(sqlite_file(url)))}?mode={mode}"
    engine = create_engine(
        url,
        creator=lambda: sqlite3.connect(address, uri=True, timeout=busy_timeout_s, check_same_thread=False),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
        for pragma in pragmas:
            _execute_patiently(connection, f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _execute_patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Executes, and waits for a lock: to switch a new file to WAL, SQLite itself does not wait."""
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns what the driver raises when the database is away, locked, full or broken into DatabaseUnavailableError.

    What it raises because of the row or the statement passes: that would not succeed later either.
    """
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError, NotSupportedError):
        raise
    except (DBAPIError, PoolTimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailableError(f"The database is not available: {cause}.") from error
