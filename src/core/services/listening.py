"""What each connection is to listen to, of settings and universes."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.market.universe import Universe, hint, parts_of
from src.core.ports import Universes

logger = logging.getLogger(__name__)


class Listener(NamedTuple):
    """One connection's wishes: a universe's key, or the symbols where it has none. `setting` is the key's name."""

    connection_id: str
    universe_key: str
    symbols: tuple[str, ...]
    setting: str


class Listening(NamedTuple):
    """The lists of all connections, by id; `key` says for people where they are from, `unknown` what does not exist."""

    key: str
    lists: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that is listed, each once, in order."""
        return tuple(dict.fromkeys(symbol for symbols in self.lists.values() for symbol in symbols))


def resolve(listeners: Sequence[Listener], universes: Universes) -> Listening:
    """What is to be listened to; what does not exist, and a connection without symbols, is warned of.

    Raises DatabaseUnavailableError: a database that is away has not said that a universe is empty.
    """
    listening = look(listeners, universes)
    warn(listeners, listening, universes.names())
    return listening


def look(listeners: Sequence[Listener], universes: Universes) -> Listening:
    """The same without a warning."""
    found = {listener: _resolve_one(listener, universes) for listener in listeners}
    keys = dict.fromkeys(listener.universe_key or "SYMBOLS" for listener in listeners)
    unknown = dict.fromkeys(part for universe in found.values() for part in universe.unknown)
    lists = {listener.connection_id: universe.symbols for listener, universe in found.items()}
    return Listening(" + ".join(keys), lists, tuple(unknown))


def warn(listeners: Sequence[Listener], listening: Listening, names: Sequence[str]) -> None:
    """Says what of the listeners' keys does not exist, and which connection lists no symbols."""
    for listener in listeners:
        key = listener.universe_key
        if unknown := [part for part in parts_of(key, names) if key and part in listening.unknown]:
            words = (listener.setting, ", ".join(unknown), hint(unknown, names))
            logger.warning("%s names what does not exist: %s. %s", *words)
        if not listening.lists[listener.connection_id] and len(listeners) > 1:
            logger.warning("%s lists no symbols: it stands by for those of others.", listener.connection_id)


def _resolve_one(listener: Listener, universes: Universes) -> Universe:
    universe = universes.resolve(listener.universe_key) if listener.universe_key else Universe((), ())
    return Universe(universe.symbols or listener.symbols, universe.unknown)
