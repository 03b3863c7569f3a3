"""`flask history rebuild-daily`: provisional daily bars made of the stored minutes anew, here or by the owner."""

import datetime as dt
import threading
from collections.abc import Sequence
from typing import NamedTuple

import click

from src.cli_owner import (
    Reading,
    ask_owner,
    check_owned,
    chosen_symbols,
    follow,
    here_or_by_owner,
    new_york_date,
    own_store,
    reading_of,
    told_to_people,
)
from src.cli_progress import Progress
from src.config.settings import PROJECT_ROOT, Settings
from src.core.domain.market.aggregation import DayOf, midnight_ms
from src.core.domain.market.daily_plan import Backlog, Dates, dates_of
from src.core.domain.market.session import new_york_date as date_at
from src.core.domain.market.session import usual_day
from src.core.errors import ActionRefusedError
from src.core.ports import Clock
from src.core.services.daily_service import PIECE, DayMaking, MakingParts
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.day_maker import DatabaseDayMaker
from src.infrastructure.database.migrate import check_schema

_ONE_DAY = dt.timedelta(days=1)
_ACTOR = "flask history rebuild-daily"


class _Waiting(NamedTuple):
    """How many symbols the owner has still to do."""

    symbols: int
    has_ended: bool


def rebuild_command(settings: Settings) -> click.Command:
    """The command, on the settings' database."""

    @click.command("rebuild-daily")
    @click.option("--from", "from_text", required=True, metavar="YYYY-MM-DD", help="The first day, in New York.")
    @click.option("--to", "to_text", metavar="YYYY-MM-DD", help="The last day, included; without, today.")
    @click.option("--symbols", metavar="A,B", help="These alone; without, all that have minutes of these days.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe alone, such as dow30, or listening.")
    def rebuild(from_text: str, to_text: str | None, symbols: str | None, universe: str | None) -> None:
        """Make provisional daily bars of the stored minutes anew. The vendor's own daily bars stay."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            dates = _dates(from_text, to_text, clock)
            names, dates = _with_minutes(reading, chosen_symbols(reading, symbols, universe), dates)
            here_or_by_owner(
                settings,
                reading,
                clock,
                lambda lost: _here(settings, reading, names, dates, clock, lost),
                lambda: _by_owner(reading, names, dates, clock),
            )

    return rebuild


def _dates(from_text: str, to_text: str | None, clock: Clock) -> Dates:
    first, today = new_york_date("--from", from_text), date_at(clock.now_ms())
    last = today if to_text is None else min(today, new_york_date("--to", to_text))
    if last < first:
        raise ActionRefusedError(f"Nothing lies from {first} to {last}; give a first day that comes before the last.")
    return Dates(first, last)


def _with_minutes(reading: Reading, chosen: Sequence[str] | None, dates: Dates) -> tuple[Sequence[str], Dates]:
    """The symbols, and of the dates those from their first minute to their last: to look into each day of twenty years
    for those of one would take hours."""
    maker, bounds = DatabaseDayMaker(reading.read), (midnight_ms(dates.first), midnight_ms(dates.last + _ONE_DAY))
    names = maker.symbols_between(*bounds) if chosen is None else chosen
    ends = maker.ends(names, *bounds)
    if ends is None:
        raise ActionRefusedError(f"No symbol has minutes from {dates.first} to {dates.last}.")
    return names, dates_of(*ends)


def _here(
    settings: Settings, reading: Reading, names: Sequence[str], dates: Dates, clock: Clock, lost: threading.Event
) -> None:
    backlog, day_of = Backlog(), _day_of(settings)
    for name in names:
        backlog.add(name, dates)
    progress, written = Progress(clock, "symbols"), 0
    with own_store(settings, clock) as database:
        making = DayMaking(MakingParts(DatabaseDayMaker(reading.read), database, clock, lambda: 0))
        while len(backlog):
            check_owned(lost)
            written += making.make(backlog.take(PIECE, day_of), 0)
            progress.show(len(names) - len(backlog), len(names), f"{written:,} days")
    progress.end()
    click.echo(f"{written:,} days of {len(names):,} symbols were made of their minutes.")


def _day_of(settings: Settings) -> DayOf:
    if settings.feed == "simulated":
        return usual_day
    return load_session_table(PROJECT_ROOT / "data/sessions.csv").known_or_usual


def _by_owner(reading: Reading, names: Sequence[str], dates: Dates, clock: Clock) -> None:
    """Has the process that ingests make them, and follows how far it is."""
    arguments = {"symbols": list(names), "from_date": dates.first.isoformat(), "to_date": dates.last.isoformat()}
    ask_owner(reading, clock, "daily.rebuild", arguments, _ACTOR)
    asked_ms, progress = clock.now_ms(), Progress(clock, "symbols")

    def look() -> _Waiting | None:
        status = reading.bars.state("status")
        if status is None or status["written_at"] <= asked_ms:
            return None
        return _Waiting(status["daily"]["waiting_symbols"], not status["daily"]["rebuilding"])

    def tell(waiting: _Waiting) -> None:
        progress.show(max(0, len(names) - waiting.symbols), len(names))

    follow(reading, clock, look, tell)
    progress.end()
    click.echo(f"The days of {len(names):,} symbols were made of their minutes.")
