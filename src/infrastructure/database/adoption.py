"""Takes over a PostgreSQL database of an older version: what would change, said first, and the statements that do it.

Older versions kept `ohlcv_1min` with a BIGINT volume, a covering index and a foreign key to `symbols`, as a plain table
or as a TimescaleDB hypertable. Nothing of it is lost: columns are added, types are widened, other columns stay.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from src.core.errors import SchemaError

_SYMBOL = "character varying(20)"
_NUMBER = "numeric"


class Step(NamedTuple):
    """One change: a sentence for people, and the statement."""

    words: str
    statement: str


class CostlyIndex(NamedTuple):
    """An index that every update of a forming bar has to rewrite; `size_bytes` is what it takes on disk."""

    name: str
    size_bytes: int


class _Column(NamedTuple):
    """A column as the first migration makes it. `filler` is what rows that lack it get."""

    name: str
    type: str
    required: bool
    filler: str | None = None


# As the first migration makes them; not to follow later ones, which find an adopted database like any other.
_TABLES = {
    "symbols": (
        _Column("symbol", _SYMBOL, True),
        _Column("name", "text", False),
        _Column("type", "text", False),
        _Column("exchange", "text", False),
        _Column("sector", "text", False),
        _Column("industry", "text", False),
        _Column("active", "boolean", True, "true"),
        _Column("first_seen_ms", "bigint", True, "0"),
    ),
    "ohlcv_1min": (
        _Column("symbol", _SYMBOL, True),
        _Column("timestamp", "timestamp with time zone", True),
        *(_Column(name, _NUMBER, True) for name in ("open", "high", "low", "close", "volume")),
        _Column("vwap", _NUMBER, False),
        _Column("trade_count", "bigint", False),
        _Column("tier", "integer", True, "0"),
        _Column("observed_at", "bigint", True, "0"),
        _Column("partial", "boolean", True, "false"),
        _Column("withdrawn", "boolean", True, "false"),
        _Column("revision", "bigint", True, "0"),
    ),
}
_KEYS = {"symbols": ("symbol",), "ohlcv_1min": ("symbol", "timestamp")}
# Other tables of older versions that ours would collide with are moved aside under this prefix.
_ASIDE = "older_"
_ALSO_OURS = (
    "alembic_version", "write_state", "service_state", "bar_changes", "definition_groups", "group_memberships",
    "cache_entries",
)  # fmt: skip
# Types that hold all that is asked of a column, though they are not the one that a new database has.
_AS_GOOD = {_SYMBOL: ("text", "character varying"), _NUMBER: ("double precision",)}
_TEXTS = ("text", "character varying", "json")
# An update of a forming bar writes these. An index on one of them has to be written with it, which takes from
# PostgreSQL the cheap updates in place ("heap-only tuples").
_CHANGING = ("open", "high", "low", "close", "volume", "vwap", "trade_count", "tier", "observed_at", "revision")


def is_older(connection: Connection) -> bool:
    """Whether the database holds bars of an older version, which knew no evidence."""
    if connection.dialect.name != "postgresql" or not _exists(connection, "ohlcv_1min"):
        return False
    return "observed_at" not in _columns(connection, "ohlcv_1min")


def plan(connection: Connection) -> list[Step]:
    """What has to change, in order, before the migrations can run. Changes nothing.

    SchemaError when something of it has to be decided by a person first; the text says what.
    """
    steps = [*_moved_aside(connection)]
    for table in _TABLES:
        steps += _fit(connection, table) if _exists(connection, table) else [_made(table)]
    return steps + _unknown_symbols(connection)


def claim_for_massive(connection: Connection) -> None:
    """Notes that the bars are the real market's, so that a start with the simulated feed is refused."""
    connection.exec_driver_sql("""INSERT INTO service_state (key, value, updated_ms) VALUES ('feed', '"massive"', 0)""")


def costly_indexes(connection: Connection) -> list[CostlyIndex]:
    """Indexes on bars that hold what every update changes; none of ours is among them."""
    if connection.dialect.name != "postgresql" or not _exists(connection, "ohlcv_1min"):
        return []
    query = text(
        "SELECT i.indexrelid::regclass::text, pg_relation_size(i.indexrelid)"
        " FROM pg_index i WHERE i.indrelid = CAST('ohlcv_1min' AS regclass) AND NOT i.indisprimary"
        " AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = ANY(:changing)"
        "  AND a.attnum = ANY(i.indkey)) ORDER BY 1"
    )
    return [CostlyIndex(*row) for row in connection.execute(query, {"changing": list(_CHANGING)})]


def drop_index(connection: Connection, index: CostlyIndex) -> None:
    """Drops it. `index.name` is quoted already where it has to be."""
    connection.exec_driver_sql(f"DROP INDEX {index.name}")


# -- what is there -----------------------------------------------------------------------------------------------


def _exists(connection: Connection, table: str) -> bool:
    return connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is not None


def _columns(connection: Connection, table: str) -> dict[str, tuple[str, bool, bool]]:
    """By name: type, whether it is NOT NULL, and whether it has a default."""
    query = text(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, atthasdef OR attidentity <> ''"
        " FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped"
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query, {"name": table})}


def _index_names(connection: Connection, table: str) -> Sequence[str]:
    query = text(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = CAST(:name AS regclass) ORDER BY 1"
    )
    return connection.execute(query, {"name": table}).scalars().all()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_unique(connection: Connection, table: str, key: Sequence[str]) -> bool:
    query = text(
        "SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY((i.indkey::int2[])[0:i.indnkeyatts - 1]) WHERE i.indrelid = CAST(:name AS regclass)"
        " AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL"
        " GROUP BY i.indexrelid"
    )
    return any(sorted(row[0]) == sorted(key) for row in connection.execute(query, {"name": table}))


# -- what has to change ------------------------------------------------------------------------------------------


def _moved_aside(connection: Connection) -> Iterator[Step]:
    for table in _ALSO_OURS:
        if _exists(connection, table):
            words = f"The table {table} of the older version is kept as {_ASIDE}{table}; a new one takes its name."
            yield Step(words, f"ALTER TABLE {table} RENAME TO {_ASIDE}{table}")
            for index in _index_names(connection, table):  # the new table's may be called the same
                words = f"The index {index} of that table is renamed with it."
                yield Step(words, f"ALTER INDEX {_quoted(index)} RENAME TO {_quoted(_ASIDE + index)}")


def _fit(connection: Connection, table: str) -> list[Step]:
    """What makes `table` one that the first migration could have made, with whatever else it has."""
    _check_schema_and_key(connection, table)
    there = _columns(connection, table)
    required = [column.name for column in _TABLES[table] if column.required and not column.filler]
    for name in required:
        if name not in there:
            raise SchemaError(f"The older table {table} has no column {name}, so it cannot be taken over as it is.")
    changes = [*_alterations(table, there)]
    _check_values(connection, table, [name for name in required if not there[name][1]])
    _check_dependants(connection, table, changes)
    steps = []
    if changes:
        count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  of constants
        words = f"{table} ({count:,} rows): " + ", ".join(change.words for change in changes) + "."
        if any(change.rewrites for change in changes):
            words += " The table is rewritten, which takes as long and as much room as copying it."
        steps.append(Step(words, f"ALTER TABLE {table} " + ", ".join(change.clause for change in changes)))
    if not _is_unique(connection, table, _KEYS[table]):
        key = ", ".join(_KEYS[table])
        steps.append(Step(f"{table}: ({key}) becomes unique.", f"ALTER TABLE {table} ADD UNIQUE ({key})"))
    return steps


class _Alteration(NamedTuple):
    column: str
    words: str
    clause: str
    retypes: bool = False
    rewrites: bool = False


def _alterations(table: str, there: dict[str, tuple[str, bool, bool]]) -> Iterator[_Alteration]:
    ours = {column.name: column for column in _TABLES[table]}
    for column in ours.values():
        if column.name not in there:
            yield from _added(column)
        else:
            yield from _widened(column, *there[column.name][:2])
    for name, (_type, not_null, has_default) in there.items():
        optional = name not in ours or not ours[name].required
        if not_null and optional and not has_default:
            yield _Alteration(name, f"{name} may be empty", f"ALTER {_quoted(name)} DROP NOT NULL")


def _added(column: _Column) -> Iterator[_Alteration]:
    words = f"{column.name} is added" + (f" ({column.filler} in the rows of now)" if column.required else "")
    yield _Alteration(column.name, words, f"ADD {column.name} {column.type}{_rest(column)}")


def _widened(column: _Column, type_: str, not_null: bool) -> Iterator[_Alteration]:
    if not _fits(column, type_):
        # To drop the limits of a numeric, or to move those of a text, PostgreSQL does not touch the rows.
        rewrites = type_.partition("(")[0] != column.type.partition("(")[0]
        zone = " USING timestamp AT TIME ZONE 'UTC'" if type_.endswith("without time zone") else ""
        words = f"{column.name} becomes {column.type} (it is {type_}{', taken as UTC' if zone else ''})"
        yield _Alteration(column.name, words, f"ALTER {column.name} TYPE {column.type}{zone}", True, rewrites)
    if column.required and not not_null and not column.filler:
        yield _Alteration(column.name, f"{column.name} may not be empty", f"ALTER {column.name} SET NOT NULL")
    if column.filler:
        yield _Alteration(
            column.name,
            f"{column.name} is {column.filler} unless given",
            f"ALTER {column.name} SET DEFAULT {column.filler}",
        )


def _fits(column: _Column, type_: str) -> bool:
    """Whether a column of `type_` holds all that is asked of it."""
    base, _, limit = type_.partition("(")
    if column.type == "text":
        return base.startswith(_TEXTS)
    if column.type == _SYMBOL and limit:
        return base == "character varying" and int(limit.rstrip(")")) >= 20
    if column.type.startswith("timestamp"):
        return type_.endswith("with time zone")
    return type_ == column.type or type_ in _AS_GOOD.get(column.type, ())


def _check_schema_and_key(connection: Connection, table: str) -> None:
    """New tables go to the first schema of the search path, where they would hide older ones of a later schema; and
    an upsert cannot go by a constraint that is checked at the end of a transaction."""
    query = text(
        "SELECT n.nspname, current_schema() FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = to_regclass(:name) AND n.nspname <> current_schema()"
    )
    if elsewhere := connection.execute(query, {"name": table}).one_or_none():
        raise SchemaError(
            f"The older table {table} is in the schema {elsewhere[0]}, and new tables would be made in {elsewhere[1]}, "
            f"the first of search_path: let it begin with {elsewhere[0]} (ALTER ROLE ... SET search_path), and run "
            "this again."
        )
    query = text(
        "SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(:name) AND contype IN ('p', 'u')"
        " AND condeferrable ORDER BY 1"
    )
    if deferrable := connection.execute(query, {"name": table}).scalars().all():
        raise SchemaError(
            f"The constraints {', '.join(deferrable)} of {table} are deferrable, so that bars could not be written; "
            "make them anew without that, and run this again."
        )


def _check_values(connection: Connection, table: str, columns: Sequence[str]) -> None:
    for column in columns:
        query = text(f"SELECT count(*) FROM {table} WHERE {column} IS NULL")  # noqa: S608  of constants
        if empty := connection.execute(query).scalar_one():
            raise SchemaError(
                f"The older table {table} has {empty:,} rows without {column}, which are no bars; complete or "
                f"delete them (WHERE {column} IS NULL), and run this again."
            )


def _check_dependants(connection: Connection, table: str, changes: Sequence[_Alteration]) -> None:
    """A view on a column keeps its type from being changed, a compressed chunk from being rewritten."""
    query = text(
        "SELECT DISTINCT v.oid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " JOIN pg_class v ON v.oid = r.ev_class JOIN pg_attribute a ON a.attrelid = d.refobjid"
        " AND a.attnum = d.refobjsubid WHERE d.classid = CAST('pg_rewrite' AS regclass)"
        " AND d.refobjid = CAST(:name AS regclass) AND a.attname = ANY(:columns) ORDER BY 1"
    )
    views = (
        connection.execute(query, {"name": table, "columns": [change.column for change in changes if change.retypes]})
        .scalars()
        .all()
    )
    if views:
        raise SchemaError(
            f"The views {', '.join(views)} use columns of {table} that have to be widened; drop them, run this again, "
            "and make them anew afterwards."
        )
    if any(change.rewrites for change in changes) and (compressed := _compressed_chunks(connection, table)):
        raise SchemaError(
            f"{compressed} chunks of the hypertable {table} are compressed, so that its columns cannot be widened: "
            "decompress them (decompress_chunk), run this again, and compress them afterwards."
        )


def _compressed_chunks(connection: Connection, table: str) -> int:
    if not _exists(connection, "timescaledb_information.chunks"):
        return 0
    query = text("SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = :name AND is_compressed")
    return int(connection.execute(query, {"name": table}).scalar_one())


def _made(table: str) -> Step:
    parts = [f"{column.name} {column.type}{_rest(column)}" for column in _TABLES[table]]
    key = ", ".join(_KEYS[table])
    return Step(f"{table}: is made.", f"CREATE TABLE {table} ({', '.join(parts)}, PRIMARY KEY ({key}))")


def _rest(column: _Column) -> str:
    return (" NOT NULL" if column.required else "") + (f" DEFAULT {column.filler}" if column.filler else "")


def _unknown_symbols(connection: Connection) -> list[Step]:
    """Every bar's symbol becomes known."""
    query = "SELECT DISTINCT bar.symbol, 0 FROM ohlcv_1min AS bar"
    if _exists(connection, "symbols"):
        query += " WHERE NOT EXISTS (SELECT 1 FROM symbols WHERE symbols.symbol = bar.symbol)"
    if count := connection.execute(text(f"SELECT count(*) FROM ({query}) AS missing")).scalar_one():  # noqa: S608  of constants
        words = f"symbols: {count:,} symbols are added that have bars and are not there."
        return [Step(words, f"INSERT INTO symbols (symbol, first_seen_ms) {query}")]
    return []
