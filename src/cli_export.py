"""`flask export`: bars of any period into a file, as `GET /api/bars` tells them."""

import datetime as dt
import gzip
import importlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from src.cli_owner import Reading, chosen_symbols, new_york_date, reading_of, told_to_people
from src.cli_progress import Progress, counted
from src.config.settings import PROJECT_ROOT, Settings
from src.core.domain.market.adjustment import Adjusted
from src.core.domain.market.aggregation import PeriodBar, Timeframe, midnight_ms
from src.core.domain.market.session import new_york_date as date_at
from src.core.domain.market.session import usual_day
from src.core.errors import ActionRefusedError
from src.core.services.bar_history import BarHistory, Span, pages
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.bar_archive import DatabaseBarArchive
from src.infrastructure.database.migrate import check_schema
from src.presentation.api.bars_text import CSV_HEADER, bars_as_csv, bars_as_json, columns_of

_PIECE = 5_000  # bars
_ROW_GROUP = 100_000  # bars that Parquet packs together: small groups make large files that are slow to read
_ENDINGS = (".csv", ".csv.gz", ".json", ".json.gz", ".parquet")
# Takes the bars of a file to be, and writes it.
_Write = Callable[[Path, Iterable[Sequence[PeriodBar]]], None]


def export_command(settings: Settings) -> click.Command:
    """The command, on the settings' database. It only reads: it may run while others write."""

    @click.command("export")
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @click.option("--symbols", metavar="A,B", help="These symbols.")
    @click.option("--universe", metavar="KEY", help="The symbols of a universe, such as dow30, or listening.")
    @click.option("--timeframe", type=click.Choice([one.value for one in Timeframe]), default="1m", show_default=True)
    @click.option("--from", "from_text", required=True, metavar="YYYY-MM-DD", help="The first day, in New York.")
    @click.option("--to", "to_text", metavar="YYYY-MM-DD", help="The last day, included; without, up to now.")
    @click.option("--adjusted", type=click.Choice([one.value for one in Adjusted]), default="false", show_default=True)
    @click.option("--session", type=click.Choice(["all", "regular"]), default="all", show_default=True)
    def export(file: Path, symbols: str | None, universe: str | None, from_text: str, **options: Any) -> None:
        """Write bars to FILE: .csv, .json (.gz packs them) or .parquet, by its ending.

        adjusted=true is for splits, all for splits and dividends; what is stored stays as it traded.
        """
        clock = SystemClock()
        with told_to_people():
            write = _writer(file)
            check_schema(settings.database_url)
            reading = reading_of(settings.database_url, clock)
            bounds = _bounds(from_text, options["to_text"], clock.now_ms())
            names = _names(reading, symbols, universe)
            spans = [
                Span(name, Timeframe(options["timeframe"]), *bounds, options["session"] == "regular") for name in names
            ]
            progress = Progress(clock, "symbols")
            count = _Count()
            bars = _pieces(_history(reading, clock), spans, Adjusted(options["adjusted"]), progress, count)
            with _whole(file) as unfinished:
                write(unfinished, bars)
            progress.end()
            click.echo(f"{counted(count.bars, 'bar')} of {counted(len(spans), 'symbol')} were written to {file}.")

    return export


class _Count:
    bars = 0


def _bounds(from_text: str, to_text: str | None, now_ms: int) -> tuple[int, int]:
    first = new_york_date("--from", from_text)
    today = date_at(now_ms)
    last = today if to_text is None else new_york_date("--to", to_text)
    if last < first:
        words = f"--to ({last}) lies before --from ({first})" if to_text else f"--from ({first}) lies in the future"
        raise ActionRefusedError(f"{words}.")
    last = min(last, today)  # nothing is stored of what comes after it
    return max(0, midnight_ms(first)), midnight_ms(last + dt.timedelta(days=1)) - 1


def _names(reading: Reading, symbols: str | None, universe: str | None) -> tuple[str, ...]:
    chosen = chosen_symbols(reading, symbols, universe)
    if chosen is None:
        raise ActionRefusedError("Name what to export with --symbols or --universe.")
    return chosen


def _history(reading: Reading, clock: SystemClock) -> BarHistory:
    """What the export reads by: each day of the simulated market is a trading day."""
    sessions = load_session_table(PROJECT_ROOT / "data/sessions.csv")
    simulated = reading.bars.state("feed") == "simulated"
    day_of = usual_day if simulated else sessions.known_or_usual
    return BarHistory(DatabaseBarArchive(reading.read), day_of, lambda: date_at(clock.now_ms()))


def _pieces(
    history: BarHistory, spans: Sequence[Span], adjusted: Adjusted, progress: Progress, count: _Count
) -> Iterator[list[PeriodBar]]:
    for done, span in enumerate(spans):
        adjustment = history.adjustment(span.symbol, adjusted)
        for one in adjustment.not_applied:
            click.echo(f"{span.symbol}: the {one.kind} of {one.date} was not applied. {one.reason}")
        for page in pages(history.bars(span, adjustment), _PIECE):
            count.bars += len(page)
            yield page
        progress.show(done + 1, len(spans), f"{count.bars:,} bars")


# -- files -----------------------------------------------------------------------------------------------------------


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """Another name beside it, which becomes the file's once it is whole; of an interrupted export nothing is left."""
    if file.exists():
        raise ActionRefusedError(f"{file} exists already; remove it first, or name another file.")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.rename(file)
    except OSError as error:
        raise ActionRefusedError(f"{file} cannot be written ({error.strerror or error}).") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _writer(file: Path) -> _Write:
    """What writes the kind of file that its name's ending tells."""
    if file.name.endswith((".csv", ".csv.gz")):
        return _write_csv
    if file.name.endswith((".json", ".json.gz")):
        return _write_json
    if not file.name.endswith(".parquet"):
        raise ActionRefusedError(
            f"{file.name} has no ending that says how to write it; there are {', '.join(_ENDINGS)}."
        )
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ActionRefusedError(
            "Parquet takes the package pyarrow, which is not installed: .venv/bin/python -m pip install pyarrow "
            "does it. Or write .csv.gz."
        ) from error
    return _write_parquet


def _opened(file: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(file, "wb", compresslevel=5) if _is_packed(file) else file.open("wb")


def _is_packed(file: Path) -> bool:
    """By the unfinished file's name, which has a number at its end."""
    return file.stem.endswith(".gz")


def _write_csv(file: Path, bars: Iterable[Sequence[PeriodBar]]) -> None:
    with _opened(file) as out:
        out.write(CSV_HEADER.encode())
        for page in bars:
            out.write(bars_as_csv(page).encode())


def _write_json(file: Path, bars: Iterable[Sequence[PeriodBar]]) -> None:
    """One list of objects."""
    with _opened(file) as out:
        out.write(b"[")
        for number, page in enumerate(bars):
            out.write((b",\n" if number else b"\n") + bars_as_json(page))
        out.write(b"\n]\n")


def _write_parquet(file: Path, bars: Iterable[Sequence[PeriodBar]]) -> None:
    import pyarrow
    import pyarrow.parquet

    number, text = pyarrow.float64(), pyarrow.string()
    prices = [(name, number) for name in ("open", "high", "low", "close", "volume", "vwap")]
    start = ("timestamp", pyarrow.timestamp("ms", "UTC"))
    counts = [("trade_count", pyarrow.int64()), ("tier", text), ("partial", pyarrow.bool_())]
    schema = pyarrow.schema([("symbol", text), start, ("date", pyarrow.date32()), *prices, *counts])
    with pyarrow.parquet.ParquetWriter(file, schema) as out:
        for group in pages(itertools.chain.from_iterable(bars), _ROW_GROUP):
            arrays = [pyarrow.array(values, one.type) for values, one in zip(columns_of(group), schema, strict=True)]
            out.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
