"""`flask reconcile`: compares a day of bars with the vendor's, here or by the process that ingests."""

import datetime as dt
import functools
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import click

from src.config.settings import PROJECT_ROOT, Settings
from src.core.domain.market.bar import Bar
from src.core.domain.market.reconciliation import Request, Run, RunState, check_date, words
from src.core.domain.market.session import SessionTable
from src.core.errors import ActionRefusedError, DatabaseUnavailableError, TickStockError
from src.core.ports import Clock, MinuteSource, Ownership
from src.core.services.reconciler import Conduct, Reconciler
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.jobs import DatabaseJobDesk
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.infrastructure.database.tickstock_db import TickStockDatabase

MakeRest = Callable[[Callable[[], int]], MinuteSource]
_ACTOR = "flask reconcile"
_TOLD_EVERY_S = 2.0
_LOOK_INTERVAL_S = 0.2
_ANSWER_WITHIN_S = 65.0  # a job that nobody took up is refused after 60 s
_SILENT_OWNER_MS = 30_000
_RENEWAL_S = 2.0
_LEASE_RUNS_OUT_S = 10.0
_FAILURES_TOLD = 20


class _Reading(NamedTuple):
    """What the command reads by, and asks the owner by."""

    log: DatabaseReconciliations
    changes: DatabaseChangeReader
    bars: DatabaseBarReader
    universes: RelationshipCache
    desk: DatabaseJobDesk


def reconcile_command(settings: Settings, make_rest: MakeRest) -> click.Command:
    """The command, on the settings' database; `make_rest` makes the vendor's REST side."""

    @click.command("reconcile")
    @click.option("--date", "date_text", required=True, metavar="YYYY-MM-DD", help="The trading day, in New York.")
    @click.option("--symbols", metavar="A,B", help="These alone; without, all that are listened to or have bars.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe alone, such as dow30.")
    @click.option("--file", metavar="PATH", help="The vendor's flat file of minutes (csv.gz) in the place of REST.")
    def reconcile(date_text: str, symbols: str | None, universe: str | None, file: str | None) -> None:
        """Compare a day's bars with the vendor's and merge what differs. The exit status is 1 when symbols failed."""
        clock = SystemClock()
        try:
            check_schema(settings.database_url)
            date = _date(date_text)
            check_date(date, clock.now_ms(), _calendar(settings))
            reading = _reading(settings.database_url, clock)
            chosen = _chosen(reading, symbols, universe)
            path = None if file is None else str(Path(file).resolve())
            run = _reconcile(settings, reading, make_rest, Request(uuid.uuid4().hex, date, chosen, path), clock)
        except TickStockError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.ClickException("Interrupted. What is left of it is done by the same command.") from None
        _tell_result(run)
        sys.exit(run.state is not RunState.DONE)

    return reconcile


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ActionRefusedError(f"--date is a New York date such as 2025-11-20, not {text!r}.") from error


def _calendar(settings: Settings) -> SessionTable | None:
    """None for the simulated market, which trades at any hour."""
    return load_session_table(PROJECT_ROOT / "data/sessions.csv") if settings.feed == "massive" else None


def _reading(url: str, clock: Clock) -> _Reading:
    read, rows = read_engine(url), row_engine(url)
    changes = DatabaseChangeReader(read)
    return _Reading(
        DatabaseReconciliations(read, rows),
        changes,
        DatabaseBarReader(read, changes),
        RelationshipCache(read),
        DatabaseJobDesk(read, rows, clock.now_ms),
    )


def _chosen(reading: _Reading, symbols: str | None, universe: str | None) -> tuple[str, ...] | None:
    """The symbols that were named; None without a name: all that are kept."""
    if symbols is not None and universe is not None:
        raise ActionRefusedError("--symbols and --universe exclude each other.")
    if universe is not None:
        found = reading.universes.resolve(universe)
        if found.unknown or not found.symbols:
            names = ", ".join(reading.universes.names())
            raise ActionRefusedError(f"There is no universe {', '.join(found.unknown) or universe}; there are {names}.")
        return tuple(sorted(found.symbols))
    if symbols is None:
        return None
    typed = [name.strip() for name in symbols.split(",") if name.strip()]
    known, unknown = reading.bars.resolve(typed, reading.changes.seen())
    if unknown or not known:
        raise ActionRefusedError(f"This database knows no symbol {', '.join(unknown) or repr(symbols)}.")
    return tuple(sorted(known))


def _reconcile(settings: Settings, reading: _Reading, make_rest: MakeRest, request: Request, clock: Clock) -> Run:
    ownership = ownership_of(settings.database_url)
    if not _acquired(ownership, reading, clock):
        return _by_owner(reading, request, clock)
    with _held(ownership, clock) as lost:
        return _here(settings, reading, make_rest, request, clock, lost)


def _acquired(ownership: Ownership, reading: _Reading, clock: Clock) -> bool:
    """Whether this process is the owner now. The lease may be that of a process that was killed: while nobody is heard
    of who ingests, it is waited for that it runs out."""
    until_s, never = clock.monotonic() + _LEASE_RUNS_OUT_S, threading.Event()
    first = reading.bars.state("status")
    while not ownership.acquire():
        if reading.bars.state("status") != first or clock.monotonic() > until_s:
            return False
        clock.wait(never, _LOOK_INTERVAL_S)
    return True


# -- here ------------------------------------------------------------------------------------------------------------


@contextmanager
def _held(ownership: Ownership, clock: Clock) -> Iterator[threading.Event]:
    """Holds on to the ownership, which may be a lease that expires; the event is set once it was lost."""
    lost, done = threading.Event(), threading.Event()

    def renew() -> None:
        while not clock.wait(done, _RENEWAL_S):
            with suppress(DatabaseUnavailableError):
                if not ownership.acquire():
                    lost.set()
                    return

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
        ownership.release()


def _here(
    settings: Settings,
    reading: _Reading,
    make_rest: MakeRest,
    request: Request,
    clock: Clock,
    lost: threading.Event,
) -> Run:
    """Compares in this process, which nobody else ingests beside."""
    database = TickStockDatabase(write_engine(settings.database_url), clock.now_us)
    database.claim_feed(settings.feed)
    database.load_clock()
    rest = functools.cache(lambda: make_rest(database.clock.stamp))
    if request.file is None:
        rest()  # what is wrong with the settings is said before a run begins
    else:
        FlatFiles().check(request.file)

    def submit(bars: Sequence[Bar]) -> bool:
        return database.merge(bars).refused == 0

    gaps = DatabaseGapStore(row_engine(settings.database_url), clock.now_ms)
    reconciler = Reconciler(rest, FlatFiles(), database, reading.log, gaps, clock, database.clock.stamp)
    run = reconciler.run(request, Conduct(submit, lost, _Teller(clock).tell))
    database.close()
    if lost.is_set():
        raise ActionRefusedError("Another process took over the ingestion; it goes on with what is left of this.")
    return run


# -- by the owner ----------------------------------------------------------------------------------------------------


def _by_owner(reading: _Reading, request: Request, clock: Clock) -> Run:
    """Has the process compare that ingests, and follows how far it is."""
    click.echo("Another process ingests into this database: it is asked to compare.")
    arguments = {"date": request.date.isoformat(), "symbols": request.symbols, "file": request.file}
    job_id = reading.desk.ask("reconcile", arguments, _ACTOR)
    click.echo(_answer(reading, job_id, clock))
    teller, never = _Teller(clock), threading.Event()
    while True:
        with suppress(DatabaseUnavailableError):
            run = reading.log.find(job_id)
            if run is not None and run.has_ended:
                return run
            if run is not None:
                teller.tell(run)
            _check_owner(reading, clock)
        clock.wait(never, _LOOK_INTERVAL_S)


def _answer(reading: _Reading, job_id: str, clock: Clock) -> str:
    """What the owner says of the job; ActionRefusedError when it refuses, or says nothing."""
    deadline_s, never = clock.monotonic() + _ANSWER_WITHIN_S, threading.Event()
    while clock.monotonic() < deadline_s:
        answer = reading.desk.answer(job_id)
        if answer is not None and answer.answer is not None:
            if answer.state == "refused":
                raise ActionRefusedError(answer.answer)
            return answer.answer
        clock.wait(never, _LOOK_INTERVAL_S)
    raise ActionRefusedError("The process that ingests did not take it up within a minute; look at its log.")


def _check_owner(reading: _Reading, clock: Clock) -> None:
    status = reading.bars.state("status")
    if status is None or clock.now_ms() - status["written_at"] > _SILENT_OWNER_MS:
        raise ActionRefusedError(
            "The process that ingests has said nothing for 30 s. The comparison goes on when it runs again."
        )


# -- what is told ----------------------------------------------------------------------------------------------------


class _Teller:
    """Prints how far a run is, every two seconds at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_s = clock.monotonic()

    def tell(self, run: Run) -> None:
        """A line, if it is time for one."""
        now_s = self._clock.monotonic()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            differences = run.added + run.differed + run.withdrawn
            click.echo(f"{run.done_count:,} of {run.total:,} symbols compared; {differences:,} bars differed so far.")


def _tell_result(run: Run) -> None:
    click.echo(words(run))
    for symbol, reason in sorted(run.failed.items())[:_FAILURES_TOLD]:
        click.echo(f"- {symbol}: {reason}")
    if run.state is not RunState.DONE:
        click.echo("What is left of it is done by the same command.")
