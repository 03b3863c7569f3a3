"""Brings the database's schema up to date at a start, with a copy of an SQLite file made before."""

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import make_url

from src.core.errors import TickStockError
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.last_start_file import LastStartFile, database_digest
from src.infrastructure.database.tickstock_db import TickStockDatabase

_KEPT_BACKUPS = 5


class BackupError(TickStockError):
    """The database could not be copied, so that it was not changed either."""


def prepare_schema(database_url: str, data_dir: Path, now: dt.datetime, say: Callable[[str], None]) -> None:
    """Applies what is pending; raises TickStockError. `now` is in UTC and names the copy."""
    path = sqlite_file(database_url)
    has_content = path is not None and path.exists() and path.stat().st_size > 0
    revisions = migrate.pending(database_url)
    if not revisions:
        return
    if path and has_content:
        copy = back_up(path, data_dir / "backups", f"{now:%Y%m%dT%H%M%SZ}-before-{revisions[0]}")
        say(f"The database was copied to {copy} before its schema is changed.")
    if path and not has_content and _was_there(database_url, data_dir):
        say(
            f"There was a database {path} at the last start, and there is none now: a new one is made. If it was "
            "moved, or its disk is not mounted, stop TickStock, delete the new one and put the other one back."
        )
    migrate.upgrade(database_url)
    say(f"The database's schema was brought to {revisions[-1]}.")


def was_prepared(database_url: str, data_dir: Path, feed: str) -> bool:
    """Whether the last start that ingested found this database as this version needs it."""
    last = LastStartFile(data_dir).read()
    wanted = (database_digest(database_url), migrate.all_revisions()[-1], feed)
    return last is not None and (last.setup.database, last.setup.schema, last.setup.feed) == wanted


def _was_there(database_url: str, data_dir: Path) -> bool:
    last = LastStartFile(data_dir).read()
    return last is not None and last.setup.database == database_digest(database_url)


def claim_feed(database_url: str, feed: str, now: dt.datetime) -> None:
    """Raises TickStockError when the database was filled by the other feed: two feeds never mix."""
    database = TickStockDatabase(write_engine(database_url), lambda: round(now.timestamp() * 1_000_000))
    try:
        database.claim_feed(feed)
    finally:
        database.close()


def back_up(path: Path, folder: Path, label: str) -> Path:
    """A consistent copy of a database, in use or not: `<name>-<label>.db`; keeps the newest five of a name.

    Raises BackupError.
    """
    copy = folder / f"{path.stem}-{label}.db"
    partial = copy.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        partial.rename(copy)
        _drop_old(folder, path.stem)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink()
        raise BackupError(
            f"The database could not be copied to {copy} ({error}), so its schema was not changed; "
            "make room there and start again."
        ) from error
    return copy


def _drop_old(folder: Path, stem: str) -> None:
    # The time in the name sorts the copies by age.
    for old in sorted(folder.glob(f"{stem}-*-before-*.db"))[:-_KEPT_BACKUPS]:
        old.unlink()


def sqlite_file(database_url: str) -> Path | None:
    """The file of an SQLite URL; None for a database server."""
    url = make_url(database_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def database_words(database_url: str) -> str:
    """Where the database is, for people: its file, or its URL without password and parameters."""
    path = sqlite_file(database_url)
    if path:
        return str(path)
    url = make_url(database_url)
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)
