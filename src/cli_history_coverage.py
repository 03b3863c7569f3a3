"""`flask history coverage`: which days of which symbols are whole."""

import csv
import datetime as dt
import sys
from collections.abc import Iterator, Mapping, Sequence

import click

from src.cli_owner import calendar_of, chosen_symbols, new_york_date, reading_of, told_to_people
from src.cli_progress import counted
from src.config.settings import Settings
from src.core.domain.market.coverage import Day, DayState, count_states
from src.core.errors import ActionRefusedError
from src.core.services.coverage_service import Cell, CoverageService
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.coverage_reader import DatabaseCoverage
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from src.presentation.api.whom import LISTENING

_DEFAULT_DAYS = 20
_SYMBOLS_AT_A_TIME = 50
_MARKS = {
    DayState.FINAL: "#", DayState.UNCONFIRMED: "+", DayState.EMPTY: ".", DayState.OPEN: "o",
    DayState.LOST: "x", DayState.MISSING: "-", DayState.PRUNED: " ", DayState.TODAY: ">",
}  # fmt: skip
_WORDS = {
    DayState.FINAL: "final", DayState.UNCONFIRMED: "not compared with the vendor yet",
    DayState.EMPTY: "without a trade", DayState.OPEN: "being repaired", DayState.LOST: "could not be repaired",
    DayState.MISSING: "missing", DayState.PRUNED: "dropped, too old", DayState.TODAY: "going on",
}  # fmt: skip
# What somebody can do something about.
_LACKING = (DayState.MISSING, DayState.LOST, DayState.OPEN)
_NAMED = 10  # spans of days of a symbol
_FEW_SYMBOLS = 20

Rows = Iterator[tuple[str, Sequence[Cell]]]


def coverage_command(settings: Settings) -> click.Command:
    """The command, on the settings' database; it asks the vendor for nothing."""

    @click.command("coverage")
    @click.option("--symbols", metavar="A,B", help="These alone; without, all that are listened to or have bars.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe alone, such as dow30, or listening.")
    @click.option("--from", "from_text", metavar="YYYY-MM-DD", help="The first day, in New York; 20 days by default.")
    @click.option("--to", "to_text", metavar="YYYY-MM-DD", help="The last day, in New York; today by default.")
    @click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", show_default=True)
    def coverage(
        symbols: str | None, universe: str | None, from_text: str | None, to_text: str | None, form: str
    ) -> None:
        """Tell which days are whole, by the trading calendar and by what the vendor was asked for."""
        clock = SystemClock()
        with told_to_people():
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            service = CoverageService(DatabaseCoverage(reading.read), calendar_of(settings), clock.now_ms)
            days = _days(service, from_text, to_text)
            chosen = chosen_symbols(reading, symbols, universe)
            if chosen is None:
                kept = DatabaseReconciliations(reading.read, reading.rows)
                chosen = kept.kept_symbols(days[0].from_ms, days[-1].to_ms).symbols
            rows = _rows(service, chosen, days)
            if form == "csv":
                _tell_csv(rows, days)
            elif missing := _tell_table(rows, chosen, days):
                click.echo(f"What is missing is loaded by: {_load_command(missing, symbols, universe)}")

    return coverage


def _days(service: CoverageService, from_text: str | None, to_text: str | None) -> list[Day]:
    """The trading days that were asked for; ActionRefusedError where there are none."""
    if from_text is None and to_text is None:
        return service.newest_days(_DEFAULT_DAYS)
    newest = dt.date.fromisoformat(service.newest_days(1)[-1].date)
    last = newest if to_text is None else min(new_york_date("--to", to_text), newest)
    first = last - dt.timedelta(days=28) if from_text is None else new_york_date("--from", from_text)
    days = service.days(first, last)
    if not days:
        raise ActionRefusedError(f"There is no trading day from {first} to {last}; the newest is {newest}.")
    return days


def _rows(service: CoverageService, symbols: Sequence[str], days: Sequence[Day]) -> Rows:
    for start in range(0, len(symbols), _SYMBOLS_AT_A_TIME):
        yield from service.cells(symbols[start : start + _SYMBOLS_AT_A_TIME], days).items()


def _tell_csv(rows: Rows, days: Sequence[Day]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["symbol", "date", "state", "bars", "regular_bars", "regular_minutes"])
    for symbol, cells in rows:
        for day, (state, bars, regular) in zip(days, cells, strict=True):
            writer.writerow([symbol, day.date, state.value, bars, regular, day.regular_minutes])


def _tell_table(rows: Rows, symbols: Sequence[str], days: Sequence[Day]) -> dict[str, list[str]]:
    """Prints a line for each symbol, and gives the dates that are missing, by symbol."""
    whom, when = counted(len(symbols), "symbol"), counted(len(days), "trading day")
    click.echo(f"{whom}, {when} from {days[0].date} to {days[-1].date}.")
    marks = {state: mark.strip() or "(blank)" for state, mark in _MARKS.items()}
    click.echo("   ".join(f"{marks[state]} {words}" for state, words in _WORDS.items()))
    width = max(map(len, symbols), default=1)
    seen: list[DayState] = []
    missing: dict[str, list[str]] = {}
    for symbol, cells in rows:
        states = [cell.state for cell in cells]
        seen += states
        if dates := [day.date for day, state in zip(days, states, strict=True) if state is DayState.MISSING]:
            missing[symbol] = dates
        line = "".join(_MARKS[state] for state in states)
        click.echo(f"{symbol:<{width}}  {line}  {_lacking(days, states)}".rstrip())
    click.echo(_summary(count_states(seen)))
    return missing


def _load_command(missing: Mapping[str, Sequence[str]], symbols: str | None, universe: str | None) -> str:
    few = symbols is not None or len(missing) <= _FEW_SYMBOLS
    whom = f"--symbols {','.join(missing)}" if few else f"--universe {universe or LISTENING}"
    dates = [date for some in missing.values() for date in (some[0], some[-1])]
    return f".venv/bin/flask history load {whom} --from {min(dates)} --to {max(dates)} --timespan minute"


def _lacking(days: Sequence[Day], states: Sequence[DayState]) -> str:
    """The days on which something is missing, those that follow each other as one."""
    spans: list[tuple[DayState, str, str]] = []
    before: DayState | None = None
    for day, state in zip(days, states, strict=True):
        if state in _LACKING and state is before:
            spans[-1] = (state, spans[-1][1], day.date)
        elif state in _LACKING:
            spans.append((state, day.date, day.date))
        before = state
    words = [f"{state.value} {first}{'' if first == last else f' to {last}'}" for state, first, last in spans]
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return "; ".join(words[:_NAMED]) + more


def _summary(counts: Mapping[DayState, int]) -> str:
    total = sum(counts.values())
    if not total:
        return "No symbol is listened to, and none has bars of these days."
    return (
        f"Of {total:,} days of symbols "
        + ", ".join(f"{count:,} {_WORDS[state]} ({100 * count / total:.1f} %)" for state, count in counts.items())
        + "."
    )
