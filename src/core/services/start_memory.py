"""What an owner found in its database, remembered beside it: with that, a start can listen while it is away."""

from typing import NamedTuple

from src.core.domain.market.last_start import AHEAD_US, LastStart, Setup
from src.core.ports import Clock, LastStarts, Stamps
from src.core.services.listening import Listening

_EVERY_S = 60.0


class _Known(NamedTuple):
    database_id: str
    listening: Listening


class StartMemory:
    """Of starts with one `setup`. `file` keeps it, `stamp` gives the newest stamp of evidence.

    Not safe for threads: the service's own calls it.
    """

    def __init__(self, file: LastStarts, setup: Setup, stamp: Stamps, clock: Clock) -> None:
        self._file = file
        self._setup = setup
        self._stamp = stamp
        self._clock = clock
        self._known: _Known | None = None
        self._heard: tuple[int, int] | None = None
        self._due_s = float("-inf")

    def recall(self) -> LastStart | None:
        """What the last owner found, if that was started with this setup from this folder, and no other process of the
        folder ingests now; else None."""
        found = self._file.read()
        if found is None or found.setup != self._setup or not self._file.hold():
            return None
        self._known = _Known(found.database_id, Listening(found.universe_key, found.lists, found.unknown))
        self._heard = found.heard
        return found

    def keep(self, database_id: str, listening: Listening) -> None:
        """This process owns that database, and listens to that."""
        self._known = _Known(database_id, listening)
        self._write()

    def go_on(self, heard: tuple[int, int] | None) -> None:
        """Remembers anew once a minute; `heard` is None while nothing new is to be said."""
        self._heard = heard or self._heard
        if self._clock.monotonic() >= self._due_s:
            self._write()

    def forget(self) -> None:
        """Another process ingests into the database; if that is not one of this folder, what is remembered is old."""
        if self._file.hold():
            self._file.remove()
            self._file.release()

    def close(self) -> None:
        """This process ingests no more."""
        self._file.release()

    def _write(self) -> None:
        self._due_s = self._clock.monotonic() + _EVERY_S
        if self._known is None or not self._file.hold():
            return
        database_id, (key, lists, unknown) = self._known
        stamp_us = self._stamp() + AHEAD_US
        self._file.write(LastStart(self._setup, database_id, key, lists, unknown, stamp_us, self._heard))
