"""Notices that what is to be listened to has changed while it is listened to, and sees to all that follows."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.market.universe_definition import named
from src.core.ports import Universes
from src.core.services.listening import Listener, Listening, look, warn

logger = logging.getLogger(__name__)


class Change(NamedTuple):
    """What the keys mean now, what is to be listened to by that, what of it is new, and what was listened to and is not
    to be any more."""

    found: Listening
    listening: Listening
    added: tuple[str, ...]
    removed: tuple[str, ...]


class UniverseWatch:
    """Compares what the listeners' keys mean with what is listened to. Used by one thread.

    A connection that would have nothing left goes on with what it had: an empty universe is more often a mistake than a
    wish, and what is not heard cannot be heard later.
    """

    def __init__(self, listeners: Sequence[Listener], universes: Universes) -> None:
        self._listeners = listeners
        self._universes = universes
        self._now: Listening | None = None
        self._found: Listening | None = None

    def begin(self, found: Listening, listening: Listening) -> None:
        """What the keys mean at the start, and what is listened to by that."""
        self._found, self._now = found, listening

    def look(self) -> Change | None:
        """What differs from what is listened to; None for nothing. Raises DatabaseUnavailableError."""
        found = look(self._listeners, self._universes)
        if self._now is None or found == self._found:
            return None
        warn(self._listeners, found, self._universes.names())
        lists = {one: symbols or self._kept(one) for one, symbols in found.lists.items()}
        # While nothing of any key is left, what is listened to keeps the name that it had.
        key = found.key if any(found.lists.values()) else self._now.key
        after, before = Listening(key, lists, found.unknown), set(self._now.symbols)
        now = set(after.symbols)
        return Change(found, after, tuple(sorted(now - before)), tuple(sorted(before - now)))

    def take(self, change: Change) -> None:
        """That is listened to now."""
        self._found, self._now = change.found, change.listening

    def _kept(self, connection_id: str) -> tuple[str, ...]:
        kept = self._now.lists.get(connection_id, ()) if self._now else ()
        if kept:
            words = "The universe of %s has no symbols any more; its %d symbols are listened to until the next start."
            logger.warning(words, connection_id, len(kept))
        return kept


def say(change: Change) -> None:
    """Logs what changed."""
    words = [
        *([f"{named(change.added)} {_are(change.added)} new"] if change.added else []),
        *([f"{named(change.removed)} {_are(change.removed)} not listened to any more"] if change.removed else []),
    ]
    logger.info("The universe %s has changed: %s.", change.listening.key, "; ".join(words) or "no symbol came or went")


def _are(symbols: Sequence[str]) -> str:
    return "is" if len(symbols) == 1 else "are"
