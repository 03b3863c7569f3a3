"""What the doctor says of a database, of each kind: whose it is, what may be done in it, how it grows."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from src.infrastructure.database.engines import is_sqlite, sqlite_file, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.infrastructure.doctor.database import look_at_database, status_row
from src.infrastructure.doctor.finding import Finding, Verdict
from tests.bars import bar
from tests.conftest import as_settings_give_it
from tests.postgres import PostgresServer

DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def by_name(url: str, feed: str = "simulated") -> dict[str, Finding]:
    return {finding.name: finding for finding in look_at_database(url, feed, now_ms()).findings}


def test_a_fresh_database_is_well(database_url: str) -> None:
    found = by_name(database_url)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}, found
    kind = "SQLite" if is_sqlite(database_url) else "PostgreSQL"
    assert found["database"].sentence.startswith(kind)
    assert ("clock" in found) == (not is_sqlite(database_url))
    assert "Nothing is stored yet" in found["stored feed"].sentence


def test_the_journal_mode_is_told_and_the_lock_of_a_writer_is_no_fault(
    database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar()])
    found = by_name(database_url)
    if is_sqlite(database_url):
        assert "journal mode wal" in found["database"].sentence
        with closing(sqlite3.connect(sqlite_file(database_url), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "another process is writing" in by_name(database_url)["rights"].sentence
            other.execute("ROLLBACK")


def test_looking_changes_nothing(database: TickStockDatabase, database_url: str) -> None:
    database.merge([bar()])
    engine = write_engine(database_url)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT * FROM write_state")).one()
    look_at_database(database_url, "simulated", now_ms())
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM write_state")).one() == before
    engine.dispose()


def test_the_other_feeds_database_is_a_fault(database: TickStockDatabase, database_url: str) -> None:
    database.claim_feed("simulated")
    assert by_name(database_url)["stored feed"].verdict is Verdict.OK
    finding = by_name(database_url, "massive")["stored feed"]
    assert finding.verdict is Verdict.FAIL
    assert "two feeds never mix" in finding.sentence


def test_the_status_that_ingestion_wrote(database: TickStockDatabase, database_url: str) -> None:
    assert status_row(database_url) is None
    database.set_state("status", {"written_at": 7})
    assert status_row(database_url) == {"written_at": 7}


def test_a_schema_that_lags_or_is_not_there(sqlite_database_url: str, postgres_url: str) -> None:
    with closing(sqlite3.connect(sqlite_file(sqlite_database_url))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
        connection.commit()
    for url in (sqlite_database_url, as_settings_give_it(postgres_url)):
        finding = by_name(url)["schema"]
        assert finding.verdict is Verdict.FAIL
        assert "0004" in finding.sentence
        assert "flask migrate" in finding.advice


def test_a_database_of_a_newer_version(sqlite_database_url: str) -> None:
    with closing(sqlite3.connect(sqlite_file(sqlite_database_url))) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "newer" in by_name(sqlite_database_url)["schema"].sentence


# -- growth --------------------------------------------------------------------------------------------------------


def test_growth_is_measured_by_the_bars_of_the_last_days(database: TickStockDatabase, database_url: str) -> None:
    newest_ms = now_ms() // 60_000 * 60_000
    for symbol in ("AAPL", "MSFT", "KO"):
        database.merge([bar(symbol, newest_ms - (place + 1) * 60_000) for place in range(4320)])
    if not is_sqlite(database_url):
        _execute(database_url, "ANALYZE ohlcv_1min")
    growth = look_at_database(database_url, "simulated", now_ms()).growth
    assert growth.words == ""
    assert growth.here == is_sqlite(database_url)
    assert growth.days == pytest.approx(3, abs=0.01)
    # A row is some 100 to 300 bytes on either, with its key's index.
    assert 3 * 1440 * 80 < growth.bytes_a_day < 3 * 1440 * 400


def _execute(url: str, statement: str) -> None:
    engine = write_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_without_history_growth_is_not_guessed(database: TickStockDatabase, database_url: str) -> None:
    assert "too few bars yet" in look_at_database(database_url, "simulated", now_ms()).growth.words
    old_ms = (now_ms() - 30 * DAY_MS) // 60_000 * 60_000
    database.merge([bar("AAPL", old_ms - place * 60_000) for place in range(12_000)])
    if not is_sqlite(database_url):
        _execute(database_url, "ANALYZE ohlcv_1min")
    assert "no bars of the last 7 days" in look_at_database(database_url, "simulated", now_ms()).growth.words
    database.merge([bar("AAPL", old_ms + 30 * DAY_MS - 60_000)])
    assert "last 0 hours only" in look_at_database(database_url, "simulated", now_ms()).growth.words


# -- SQLite alone --------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    looked = look_at_database(f"sqlite:///{tmp_path / 'none.db'}", "simulated", now_ms())
    assert [finding.verdict for finding in looked.findings] == [Verdict.OK]
    assert looked.growth.words == "there is no database yet"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "bars.db").write_text("this is no database, whatever its name says" * 100)
    finding = by_name(f"sqlite:///{tmp_path / 'bars.db'}")["database"]
    assert finding.verdict is Verdict.FAIL
    assert "not a database" in finding.sentence


def test_a_file_that_refuses_to_be_written(sqlite_database_url: str) -> None:
    with closing(sqlite3.connect(sqlite_file(sqlite_database_url))) as connection:
        connection.execute("CREATE TRIGGER no BEFORE UPDATE ON write_state BEGIN SELECT RAISE(ABORT, 'read only'); END")
        connection.commit()
    assert by_name(sqlite_database_url)["rights"].verdict is Verdict.FAIL


# -- PostgreSQL alone ----------------------------------------------------------------------------------------------


def test_a_role_without_rights(postgres_server: PostgresServer, postgresql_database_url: str) -> None:
    _execute(postgresql_database_url, "CREATE ROLE doctor_reader LOGIN PASSWORD 'a-password-of-hers'")
    _execute(postgresql_database_url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO doctor_reader")
    host = postgresql_database_url.partition("@")[2]
    looked = look_at_database(f"postgresql+psycopg2://doctor_reader:a-password-of-hers@{host}", "simulated", now_ms())
    finding = next(finding for finding in looked.findings if finding.name == "rights")
    assert finding.verdict is Verdict.FAIL
    assert "ohlcv_1min" in finding.sentence
    _execute(postgresql_database_url, "DROP OWNED BY doctor_reader")
    _execute(postgresql_database_url, "DROP ROLE doctor_reader")


def test_a_server_that_is_away_or_refuses_the_password() -> None:
    url = "postgresql+psycopg2://someone:a-password-of-hers@127.0.0.1:1/none"
    finding = by_name(url)["database"]
    assert finding.verdict is Verdict.FAIL
    assert "DATABASE_URL" in finding.advice
    assert "a-password-of-hers" not in str(finding)
