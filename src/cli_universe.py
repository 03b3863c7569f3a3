"""`flask universe ...`: lists of symbols, looked at and changed by who may use this machine's shell."""

import csv
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from flask.cli import AppGroup

from src.cli_owner import MakeRest, ask_owner, here_or_by_owner, reading_of, told_to_people
from src.config.settings import Settings
from src.core.domain.market.universe_change import Outcome, Wish, summary
from src.core.domain.market.universe_definition import check_type, one_line, words
from src.core.domain.market.universe_text import FORMATS, to_csv, to_json
from src.core.domain.market.vendor_answer import VendorTicker
from src.core.errors import TickStockError, UniverseError
from src.core.services.symbol_refresh import take_over
from src.core.services.universe_service import Shown, UniverseService
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.symbol_store import DatabaseSymbols
from src.infrastructure.database.universe_store import DatabaseUniverses

_FILE_ENDINGS = (".csv", ".json", ".txt", ".tsv")
_FORCE = click.option("--force", is_flag=True, help="Also empty or remove what the ingesting process listens to.")
_LOOK = click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
_TYPE = click.option("--type", "type_", metavar="TYPE", help="UNIVERSE, ETF, SECTOR, THEME, SEGMENT or CUSTOM.")
_DESCRIPTION = click.option("--description", metavar="TEXT", help="One line that says what it is.")
_UNKNOWN = click.option("--allow-unknown", is_flag=True, help="Also take tickers that the vendor's list lacks.")
_SKIP = click.option("--skip-bad", is_flag=True, help="Leave out what is wrong, and do the rest.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


def universe_commands(settings: Settings, make_rest: MakeRest, now_ms: Callable[[], int]) -> AppGroup:
    """The commands, on the universes of the settings' database; `make_rest` makes the vendor's REST side."""
    group = AppGroup("universe", help="Universes: named lists of symbols.")
    _add_looking(group, settings, now_ms)
    _add_files(group, settings, now_ms)
    _add_changing(group, settings, now_ms)
    _add_refresh(group, settings, make_rest)
    return group


@contextmanager
def _service(settings: Settings, now_ms: Callable[[], int]) -> Iterator[UniverseService]:
    """The universes, with what goes wrong as a line for people."""
    url = settings.database_url
    try:
        check_schema(url)
        store = DatabaseUniverses(read_engine(url), row_engine(url), now_ms)
        try:
            yield UniverseService(store)
        finally:
            store.close()
    except TickStockError as error:
        raise click.ClickException(str(error)) from error


# -- looking -----------------------------------------------------------------------------------------------------------


def _add_looking(group: AppGroup, settings: Settings, now_ms: Callable[[], int]) -> None:
    @group.command("list")
    @click.argument("search", default="")
    @_JSON
    def list_universes(search: str, as_json: bool) -> None:
        """Show the universes; with SEARCH those whose name or description has it, or that have that ticker."""
        with _service(settings, now_ms) as service:
            found, meant = service.listed(search)
        if as_json:
            click.echo(msgspec.json.encode([one._asdict() for one in found]).decode())
            return
        for one in found:
            mark = "  (listened to)" if one.listened else ""
            click.echo(f"{one.name:24} {one.type:9} {one.size:6,}  {one.description}{mark}".rstrip())
        if not found:
            help_ = f" Did you mean {' or '.join(meant)}?" if meant else ""
            raise click.ClickException(f"No universe matches {search!r:.60}.{help_}")

    @group.command("show")
    @click.argument("key")
    @_JSON
    def show(key: str, as_json: bool) -> None:
        """Show the members of a universe, or of several with colons between (SPY:nasdaq100)."""
        with _service(settings, now_ms) as service:
            found = service.show(key)
            facts = service.book().symbols
        if as_json:
            click.echo(to_json([found.definition]), nl=False)
            return
        click.echo(_headline(found))
        for symbol, weight in found.definition.members:
            told = facts.get(symbol)
            cells = [symbol, (told and told.name) or "", (told and told.sector) or ""]
            click.echo(f"{cells[0]:8} {cells[1]:44.44} {cells[2]:26} {'' if weight is None else weight}".rstrip())

    @group.command("diff")
    @click.argument("before")
    @click.argument("after")
    def diff(before: str, after: str) -> None:
        """Compare two universes; each is a key, or a file (by its ending, or - for standard input). The exit status
        is 1 when their members differ."""
        with _service(settings, now_ms) as service:
            found, problems, notes = service.compare(_told(before), _told(after))
        for problem in problems:
            click.echo(f"{problem.where}: {problem.text}", err=True)
        _note(notes)
        for sign, symbols in (("-", found.removed), ("+", found.added), ("weight of", found.reweighted)):
            for symbol in symbols:
                click.echo(f"{sign} {symbol}")
        if found.reordered:
            click.echo("Those that both have stand in another order.")
        if found.is_nothing:
            click.echo("They are the same.")
        sys.exit(not found.is_nothing or bool(problems))


def _headline(found: Shown) -> str:
    name, type_, description, members = found.definition
    parts = [
        type_ or f"the union of {', '.join(found.parts)}",
        *([description] if description else []),
        *(["listened to"] if found.listened else []),
        *([f"there is no {', '.join(found.unknown)}"] if found.unknown else []),
    ]
    return f"{name}: {len(members):,} symbols; {'; '.join(parts)}"


def _told(argument: str) -> str | bytes:
    """A key, or the content of the file that was named."""
    is_file = argument == "-" or argument.lower().endswith(_FILE_ENDINGS) or "/" in argument
    return _content(argument) if is_file else argument


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UniverseError(f"The file {file} cannot be read ({error.strerror}).") from error


# -- files -------------------------------------------------------------------------------------------------------------


def _add_files(group: AppGroup, settings: Settings, now_ms: Callable[[], int]) -> None:
    @group.command("import")
    @click.argument("file")
    @click.option("--name", default="", help="What it is called, where the file does not say so.")
    @_TYPE
    @_DESCRIPTION
    @click.option("--add", "keep", is_flag=True, help="Add to what it has; without, the file replaces it.")
    @_SKIP
    @_UNKNOWN
    @_FORCE
    @_LOOK
    def import_(
        file: str,
        name: str,
        type_: str | None,
        description: str | None,
        keep: bool,
        skip_bad: bool,
        allow_unknown: bool,
        force: bool,
        dry_run: bool,
    ) -> None:
        """Make universes what FILE says (CSV, JSON or a list of tickers; - for standard input). When something in it is
        wrong, all of that is named and nothing is changed."""
        with _service(settings, now_ms) as service:
            wish = Wish(name, _type(type_), _line(description), keep, skip_bad, dry_run, allow_unknown, force)
            outcome = service.import_file(_content(file), wish)
        _tell(outcome, wish)

    @group.command("export")
    @click.argument("names", nargs=-1)
    @click.option("--format", "format_", type=click.Choice(FORMATS), help="csv, unless the file's name ends in .json.")
    @click.option("--output", metavar="FILE", help="Where to; without, to standard output.")
    def export(names: tuple[str, ...], format_: str | None, output: str | None) -> None:
        """Write universes (NAMES, or all) in a form that `import` reads back exactly."""
        with _service(settings, now_ms) as service:
            definitions = service.export(names)
        is_json = format_ == "json" or (format_ is None and (output or "").lower().endswith(".json"))
        text = to_json(definitions) if is_json else to_csv(definitions)
        if output is None:
            sys.stdout.write(text)
            return
        try:
            Path(output).write_bytes(text.encode())
        except OSError as error:
            raise click.ClickException(f"{output} cannot be written ({error.strerror}).") from error
        click.echo(f"{len(definitions)} universes are in {output}.")


# -- changing ----------------------------------------------------------------------------------------------------------


def _add_changing(group: AppGroup, settings: Settings, now_ms: Callable[[], int]) -> None:
    @group.command("add")
    @click.argument("name")
    @click.argument("symbols", nargs=-1)
    @click.option("--new", "is_new", is_flag=True, help="Make the universe.")
    @_TYPE
    @_DESCRIPTION
    @_SKIP
    @_UNKNOWN
    @_LOOK
    def add(
        name: str,
        symbols: tuple[str, ...],
        is_new: bool,
        type_: str | None,
        description: str | None,
        skip_bad: bool,
        allow_unknown: bool,
        dry_run: bool,
    ) -> None:
        """Add SYMBOLS to a universe, at its end; with --new make it."""
        with _service(settings, now_ms) as service:
            asked = Wish(skip=skip_bad, look=dry_run, unknown=allow_unknown)
            wish = asked._replace(type=_type(type_), description=_line(description))
            outcome = service.add(name, _split(symbols), wish, is_new=is_new)
        _tell(outcome, wish)

    @group.command("remove")
    @click.argument("name")
    @click.argument("symbols", nargs=-1)
    @click.option("--all", "everything", is_flag=True, help="Remove the universe itself.")
    @_SKIP
    @_FORCE
    @_LOOK
    def remove(
        name: str, symbols: tuple[str, ...], everything: bool, skip_bad: bool, force: bool, dry_run: bool
    ) -> None:
        """Take SYMBOLS out of a universe; with --all remove the universe itself."""
        if everything == bool(symbols):
            raise click.UsageError("Name the symbols to take out, or give --all to remove the universe itself.")
        wish = Wish(skip=skip_bad, force=force, look=dry_run)
        with _service(settings, now_ms) as service:
            outcome = service.delete(name, wish) if everything else service.remove(name, _split(symbols), wish)
        _tell(outcome, wish)


def _add_refresh(group: AppGroup, settings: Settings, make_rest: MakeRest) -> None:
    @group.command("refresh-symbols")
    def refresh_symbols() -> None:
        """Load the vendor's list of symbols: names, types, exchanges, and what is traded no more. With a key the
        ingesting process does so once a day; while it runs, it is asked to."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)

            def here(_lost: threading.Event) -> None:
                rest, found = make_rest(_no_stamp), list[VendorTicker]()
                for page in rest.tickers():
                    found += page
                    click.echo(f"{len(found):,} symbols are loaded.")
                click.echo(take_over(found, DatabaseSymbols(reading.read, reading.rows, clock.now_ms)))

            def by_owner() -> None:
                ask_owner(reading, clock, "symbols.refresh", {}, "flask universe")

            here_or_by_owner(settings, reading, clock, here, by_owner)


def _no_stamp() -> int:
    """A list of symbols is no evidence of bars."""
    return 0


def _split(symbols: Sequence[str]) -> list[str]:
    """What was typed, with blanks or commas between."""
    return [one for row in csv.reader(symbols) for one in row if one.strip()]


def _type(text: str | None) -> str | None:
    return None if text is None else check_type(text)


def _line(text: str | None) -> str | None:
    return None if text is None else one_line(text)


def _note(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(f"Note: {note.removesuffix('?').removesuffix('.')}{'?' if note.endswith('?') else '.'}", err=True)


def _tell(outcome: Outcome, wish: Wish) -> None:
    """What came of a change. The exit status is 1 when it was not made because of problems."""
    for where, text in outcome.problems:
        click.echo(f"{where}: {text}", err=True)
    _note(outcome.notes)
    if outcome.applied or wish.look:
        for one in outcome.changes:
            if not one.is_nothing:
                click.echo(words(one))
    if outcome.problems and not outcome.applied and not wish.skip:
        problems = f"{len(outcome.problems)} problem{'' if len(outcome.problems) == 1 else 's'}"
        help_ = " --skip-bad does what is right of it." if outcome.changes else ""
        raise click.ClickException(f"{problems}: nothing was changed.{help_}")
    click.echo("Nothing was changed." if wish.look else summary(outcome))
