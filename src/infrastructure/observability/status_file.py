"""The ingesting half's status in a file beside the database: read on this machine while the database takes none."""

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

logger = logging.getLogger(__name__)

# What is told beside the status, by its name there.
TOLD_ASIDE = ("universe", "assignment")


class StatusFile:
    """The status row in `path`, readable by this user alone. Any process may read while one writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_failing = False
        self._read: tuple[tuple[int, int] | None, Any] = (None, None)  # which file was read last, and what it says

    def write(self, row: Mapping[str, Any]) -> None:
        """Replaces it at once, in one step; a disk that takes nothing is said once."""
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(row))
            fresh.replace(self._path)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                logger.warning("The status could not be kept in %s (%s).", self._path, error.strerror)
            self._is_failing = True

    def read(self) -> dict[str, Any] | None:
        """The row, None when there is none that can be read; read again only when it is another file."""
        try:
            found = self._path.stat()
            which = (found.st_ino, found.st_mtime_ns)
            if which != self._read[0]:
                self._read = (which, msgspec.json.decode(self._path.read_bytes(), type=dict[str, Any]))
        except (OSError, msgspec.DecodeError):
            return None
        return self._read[1]  # type: ignore[no-any-return]  # a dict, as just decoded

    def remove(self) -> None:
        """What it says is over."""
        with contextlib.suppress(OSError):
            self._path.unlink()
