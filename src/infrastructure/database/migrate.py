"""Brings a database to this program's schema, and refuses one that is ahead of it."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from src.core.errors import DatabaseUnavailableError, SchemaError
from src.infrastructure.database import adoption
from src.infrastructure.database.adoption import (
    CostlyIndex,
    Step,
    claim_for_massive,
    costly_indexes,
    drop_index,
    is_older,
)
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors, is_sqlite, read_engine, schema_engine, sqlite_file

_INSUFFICIENT_PRIVILEGE = "42501"
_MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


def pending(database_url: str) -> list[str]:
    """The revisions still to apply, oldest first; empty when the schema is this program's. Writes nothing.

    SchemaError when the database is newer than this program.
    """
    if is_sqlite(database_url) and not sqlite_file(database_url).exists():
        return all_revisions()
    engine = read_engine(database_url)
    try:
        with database_errors(), engine.connect() as connection:
            return _pending(connection)
    finally:
        engine.dispose()


def upgrade(database_url: str) -> None:
    """Applies what is pending; a migration that fails leaves the schema of the one before it.

    SchemaError when the database holds bars of an older version, which only `adopt` takes over.
    """
    with _changing(database_url) as connection:
        if is_older(connection):
            raise SchemaError(
                "The database holds bars of an older version. See what would change, and change it, with "
                ".venv/bin/flask migrate."
            )
        _apply(connection)


class Plan(NamedTuple):
    """What `flask migrate` would do: take over an older version's tables, apply revisions, drop costly indexes."""

    adoption: list[Step]
    revisions: list[str]
    costly_indexes: list[CostlyIndex]


def plan(database_url: str) -> Plan:
    """What is to be done, and what could be done by choice. Changes nothing; raises SchemaError."""
    revisions = pending(database_url)
    if is_sqlite(database_url):
        return Plan([], revisions, [])
    with _changing(database_url) as connection:
        return Plan(adoption.plan(connection) if is_older(connection) else [], revisions, costly_indexes(connection))


def carry_out(database_url: str, plan: Plan, say: Callable[[str], None], *, drop_indexes: bool = False) -> None:
    """Does it all in one transaction: all of it holds afterwards, or nothing of it. `say` gets a line a step."""
    with _changing(database_url) as connection:
        for index in plan.costly_indexes if drop_indexes else []:
            say(f"Dropping the index {index.name}.")
            drop_index(connection, index)
        for step in plan.adoption:
            say(step.words)
            started_s = time.monotonic()
            # Without parameters, a % in a column's name is no placeholder.
            connection.exec_driver_sql(step.statement, execution_options={"no_parameters": True})
            say(f"  done in {time.monotonic() - started_s:.1f} s")
        _apply(connection)
        if plan.adoption:
            claim_for_massive(connection)


@contextmanager
def _changing(database_url: str) -> Iterator[Connection]:
    """A transaction on the schema, one at a time."""
    engine = schema_engine(database_url)
    try:
        with database_errors(), _rights(), engine.begin() as connection:
            if lock := dialect_of(connection).lock_schema:
                connection.exec_driver_sql(lock)
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _rights() -> Iterator[None]:
    """Says what to do when the role of the URL may not change the schema."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        words = " ".join(str(error.orig).split())
        raise SchemaError(
            f"The schema has to be changed, which the role of DATABASE_URL may not do ({words}); run .venv/bin/flask "
            "migrate with the URL of the role that owns the tables."
        ) from error


def _apply(connection: Connection) -> None:
    if _pending(connection):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_schema(database_url: str) -> None:
    """Raises SchemaError unless the database has exactly this program's schema."""
    if is_sqlite(database_url) and not sqlite_file(database_url).exists():
        raise SchemaError(
            f"There is no database {sqlite_file(database_url)}: put it back if it was moved, or its disk is not "
            "mounted; else make a new one with python3 start_all_services.py, or with .venv/bin/flask migrate."
        )
    _complain_of(pending(database_url))


def check_connection(connection: Connection) -> None:
    """The same; DatabaseUnavailableError where there is no schema at all: it is being made, or restored."""
    missing = _pending(connection)
    if missing == all_revisions() and not is_older(connection):
        raise DatabaseUnavailableError("The database is not available: it has no tables.")
    _complain_of(missing)


def all_revisions() -> list[str]:
    """Every migration that this program knows, oldest first."""
    return [step.revision for step in reversed(list(_scripts().walk_revisions()))]


def _complain_of(missing: list[str]) -> None:
    if missing:
        raise SchemaError(
            f"The database lacks the schema changes {', '.join(missing)}; apply them with "
            "python3 start_all_services.py, or with .venv/bin/flask migrate."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@functools.cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _pending(connection: Connection) -> list[str]:
    if is_older(connection):
        return all_revisions()
    scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None:
        try:
            scripts.get_revision(current)
        except CommandError as error:
            raise SchemaError(
                f"The database has schema {current}, which is newer than this program ({scripts.get_current_head()}): "
                "start the version of TickStock that wrote it, or restore the copy made before its upgrade."
            ) from error
    steps = scripts.iterate_revisions("head", current or "base")
    return [step.revision for step in reversed(list(steps))]
