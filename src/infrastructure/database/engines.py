"""Engines: how a connection of each database is opened, and what an error of it means."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from src.core.errors import DatabaseUnavailableError, RowRefusedError
from src.infrastructure.database.dialects import INCOMING_BARS
from src.infrastructure.database.silent_server import patient

# How long one call waits for another process's lock before it is reported as unavailable. The writer tries again by
# itself, and must be able to stop in between.
_BUSY_TIMEOUT_S = 5.0
_WRITER_BUSY_TIMEOUT_S = 1.0
_WRITER_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
# A symbol's days lie on as many pages, each below another one: with the 2 MB that SQLite takes unless told, reading
# those of the next symbol would fetch them all again (measured: twice the time for 300 days).
_READER_PRAGMAS = ("query_only=ON", "cache_size=-8000")

# Of PostgreSQL: a silent network is given up after some seconds, and nobody holds a snapshot for long.
_NETWORK = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "client_encoding": "utf8",
}
_SESSION = ("timezone = 'UTC'", "idle_in_transaction_session_timeout = '10s'")
_WRITER_SESSION = (*_SESSION, "lock_timeout = '1s'", "statement_timeout = '30s'")
_READER_SESSION = (
    *_SESSION,
    "default_transaction_read_only = on",
    "statement_timeout = '5s'",
    # An answer of several statements is of one moment, as on SQLite: a day's volume and the bars it is made of.
    "default_transaction_isolation = 'repeatable read'",
)
# A server that is frozen does not keep to its own limits: then we do, some seconds later. A migration may take long.
_WRITER_PATIENCE_S = 45.0
_READER_PATIENCE_S = 8.0
_READERS = 8
# A batch is committed on one connection while a command or the start of ingestion may use the other.
_POSTGRES_WRITERS = 2
# What PostgreSQL says of a row that it will never take: bad data, a broken constraint, a trigger's own exception.
_ROW_FAULTS = ("22", "23", "44", "P0001")


def write_engine(url: str) -> Engine:
    """The engine of the one writer. On SQLite a single connection whose transactions take the write lock at once; it
    makes no file, as one in the place of a disk that is not mounted would be used in that one's stead."""
    if not is_sqlite(url):
        set_up = (*_set(_WRITER_SESSION), INCOMING_BARS)
        return _postgres_engine(url, "tickstock-ingest", set_up, _POSTGRES_WRITERS, _WRITER_PATIENCE_S)
    return _sqlite_writer(url, "rw")


def _sqlite_writer(url: str, mode: str) -> Engine:
    return _sqlite_engine(url, mode, _WRITER_PRAGMAS, "BEGIN IMMEDIATE", _WRITER_BUSY_TIMEOUT_S, pool_size=1)


def read_engine(url: str) -> Engine:
    """The engine of the readers: connections that cannot write, nor make a file where there is none."""
    if not is_sqlite(url):
        return _postgres_engine(url, "tickstock-web", _set(_READER_SESSION), _READERS, _READER_PATIENCE_S)
    return _sqlite_engine(url, "rw", _READER_PRAGMAS, "BEGIN", _BUSY_TIMEOUT_S, pool_size=_READERS)


def row_engine(url: str) -> Engine:
    """The engine of who writes a row now and then beside the one writer: one connection, which makes no file."""
    if not is_sqlite(url):
        return _postgres_engine(url, "tickstock-rows", _set(_WRITER_SESSION), 1, _WRITER_PATIENCE_S)
    return _sqlite_engine(url, "rw", _WRITER_PRAGMAS, "BEGIN IMMEDIATE", _BUSY_TIMEOUT_S, pool_size=1)


def schema_engine(url: str) -> Engine:
    """The engine of migrations: one connection, without a limit to what a statement may take. It makes an SQLite file,
    and its folder, where there is none; DatabaseUnavailableError where that cannot be."""
    if is_sqlite(url):
        folder = sqlite_file(url).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailableError(f"The folder {folder} cannot be made ({error.strerror}).") from error
        return _sqlite_writer(url, "rwc")
    return _postgres_engine(url, "tickstock-migrate", _set((_SESSION[0], "lock_timeout = '5s'")), 1)


def is_sqlite(url: str) -> bool:
    """Whether the URL names an SQLite file."""
    return url.startswith("sqlite:")


def sqlite_file(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def _set(session: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"SET {parameter}" for parameter in session)


def network(url: str, name: str) -> dict[str, str]:
    """libpq's parameters for a connection of `name`, but for those that the URL gives itself."""
    given = make_url(url).query
    return {key: value for key, value in {**_NETWORK, "application_name": name}.items() if key not in given}


def _postgres_engine(
    url: str, name: str, set_up: Sequence[str], pool_size: int, patience_s: float | None = None
) -> Engine:
    made_by = {} if patience_s is None else {"connection_factory": patient(patience_s)}
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_TIMEOUT_S,
        pool_pre_ping=True,
        pool_use_lifo=True,
        connect_args={**network(url, name), **made_by},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for statement in set_up:
                cursor.execute(statement)
        connection.commit()

    return engine


def _sqlite_engine(
    url: str, mode: str, pragmas: tuple[str, ...], begin: str, busy_timeout_s: float, pool_size: int
) -> Engine:
    address = f"file:{quote(str(sqlite_file(url)))}?mode={mode}"
    engine = create_engine(
        url,
        creator=lambda: sqlite3.connect(address, uri=True, timeout=busy_timeout_s, check_same_thread=False),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_BUSY_TIMEOUT_S,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: Any) -> None:
        record.info["file"] = _identity(sqlite_file(url))
        connection.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
        for pragma in pragmas:
            _execute_patiently(connection, f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkout")
    def check_file(_connection: sqlite3.Connection, record: Any, _proxy: Any) -> None:
        # SQLite goes on with a file that was deleted or replaced, as if nothing were lost with it.
        if record.info["file"] != _identity(sqlite_file(url)):
            raise DisconnectionError(f"{sqlite_file(url)} is another file by now.")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _execute_patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Executes, and waits for a lock: to switch a new file to WAL, SQLite itself does not wait."""
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def database_errors() -> Iterator[None]:
    """Turns what the driver raises into ours.

    RowRefusedError where a row is at fault, which would not succeed later either; DatabaseUnavailableError for all
    else: away, locked, full, without the rights or the tables that are needed. That can change, so nothing that
    waits to be written may be given up for it.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError(f"The database is not available: {error}.") from error
    except NoResultFound as error:
        raise DatabaseUnavailableError("The database is not available: a row is missing that it always has.") from error
    except DBAPIError as error:
        said = str(error.orig).partition("\nLINE ")[0]  # PostgreSQL goes on with the place in the statement
        words = " ".join(said.split()).rstrip(".?")
        if _is_row_fault(error.orig):
            raise RowRefusedError(f"The database refused a row: {words}.") from error
        raise DatabaseUnavailableError(f"The database is not available: {words}.") from error


def _is_row_fault(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return isinstance(error, sqlite3.IntegrityError | sqlite3.DataError)
    code = getattr(error, "pgcode", None) or ""
    return str(code).startswith(_ROW_FAULTS)
