"""`flask history load`, `loads` and `cancel`: bars from the vendor's REST side, here or by the process that ingests."""

import functools
import sys
import threading
import uuid

import click

from src.cli_owner import (
    MakeRest,
    Reading,
    ask_owner,
    calendar_of,
    chosen_symbols,
    follow,
    here_or_by_owner,
    new_york_date,
    own_store,
    reading_of,
    submit_to,
    told_to_people,
)
from src.cli_progress import Progress, counted, duration_words
from src.config.settings import Settings
from src.core.domain.market.history import Load, LoadState, Timespan, Trading, clipped, words
from src.core.domain.market.retention import check_kept
from src.core.domain.market.symbol import check_symbol
from src.core.errors import ActionRefusedError
from src.core.ports import Clock
from src.core.services.history_loader import Conduct, HistoryParts, HistoryRun, survey
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.database.daily_store import DatabaseDays
from src.infrastructure.database.gap_store import DatabaseGapStore
from src.infrastructure.database.history_store import DatabaseHistory
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.tickstock_db import TickStockDatabase

_ACTOR = "flask history"
_TIMESPANS = [one.value for one in Timespan]
_FAILURES_TOLD = 20
_LISTED = 20
_SHORT_ID = 8
# A load lets go of the database now and then: a service that was started meanwhile ingests, and goes on with the load.
_TURN_S = 30.0
_BETWEEN_TURNS_S = 1.5


def load_command(settings: Settings, make_rest: MakeRest) -> click.Command:
    """The command, on the settings' database; `make_rest` makes the vendor's REST side."""

    @click.command("load")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe, such as dow30, or listening.")
    @click.option("--symbols", metavar="A,B", help="Or these.")
    @click.option("--from", "from_text", required=True, metavar="YYYY-MM-DD", help="The first day, in New York.")
    @click.option("--to", "to_text", metavar="YYYY-MM-DD", help="The last one; without, the last that is final.")
    @click.option(
        "--timespan",
        type=click.Choice(_TIMESPANS),
        required=True,
        help="Bars of days or of minutes.",
    )
    def load(universe: str | None, symbols: str | None, from_text: str, to_text: str | None, timespan: str) -> None:
        """Load unadjusted bars from the vendor's REST side: only what is not known yet, the newest first. After an
        interruption the same command goes on. The exit status is 1 when something failed."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            chosen = _wanted(reading, symbols, universe)
            to_date = None if to_text is None else new_york_date("--to", to_text)
            dates = clipped(new_york_date("--from", from_text), to_date, clock.now_ms())
            if timespan == Timespan.MINUTE:
                check_kept(dates[0], clock.now_ms(), settings.retention_days)
            asked = Load(
                uuid.uuid4().hex, "rest", Timespan(timespan), chosen, None, *dates, _ACTOR, LoadState.RUNNING,
                clock.now_ms(),
            )  # fmt: skip
            ended = _Loading(settings, reading, make_rest, clock).run(asked)
        _tell_result(ended)
        sys.exit(ended.state is not LoadState.DONE)

    return load


def _wanted(reading: Reading, symbols: str | None, universe: str | None) -> tuple[str, ...]:
    """What is to be loaded; symbols that were never heard of too."""
    if symbols is None or universe is not None:
        chosen = chosen_symbols(reading, symbols, universe)
        if chosen is None:
            raise ActionRefusedError("--universe or --symbols says what is to be loaded, such as --universe dow30.")
        return chosen
    typed = [name.strip() for name in symbols.split(",") if name.strip()]
    known, unknown = reading.bars.resolve(typed, reading.changes.seen())
    spelled = [check_symbol(name.upper() if name.islower() else name) for name in unknown]
    if not known and not spelled:
        raise ActionRefusedError(f"--symbols is a list such as AAPL,MSFT, not {symbols!r}.")
    return tuple(sorted({*known, *spelled}))


class _Loading:
    """Has one load carried out, and shows how far it is."""

    def __init__(self, settings: Settings, reading: Reading, make_rest: MakeRest, clock: Clock) -> None:
        self._settings = settings
        self._reading = reading
        self._clock = clock
        self._log = DatabaseHistory(reading.read, reading.rows)
        self._trading = Trading(calendar_of(settings))
        self._progress = Progress(clock, "months")
        self._database: TickStockDatabase | None = None
        self._rest = functools.cache(lambda: make_rest(self._stamp))  # one limiter for all turns
        self._told: Load | None = None

    def run(self, load: Load) -> Load:
        """The load as it ended, or the same one of before, which was interrupted."""
        load = next((one for one in self._log.unfinished() if one.asks_for_same(load)), load)
        found = survey(load, self._log, self._trading)
        if not found.units:
            return load.going_on(0).ended(self._clock.now_ms())
        self._tell_size(load, found.units, found.requests)
        try:
            return self._in_turns(load)
        finally:
            self._progress.end()

    def _tell_size(self, load: Load, units: int, requests: int) -> None:
        months, symbols = counted(units, "month"), counted(len(load.symbols or ()), "symbol")
        verb = "is" if units == 1 else "are"
        size = f"{months} (of {symbols}) {verb} to be asked for in {counted(requests, 'request')} or more"
        if self._settings.feed == "massive":
            rate = self._settings.massive_rest_rate
            takes = duration_words(requests / rate.per_minute * 60)
            size += f": {takes} at least, with {rate.per_minute:,.0f} requests a minute (MASSIVE_REST_RATE)"
        click.echo(f"From {load.from_date} to {load.to_date}: {size}.")

    def _in_turns(self, load: Load) -> Load:
        never = threading.Event()
        while True:
            now = functools.partial(self._here, load)
            ended = here_or_by_owner(
                self._settings, self._reading, self._clock, now, functools.partial(self._by_owner, load)
            )
            if ended.has_ended:
                return ended
            self._clock.wait(never, _BETWEEN_TURNS_S)

    def _here(self, load: Load, lost: threading.Event) -> Load:
        """A turn in this process, which nobody else ingests beside."""
        with own_store(self._settings, self._clock) as database:
            self._database = database
            rest = self._rest()  # what is wrong with the settings is said before the load begins
            kept = self._log.find(load.id)
            if kept is None:
                self._log.begin(load)
            elif kept.has_ended:
                return kept
            turn = threading.Timer(_TURN_S, lost.set)
            turn.daemon = True
            turn.start()
            try:
                return HistoryRun(self._parts(rest), kept or load, self._conduct(database, lost)).run()
            except KeyboardInterrupt:
                interrupted = (self._told or load).ended(self._clock.now_ms(), "It was interrupted.")
                self._log.save(interrupted)
                raise
            finally:
                turn.cancel()

    def _parts(self, rest: MassiveRest) -> HistoryParts:
        minutes, days = DatabaseMinutes(self._reading.read), DatabaseDays(self._reading.read)
        gaps = DatabaseGapStore(self._reading.rows, self._clock.now_ms)
        return HistoryParts(lambda: rest, minutes, days, gaps, self._log, self._trading, self._clock)

    def _conduct(self, database: TickStockDatabase, lost: threading.Event) -> Conduct:
        return Conduct(submit_to(database), lambda days: database.merge_daily(days).refused == 0, lost, self._show)

    def _stamp(self) -> int:
        assert self._database is not None  # noqa: S101  nothing is asked for before a turn
        return self._database.clock.stamp()

    def _by_owner(self, load: Load) -> Load:
        arguments = {
            "id": load.id,
            "timespan": load.timespan.value,
            "symbols": load.symbols,
            "from_date": str(load.from_date),
            "to_date": str(load.to_date),
        }
        ask_owner(self._reading, self._clock, "history.load", arguments, _ACTOR)
        try:
            return follow(self._reading, self._clock, lambda: self._log.find(load.id), self._show)
        except KeyboardInterrupt:
            short = load.id[:_SHORT_ID]
            raise ActionRefusedError(
                f"The process that ingests goes on with it; flask history cancel {short} ends it."
            ) from None

    def _show(self, load: Load) -> None:
        self._told = load
        done = load.units_done + load.units_failed
        self._progress.show(done, load.units_total, load.detail or f"{load.bars:,} bars")


def _tell_result(load: Load) -> None:
    click.echo(words(load))
    for what, reason in sorted(load.failures.items())[:_FAILURES_TOLD]:
        click.echo(f"- {what}: {reason}")
    if load.state is not LoadState.DONE:
        click.echo("What is left of it is done by the same command.")


def loads_command(settings: Settings) -> click.Command:
    """The command, on the settings' database."""

    @click.command("loads")
    def loads() -> None:
        """List the newest loads, and how far they are."""
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, SystemClock())
            found = DatabaseHistory(reading.read, reading.rows).newest(_LISTED)
        for load in found:
            what = counted(len(load.files or load.symbols or ()), "symbol" if load.files is None else "file")
            dates = "" if load.from_date is None else f", {load.from_date} to {load.to_date}"
            click.echo(f"{load.id[:_SHORT_ID]}  {load.state.value}: {load.timespan}s of {what}{dates}. {words(load)}")
        if not found:
            click.echo("No history was loaded yet.")

    return loads


def cancel_command(settings: Settings) -> click.Command:
    """The command, on the settings' database."""

    @click.command("cancel")
    @click.argument("load_id", metavar="ID")
    def cancel(load_id: str) -> None:
        """End a load that waits or runs; ID as `flask history loads` shows it. What it has loaded stays."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            log = DatabaseHistory(reading.read, reading.rows)
            load = _unfinished(log, load_id)

            def here(_lost: threading.Event) -> None:
                load = _unfinished(log, load_id)  # it may have ended while this waited for its turn
                log.save(load.ended(clock.now_ms(), f"It was ended by {_ACTOR}."))
                click.echo("It is ended; what it has loaded stays.")

            def by_owner() -> None:
                ask_owner(reading, clock, "history.cancel", {"id": load.id}, _ACTOR)

            here_or_by_owner(settings, reading, clock, here, by_owner)

    return cancel


def _unfinished(log: DatabaseHistory, load_id: str) -> Load:
    found = [load for load in log.unfinished() if load.id.startswith(load_id)]
    if len(found) != 1:
        raise ActionRefusedError(f"{load_id} is no load that waits or runs; see flask history loads.")
    return found[0]
