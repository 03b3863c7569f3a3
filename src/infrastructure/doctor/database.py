"""The database: whether it answers, whose it is, what may be done in it, and how it grows."""

import sqlite3
import time
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from sqlalchemy import Connection, text

from src.core.domain.market.retention import Growth
from src.core.errors import DatabaseUnavailableError, SchemaError
from src.infrastructure.database.engines import database_errors, is_sqlite, read_engine, sqlite_file
from src.infrastructure.database.migrate import pending
from src.infrastructure.database.tables import metadata
from src.infrastructure.doctor.clock import look_at_offset
from src.infrastructure.doctor.finding import Finding, fail, ok, warn
from src.infrastructure.doctor.growth import measure_growth, unknown

NAME = "database"
_OLDEST_POSTGRESQL = 150_000
_WRITE_WAIT_S = 1.0
_MIGRATE = "Start python3 start_all_services.py, or run .venv/bin/flask migrate."
_STATE = text("SELECT value FROM service_state WHERE key = :key")


class Looked(NamedTuple):
    """What a look at the database found, and how it grows."""

    findings: list[Finding]
    growth: Growth


def look_at_database(url: str, feed: str, now_ms: int) -> Looked:
    """Everything about the database at `url`, in which `feed` is to be stored. Writes nothing."""
    if is_sqlite(url) and not sqlite_file(url).exists():
        return Looked(
            [ok(NAME, f"{sqlite_file(url)} is not there yet; the first start makes it.")],
            unknown("there is no database yet"),
        )
    try:
        missing = pending(url)
    except SchemaError as error:
        return Looked(
            [fail("schema", str(error), "Start the newer version, or restore a copy.")],
            unknown("the schema is another"),
        )
    except DatabaseUnavailableError as error:
        advice = "Look at DATABASE_URL, and whether the server runs." if not is_sqlite(url) else "Look at DATABASE_URL."
        return Looked([fail(NAME, str(error), advice)], unknown("the database does not answer"))
    if missing:
        sentence = f"It lacks the schema changes {', '.join(missing)}."
        return Looked([fail("schema", sentence, _MIGRATE)], unknown("the schema is another"))
    return _look_inside(url, feed, now_ms)


def status_row(url: str) -> dict[str, Any] | None:
    """What the ingesting half wrote last; None when it never did, or the database does not tell."""
    engine = read_engine(url)
    try:
        with database_errors(), engine.connect() as connection:
            status: dict[str, Any] | None = _state(connection, "status")
            return status
    except DatabaseUnavailableError:
        return None
    finally:
        engine.dispose()


def _look_inside(url: str, feed: str, now_ms: int) -> Looked:
    engine = read_engine(url)
    try:
        with database_errors(), engine.connect() as connection:
            kind = _sqlite(connection, url) if is_sqlite(url) else _postgresql(connection)
            findings = [*kind, ok("schema", "It is this version's."), _feed(connection, feed)]
        with database_errors():
            return Looked(findings, measure_growth(engine, url, now_ms))
    except DatabaseUnavailableError as error:
        return Looked(
            [fail(NAME, str(error), "Look at DATABASE_URL and at the database's log.")], unknown("it does not answer")
        )
    finally:
        engine.dispose()


def _state(connection: Connection, key: str) -> Any:
    value = connection.execute(_STATE, {"key": key}).scalar()
    return None if value is None else msgspec.json.decode(value)


def _feed(connection: Connection, feed: str) -> Finding:
    stored = _state(connection, "feed")
    if stored is None:
        return ok("stored feed", "Nothing is stored yet; the first start claims the database for its feed.")
    if stored != feed:
        return fail(
            "stored feed",
            f"It holds bars of the feed {stored}, and the settings name {feed}; two feeds never mix.",
            "Set DATABASE_URL to another database, or the settings of the feed to this one's.",
        )
    return ok("stored feed", f"It holds bars of the feed {stored}, as the settings say.")


# -- SQLite --------------------------------------------------------------------------------------------------------


def _sqlite(connection: Connection, url: str) -> list[Finding]:
    path = sqlite_file(url)
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    size_mb = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / 1e6
    sentence = f"SQLite {sqlite3.sqlite_version}, {path}, {size_mb:,.1f} MB, journal mode {mode}."
    if mode != "wal":
        return [
            warn(
                NAME, sentence, "It becomes wal at the next start; if not, the disk is one (of a network) that cannot."
            ),
            _sqlite_rights(url),
        ]
    return [ok(NAME, sentence), _sqlite_rights(url)]


def _sqlite_rights(url: str) -> Finding:
    """Takes the lock of writers, and gives it back."""
    path = sqlite_file(url)
    try:
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_WRITE_WAIT_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE write_state SET id = id")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if "locked" in str(error):
            return ok("rights", "It may be written; another process is writing at this moment.")
        return fail("rights", f"It cannot be written ({error}).", f"Let this user own {path} and its folder.")
    return ok("rights", "It may be written.")


# -- PostgreSQL ----------------------------------------------------------------------------------------------------


def _postgresql(connection: Connection) -> list[Finding]:
    version, number, size, timescale, recovering, before_s, now_s = connection.execute(
        text(
            "SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS int),"
            " pg_database_size(current_database()),"
            " (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), pg_is_in_recovery(),"
            " CAST(:before_s AS double precision), CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
        ),
        {"before_s": time.time()},
    ).one()
    after_s = time.time()
    extension = f"TimescaleDB {timescale}" if timescale else "no TimescaleDB, which is not needed"
    sentence = f"PostgreSQL {version}, {size / 1e6:,.1f} MB, {extension}."
    return [
        ok(NAME, sentence) if number >= _OLDEST_POSTGRESQL else fail(NAME, sentence, "Take PostgreSQL 15 or later."),
        _postgresql_rights(connection, recovering),
        look_at_offset("the database's", (before_s + after_s) / 2 - now_s, (after_s - before_s) / 2),
    ]


def _postgresql_rights(connection: Connection, recovering: bool) -> Finding:
    if recovering:
        return fail("rights", "This server is a read-only replica.", "Set DATABASE_URL to the primary.")
    query = text(
        "SELECT has_table_privilege(:table, 'SELECT') AND has_table_privilege(:table, 'INSERT')"
        " AND has_table_privilege(:table, 'UPDATE')"
    )
    lacking = [table for table in sorted(metadata.tables) if not connection.execute(query, {"table": table}).scalar()]
    temporary = connection.execute(text("SELECT has_database_privilege(current_database(), 'TEMP')")).scalar()
    if lacking or not temporary:
        what = f"write {', '.join(lacking)}" if lacking else "make temporary tables"
        return fail(
            "rights",
            f"The role of DATABASE_URL may not {what}.",
            "Grant it SELECT, INSERT, UPDATE and DELETE on all tables, and TEMPORARY on the database.",
        )
    return ok("rights", "The role may read and write its tables.")
