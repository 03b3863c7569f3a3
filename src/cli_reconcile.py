"""`flask reconcile`: compares a day of bars with the vendor's, here or by the process that ingests."""

import functools
import sys
import threading
import uuid
from pathlib import Path

import click

from src.cli_owner import (
    MakeRest,
    Reading,
    Teller,
    ask_owner,
    calendar_of,
    check_owned,
    chosen_symbols,
    follow,
    here_or_by_owner,
    new_york_date,
    own_store,
    reading_of,
    submit_to,
    told_to_people,
)
from src.config.settings import Settings
from src.core.domain.market.reconciliation import Request, Run, RunState, check_date, words
from src.core.ports import Clock
from src.core.services.reconciler import Conduct, Reconciler
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.stored_minutes import DatabaseMinutes

_ACTOR = "flask reconcile"
_FAILURES_TOLD = 20


def reconcile_command(settings: Settings, make_rest: MakeRest) -> click.Command:
    """The command, on the settings' database; `make_rest` makes the vendor's REST side."""

    @click.command("reconcile")
    @click.option("--date", "date_text", required=True, metavar="YYYY-MM-DD", help="The trading day, in New York.")
    @click.option("--symbols", metavar="A,B", help="These alone; without, all that are listened to or have bars.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe alone, such as dow30, or listening.")
    @click.option("--file", metavar="PATH", help="The vendor's flat file of minutes (csv.gz) in the place of REST.")
    def reconcile(date_text: str, symbols: str | None, universe: str | None, file: str | None) -> None:
        """Compare a day's bars with the vendor's and merge what differs. The exit status is 1 when symbols failed."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            date = new_york_date("--date", date_text)
            check_date(date, clock.now_ms(), calendar_of(settings))
            reading = reading_of(settings.database_url, clock)
            chosen = chosen_symbols(reading, symbols, universe)
            path = None if file is None else str(Path(file).resolve())
            run = _reconcile(settings, reading, make_rest, Request(uuid.uuid4().hex, date, chosen, path), clock)
        _tell_result(run)
        sys.exit(run.state is not RunState.DONE)

    return reconcile


def _reconcile(settings: Settings, reading: Reading, make_rest: MakeRest, request: Request, clock: Clock) -> Run:
    log = DatabaseReconciliations(reading.read, reading.rows)

    def here(lost: threading.Event) -> Run:
        return _here(settings, reading, log, make_rest, request, clock, lost)

    def by_owner() -> Run:
        arguments = {"date": request.date.isoformat(), "symbols": request.symbols, "file": request.file}
        job_id = ask_owner(reading, clock, "reconcile", arguments, _ACTOR)
        return follow(reading, clock, lambda: log.find(job_id), Teller(clock, _progress).tell)

    return here_or_by_owner(settings, reading, clock, here, by_owner)


def _here(
    settings: Settings,
    reading: Reading,
    log: DatabaseReconciliations,
    make_rest: MakeRest,
    request: Request,
    clock: Clock,
    lost: threading.Event,
) -> Run:
    """Compares in this process, which nobody else ingests beside."""
    with own_store(settings, clock) as database:
        rest = functools.cache(lambda: make_rest(database.clock.stamp))
        if request.file is None:
            rest()  # what is wrong with the settings is said before a run begins
        else:
            FlatFiles().check(request.file)
        gaps = DatabaseGapStore(reading.rows, clock.now_ms)
        reconciler = Reconciler(
            rest, FlatFiles(), DatabaseMinutes(reading.read), log, gaps, clock, database.clock.stamp
        )
        run = reconciler.run(request, Conduct(submit_to(database), lost, Teller(clock, _progress).tell))
    check_owned(lost)
    return run


def _progress(run: Run) -> str:
    differences = run.added + run.differed + run.withdrawn
    return f"{run.done_count:,} of {run.total:,} symbols compared; {differences:,} bars differed so far."


def _tell_result(run: Run) -> None:
    click.echo(words(run))
    for symbol, reason in sorted(run.failed.items())[:_FAILURES_TOLD]:
        click.echo(f"- {symbol}: {reason}")
    if run.state is not RunState.DONE:
        click.echo("What is left of it is done by the same command.")
