"""Universes as people change them: groups and their members, in one transaction a change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, text

from src.core.domain.market.universe_definition import (
    Definition,
    Member,
    SymbolFacts,
    UniverseBook,
    UniverseEdit,
    one_line,
)
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.cache.relationship_cache import read_entries
from src.infrastructure.database.dialects import add_symbols
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import group_memberships

# Whoever changes universes takes this row first, if it is still what the change was decided by; readers look at it to
# learn that something changed.
_TURN = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES ('universes', :value, :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
    " WHERE service_state.value = :seen"
)
_TURNS = 20  # in each of them somebody has made a change
_STATE = text("SELECT value FROM service_state WHERE key = :key")
_GROUPS = text("SELECT name, type, description FROM definition_groups ORDER BY name")
_MEMBERS = text("SELECT group_name, symbol, weight FROM group_memberships ORDER BY group_name, position, symbol")
_SYMBOLS = text("SELECT symbol, name, type, exchange, sector, active FROM symbols")
_SAVE_GROUP = text(
    "INSERT INTO definition_groups (name, type, description) VALUES (:name, :type, :description)"
    " ON CONFLICT (name) DO UPDATE SET type = excluded.type, description = excluded.description"
)
_DROP_MEMBERS = text("DELETE FROM group_memberships WHERE group_name = :name")
_DROP_GROUP = text("DELETE FROM definition_groups WHERE name = :name")
# Built, and no text: so many rows go in one statement. A journey a row took PostgreSQL many seconds for 10,000 members,
# in which the writer waited for the symbols that are new.
_ADD_MEMBERS = insert(group_memberships)
# Readers of symbols look at this number to learn that there are more.
_SYMBOLS_CAME = text("UPDATE write_state SET revision = revision + 1, symbols_revision = revision + 1 WHERE id = 1")


class DatabaseUniverses:
    """The port `UniverseStore`. Reads by `read`, writes by `write`; `now_ms` is the wall clock. Any thread may call."""

    def __init__(self, read: Engine, write: Engine, now_ms: Callable[[], int]) -> None:
        self._read = read
        self._write = write
        self._now_ms = now_ms

    def book(self) -> UniverseBook:
        """All that there is, as of one moment."""
        with database_errors(), self._read.connect() as connection:
            return _book(connection)

    def change(self, edit: Callable[[UniverseBook], Sequence[UniverseEdit]]) -> None:
        """Has `edit` say what is to change in what it is given, and changes that, or nothing of it.

        What `edit` raises ends it, and nothing is changed. It is called again where others change universes meanwhile.
        """
        for _ in range(_TURNS):
            with database_errors(), self._read.connect() as connection:
                seen, book = connection.execute(_STATE, {"key": "universes"}).scalar(), _book(connection)
            edits = edit(book)
            if not edits or self._carried_out(edits, seen):
                return
        raise DatabaseUnavailableError("Others change universes all the time; try again.")

    def _carried_out(self, edits: Sequence[UniverseEdit], seen: str | None) -> bool:
        """Makes the changes, unless somebody else made some meanwhile. Decided before, so that the lock is short."""
        now_ms = self._now_ms()
        number = 1 if seen is None else msgspec.json.decode(seen).get("number", 0) + 1
        value = msgspec.json.encode({"changed_at": now_ms, "number": number}).decode()
        with database_errors(), self._write.begin() as connection:
            turn = connection.execute(_TURN, {"value": value, "now_ms": now_ms, "seen": seen})
            if turn.rowcount:
                _carry_out(connection, edits, now_ms)
        return bool(turn.rowcount)

    def close(self) -> None:
        """Lets go of all connections."""
        self._read.dispose()
        self._write.dispose()


def _book(connection: Connection) -> UniverseBook:
    members: dict[str, list[Member]] = {}
    for name, symbol, weight in connection.execute(_MEMBERS):
        members.setdefault(name, []).append(Member(symbol, weight))
    groups = {
        row.name: Definition(row.name, row.type, one_line(row.description), tuple(members.get(row.name, ())))
        for row in connection.execute(_GROUPS)
    }
    symbols = {
        row.symbol: SymbolFacts(row.name, row.type, row.exchange, row.sector, bool(row.active))
        for row in connection.execute(_SYMBOLS)
    }
    refused: list[str] = []
    entries = read_entries(connection, refused)
    return UniverseBook(groups, entries, symbols, _state(connection, "universe"), _state(connection, "symbols"))


def _state(connection: Connection, key: str) -> Mapping[str, Any] | None:
    value = connection.execute(_STATE, {"key": key}).scalar()
    return None if value is None else msgspec.json.decode(value)


def _carry_out(connection: Connection, edits: Iterable[UniverseEdit], now_ms: int) -> None:
    added = 0
    for name, after in edits:
        connection.execute(_DROP_MEMBERS, {"name": name})
        if after is None:
            connection.execute(_DROP_GROUP, {"name": name})
            continue
        added += add_symbols(connection, sorted(after.symbols), now_ms) if after.members else 0
        connection.execute(_SAVE_GROUP, {"name": name, "type": after.type, "description": after.description})
        if after.members:
            connection.execute(_ADD_MEMBERS, _rows(after))
    if added:
        connection.execute(_SYMBOLS_CAME)


def _rows(definition: Definition) -> list[dict[str, Any]]:
    return [
        {"group_name": definition.name, "symbol": symbol, "position": position, "weight": weight}
        for position, (symbol, weight) in enumerate(definition.members, 1)
    ]
