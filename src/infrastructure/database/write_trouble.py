"""Why a database cannot be written to, as far as a process that does not write can tell."""

import os
import shutil
import sqlite3
from contextlib import closing

from sqlalchemy import text

from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.engines import database_errors, is_sqlite, read_engine, sqlite_file

_LITTLE_BYTES = 20_000_000  # a write-ahead log, a checkpoint and the next batches need some room
_LOCK_TIMEOUT_S = 1.5  # longer than one of the writer's own transactions holds the lock


def write_trouble(url: str) -> str | None:
    """A sentence, or None where nothing stands in the way. Writes nothing; takes up to some seconds."""
    return _of_file(url) if is_sqlite(url) else _of_server(url)


def _of_file(url: str) -> str | None:
    file = sqlite_file(url)
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        return f"The database {file} or its folder cannot be written by this user."
    free = shutil.disk_usage(file.parent).free
    if free < _LITTLE_BYTES:
        return f"The disk is full: {free / 1e6:.0f} MB are free where the database is."
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_LOCK_TIMEOUT_S)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return f"The database cannot be written ({error})."
    return None


def _of_server(url: str) -> str | None:
    engine = read_engine(url)
    try:
        with database_errors(), engine.connect() as connection:
            standby = connection.execute(text("SELECT pg_is_in_recovery()")).scalar()
    except DatabaseUnavailableError as error:
        return str(error)
    finally:
        engine.dispose()
    return "The PostgreSQL server is a standby, which takes no writes." if standby else None
