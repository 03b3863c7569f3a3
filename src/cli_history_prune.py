"""`flask history prune`: drops minutes that are older than what is to be kept."""

import datetime as dt
import sys
import threading
from zoneinfo import ZoneInfo

import click

from src.cli_owner import told_to_people
from src.cli_progress import Progress
from src.config.settings import Settings
from src.core.domain.market.retention import LEAST_DAYS, cutoff_ms
from src.core.errors import ActionRefusedError
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import row_engine
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.pruning import DatabasePruner

_NEW_YORK = ZoneInfo("America/New_York")
_REST_FOR_WORK = 1.0  # half of the time is others'


def prune_command(settings: Settings) -> click.Command:
    """The command, on the settings' database; it may run beside a service."""

    @click.command("prune")
    @click.option(
        "--keep-days",
        type=click.IntRange(min=LEAST_DAYS),
        help="How many days of minutes to keep; RETENTION_DAYS by default.",
    )
    @click.option("--yes", is_flag=True, help="Drop them without asking.")
    def prune(keep_days: int | None, yes: bool) -> None:
        """Drop minutes that are older than so many days. Daily bars are kept."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            days = keep_days or settings.retention_days
            if days is None:
                raise ActionRefusedError("RETENTION_DAYS is all: say how many days to keep, such as --keep-days 365.")
            pruner = DatabasePruner(row_engine(settings.database_url), clock.now_ms)
            before_ms = cutoff_ms(clock.now_ms(), days)
            first = dt.datetime.fromtimestamp(before_ms / 1000, _NEW_YORK).date()
            count = pruner.count(before_ms)
            if not count:
                click.echo(f"There are no minutes before {first}.")
                return
            click.echo(f"{count:,} minutes of the time before {first} will be dropped. Daily bars are kept.")
            if not yes:
                _ask()
            dropped = _prune(pruner, before_ms, count, clock)
        click.echo(f"Dropped {dropped:,} minutes. An SQLite file does not shrink by it: new bars take the room.")

    return prune


def _ask() -> None:
    if not sys.stdin.isatty():
        raise ActionRefusedError("Nothing was dropped. Run it again with --yes to drop them.")
    click.confirm("Drop them now?", abort=True)


def _prune(pruner: DatabasePruner, before_ms: int, count: int, clock: SystemClock) -> int:
    progress, done, never = Progress(clock, "minutes"), 0, threading.Event()

    def go_on(rows: int, seconds: float) -> bool:
        nonlocal done
        done += rows
        progress.show(done, count)
        clock.wait(never, seconds * _REST_FOR_WORK)
        return True

    dropped = pruner.prune(before_ms, go_on)
    progress.end()
    return dropped
