"""What differs between databases: how a batch of bars is merged into the table.

The merge is `core.domain.market.bar.merge_evidence` in SQL: evidence of a greater (tier, observed_at) replaces;
an absent vwap or trade count is filled from the other account while both tell the same volume. What readers see
decides the revision: evidence that only confirms a bar moves the bar's stamp, not its revision.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from src.core.domain.market.bar import Bar

_PICKED = ("open", "high", "low", "close", "volume", "tier", "observed_at", "partial")
_FILLED = ("vwap", "trade_count")
# As a Bar is encoded: an array of its fields in their order.
_COLUMNS = Bar.__struct_fields__
_NEWER = "(excluded.tier, excluded.observed_at) > (bar.tier, bar.observed_at)"
_SAME_VOLUME = "excluded.volume = bar.volume"


def _picked(column: str) -> str:
    return f"CASE WHEN {_NEWER} THEN excluded.{column} ELSE bar.{column} END"


def _filled(column: str) -> str:
    newer = f"coalesce(excluded.{column}, CASE WHEN {_SAME_VOLUME} THEN bar.{column} END)"
    older = f"coalesce(bar.{column}, excluded.{column})"
    return f"CASE WHEN {_NEWER} THEN {newer} ELSE {older} END"


def _sqlite_merge() -> str:
    merged = {name: _picked(name) for name in _PICKED} | {name: _filled(name) for name in _FILLED}
    assigned = ", ".join(f"{name} = {value}" for name, value in merged.items())
    unseen = " AND ".join(f"bar.{name} IS {value}" for name, value in merged.items() if name != "observed_at")
    fills = " OR ".join(f"(bar.{name} IS NULL AND excluded.{name} IS NOT NULL)" for name in _FILLED)
    extracts = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(_COLUMNS)))
    return " ".join(
        (
            f"INSERT INTO ohlcv_1min AS bar ({', '.join(_COLUMNS)}, revision)",
            f"SELECT {extracts}, :revision FROM json_each(:bars) WHERE true",  # noqa: S608  of constants alone
            f"ON CONFLICT (symbol, timestamp) DO UPDATE SET {assigned},",
            f"revision = CASE WHEN {unseen} THEN bar.revision ELSE excluded.revision END",
            f"WHERE {_NEWER} OR ({_SAME_VOLUME} AND ({fills}))",
        )
    )


_SQLITE_MERGE = _sqlite_merge()
_SQLITE_SYMBOLS = (
    "INSERT INTO symbols (symbol, first_seen_ms) SELECT value, :now_ms FROM json_each(:symbols) WHERE true"
    " ON CONFLICT (symbol) DO NOTHING"
)


def merge_bars(connection: Connection, bars: Sequence[Bar], revision: int) -> None:
    """Merges `bars` (each symbol known, rows ordered by key) in the transaction of `connection`.

    One statement for the whole batch, its rows as one JSON text: a statement a row would take the interpreter's
    lock once a row, which beside a busy thread costs fifty times as much.
    """
    text = msgspec.json.encode(bars).decode()
    connection.exec_driver_sql(_SQLITE_MERGE, {"revision": revision, "bars": text})


def add_symbols(connection: Connection, symbols: Sequence[str], now_ms: int) -> None:
    """Adds what is not in `symbols` yet; a symbol the feed sends is never a reason to lose a bar."""
    text = msgspec.json.encode(symbols).decode()
    connection.exec_driver_sql(_SQLITE_SYMBOLS, {"symbols": text, "now_ms": now_ms})
