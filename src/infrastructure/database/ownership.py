"""Which process ingests into a database: the one that holds a lock which ends with the process, however it ends.

With SQLite the operating system's lock on a file beside the database; with PostgreSQL an advisory lock of a
connection that is used for nothing else.
"""

import fcntl
import os
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from src.core.errors import DatabaseUnavailableError
from src.core.ports import Ownership
from src.infrastructure.database.engines import database_errors, is_sqlite, network, sqlite_file

_LOCK = "SELECT pg_try_advisory_lock(7250157019841023845)"


def ownership_of(url: str) -> Ownership:
    """The lock for ingesting into the database at `url`; connects to nothing yet."""
    if is_sqlite(url):
        path = sqlite_file(url)
        return FileLock(path.with_name(path.name + ".lock"))
    return AdvisoryLock(url)


class FileLock:
    """An exclusive lock on `path`, held from `acquire` to `release` or the process's end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """True when this process holds the lock now; False while another one does.

        DatabaseUnavailableError when the file cannot be used; that may change.
        """
        if self._descriptor is not None:
            return True
        try:
            return self._lock()
        except OSError as error:
            raise DatabaseUnavailableError(f"The lock file {self._path} cannot be used ({error.strerror}).") from error

    def _lock(self) -> bool:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives the lock up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class AdvisoryLock:
    """An exclusive lock in the PostgreSQL database at `url`, held from `acquire` to `release` or the process's end.

    The server lets go of it when it notices that the connection is gone: at once when the process ended, after some
    ten seconds when the machine or the network did. Who holds it asks again now and then: a connection that broke is
    noticed by that, and the lock taken again or found to be another's.
    """

    def __init__(self, url: str) -> None:
        arguments = network(url, "tickstock-owner")
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """True when this process holds the lock now; False while another one does.

        DatabaseUnavailableError when the database does not answer; that may change.
        """
        if self._connection is not None and self._is_alive(self._connection):
            return True
        with database_errors():
            connection = self._engine.connect()
            if connection.exec_driver_sql(_LOCK).scalar():
                self._connection = connection
            else:
                connection.close()
        return self._connection is not None

    def _is_alive(self, connection: Connection) -> bool:
        try:
            connection.exec_driver_sql("SELECT 1")
        except DBAPIError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Gives the lock up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
