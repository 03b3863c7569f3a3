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
# After so long an import lets go of the database between two files: a service that was started meanwhile ingests, and
# goes on with the rest.
_TURN_S = 30.0
_BETWEEN_TURNS_S = 1.5


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
            ended = _Importing(settings, reading_of(settings.database_url, clock), clock).run(load)
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


class _Importing:
    """Has one import carried out, and shows how far it is."""

    def __init__(self, settings: Settings, reading: Reading, clock: Clock) -> None:
        self._settings = settings
        self._reading = reading
        self._clock = clock
        self._log = DatabaseHistory(reading.read, reading.rows)
        self._left_out: list[str] = []
        self._rows_before = 0  # of the turns before

    def run(self, load: Load) -> Load:
        """The load as it ended."""
        never = threading.Event()
        here, by_owner = functools.partial(self._here, load), functools.partial(self._by_owner, load)
        while True:
            ended = here_or_by_owner(self._settings, self._reading, self._clock, here, by_owner)
            if ended.has_ended:
                return ended
            self._clock.wait(never, _BETWEEN_TURNS_S)

    def _here(self, load: Load, lost: threading.Event) -> Load:
        """A turn in this process, which nobody else ingests beside: some files."""
        over_s, progress, told = self._clock.monotonic() + _TURN_S, Progress(self._clock, "rows"), [load]

        def tell(so_far: ImportProgress) -> None:
            told[0], before = so_far.load, self._rows_before
            files = f"{so_far.load.units_done} of {so_far.load.units_total} files are done"
            progress.show(before + so_far.rows, before + so_far.rows_expected, files)

        conduct = ImportConduct(
            lost, tell, is_turn_over=lambda: self._clock.monotonic() > over_s, left_out=self._left_out
        )
        with own_store(self._settings, self._clock) as database:
            kept = self._kept(load)
            parts = import_parts(database, self._reading.read, self._reading.rows, self._clock, MAX_ROWS_A_TRANSACTION)
            try:
                return FileImport(parts, kept, conduct).run()
            except KeyboardInterrupt:
                self._log.save(told[0].ended(self._clock.now_ms(), "It was interrupted."))
                raise
            finally:
                progress.end()

    def _kept(self, load: Load) -> Load:
        """The load as it is so far; at its beginning an earlier one of the same files, which was killed, ends."""
        if (kept := self._log.find(load.id)) is not None:
            return kept
        for one in self._log.unfinished():
            if one.files == load.files:
                self._log.save(one.ended(self._clock.now_ms(), "It was interrupted, and begun anew."))
        self._log.begin(load)
        return load

    def _by_owner(self, load: Load) -> Load:
        progress = Progress(self._clock, "files")
        ask_owner(self._reading, self._clock, "history.import", {"id": load.id, "files": load.files}, _ACTOR)
        try:
            return follow(
                self._reading,
                self._clock,
                lambda: self._log.find(load.id),
                lambda found: progress.show(found.units_done + found.units_failed, found.units_total, found.detail),
            )
        except KeyboardInterrupt:
            words = f"The process that ingests goes on with it; flask history cancel {load.id[:8]} ends it."
            raise ActionRefusedError(words) from None
        finally:
            progress.end()
