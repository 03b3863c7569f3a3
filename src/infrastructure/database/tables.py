"""The one schema, for every database. How its statements differ between databases is in `dialects.py`."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
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

# Times are integers, `_ms` in epoch milliseconds UTC, `observed_at` in microseconds; but the start of a minute is a
# timestamp with time zone on PostgreSQL, where people and TimescaleDB expect one.
_MINUTE = BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")
# Never Numeric on SQLite, which would round to ten decimals.
_NUMBER = Float().with_variant(Numeric(), "postgresql")

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

# A rowid table on SQLite: it writes half of what WITHOUT ROWID does. There `symbol` refers to `symbols`; on PostgreSQL
# to look that up for each row took longer than to store it, so the writer alone sees to it. No index holds `revision`,
# `observed_at` or prices: one that did would be rewritten with every update of a forming bar.
ohlcv_1min = Table(
    "ohlcv_1min",
    metadata,
    Column("symbol", String(20), primary_key=True),
    Column("timestamp", _MINUTE, primary_key=True, autoincrement=False),  # start of the minute
    Column("open", _NUMBER, nullable=False),
    Column("high", _NUMBER, nullable=False),
    Column("low", _NUMBER, nullable=False),
    Column("close", _NUMBER, nullable=False),
    Column("volume", _NUMBER, nullable=False),  # shares; can be fractional
    Column("vwap", _NUMBER),
    Column("trade_count", BigInteger),
    Column("tier", Integer, nullable=False),  # core.domain.market.bar.Tier
    Column("observed_at", BigInteger, nullable=False),
    Column("partial", Boolean, nullable=False, server_default="0"),
    Column("withdrawn", Boolean, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False),
)

# One row: which database this is; the last revision handed out; the newest evidence stamp committed, so that the
# stamps of a later start are newer than every one before it even if the machine's clock was set back; the newest
# minute committed, but no later than the clock; the revision that last added symbols; and the revision up to which
# `bar_changes` was emptied.
write_state = Table(
    "write_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("database_id", String(36), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("newest_stamp_us", BigInteger, nullable=False),
    Column("newest_bar_ms", BigInteger, nullable=False, server_default="0"),
    Column("symbols_revision", BigInteger, nullable=False, server_default="0"),
    Column("changes_floor", BigInteger, nullable=False, server_default="0"),
)

# Where a revision changed bars more than 20 minutes older than the newest: with the last 20 minutes, which are read
# by primary key, this is all that changed since a revision. Kept for a day.
bar_changes = Table(
    "bar_changes",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("symbol", String(20), primary_key=True),
    Column("from_ms", BigInteger, nullable=False),  # the first minute and the last, both included
    Column("to_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

# Small facts that the two halves of the program tell each other: which feed, and the status of each second.
service_state = Table(
    "service_state",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("updated_ms", BigInteger, nullable=False),
)

# Universes: groups and their members, in order. What a key such as `SPY:nasdaq100` means is in
# `core.domain.market.universe`.
definition_groups = Table(
    "definition_groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, nullable=False),  # core.domain.market.universe.GROUP_TYPES
    Column("description", Text),
)

group_memberships = Table(
    "group_memberships",
    metadata,
    Column("group_name", Text, ForeignKey("definition_groups.name"), primary_key=True),
    Column("symbol", String(20), ForeignKey("symbols.symbol"), primary_key=True),
    Column("position", Integer, nullable=False),  # from 1
    Column("weight", Float),
)

# Universes of older installations; `name:key` is the universe's name.
cache_entries = Table(
    "cache_entries",
    metadata,
    Column("type", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),  # JSON: a list of symbols, or an object that has one as symbols or tickers
)

# Accounts. `login` is kept in lower case; `role` is `admin` or `user`. A session holds the `session_version` of its
# start, which a new password raises: older sessions end with it.
users = Table(
    "users",
    metadata,
    Column("login", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),  # argon2id, with its parameters and salt
    Column("role", String(16), nullable=False),
    Column("session_version", Integer, nullable=False, server_default="1"),
    Column("created_ms", BigInteger, nullable=False),
)

# Sessions that were logged out, until their cookies are too old anyway.
ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("forget_ms", BigInteger, nullable=False),
)

# What happened to connections, the newest 10,000 events. `actor` is the login of who asked for it, else null;
# `duration_ms` how long the state lasted that ended with this event.
connection_events = Table(
    "connection_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("connection_id", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("event", String(32), nullable=False),  # core.domain.connection.event.EventKind
    Column("close_code", Integer),
    Column("reason", Text, nullable=False),
    Column("duration_ms", BigInteger),
    Column("actor", String(64)),
)

# What the web half asks of the ingesting one: `asked`, then `done` or `refused`, with a sentence as the answer.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("arguments", Text, nullable=False),  # JSON
    Column("actor", String(64), nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("answer", Text),
    Column("done_ms", BigInteger),
)

# Minutes of which something may be missing: see core.domain.market.gaps. `symbols` is a JSON list, null for all that
# are listened to; `to_ms` is null while a gap still grows. `checked_ms` is when REST was last asked about it.
data_gaps = Table(
    "data_gaps",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("scope", String(32), nullable=False),
    Column("symbols", Text),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("repaired_bars", BigInteger, nullable=False, server_default="0"),
    Column("symbols_total", Integer),
    Column("symbols_done", Integer, nullable=False, server_default="0"),
    Column("opened_ms", BigInteger, nullable=False),
    Column("checked_ms", BigInteger),
    Column("closed_ms", BigInteger),
)

# How far the repair of each symbol of a gap is; what is repaired is dropped. `due_ms` is when to ask next.
data_gap_symbols = Table(
    "data_gap_symbols",
    metadata,
    Column("gap_id", String(32), ForeignKey("data_gaps.id"), primary_key=True),
    Column("symbol", String(20), primary_key=True, index=True),
    Column("state", String(16), nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("detail", Text, nullable=False, server_default=""),
)

# Runs that compared a day with the vendor's bars. `symbols` is a JSON list, null for all that are kept; `file` is the
# flat file's path, null for REST; `done_symbols` (JSON) is null once all are done.
reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("date", String(10), nullable=False),  # New York, YYYY-MM-DD
    Column("symbols", Text),
    Column("file", Text),
    Column("state", String(16), nullable=False),  # running, done or failed
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    Column("symbols_total", Integer, nullable=False),
    Column("symbols_done", Integer, nullable=False, server_default="0"),
    Column("bars", BigInteger, nullable=False, server_default="0"),
    Column("added", BigInteger, nullable=False, server_default="0"),
    Column("differed", BigInteger, nullable=False, server_default="0"),
    Column("withdrawn", BigInteger, nullable=False, server_default="0"),
    Column("done_symbols", Text),
    Column("failed_symbols", Text, nullable=False, server_default="{}"),  # JSON: reasons by symbol
    Column("detail", Text, nullable=False, server_default=""),
)

# Bars of trading days, in New York; see core.domain.market.daily. What the minutes of the regular session give is
# `live`: closing prints and odd lots never are in minutes. The vendor's own daily bar replaces it.
ohlcv_daily = Table(
    "ohlcv_daily",
    metadata,
    Column("symbol", String(20), ForeignKey("symbols.symbol"), primary_key=True),
    Column("date", Date, primary_key=True),
    Column("open", _NUMBER, nullable=False),
    Column("high", _NUMBER, nullable=False),
    Column("low", _NUMBER, nullable=False),
    Column("close", _NUMBER, nullable=False),
    Column("volume", _NUMBER, nullable=False),
    Column("vwap", _NUMBER),
    Column("trade_count", BigInteger),
    Column("tier", Integer, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("partial", Boolean, nullable=False, server_default="0"),
    Column("withdrawn", Boolean, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False),
)

# Splits and cash dividends, applied when bars are read and never to what is stored. `date` is the first day that
# trades on the new terms (execution date, ex-dividend date). A split makes `split_to` shares of `split_from`.
corporate_actions = Table(
    "corporate_actions",
    metadata,
    Column("id", String(64), primary_key=True),  # the vendor's; of a file's row, a digest of what it says
    Column("symbol", String(20), nullable=False, index=True),
    Column("date", Date, nullable=False),
    Column("kind", String(16), nullable=False),  # split or dividend
    Column("split_from", _NUMBER),
    Column("split_to", _NUMBER),
    Column("amount", _NUMBER),  # of a dividend, for each share, in `currency`
    Column("currency", String(8)),
    Column("source", String(16), nullable=False),  # rest or csv
    Column("loaded_ms", BigInteger, nullable=False),
)

# Loads of history that were asked for: from REST by symbol and month, or from flat files. `symbols` and `files` are
# JSON lists, `failures` reasons by what failed; a unit is a month of a symbol, or a file.
history_loads = Table(
    "history_loads",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),  # rest or files
    Column("timespan", String(16), nullable=False),  # minute or day
    Column("symbols", Text),
    Column("files", Text),
    Column("from_date", Date),
    Column("to_date", Date),  # included
    Column("actor", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # waiting, running, done or failed
    Column("asked_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    Column("units_total", Integer, nullable=False, server_default="0"),
    Column("units_done", Integer, nullable=False, server_default="0"),
    Column("units_empty", Integer, nullable=False, server_default="0"),
    Column("units_failed", Integer, nullable=False, server_default="0"),
    Column("bars", BigInteger, nullable=False, server_default="0"),  # read
    Column("written", BigInteger, nullable=False, server_default="0"),  # that were not stored like this before
    Column("failures", Text, nullable=False, server_default="{}"),
    Column("detail", Text, nullable=False, server_default=""),
)

# Which days of a month of a symbol are known, both included, so that none is asked for twice: they were settled when
# REST was asked.
history_months = Table(
    "history_months",
    metadata,
    Column("symbol", String(20), primary_key=True),
    Column("timespan", String(16), primary_key=True),
    Column("month", String(7), primary_key=True),  # New York, YYYY-MM
    Column("since", Date, nullable=False),
    Column("through", Date, nullable=False),
    Column("bars", BigInteger, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
)

# Patterns of completed bars; see core.domain.market.pattern_event. Revisions are of one order with those of bars.
pattern_events = Table(
    "pattern_events",
    metadata,
    Column("symbol", String(20), primary_key=True),
    Column("timestamp", _MINUTE, primary_key=True, autoincrement=False, index=True),  # start of the bar
    Column("timeframe", String(4), primary_key=True),
    Column("pattern", String(32), primary_key=True),
    Column("direction", String(8), nullable=False),
    Column("confidence", Float, nullable=False),  # 0 to 1
    Column("found_ms", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, index=True),
)

# One row: which process ingests, until when by the database's clock (PostgreSQL; SQLite has the system's file lock).
ingest_lease = Table(
    "ingest_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(64)),
    Column("expires_at", TIMESTAMP(timezone=True)),
)
