"""Engines: how a connection of each database is opened, and what an error of it means."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from src.core.errors import DatabaseUnavailableError

# How long one call waits for another process's lock before it is reported as unavailable.
_BUSY_TIMEOUT_S = 5.0
_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
_READER_PRAGMAS = ("query_only=ON",)


def write_engine(url: str) -> Engine:
    """The engine of the one writer: a single connection whose transactions take the write lock at once."""
    Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return _sqlite_engine(url, _WRITER_PRAGMAS, "BEGIN IMMEDIATE", pool_size=1)


def read_engine(url: str) -> Engine:
    """The engine of the readers: connections that cannot write."""
    return _sqlite_engine(url, _READER_PRAGMAS, "BEGIN", pool_size=8)


def _sqlite_engine(url: str, pragmas: tuple[str, ...], begin: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_TIMEOUT_S,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
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
    """Turns what the driver raises when the database is away, locked or full into DatabaseUnavailableError."""
    try:
        yield
    except (OperationalError, TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailableError(f"The database is not available: {cause}.") from error
