"""What differs between databases, as one value each: how times are written, how a batch of bars is merged.

The merge is `core.domain.market.bar.merge_evidence` in SQL: evidence of a greater (tier, observed_at) replaces;
an absent vwap or trade count is filled from the other account while both tell the same volume. What readers see
decides the revision: evidence that only confirms a bar moves the bar's stamp, not its revision.
"""

import datetime as dt
import functools
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from src.core.domain.market.bar import Bar
from src.core.domain.market.daily import DailyBar

_PICKED = ("open", "high", "low", "close", "volume", "tier", "observed_at", "partial", "withdrawn")
_FILLED = ("vwap", "trade_count")
_NUMBERS = ("open", "high", "low", "close", "volume", "vwap")
# As a Bar, or a DailyBar, is encoded: an array of its fields in their order.
BAR_FIELDS = Bar.__struct_fields__
DAY_FIELDS = DailyBar.__struct_fields__
_NEWER = "(excluded.tier, excluded.observed_at) > (bar.tier, bar.observed_at)"
_SAME_VOLUME = "excluded.volume = bar.volume"


class Range(NamedTuple):
    """Minutes of one symbol: from the first to the last, both included, epoch ms."""

    symbol: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True)
class Dialect:
    """One database's ways. `{}` in the texts stands for a column or a bound parameter."""

    name: str
    epoch_ms: str  # of a column of the type of `ohlcv_1min.timestamp`
    moment: str  # of a parameter in epoch ms, as that type
    number: str  # of a price or a volume, as a double
    greatest: str  # the function of several arguments
    merge: Callable[[Connection, Sequence[Bar], int], None]
    merge_days: Callable[[Connection, Sequence[DailyBar], int], None]
    bind_list: Callable[[Sequence[Any]], Any]  # a list as one bound parameter
    listed: str  # a table `wanted (value)` of a bound list of texts
    among: str  # after a text: whether it is in the bound list `wanted`; quick for a long one
    nested: str  # joins bars to another table by a condition, one of its rows after the other
    ranges: str  # a table `ranges (symbol, from_ms, to_ms)` of the bound lists symbols, froms and tos
    open_live_bars: str
    millionths: str  # of a price, as a whole number
    gathered: str  # an expression's values over all rows as the text of one JSON list
    last_row: str | None  # the number of the last row of a table, where rows are numbered as they came
    row_range: str  # rows `row` by these numbers
    lock_schema: str | None  # what keeps a second program from changing the schema at the same time
    relax_commit: str  # what lets a transaction of live bars alone return before it is on disk

    def columns(self) -> str:
        """All of a Bar, in its order, from a table or alias `bar`."""
        return ", ".join(self._column("bar", name) for name in BAR_FIELDS)

    def day_columns(self) -> str:
        """All of a DailyBar, in its order, from a table or alias `day`; SQLite gives the date as text."""
        return ", ".join(self._column("day", name) for name in DAY_FIELDS)

    def _column(self, alias: str, name: str) -> str:
        column = f"{alias}.{name}"
        if name == "timestamp":
            return f"{self.epoch_ms.format(column)} AS timestamp"
        return f"{self.number.format(column)} AS {name}" if name in _NUMBERS else column


def dialect_of(bound: Engine | Connection) -> Dialect:
    """The ways of the database behind an engine or a connection."""
    return _DIALECTS[bound.dialect.name]


def add_symbols(connection: Connection, symbols: Sequence[str], now_ms: int) -> int:
    """Adds what is not in `symbols` yet, and says how many that were.

    A symbol the feed sends is never a reason to lose a bar.
    """
    dialect = dialect_of(connection)
    query = text(
        f"INSERT INTO symbols (symbol, first_seen_ms) SELECT value, :now_ms FROM {dialect.listed} WHERE true"  # noqa: S608  of constants
        " ON CONFLICT (symbol) DO NOTHING"
    )
    return connection.execute(query, {"wanted": dialect.bind_list(symbols), "now_ms": now_ms}).rowcount


def log_changes(connection: Connection, ranges: Sequence[Range], revision: int, now_ms: int) -> None:
    """Notes where `revision` changed bars that the change reader does not look through anyway."""
    dialect = dialect_of(connection)
    query = text(
        "INSERT INTO bar_changes (revision, symbol, from_ms, to_ms, changed_ms)"  # noqa: S608  of constants
        f" SELECT :revision, symbol, from_ms, to_ms, :now_ms FROM {dialect.ranges}"
    )
    symbols, froms, tos = (dialect.bind_list(values) for values in zip(*ranges, strict=True))
    values = {"revision": revision, "now_ms": now_ms, "symbols": symbols, "froms": froms, "tos": tos}
    connection.execute(query, values)


def _picked(column: str) -> str:
    return f"CASE WHEN {_NEWER} THEN excluded.{column} ELSE bar.{column} END"


def _filled(column: str) -> str:
    newer = f"coalesce(excluded.{column}, CASE WHEN {_SAME_VOLUME} THEN bar.{column} END)"
    older = f"coalesce(bar.{column}, excluded.{column})"
    return f"CASE WHEN {_NEWER} THEN {newer} ELSE {older} END"


def merge_statement(table: str, fields: Sequence[str], rows: str, same: str) -> str:
    """The statement that merges `rows`, a SELECT of `fields` and the revision; the first two are the table's key.
    `same` compares with NULLs."""
    merged = {name: _picked(name) for name in _PICKED} | {name: _filled(name) for name in _FILLED}
    assigned = ", ".join(f"{name} = {value}" for name, value in merged.items())
    unseen = " AND ".join(f"bar.{name} {same} {value}" for name, value in merged.items() if name != "observed_at")
    fills = " OR ".join(f"(bar.{name} IS NULL AND excluded.{name} IS NOT NULL)" for name in _FILLED)
    return " ".join(
        (
            f"INSERT INTO {table} AS bar ({', '.join(fields)}, revision)",
            rows,
            f"ON CONFLICT ({', '.join(fields[:2])}) DO UPDATE SET {assigned},",
            f"revision = CASE WHEN {unseen} THEN bar.revision ELSE excluded.revision END",
            f"WHERE {_NEWER} OR ({_SAME_VOLUME} AND ({fills}))",
        )
    )


# -- SQLite ------------------------------------------------------------------------------------------------------

_EXTRACTS = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(BAR_FIELDS)))
_SQLITE_ROWS = f"SELECT {_EXTRACTS}, :revision FROM json_each(:bars) WHERE true"  # noqa: S608  of constants
_SQLITE_MERGE = merge_statement("ohlcv_1min", BAR_FIELDS, _SQLITE_ROWS, "IS")
_SQLITE_MERGE_DAYS = merge_statement("ohlcv_daily", DAY_FIELDS, _SQLITE_ROWS, "IS")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _merge_by_json(connection: Connection, bars: Sequence[Bar], revision: int) -> None:
    """One statement for the whole batch, its rows as one JSON text: a statement a row would take the interpreter's
    lock once a row, which beside a busy thread costs fifty times as much."""
    connection.exec_driver_sql(_SQLITE_MERGE, {"revision": revision, "bars": _json(bars)})


def _merge_days_by_json(connection: Connection, days: Sequence[DailyBar], revision: int) -> None:
    connection.exec_driver_sql(_SQLITE_MERGE_DAYS, {"revision": revision, "bars": _json(days)})


_SQLITE = Dialect(
    name="sqlite",
    epoch_ms="{}",
    moment="{}",
    number="{}",
    greatest="max",
    merge=_merge_by_json,
    merge_days=_merge_days_by_json,
    bind_list=_json,
    listed="json_each(:wanted) AS wanted",
    among="IN (SELECT value FROM json_each(:wanted))",
    nested="CROSS JOIN ohlcv_1min AS bar ON {}",
    ranges=(
        "(SELECT s.value AS symbol, f.value AS from_ms, t.value AS to_ms FROM json_each(:symbols) AS s"
        " JOIN json_each(:froms) AS f ON f.key = s.key JOIN json_each(:tos) AS t ON t.key = s.key) AS ranges"
    ),
    open_live_bars=(
        "SELECT {columns} FROM symbols CROSS JOIN ohlcv_1min AS bar ON bar.symbol = symbols.symbol"
        " WHERE bar.tier = 0 AND bar.timestamp >"
        " (SELECT max(timestamp) - 180000 FROM ohlcv_1min AS newest WHERE newest.symbol = symbols.symbol)"
    ),
    millionths="CAST({0} * 1000000 + 0.5 - ({0} < 0) AS integer)",
    gathered="json_group_array({})",
    last_row="SELECT max(rowid) FROM {}",
    row_range="row.rowid > :after AND row.rowid <= :until",
    lock_schema=None,  # its write lock is the whole file's, taken as the transaction begins
    relax_commit="",
)


# -- PostgreSQL --------------------------------------------------------------------------------------------------

_COPY_PIECE = 1 << 18  # bytes that are sent at once; the driver's own 8,192 take a third longer
# Made once on each writing connection; empty again after every transaction.
INCOMING_BARS = (
    "CREATE TEMPORARY TABLE incoming_bars (symbol text, timestamp timestamptz, open numeric, high numeric, low numeric,"
    " close numeric, volume numeric, vwap numeric, trade_count bigint, tier integer, observed_at bigint,"
    " partial boolean, withdrawn boolean) ON COMMIT DELETE ROWS"
)
_COPY = f"COPY incoming_bars ({', '.join(BAR_FIELDS)}) FROM STDIN"
_POSTGRES_MERGE = merge_statement(
    "ohlcv_1min",
    BAR_FIELDS,
    f"SELECT {', '.join(BAR_FIELDS)}, %(revision)s FROM incoming_bars ORDER BY symbol, timestamp",  # noqa: S608  of constants
    "IS NOT DISTINCT FROM",
)
_INCOMING_DAYS = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_days (symbol text, date date, open numeric, high numeric,"
    " low numeric, close numeric, volume numeric, vwap numeric, trade_count bigint, tier integer, observed_at bigint,"
    " partial boolean, withdrawn boolean) ON COMMIT DELETE ROWS"
)
_COPY_DAYS = f"COPY incoming_days ({', '.join(DAY_FIELDS)}) FROM STDIN"
_POSTGRES_MERGE_DAYS = merge_statement(
    "ohlcv_daily",
    DAY_FIELDS,
    f"SELECT {', '.join(DAY_FIELDS)}, %(revision)s FROM incoming_days ORDER BY symbol, date",  # noqa: S608  of constants
    "IS NOT DISTINCT FROM",
)


@functools.lru_cache(4096)
def copied_time(epoch_ms: int) -> str:
    """A time as COPY reads it; most bars share theirs with others."""
    return dt.datetime.fromtimestamp(epoch_ms / 1000, dt.UTC).isoformat()


def _copied(bars: Iterable[Bar]) -> str:
    """Bars as COPY reads them; the shortest text of a double is that double, digit for digit."""
    return "".join(
        f"{b.symbol}\t{copied_time(b.timestamp)}\t{b.open!r}\t{b.high!r}\t{b.low!r}\t{b.close!r}\t{b.volume!r}"
        f"\t{_or_null(b.vwap)}\t{_or_null(b.trade_count)}\t{b.tier}\t{b.observed_at}\t{b.partial}\t{b.withdrawn}\n"
        for b in bars
    )


def _copied_day(d: DailyBar) -> str:
    return (
        f"{d.symbol}\t{d.date}\t{d.open!r}\t{d.high!r}\t{d.low!r}\t{d.close!r}\t{d.volume!r}"
        f"\t{_or_null(d.vwap)}\t{_or_null(d.trade_count)}\t{d.tier}\t{d.observed_at}\t{d.partial}\t{d.withdrawn}\n"
    )


def _or_null(value: float | int | None) -> str:
    return r"\N" if value is None else repr(value)


def _merge_by_copy(connection: Connection, bars: Sequence[Bar], revision: int) -> None:
    """COPY into a temporary table, then one upsert: twice what any form of INSERT with values reaches."""
    copy_into(connection, _COPY, _copied(bars).encode())
    connection.exec_driver_sql(_POSTGRES_MERGE, {"revision": revision})


def _merge_days_by_copy(connection: Connection, days: Sequence[DailyBar], revision: int) -> None:
    """The same for days, whose temporary table is made by who needs it."""
    connection.exec_driver_sql(_INCOMING_DAYS)
    copy_into(connection, _COPY_DAYS, "".join(_copied_day(day) for day in days).encode())
    connection.exec_driver_sql(_POSTGRES_MERGE_DAYS, {"revision": revision})


def copy_into(connection: Connection, statement: str, rows: bytes) -> None:
    """Carries out a COPY of rows in its text format."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  a connection in a transaction has one
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, io.BytesIO(rows), _COPY_PIECE)
    except connection.dialect.loaded_dbapi.Error as error:
        if driver.closed:
            connection.invalidate(error)
        raise DBAPIError(statement, None, error) from error


_POSTGRES = Dialect(
    name="postgresql",
    epoch_ms="CAST(date_part('epoch', {}) * 1000 AS bigint)",
    moment="to_timestamp(CAST({} AS bigint) / 1000.0)",
    number="CAST({} AS double precision)",
    greatest="greatest",
    merge=_merge_by_copy,
    merge_days=_merge_days_by_copy,
    bind_list=list,
    listed="unnest(CAST(:wanted AS text[])) AS wanted (value)",
    among="= ANY (CAST(:wanted AS text[]))",
    nested="CROSS JOIN LATERAL (SELECT * FROM ohlcv_1min AS bar WHERE {} OFFSET 0) AS bar",
    ranges=(
        "unnest(CAST(:symbols AS text[]), CAST(:froms AS bigint[]), CAST(:tos AS bigint[]))"
        " AS ranges (symbol, from_ms, to_ms)"
    ),
    open_live_bars=(
        "SELECT {columns} FROM symbols CROSS JOIN LATERAL (SELECT *, max(timestamp) OVER () AS newest FROM ("
        "SELECT * FROM ohlcv_1min AS newest WHERE newest.symbol = symbols.symbol ORDER BY timestamp DESC LIMIT 3"
        ") AS last) AS bar WHERE bar.tier = 0 AND bar.timestamp > bar.newest - interval '3 minutes'"
    ),
    millionths="CAST({} * 1000000 AS bigint)",
    gathered="CAST(json_agg({}) AS text)",
    last_row=None,
    row_range="true",
    lock_schema="SELECT pg_advisory_xact_lock(7250157019841023844)",
    relax_commit="SET LOCAL synchronous_commit = off",
)
_DIALECTS = {dialect.name: dialect for dialect in (_SQLITE, _POSTGRES)}
