"""A PostgreSQL database of an older version is taken over, and nothing of it is lost."""

from decimal import Decimal
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import create_engine, text

from src.app import create_app
from src.config.settings import parse_settings
from src.core.errors import FeedMismatchError, SchemaError
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, stored_bars
from tests.conftest import as_settings_give_it

OLDER_SCHEMA = (
    """
    CREATE TABLE symbols (
        symbol VARCHAR(10) PRIMARY KEY,
        name VARCHAR(100) NOT NULL,
        market VARCHAR(20) DEFAULT 'stocks',
        type VARCHAR(20),
        active BOOLEAN DEFAULT true,
        last_updated TIMESTAMP WITH TIME ZONE DEFAULT now()
    )
    """,
    """
    CREATE TABLE ohlcv_1min (
        symbol VARCHAR(10) NOT NULL REFERENCES symbols (symbol),
        timestamp TIMESTAMP WITH TIME ZONE NOT NULL,
        open NUMERIC(10, 4) NOT NULL,
        high NUMERIC(10, 4) NOT NULL,
        low NUMERIC(10, 4) NOT NULL,
        close NUMERIC(10, 4) NOT NULL,
        volume BIGINT NOT NULL,
        source VARCHAR(20) NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
        PRIMARY KEY (symbol, timestamp)
    )
    """,
    "CREATE INDEX idx_ohlcv_1min_covering ON ohlcv_1min (symbol, timestamp DESC)"
    " INCLUDE (open, high, low, close, volume)",
    "CREATE INDEX idx_ohlcv_1min_timestamp ON ohlcv_1min (timestamp DESC)",
    "CREATE TABLE cache_entries (id serial PRIMARY KEY, type text, name text, key text, value jsonb)",
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('9f86d081884c')",
    "INSERT INTO symbols (symbol, name) VALUES ('AAPL', 'Apple Inc.'), ('BRK.B', 'Berkshire Hathaway')",
    """
    INSERT INTO ohlcv_1min
    SELECT symbol, TIMESTAMPTZ '2024-01-02 09:30-05' + minute * INTERVAL '1 minute',
           150.1234, 151.5, 149.25, 150.75, 1000000000 + minute, 'polygon'
    FROM symbols, generate_series(0, 999) AS minute
    """,
    "INSERT INTO cache_entries (type, name, key, value) VALUES ('UNIVERSE', 'mine', 'best', '[\"AAPL\"]')",
)


class Older:
    """A PostgreSQL database with an older schema, and its user at the command line."""

    def __init__(self, url: str) -> None:
        self.url = as_settings_give_it(url)
        self._app = create_app(parse_settings({"DATABASE_URL": url}))
        self.execute(*OLDER_SCHEMA)

    def execute(self, *statements: str) -> None:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def rows(self, query: str) -> list[Any]:
        engine = create_engine(self.url)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return found

    def migrate(self, *arguments: str) -> Result:
        return self._app.test_cli_runner().invoke(args=["migrate", *arguments])


@pytest.fixture
def older(postgres_url: str) -> Older:
    return Older(postgres_url)


_BARS = "SELECT symbol, timestamp, open, high, low, close, volume, source FROM ohlcv_1min ORDER BY 1, 2"


def test_what_will_change_is_said_first_and_nothing_changes_without_consent(older: Older) -> None:
    before = older.rows(_BARS)
    said = older.migrate()
    assert said.exit_code == 1
    for words in (
        "ohlcv_1min (2,000 rows)",
        "volume becomes numeric (it is bigint)",
        "close becomes numeric (it is numeric(10,4))",
        "tier is added (0 in the rows of now)",
        "source may be empty",
        "The table is rewritten",
        "name may be empty",
        "cache_entries of the older version is kept as older_cache_entries",
        "The index idx_ohlcv_1min_covering",
        "Nothing was changed. Run it again with --yes",
    ):
        assert words in said.output
    assert "idx_ohlcv_1min_timestamp" not in said.output
    assert older.rows(_BARS) == before
    assert older.rows("SELECT version_num FROM alembic_version") == [("9f86d081884c",)]


def test_every_row_and_every_column_is_there_afterwards(older: Older) -> None:
    before = older.rows(_BARS)
    query = (
        "SELECT symbol, name, market, active, last_updated FROM symbols WHERE symbol IN ('AAPL', 'BRK.B') ORDER BY 1"
    )
    symbols = older.rows(query)
    done = older.migrate("--yes")
    assert done.exit_code == 0, done.output
    assert older.rows(_BARS) == before
    assert older.rows(query) == symbols
    assert older.rows("SELECT type, name, key, value FROM cache_entries") == [("UNIVERSE", "mine", "best", '["AAPL"]')]
    assert older.rows("SELECT name, key, value FROM older_cache_entries") == [("mine", "best", ["AAPL"])]
    indexes = {row[0] for row in older.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'ohlcv_1min'")}
    assert indexes >= {"idx_ohlcv_1min_covering", "idx_ohlcv_1min_timestamp", "ohlcv_1min_pkey"}
    migrate.check_schema(older.url)
    assert "up to date" in older.migrate().output


def test_universes_are_taken_over_and_win_over_those_of_the_program(
    older: Older, caplog: pytest.LogCaptureFixture
) -> None:
    older.execute(
        "CREATE TABLE definition_groups (id serial PRIMARY KEY, name varchar(50), type varchar(20), environment text)",
        "CREATE TABLE group_memberships (id serial PRIMARY KEY, symbol varchar(20), weight numeric(8,4),"
        " group_id integer REFERENCES definition_groups (id))",
        "INSERT INTO definition_groups (name, type) VALUES ('dow30', 'universe'), ('robots', 'IDEA'), ('none', NULL)",
        "INSERT INTO group_memberships (group_id, symbol, weight) VALUES (1, 'AAPL', NULL), (2, 'NEWCO', 0.2),"
        " (2, 'IBM', 0.5), (2, 'ABB', 0.2), (2, 'IBM', 0.1), (2, '<b>', 0.1)",
        "INSERT INTO cache_entries (type, name, key, value) VALUES (NULL, 'SPY', 'best', '{\"tickers\": [\"F\"]}'),"
        " ('UNIVERSE', 'mine', 'best', '[\"BRK.B\"]'), ('UNIVERSE', 'half', NULL, '[]')",
    )
    done = older.migrate("--yes")
    assert done.exit_code == 0, done.output
    engine = read_engine(older.url)
    universes = RelationshipCache(engine)
    assert universes.get_universe_symbols("mine:best") == ["BRK.B"]
    assert universes.get_universe_symbols("SPY:best") == ["F"]
    assert universes.get_universe_symbols("dow30") == ["AAPL"]
    assert universes.get_universe_symbols("robots") == ["IBM", "ABB", "NEWCO"]
    assert universes.resolve("none") == ((), ())
    assert len(universes.get_universe_symbols("sp500")) == 503
    engine.dispose()
    assert "Left out of the universe robots: '<b>' is not a ticker" in caplog.text
    assert older.rows("SELECT name, type, description FROM definition_groups WHERE name IN ('robots', 'dow30')") == [
        ("dow30", "UNIVERSE", ""),
        ("robots", "CUSTOM", ""),
    ]
    assert older.rows("SELECT name, sector FROM symbols WHERE symbol IN ('AAPL', 'NEWCO') ORDER BY symbol") == [
        ("Apple Inc.", "Information Technology"),
        (None, None),
    ]


def test_universes_whose_members_do_not_refer_to_them_stay_where_they_are(
    older: Older, caplog: pytest.LogCaptureFixture
) -> None:
    older.execute(
        "CREATE TABLE definition_groups (name text)",
        "CREATE TABLE group_memberships (group_name text, symbol text)",
        "INSERT INTO group_memberships VALUES ('dow30', 'AAPL')",
    )
    assert older.migrate("--yes").exit_code == 0
    assert "The universes in older_definition_groups stay there" in caplog.text
    assert older.rows("SELECT count(*) FROM group_memberships WHERE group_name = 'dow30'") == [(30,)]
    assert older.rows("SELECT * FROM older_group_memberships") == [("dow30", "AAPL")]


def test_new_evidence_replaces_what_was_there_and_new_symbols_are_added(older: Older) -> None:
    assert older.migrate("--yes").exit_code == 0
    database = TickStockDatabase(write_engine(older.url), lambda: 1)
    first = 1_704_205_800_000  # 2024-01-02 09:30 New York
    fractional = bar("AAPL", first, close=150.123456, volume=0.25)
    long_name = bar("ABCDEFGHIJKLMNOPQRST", MINUTE)
    assert database.merge([fractional, long_name]).refused == 0
    database.close()
    stored = {(bar.symbol, bar.timestamp): bar for bar in stored_bars(older.url)}
    assert stored["AAPL", first] == fractional
    assert stored[long_name.symbol, MINUTE] == long_name
    untouched = stored["BRK.B", first]
    assert (untouched.open, untouched.volume, untouched.tier) == (150.1234, 1_000_000_000.0, 0)
    assert len(stored) == 2_001


def test_its_bars_are_the_real_markets(older: Older) -> None:
    older.migrate("--yes")
    references = "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = 'ohlcv_1min'::regclass"
    assert older.rows(references) == []  # which would take longer than to store a row
    database = TickStockDatabase(write_engine(older.url), lambda: 1)
    with pytest.raises(FeedMismatchError, match='holds bars of the feed "massive"'):
        database.claim_feed("simulated")
    database.close()


def test_costly_indexes_are_dropped_by_choice(older: Older) -> None:
    assert "flask migrate --drop-costly-indexes" in older.migrate("--yes").output
    again = older.migrate("--drop-costly-indexes")
    assert "Dropping the index idx_ohlcv_1min_covering" in again.output
    indexes = {row[0] for row in older.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'ohlcv_1min'")}
    assert indexes == {"idx_ohlcv_1min_timestamp", "ohlcv_1min_pkey"}
    assert "costly" not in older.migrate().output


def test_without_a_key_or_symbols_they_are_made(older: Older) -> None:
    older.execute(
        "ALTER TABLE ohlcv_1min DROP CONSTRAINT ohlcv_1min_pkey, DROP CONSTRAINT ohlcv_1min_symbol_fkey",
        "DROP TABLE symbols",
    )
    assert older.migrate("--yes").exit_code == 0
    query = "SELECT symbol, active, first_seen_ms FROM symbols WHERE first_seen_ms = 0 ORDER BY 1"
    assert older.rows(query) == [("AAPL", True, 0), ("BRK.B", True, 0)]
    database = TickStockDatabase(write_engine(older.url), lambda: 1)
    database.merge([bar("AAPL"), bar("AAPL", close=151.0, observed_at=2)])
    database.close()
    assert len(stored_bars(older.url)) == 2_001


def test_indexes_and_columns_of_odd_names_are_in_nobodys_way(older: Older) -> None:
    older.execute(
        "ALTER TABLE alembic_version RENAME CONSTRAINT alembic_version_pkey TO alembic_version_pkc",  # as Alembic does
        "ALTER TABLE cache_entries RENAME CONSTRAINT cache_entries_pkey TO pk_cache_entries",
        """ALTER TABLE ohlcv_1min ADD "change%" numeric, ADD "the ""last"" %s" numeric""",
        """UPDATE ohlcv_1min SET "change%" = 1, "the ""last"" %s" = 1""",
        """ALTER TABLE ohlcv_1min ALTER "change%" SET NOT NULL, ALTER "the ""last"" %s" SET NOT NULL""",
        "ALTER TABLE ohlcv_1min DROP CONSTRAINT ohlcv_1min_pkey",
        "CREATE UNIQUE INDEX ON ohlcv_1min (symbol, timestamp, abs(volume))",  # not what an upsert can go by
    )
    done = older.migrate("--yes")
    assert done.exit_code == 0, done.output
    database = TickStockDatabase(write_engine(older.url), lambda: MINUTE * 1000)
    assert database.merge([bar()]).refused == 0
    database.close()


def test_naive_times_are_taken_as_utc(older: Older) -> None:
    older.execute(
        "DROP INDEX idx_ohlcv_1min_timestamp",
        "ALTER TABLE ohlcv_1min ALTER timestamp TYPE timestamp USING timestamp AT TIME ZONE 'UTC'",
    )
    assert "taken as UTC" in older.migrate("--yes").output
    assert min(bar.timestamp for bar in stored_bars(older.url)) == 1_704_205_800_000


@pytest.mark.parametrize(
    ("obstacle", "says"),
    [
        ("CREATE VIEW daily AS SELECT symbol, sum(volume) FROM ohlcv_1min GROUP BY 1", "The views daily use"),
        ("ALTER TABLE ohlcv_1min ALTER close DROP NOT NULL; UPDATE ohlcv_1min SET close = NULL", "2,000 rows without"),
        ("ALTER TABLE ohlcv_1min RENAME close TO last", "no column close"),
        ("CREATE VIEW last AS SELECT symbol, close FROM ohlcv_1min", "The views last use"),
        ("ALTER TABLE ohlcv_1min ADD CONSTRAINT later UNIQUE (symbol, timestamp) DEFERRABLE", "later of ohlcv_1min"),
    ],
)
def test_what_a_person_has_to_decide_is_said_and_nothing_changes(older: Older, obstacle: str, says: str) -> None:
    older.execute(*obstacle.split(";"))
    done = older.migrate("--yes")
    assert done.exit_code == 1
    assert says in done.output
    assert older.rows("SELECT count(*) FROM cache_entries") == [(1,)]


def test_tables_of_a_later_schema_would_be_hidden_so_it_says_so(older: Older) -> None:
    name = older.rows("SELECT current_database()")[0][0]
    older.execute("CREATE SCHEMA own", f'ALTER DATABASE "{name}" SET search_path = own, public')
    done = older.migrate("--yes")
    assert done.exit_code == 1
    assert "is in the schema public, and new tables would be made in own" in done.output
    assert len(older.rows(_BARS)) == 2_000


def test_a_table_in_use_is_waited_for_and_then_said(older: Older) -> None:
    engine = create_engine(older.url)
    with engine.begin() as connection:
        connection.execute(text("SELECT count(*) FROM ohlcv_1min"))
        done = older.migrate("--yes")
        assert done.exit_code == 1
        assert "lock timeout" in done.output
    engine.dispose()
    assert older.migrate("--yes").exit_code == 0


def test_a_start_does_not_take_it_over_by_itself(older: Older) -> None:
    with pytest.raises(SchemaError, match="bars of an older version"):
        migrate.upgrade(older.url)
    with pytest.raises(SchemaError, match="lacks the schema changes"):
        migrate.check_schema(older.url)


def test_decimals_beyond_the_older_limits_fit(older: Older) -> None:
    older.migrate("--yes")
    older.execute("UPDATE ohlcv_1min SET close = 1234567.123456789, volume = 0.000001 WHERE symbol = 'AAPL'")
    query = "SELECT DISTINCT close, volume FROM ohlcv_1min WHERE symbol = 'AAPL'"
    assert older.rows(query) == [(Decimal("1234567.123456789"), Decimal("0.000001"))]
