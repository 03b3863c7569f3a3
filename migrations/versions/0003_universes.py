"""Universes: groups, their members, entries of older versions. Loads data/universes.csv, and what was there before."""

import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from src.infrastructure.database.older_universes import older_entries, older_groups
from src.infrastructure.database.universe_file import Group, Instrument, load_universe_file

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UNIVERSES = Path(__file__).resolve().parents[2] / "data/universes.csv"
_TOLD = ("name", "type", "sector")
# Only the columns that are written here, as they are at this revision.
_symbols = sa.table("symbols", *map(sa.column, ("symbol", *_TOLD, "first_seen_ms")))
_groups = sa.table("definition_groups", *map(sa.column, ("name", "type", "description")))
_entries = sa.table("cache_entries", *map(sa.column, ("type", "name", "key", "value")))
_members = sa.table("group_memberships", *map(sa.column, ("group_name", "symbol", "position")))


def upgrade() -> None:
    op.create_table(
        "definition_groups",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
    )
    op.create_table(
        "group_memberships",
        sa.Column("group_name", sa.Text, sa.ForeignKey("definition_groups.name"), primary_key=True),
        sa.Column("symbol", sa.String(20), sa.ForeignKey("symbols.symbol"), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("weight", sa.Float),
    )
    op.create_table(
        "cache_entries",
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    content = load_universe_file(_UNIVERSES)
    # A group of an older version is its owner's, and stays as it was.
    groups = content.groups | {group.name: group for group in older_groups(op.get_bind())}
    members = {symbol for group in groups.values() for symbol in group.members}
    _load_symbols({symbol: Instrument(symbol, None, None, None) for symbol in members} | content.instruments)
    _load_groups(list(groups.values()))
    op.bulk_insert(_entries, older_entries(op.get_bind()))


def _load_symbols(instruments: dict[str, Instrument]) -> None:
    """Adds what is not known; of known symbols fills only what is absent."""
    connection = op.get_bind()
    known = set(connection.scalars(sa.select(_symbols.c.symbol)))
    now_ms = time.time_ns() // 1_000_000
    new = [{**told._asdict(), "first_seen_ms": now_ms} for told in instruments.values() if told.symbol not in known]
    op.bulk_insert(_symbols, new)
    filled = {
        name: sa.func.coalesce(sa.func.nullif(_symbols.c[name], ""), sa.bindparam(f"new_{name}")) for name in _TOLD
    }
    rows = [
        {"known": told.symbol, **{f"new_{name}": getattr(told, name) for name in _TOLD}}
        for told in instruments.values()
        if told.symbol in known
    ]
    if rows:
        connection.execute(sa.update(_symbols).where(_symbols.c.symbol == sa.bindparam("known")).values(filled), rows)


def _load_groups(groups: list[Group]) -> None:
    op.bulk_insert(_groups, [{"name": one.name, "type": one.type, "description": one.description} for one in groups])
    rows = [
        {"group_name": group.name, "symbol": symbol, "position": position}
        for group in groups
        for position, symbol in enumerate(group.members, start=1)
    ]
    op.bulk_insert(_members, rows)
