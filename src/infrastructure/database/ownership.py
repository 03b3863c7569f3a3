"""Which process ingests into a SQLite file: the one that holds the operating system's lock on a file beside it.

The lock ends with the process, however it ends.
"""

import fcntl
import os
from pathlib import Path

from src.core.errors import DatabaseUnavailableError


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
