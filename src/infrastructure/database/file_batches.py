"""Batches of a flat file's minutes as each database reads them fastest, merged by the one rule of evidence.

What all rows of a batch have in common (tier, stamp, flags) is told once: looking a value up in a row of an SQLite
JSON text takes as long as there are values before it, so half of the columns take a third of the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.flat_file import MinuteBatch, MinuteRow, bar_of
from src.infrastructure.database.dialects import BAR_FIELDS, copy_into, merge_statement

_ROW_FIELDS = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "trade_count", "vwap")


@dataclass(frozen=True)
class _Encoding:
    """One database's way. `merge` takes what `encode` gives, a stamp and a revision."""

    encode: Callable[[Sequence[MinuteRow]], str]
    decode: Callable[[str], list[MinuteRow]]
    merge: Callable[[Connection, str, int, int], None]


def encode_rows(database: str, rows: Sequence[MinuteRow]) -> str:
    """Rows as the kind of database of that name merges them."""
    return _ENCODINGS[database].encode(rows)


def decode_batch(database: str, batch: MinuteBatch) -> list[Bar]:
    """The bars of a batch that was encoded for the kind of database of that name."""
    return [bar_of(row, batch.stamp) for row in _ENCODINGS[database].decode(batch.encoded)]


def merge_batch(connection: Connection, batch: MinuteBatch, revision: int) -> None:
    """Merges a batch that was encoded for the connection's database."""
    _ENCODINGS[connection.dialect.name].merge(connection, batch.encoded, batch.stamp, revision)


def _selected(values: dict[str, str], revision: str) -> str:
    """All columns of a bar, by the texts for what a row has."""
    shared = {"tier": str(Tier.FINAL.value), "partial": "false", "withdrawn": "false"}
    return ", ".join([*({**values, **shared}[name] for name in BAR_FIELDS), revision])


# -- SQLite ----------------------------------------------------------------------------------------------------------

_EXTRACTED = {name: f"json_extract(value, '$[{place}]')" for place, name in enumerate(_ROW_FIELDS)}
_SQLITE_MERGE = merge_statement(
    "ohlcv_1min",
    BAR_FIELDS,
    f"SELECT {_selected({**_EXTRACTED, 'observed_at': ':stamp'}, ':revision')} FROM json_each(:rows) WHERE true",  # noqa: S608  of constants
    "IS",
)


def _json(rows: Sequence[MinuteRow]) -> str:
    return msgspec.json.encode(rows).decode()


def _from_json(encoded: str) -> list[MinuteRow]:
    return msgspec.json.decode(encoded, type=list[MinuteRow])


def _merge_json(connection: Connection, encoded: str, stamp: int, revision: int) -> None:
    connection.exec_driver_sql(_SQLITE_MERGE, {"rows": encoded, "stamp": stamp, "revision": revision})


# -- PostgreSQL ------------------------------------------------------------------------------------------------------

_NULL = r"\N"
_COPY = f"COPY incoming_bars ({', '.join(_ROW_FIELDS)}) FROM STDIN"
_INCOMING = {name: name for name in _ROW_FIELDS} | {"timestamp": "to_timestamp(timestamp / 1000)"}
_POSTGRES_MERGE = merge_statement(
    "ohlcv_1min",
    BAR_FIELDS,
    f"SELECT {_selected({**_INCOMING, 'observed_at': '%(stamp)s'}, '%(revision)s')} FROM incoming_bars"  # noqa: S608  of constants
    " ORDER BY symbol, timestamp",
    "IS NOT DISTINCT FROM",
)


def _copied(rows: Sequence[MinuteRow]) -> str:
    return "".join(
        [
            f"{symbol}\t{start}\t{op!r}\t{high!r}\t{low!r}\t{close!r}\t{volume!r}\t"
            f"{_NULL if count is None else count}\t{_NULL if vwap is None else repr(vwap)}\n"
            for symbol, start, op, high, low, close, volume, count, vwap in rows
        ]
    )


def _from_copied(encoded: str) -> list[MinuteRow]:
    rows = ([None if text == _NULL else text for text in line.split("\t")] for line in encoded.splitlines())
    return msgspec.convert(list(rows), list[MinuteRow], strict=False)


def _merge_copied(connection: Connection, encoded: str, stamp: int, revision: int) -> None:
    copy_into(connection, _COPY, encoded)
    connection.exec_driver_sql(_POSTGRES_MERGE, {"stamp": stamp, "revision": revision})


_ENCODINGS = {
    "sqlite": _Encoding(_json, _from_json, _merge_json),
    "postgresql": _Encoding(_copied, _from_copied, _merge_copied),
}
