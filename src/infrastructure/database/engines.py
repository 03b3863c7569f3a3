"""Engines: how a connection of each database is opened, and what an error of it means."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.pool import QueuePool

from src.core.errors import DatabaseUnavailableError

# How long one call waits for another process's lock before it is reported as unavailable.
_BUSY_TIMEOUT_S = 5.0
_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
_READER_PRAGMAS = ("query_only=ON",)


def write_engine(url: str) -> Engine:
    """The engine of the one writer: a single connection whose transactions take the write lock at once."""
    sqlite_file(url).parent.mkdir(parents=True, exist_ok=True)
    return _sqlite_engine(url, "rwc", _WRITER_PRAGMAS, "BEGIN IMMEDIATE", pool_size=1)


def read_engine(url: str) -> Engine:
    """The engine of the readers: connections that cannot write, nor make a file where there is none."""
    return _sqlite_engine(url, "rw", _READER_PRAGMAS, "BEGIN", pool_size=8)


def sqlite_file(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def _sqlite_engine(url: str, mode: str, pragmas: tuple[str, ...], begin: str, pool_size: int) -> Engine:
    address = f"file:{quote(str(sqlite_file(url)))}?mode={mode}"
    engine = create_engine(
        url,
        creator=lambda: sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns what the driver raises when the database is away, locked, full or broken into DatabaseUnavailableError.

    What it raises because of the row or the statement passes: that would not succeed later either.
    """
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError, NotSupportedError):
        raise
    except (DBAPIError, TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailableError(f"The database is not available: {cause}.") from error
