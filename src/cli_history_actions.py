"""`flask history actions`: splits and dividends from files or the vendor. They are no bars, so no lease is needed."""

import datetime as dt
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from src.cli_owner import MakeRest, Reading, chosen_symbols, new_york_date, reading_of, told_to_people
from src.cli_progress import Progress
from src.config.settings import Settings
from src.core.domain.market.adjustment import ActionKind, CorporateAction
from src.core.domain.market.daily_plan import Dates
from src.core.domain.market.session import new_york_date as date_at
from src.core.domain.market.symbol import Spellings
from src.core.errors import ActionRefusedError
from src.core.ports import Clock
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.action_file import read_action_file
from src.infrastructure.data_sources.massive_rest import MassiveRest
from src.infrastructure.data_sources.vendor_lists import VendorLists
from src.infrastructure.database.action_store import DatabaseActions, Scope
from src.infrastructure.database.bar_archive import known_symbols
from src.infrastructure.database.migrate import check_schema

_REFUSED_TOLD = 20
_FIRST_DATE = dt.date(2003, 1, 1)  # before the vendor's first bar
_AHEAD = dt.timedelta(days=365)  # what is announced
# Up to so many symbols are asked for one by one; for more the whole market's list takes fewer requests.
_ONE_BY_ONE = 20

_Ask = Callable[[dt.date, dt.date, str | None], Iterator[CorporateAction]]


def actions_commands(settings: Settings, make_rest: MakeRest) -> click.Group:
    """The group of commands, on the settings' database; `make_rest` makes the vendor's REST side."""

    @click.group("actions")
    def actions() -> None:
        """Splits and dividends, which are applied when bars are read."""

    @actions.command("import")
    @click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
    def import_command(files: tuple[Path, ...]) -> None:
        """Keep what CSV FILES say: symbol,date,kind (split or dividend),split_from,split_to,amount,currency.

        Of a symbol's day it counts in the place of what REST says, and of what files said before. The exit status is 1
        when rows were refused.
        """
        clock, refused = SystemClock(), 0
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            store, known = DatabaseActions(reading.rows, clock.now_ms), Spellings(known_symbols(reading.read))
            for file in files:
                refused += _import(store, file, known)
        sys.exit(refused > 0)

    @actions.command("load")
    @click.option("--from", "from_text", default=str(_FIRST_DATE), show_default=True, metavar="YYYY-MM-DD")
    @click.option("--symbols", metavar="A,B", help="These alone; without, all that the database knows.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe alone, such as dow30, or listening.")
    def load_command(from_text: str, symbols: str | None, universe: str | None) -> None:
        """Ask the vendor for splits and dividends, those announced included, and keep them."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            rest = make_rest(clock.now_us)
            assert isinstance(rest, MassiveRest)  # noqa: S101  the one that asks for lists
            dates = Dates(new_york_date("--from", from_text), date_at(clock.now_ms()) + _AHEAD)
            if dates.first > dates.last:
                raise ActionRefusedError(f"--from ({dates.first}) lies more than a year ahead.")
            _load(VendorLists(rest), reading, chosen_symbols(reading, symbols, universe), dates, clock)

    return actions


def _import(store: DatabaseActions, file: Path, known: Spellings) -> int:
    found = read_action_file(file, known.find)
    added = store.add(found.actions)
    click.echo(f"{file}: {len(found.actions):,} read, {added:,} of them new, {len(found.refused):,} refused.")
    for sentence in found.refused[:_REFUSED_TOLD]:
        click.echo(f"- {sentence}")
    return len(found.refused)


def _load(lists: VendorLists, reading: Reading, chosen: Sequence[str] | None, dates: Dates, clock: Clock) -> None:
    """Year by year, so that what was loaded before an interruption is kept, and a list never gets too long."""
    store, progress = DatabaseActions(reading.rows, clock.now_ms), Progress(clock, "requests")
    one_by_one = chosen is not None and len(chosen) <= _ONE_BY_ONE
    kept = known_symbols(reading.read) if chosen is None else frozenset(chosen)
    asked = [(ActionKind.SPLIT, lists.splits), (ActionKind.DIVIDEND, lists.dividends)]
    whom: Sequence[str | None] = sorted(kept) if one_by_one else [None]
    spans = [dates] if one_by_one else _years(dates)
    total, done, added, gone = len(asked) * len(whom) * len(spans), 0, 0, 0
    for kind, ask in asked:
        for symbol in whom:
            for span in spans:
                new, old = _load_one(store, kind, ask, symbol, kept, span)
                done, added, gone = done + 1, added + new, gone + old
                progress.show(done, total, f"{added:,} new")
    progress.end()
    click.echo(f"{added:,} splits and dividends are new, {gone:,} are no longer told of.")


def _load_one(
    store: DatabaseActions, kind: ActionKind, ask: _Ask, symbol: str | None, kept: frozenset[str], span: Dates
) -> tuple[int, int]:
    whose = kept if symbol is None else frozenset({symbol})
    found = {action.id: action for action in ask(*span, symbol) if action.symbol in whose}
    return store.replace(Scope(kind, *span), list(found.values()), whose)


def _years(dates: Dates) -> list[Dates]:
    return [
        Dates(max(dates.first, dt.date(year, 1, 1)), min(dates.last, dt.date(year, 12, 31)))
        for year in range(dates.first.year, dates.last.year + 1)
    ]
