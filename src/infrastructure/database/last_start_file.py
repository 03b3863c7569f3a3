"""What the last start found in the database, in a file of this machine: one process at a time relies on it."""

import hashlib
import logging
import os
from pathlib import Path

import msgspec
from sqlalchemy import make_url

from src.core.domain.market.last_start import LastStart
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.ownership import FileLock

logger = logging.getLogger(__name__)


class LastStartFile:
    """`last_start.json` in `folder`, readable by this user alone; the lock beside it is held until `release`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "last_start.json"
        self._lock = FileLock(folder / "last_start.lock")
        self._is_failing = False

    def hold(self) -> bool:
        """Whether no other process of this machine ingests with this folder; none does from now on."""
        try:
            return self._lock.acquire()
        except DatabaseUnavailableError:
            return False

    def release(self) -> None:
        """Lets others ingest with this folder."""
        self._lock.release()

    def read(self) -> LastStart | None:
        """What is there; None when nothing is, or nothing that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=LastStart)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("What the last start found cannot be read from %s (%s).", self._path, error)
            return None

    def write(self, found: LastStart) -> None:
        """Replaces it in one step, on disk when the call returns; a disk that takes nothing is said once."""
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(found))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                logger.warning("What this start found could not be kept in %s (%s).", self._path, error.strerror)
            self._is_failing = True

    def remove(self) -> None:
        """Another process ingests into the database: what is known here is no more to be relied on."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s could not be removed (%s).", self._path, error.strerror)


def database_digest(url: str) -> str:
    """What tells a database's place from another one, and tells no password."""
    parts = make_url(url)
    query = {key: value for key, value in parts.query.items() if "password" not in key}
    place = parts.set(query=query)._replace(password=None).render_as_string()
    return hashlib.sha256(place.encode()).hexdigest()
