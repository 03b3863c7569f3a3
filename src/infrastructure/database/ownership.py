"""Which process ingests into a database: the one that holds what ends with the process, however that ends.

With SQLite the operating system's lock on a file beside the database; with PostgreSQL a lease, as the processes may be
on several machines.
"""

import fcntl
import os
from pathlib import Path

from src.core.errors import DatabaseUnavailableError
from src.core.ports import Ownership
from src.infrastructure.database.engines import is_sqlite, sqlite_file
from src.infrastructure.database.lease import Lease


def ownership_of(url: str) -> Ownership:
    """The lock or lease for ingesting into the database at `url`; connects to nothing yet."""
    if is_sqlite(url):
        path = sqlite_file(url)
        return FileLock(path.with_name(path.name + ".lock"))
    return Lease(url)


class FileLock:
    """An exclusive lock on `path`, held from `acquire` to `release` or the process's end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def has_rival(self) -> bool:
        """Whether another process surely lives that holds the lock, when this one could not have it."""
        return True

    def acquire(self) -> bool:
        """True when this process holds the lock now; False while another one does, be it that somebody deleted the file
        that this one had locked.

        DatabaseUnavailableError when the file cannot be used; that may change.
        """
        if self._descriptor is not None and self._is_in_place(self._descriptor):
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
        self.release()
        self._descriptor = descriptor
        return True

    def _is_in_place(self, descriptor: int) -> bool:
        """Whether the file that is locked is still the one that others would lock."""
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Gives the lock up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
