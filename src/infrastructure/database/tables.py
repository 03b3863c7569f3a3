"""The one schema, for every database. What differs between databases is in `dialects.py`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(column_0_label)s",
    }
)

# Times are integers: `timestamp` and the `_ms` columns in epoch milliseconds UTC, `observed_at` in microseconds.
symbols = Table(
    "symbols",
    metadata,
    Column("symbol", String(20), primary_key=True),  # as the feed spells it: case matters
    Column("name", Text),
    Column("type", Text),
    Column("exchange", Text),
    Column("sector", Text),
    Column("industry", Text),
    Column("active", Boolean, nullable=False, server_default="1"),
    Column("first_seen_ms", BigInteger, nullable=False),
)

# A rowid table on SQLite: it writes half of what WITHOUT ROWID does. No index holds `revision`, `observed_at` or
# prices: one that did would be rewritten with every update of a forming bar.
ohlcv_1min = Table(
    "ohlcv_1min",
    metadata,
    Column("symbol", String(20), ForeignKey("symbols.symbol"), primary_key=True),
    Column("timestamp", BigInteger, primary_key=True, autoincrement=False),  # start of the minute
    Column("open", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("close", Float, nullable=False),
    Column("volume", Float, nullable=False),  # shares; can be fractional
    Column("vwap", Float),
    Column("trade_count", BigInteger),
    Column("tier", Integer, nullable=False),  # core.domain.market.bar.Tier
    Column("observed_at", BigInteger, nullable=False),
    Column("partial", Boolean, nullable=False, server_default="0"),
    Column("withdrawn", Boolean, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False),
)

# One row: which database this is, the last revision handed out, and the newest evidence stamp committed, so that
# the stamps of a later start are newer than every one before it even if the machine's clock was set back.
write_state = Table(
    "write_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("database_id", String(36), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("newest_stamp_us", BigInteger, nullable=False),
)

# Small facts that the two halves of the program tell each other: which feed, and the status of each second.
service_state = Table(
    "service_state",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("updated_ms", BigInteger, nullable=False),
)
