"""How fast the table of bars grows, by the bars of the last days."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, text

from src.core.domain.market.retention import Growth
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import is_sqlite

_DAY_MS = 86_400_000
_GROWTH_DAYS = 7
_SAMPLE = 200  # symbols whose bars are counted
_SYMBOLS_A_SNAPSHOT = 50
_FEWEST_BARS = 10_000  # of fewer, the rest of the file outweighs the bars
_WITH_BARS = text(
    "SELECT symbol FROM symbols WHERE EXISTS (SELECT 1 FROM ohlcv_1min WHERE ohlcv_1min.symbol = symbols.symbol)"
    " ORDER BY symbol"
)
_ROWS = "SELECT count(*), {first} FROM ohlcv_1min WHERE symbol = :symbol AND timestamp >= {since}"
_POSTGRESQL_SIZE = text(
    "SELECT pg_total_relation_size(oid), CAST(reltuples AS bigint) FROM pg_class"
    " WHERE oid = CAST('ohlcv_1min' AS regclass)"
)

_PRUNED = text("SELECT value FROM service_state WHERE key = 'pruned'")


def unknown(words: str, here: bool = True, size_bytes: int = 0) -> Growth:
    """It cannot be told, for the reason in `words`."""
    return Growth(0.0, 0.0, here, words, size_bytes)


def measure_growth(engine: Engine, url: str, now_ms: int) -> Growth:
    """The bars of the last 7 days, times what a bar takes. Over 200 symbols a sample of them is counted."""
    here = is_sqlite(url)
    with engine.connect() as connection:
        size, bars = _sqlite_size(connection) if here else _postgresql_size(connection)
        symbols = [row[0] for row in connection.execute(_WITH_BARS)]
    if bars < _FEWEST_BARS or not symbols:
        return unknown(f"there are too few bars yet ({max(0, bars):,})", here, size)
    sample = symbols[:: -(-len(symbols) // _SAMPLE)]
    rows, first_ms = _count_rows(engine, sample, now_ms - _GROWTH_DAYS * _DAY_MS)
    if first_ms is None:
        return unknown(f"there are no bars of the last {_GROWTH_DAYS} days", here, size)
    days = (now_ms - first_ms) / _DAY_MS
    if days < 1:
        return unknown(f"there are bars of the last {days * 24:.0f} hours only", here, size)
    return Growth(rows * len(symbols) / len(sample) * size / bars / days, days, here, "", size)


def _sqlite_size(connection: Connection) -> tuple[int, int]:
    """Bytes of the database, which is nearly all bars, and how many there are: none is ever deleted but by pruning,
    which counts them."""
    pages, free, page_bytes, bars = (
        connection.exec_driver_sql(question).scalar() or 0
        for question in (
            "PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size", "SELECT max(rowid) FROM ohlcv_1min"
        )
    )  # fmt: skip
    value = connection.execute(_PRUNED).scalar()
    pruned = 0 if value is None else msgspec.json.decode(value)["bars"]
    return (pages - free) * page_bytes, bars - pruned


def _postgresql_size(connection: Connection) -> tuple[int, int]:
    """Bytes of the table, and how many bars there are as the server last counted them."""
    size, bars = connection.execute(_POSTGRESQL_SIZE).one()
    return size, bars


def _count_rows(engine: Engine, symbols: Sequence[str], since_ms: int) -> tuple[int, int | None]:
    """How many bars of `symbols` there are since a time, and the start of the first."""
    dialect = dialect_of(engine)
    query = text(_ROWS.format(first=dialect.epoch_ms.format("min(timestamp)"), since=dialect.moment.format(":since")))
    counts, firsts = 0, []
    for place in range(0, len(symbols), _SYMBOLS_A_SNAPSHOT):
        with engine.connect() as connection:
            for symbol in symbols[place : place + _SYMBOLS_A_SNAPSHOT]:
                count, first_ms = connection.execute(query, {"symbol": symbol, "since": since_ms}).one()
                counts += count
                firsts += [first_ms] if count else []
    return counts, min(firsts, default=None)
