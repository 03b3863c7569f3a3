"""`flask history import`: bars of the vendor's flat files, imported here or beside the process that ingests."""

import functools
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

import click

from src.cli_owner import (
    Reading,
    ask_owner,
    check_owned,
    follow,
    here_or_by_owner,
    own_store,
    reading_of,
    told_to_people,
)
from src.cli_progress import Progress
from src.config.settings import Settings
from src.core.domain.market.history import Load, LoadState, Timespan, words
from src.core.errors import ActionRefusedError
from src.core.ports import Clock
from src.core.services.file_import import FileImport, ImportConduct, ImportProgress
from src.import_process import import_parts
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.tickstock_db import MAX_ROWS_A_TRANSACTION

_ACTOR = "flask history import"


def import_command(settings: Settings) -> click.Command:
    """The command, on the settings' database."""

    @click.command("import")
    @click.argument("files", nargs=-1, required=True, metavar="FILES...")
    def import_(files: Sequence[str]) -> None:
        """Import the vendor's flat files (csv.gz) of minutes or days. The exit status is 1 when a file failed."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            load = _load_of(files, clock)
            reading = reading_of(settings.database_url, clock)
            here = functools.partial(_here, settings, reading, load, clock)
            ended = here_or_by_owner(settings, reading, clock, here, lambda: _by_owner(reading, load, clock))
        click.echo(words(ended))
        for path, reason in ended.failures.items():
            click.echo(f"- {path}: {reason}")
        sys.exit(ended.state is not LoadState.DONE)

    return import_


def _load_of(files: Sequence[str], clock: Clock) -> Load:
    paths = tuple(dict.fromkeys(str(Path(file).resolve()) for file in files))
    if missing := [path for path in paths if not Path(path).is_file()]:
        raise ActionRefusedError(f"There is no file {', '.join(missing)}.")
    load_id, now_ms = uuid.uuid4().hex, clock.now_ms()
    # What the files hold is known when they are read; until then it is minutes.
    return Load(load_id, "files", Timespan.MINUTE, None, paths, None, None, _ACTOR, LoadState.WAITING, now_ms)


def _here(settings: Settings, reading: Reading, load: Load, clock: Clock, lost: threading.Event) -> Load:
    progress = Progress(clock, "rows")

    def tell(told: ImportProgress) -> None:
        progress.show(
            told.rows, told.rows_expected, f"{told.load.units_done} of {told.load.units_total} files are done"
        )

    with own_store(settings, clock) as database:
        parts = import_parts(database, reading.read, reading.rows, clock, MAX_ROWS_A_TRANSACTION)
        parts.log.begin(load)
        try:
            ended = FileImport(parts, load, ImportConduct(lost, tell)).run()
        except KeyboardInterrupt:
            parts.log.save(load.ended(clock.now_ms(), "It was interrupted."))
            raise
        finally:
            progress.end()
    check_owned(lost)
    return ended


def _by_owner(reading: Reading, load: Load, clock: Clock) -> Load:
    log = DatabaseHistory(reading.read, reading.rows)
    progress = Progress(clock, "files")
    ask_owner(reading, clock, "history.import", {"id": load.id, "files": load.files}, _ACTOR)
    try:
        return follow(
            reading,
            clock,
            lambda: log.find(load.id),
            lambda found: progress.show(found.units_done + found.units_failed, found.units_total, found.detail),
        )
    except KeyboardInterrupt:
        words = f"The process that ingests goes on with it; flask history cancel {load.id[:8]} ends it."
        raise ActionRefusedError(words) from None
    finally:
        progress.end()
