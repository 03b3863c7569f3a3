"""Universes as the database defines them, read again when they changed: the one place where a key becomes symbols."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, Text, cast, select, text

from src.core.domain.market.symbol import check_symbol
from src.core.domain.market.universe import Universe, hint, union
from src.core.errors import BadSymbolError
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import cache_entries, definition_groups, group_memberships

logger = logging.getLogger(__name__)

# How often, at most, it is looked whether a change was noted; and how often all is read again without, since who
# changes universes by SQL notes nothing.
_LOOK_S = 1.0
_FRESH_S = 60.0
# A name that is not known may have been defined just now.
_FRESH_FOR_UNKNOWN_S = 1.0
_CHANGED = text("SELECT value FROM service_state WHERE key = 'universes'")

_GROUPS = (
    select(definition_groups.c.name, group_memberships.c.symbol)
    .join_from(definition_groups, group_memberships, isouter=True)
    .order_by(definition_groups.c.name, group_memberships.c.position, group_memberships.c.symbol)
)
_ENTRY_NAME = cache_entries.c.name + ":" + cache_entries.c.key
# The table of an older database may have nulls, and may keep values as JSON, which the driver would decode.
_ENTRIES = (
    select(_ENTRY_NAME, cast(cache_entries.c.value, Text))
    .where(_ENTRY_NAME.is_not(None), cache_entries.c.value.is_not(None))
    .order_by(cache_entries.c.type)
)


class _Read(NamedTuple):
    """What was read: when by the monotonic clock, when it was last looked for changes, the last change that was noted
    then, and the symbols by name."""

    read_s: float
    looked_s: float
    change: str | None
    definitions: dict[str, tuple[str, ...]]


class RelationshipCache:
    """Resolves universe keys; any thread may call. `monotonic` reads seconds that never step back.

    All definitions are read together and replaced as a whole: a change that TickStock made is seen a second later at
    most, any other a minute later, and a universe is never half old and half new. An entry of `cache_entries` wins over
    a group of its name: it was put there by the installation's owner. Methods raise DatabaseUnavailableError when they
    have to read and the database is away.
    """

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._read = _Read(float("-inf"), float("-inf"), None, {})
        self._refused: list[str] = []

    def get_universe_symbols(self, key: str) -> list[str]:
        """The symbols of a key (a name, or names with colons between: their union), each once and in order.

        Parts of it that do not exist are warned of, and what is known of it is used.
        """
        universe = self.resolve(key)
        if universe.unknown:
            parts, help_ = ", ".join(universe.unknown), hint(universe.unknown, self.names())
            logger.warning("The universe %s has parts that do not exist: %s. %s", key, parts, help_)
        return list(universe.symbols)

    def resolve(self, key: str) -> Universe:
        """The symbols of a key, and beside them the parts of it that do not exist."""
        universe = self._resolve(key, _FRESH_S)
        return self._resolve(key, _FRESH_FOR_UNKNOWN_S) if universe.unknown else universe

    def names(self) -> list[str]:
        """What universes there are."""
        return sorted(self._definitions(_FRESH_S))

    def _resolve(self, key: str, fresh_s: float) -> Universe:
        definitions = self._definitions(fresh_s)
        return union(key, definitions, definitions.__getitem__)

    def _definitions(self, fresh_s: float) -> dict[str, tuple[str, ...]]:
        """Symbols by name, as they were read at most `fresh_s` seconds ago."""
        known, now_s = self._read, self._monotonic()
        if now_s - known.looked_s < _LOOK_S and now_s - known.read_s < fresh_s:
            return known.definitions
        refused: list[str] = []
        with database_errors(), self._engine.connect() as connection:
            change = connection.execute(_CHANGED).scalar()
            if change == known.change and now_s - known.read_s < fresh_s:
                self._read = known._replace(looked_s=now_s)
                return known.definitions
            definitions = _read_groups(connection) | read_entries(connection, refused)
        self._read = _Read(now_s, now_s, change, definitions)
        self._say_refused(refused)
        return definitions

    def _say_refused(self, refused: list[str]) -> None:
        if refused and refused != self._refused:
            logger.warning("Of the universes in cache_entries %d symbols are left out. %s", len(refused), refused[0])
        self._refused = refused


def _read_groups(connection: Connection) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for name, symbol in connection.execute(_GROUPS):
        groups.setdefault(name, []).extend([] if symbol is None else [symbol])
    return {name: tuple(symbols) for name, symbols in groups.items()}


def read_entries(connection: Connection, refused: list[str]) -> dict[str, tuple[str, ...]]:
    """The universes of older installations; of several types with one name the first type's. What is no ticker is left
    out, and named in `refused`."""
    entries: dict[str, tuple[str, ...]] = {}
    for name, value in connection.execute(_ENTRIES):
        listed = _listed(value)
        if listed is not None:
            entries.setdefault(name, tuple(_checked(listed, name, refused)))
    return entries


def _listed(value: str) -> list[Any] | None:
    """The list of an entry; None when it has none, since older installations kept other things there, too."""
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(content, dict):
        content = content.get("symbols", content.get("tickers"))
    return content if isinstance(content, list) else None


def _checked(listed: Iterable[Any], name: str, refused: list[str]) -> Iterator[str]:
    for symbol in listed:
        try:
            yield check_symbol(symbol)
        except BadSymbolError as error:
            refused.append(f"{name}: {error}")
