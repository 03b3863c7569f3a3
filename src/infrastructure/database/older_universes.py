"""The universes of an older version, from the tables that were kept aside when its bars were taken over.

What columns those have is not known beforehand: the few that are needed are looked for, and the tables stay.
"""

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Integer, MetaData, Numeric, Table, Text, cast, inspect, null, select

from src.core.domain.market.symbol import check_symbol
from src.core.domain.market.universe import GROUP_TYPES
from src.core.errors import BadSymbolError
from src.infrastructure.database.universe_file import Group

logger = logging.getLogger(__name__)


def older_entries(connection: Connection) -> list[dict[str, str]]:
    """What an older `cache_entries` held, as rows of the present one; of several with one key the last."""
    table = _reflected(connection, MetaData(), "older_cache_entries", "name", "key", "value")
    if table is None:
        return []
    query = select(*(_text(table, name) for name in ("type", "name", "key", "value")))
    rows = [row for row in connection.execute(query) if None not in row[1:]]
    entries = {(kind or "", name, key): value for kind, name, key, value in rows}
    return [{"type": kind, "name": name, "key": key, "value": value} for (kind, name, key), value in entries.items()]


def older_groups(connection: Connection) -> list[Group]:
    """What older `definition_groups` and `group_memberships` held; members by weight, the greatest first, or by name.

    Members are found by the foreign key from the second table to the first, whatever its column is called.
    """
    metadata = MetaData()
    groups = _reflected(connection, metadata, "older_definition_groups", "name")
    members = _reflected(connection, metadata, "older_group_memberships", "symbol")
    if groups is None or members is None:
        return []
    reference = next((key for key in members.foreign_keys if key.column.table is groups), None)
    if reference is None:
        logger.warning("The universes in older_definition_groups stay there: their members do not refer to them.")
        return []
    query = select(
        *(_text(groups, name) for name in ("name", "type", "description")), _text(members, "symbol"), _weight(members)
    ).join_from(groups, members, reference.parent == reference.column, isouter=True)
    return _grouped(connection.execute(query).all())


def _grouped(rows: Iterable[Any]) -> list[Group]:
    found: dict[str, Group] = {}
    for name, kind, description, symbol, _weight in sorted(
        rows, key=lambda row: (row[0], -(row[4] or 0), row[3] or "")
    ):
        type_ = (kind or "").upper()
        group = found.setdefault(name, Group(name, type_ if type_ in GROUP_TYPES else "CUSTOM", description or "", []))
        if symbol is not None and symbol not in group.members and _is_ticker(symbol, name):
            group.members.append(symbol)
    return list(found.values())


def _is_ticker(symbol: str, group: str) -> bool:
    try:
        check_symbol(symbol)
    except BadSymbolError as error:
        logger.warning("Left out of the universe %s: %s", group, error)
        return False
    return True


def _reflected(connection: Connection, metadata: MetaData, name: str, *needed: str) -> Table | None:
    """The table as it is in the database; None when there is none with these columns."""
    if not inspect(connection).has_table(name):
        return None
    table = Table(name, metadata, autoload_with=connection)
    return table if set(needed) <= set(table.columns.keys()) else None


def _weight(table: Table) -> Any:
    column = table.columns.get("weight")
    return column if column is not None and isinstance(column.type, Numeric | Integer) else null()


def _text(table: Table, name: str) -> Any:
    return cast(table.columns[name] if name in table.columns else null(), Text)
