"""What each connection is to listen to, of settings and universes."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.market.universe import Universe
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
    found = {listener: _resolve_one(listener, universes) for listener in listeners}
    for listener, universe in found.items():
        if not universe.symbols and len(listeners) > 1:
            logger.warning("%s lists no symbols: it stands by for those of others.", listener.connection_id)
    keys = dict.fromkeys(listener.universe_key or "SYMBOLS" for listener in listeners)
    unknown = dict.fromkeys(part for universe in found.values() for part in universe.unknown)
    lists = {listener.connection_id: universe.symbols for listener, universe in found.items()}
    return Listening(" + ".join(keys), lists, tuple(unknown))


def _resolve_one(listener: Listener, universes: Universes) -> Universe:
    universe = universes.resolve(listener.universe_key) if listener.universe_key else Universe((), ())
    if universe.unknown:
        unknown, names = ", ".join(universe.unknown), ", ".join(universes.names())
        logger.warning("%s names what does not exist: %s. There are %s.", listener.setting, unknown, names)
    return Universe(universe.symbols or listener.symbols, universe.unknown)
