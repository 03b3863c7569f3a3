"""What commands about stored bars share: they do the work themselves where nobody ingests, else the owner does it."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import click
from sqlalchemy import Engine

from src.config.settings import PROJECT_ROOT, Settings
from src.core.domain.market.bar import Bar
from src.core.domain.market.session import SessionTable
from src.core.domain.market.universe import hint
from src.core.errors import ActionRefusedError, DatabaseUnavailableError, TickStockError
from src.core.ports import Clock, Ownership
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.jobs import DatabaseJobDesk
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.presentation.api.whom import LISTENING

# Makes the vendor's REST side from what gives evidence stamps.
MakeRest = Callable[[Callable[[], int]], MassiveRest]
_TOLD_EVERY_S = 2.0
_LOOK_INTERVAL_S = 0.2
_ANSWER_WITHIN_S = 65.0  # a job that nobody took up is refused after 60 s
_SILENT_OWNER_MS = 30_000
_PATIENT_S = 3.0
_RENEWAL_S = 2.0
_WHOLE_MARKET = 100_000  # symbols


class HasEnd(Protocol):
    """What an owner does, as far as it is."""

    @property
    def has_ended(self) -> bool: ...


_State = TypeVar("_State")
_Result = TypeVar("_Result")
_Followed = TypeVar("_Followed", bound=HasEnd)


class Reading(NamedTuple):
    """What a command reads by, and asks the owner by; `read` and `rows` are for stores of its own."""

    read: Engine
    rows: Engine
    changes: DatabaseChangeReader
    bars: DatabaseBarReader
    universes: RelationshipCache
    desk: DatabaseJobDesk


def reading_of(url: str, clock: Clock) -> Reading:
    """Opens nothing until it is used."""
    read, rows = read_engine(url), row_engine(url)
    changes = DatabaseChangeReader(read)
    return Reading(
        read,
        rows,
        changes,
        DatabaseBarReader(read, changes),
        RelationshipCache(read),
        DatabaseJobDesk(read, rows, clock.now_ms),
    )


@contextmanager
def told_to_people() -> Iterator[None]:
    """Ends the command with one sentence on an error of ours, or on Ctrl-C."""
    try:
        yield
    except TickStockError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        raise click.ClickException("Interrupted. What is left of it is done by the same command.") from None


def new_york_date(option: str, text: str) -> dt.date:
    """The date that was given as `option`; ActionRefusedError for anything else."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ActionRefusedError(f"{option} is a New York date such as 2025-11-20, not {text!r}.") from error


def calendar_of(settings: Settings) -> SessionTable | None:
    """None for the simulated market, which trades at any hour."""
    return load_session_table(PROJECT_ROOT / "data/sessions.csv") if settings.feed == "massive" else None


def chosen_symbols(reading: Reading, symbols: str | None, universe: str | None) -> tuple[str, ...] | None:
    """The symbols that --symbols or --universe name, in order; None without a name: all that are kept."""
    if symbols is not None and universe is not None:
        raise ActionRefusedError("--symbols and --universe exclude each other.")
    if universe == LISTENING:
        return _listened_to(reading)
    if universe is not None:
        found = reading.universes.resolve(universe)
        if found.unknown or not found.symbols:
            words = hint(found.unknown, [*reading.universes.names(), LISTENING])
            raise ActionRefusedError(f"There is no universe {', '.join(found.unknown) or universe}. {words}")
        return tuple(sorted(found.symbols))
    if symbols is None:
        return None
    typed = [name.strip() for name in symbols.split(",") if name.strip()]
    known, unknown = reading.bars.resolve(typed, reading.changes.seen())
    if unknown or not known:
        raise ActionRefusedError(f"This database knows no symbol {', '.join(unknown) or repr(symbols)}.")
    return tuple(sorted(known))


def _listened_to(reading: Reading) -> tuple[str, ...]:
    symbols = reading.bars.universe(_WHOLE_MARKET)
    if not symbols:
        raise ActionRefusedError("Nothing is listened to yet: start TickStock once, or name a universe such as dow30.")
    return tuple(sorted(symbols))


# -- here ------------------------------------------------------------------------------------------------------------


def here_or_by_owner(
    settings: Settings,
    reading: Reading,
    clock: Clock,
    here: Callable[[threading.Event], _Result],
    by_owner: Callable[[], _Result],
) -> _Result:
    """What `here` gives, which runs while this process alone may write bars: its event is set once that was lost. Or,
    while a service ingests, what `by_owner` gives. For another command that writes bars it waits."""
    ownership, never, since_s = ownership_of(settings.database_url), threading.Event(), clock.monotonic()
    before, is_told = reading.bars.state("status"), False
    while not ownership.acquire():
        if reading.bars.state("status") != before:  # a service lives: it tells its status each second
            return by_owner()
        if not is_told and clock.monotonic() - since_s > _PATIENT_S:
            click.echo("Another command writes bars into this database, or was killed; this one waits for its turn.")
            is_told = True
        clock.wait(never, _LOOK_INTERVAL_S)
    with _held(ownership, clock) as lost:
        return here(lost)


@contextmanager
def _held(ownership: Ownership, clock: Clock) -> Iterator[threading.Event]:
    """Holds on to the ownership, which may be a lease that expires; the event is set once it was lost."""
    lost, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=_renew, args=(ownership, clock, lost, done), daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()
        ownership.release()


def _renew(ownership: Ownership, clock: Clock, lost: threading.Event, done: threading.Event) -> None:
    while not clock.wait(done, _RENEWAL_S):
        with suppress(DatabaseUnavailableError):
            if not ownership.acquire():
                lost.set()
                return


def check_owned(lost: threading.Event) -> None:
    """Raises ActionRefusedError once the ownership was lost."""
    if lost.is_set():
        raise ActionRefusedError("Another process took over the ingestion; it goes on with what is left of this.")


@contextmanager
def own_store(settings: Settings, clock: Clock) -> Iterator[TickStockDatabase]:
    """The database to write bars to, where this process alone may: its feed is right, its stamps are the newest."""
    database = TickStockDatabase(write_engine(settings.database_url), clock.now_us)
    database.claim_feed(settings.feed)
    database.load_clock()
    try:
        yield database
    finally:
        database.close()


def submit_to(database: TickStockDatabase) -> Callable[[Sequence[Bar]], bool]:
    """Has minute bars committed; False when one of them was refused."""
    return lambda bars: database.merge(bars).refused == 0


# -- by the owner ----------------------------------------------------------------------------------------------------


def ask_owner(reading: Reading, clock: Clock, kind: str, arguments: dict[str, Any], actor: str) -> str:
    """Hands the process that ingests a job, prints what it says of it, and gives the job's id.

    Raises ActionRefusedError when it refuses, or says nothing.
    """
    click.echo("Another process ingests into this database: it is asked to do this.")
    job_id = reading.desk.ask(kind, arguments, actor)
    deadline_s, never = clock.monotonic() + _ANSWER_WITHIN_S, threading.Event()
    while clock.monotonic() < deadline_s:
        answer = reading.desk.answer(job_id)
        if answer is not None and answer.answer is not None:
            if answer.state == "refused":
                raise ActionRefusedError(answer.answer)
            click.echo(answer.answer)
            return job_id
        clock.wait(never, _LOOK_INTERVAL_S)
    raise ActionRefusedError("The process that ingests did not take it up within a minute; look at its log.")


def follow(
    reading: Reading, clock: Clock, look: Callable[[], _Followed | None], tell: Callable[[_Followed], None]
) -> _Followed:
    """Looks how far the owner is, and tells it, until that has ended; waits while the database is away.

    Raises ActionRefusedError once the owner says nothing any more.
    """
    never = threading.Event()
    while True:
        with suppress(DatabaseUnavailableError):
            found = look()
            if found is not None and found.has_ended:
                return found
            if found is not None:
                tell(found)
            _check_owner(reading, clock)
        clock.wait(never, _LOOK_INTERVAL_S)


def _check_owner(reading: Reading, clock: Clock) -> None:
    if _silent_ms(reading, clock) > _SILENT_OWNER_MS:
        raise ActionRefusedError("The process that ingests has said nothing for 30 s. It goes on when it runs again.")


def _silent_ms(reading: Reading, clock: Clock) -> float:
    """For how long no service has told its status here."""
    status = reading.bars.state("status")
    return float("inf") if status is None else clock.now_ms() - status["written_at"]


# -- what is told ----------------------------------------------------------------------------------------------------


class Teller(Generic[_State]):
    """Prints how far something is, every two seconds at most, in the words of `words`."""

    def __init__(self, clock: Clock, words: Callable[[_State], str]) -> None:
        self._clock = clock
        self._words = words
        self._told_s = clock.monotonic()

    def tell(self, state: _State) -> None:
        """A line, if it is time for one."""
        now_s = self._clock.monotonic()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            click.echo(self._words(state))
