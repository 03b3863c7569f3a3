"""Recorded bars on disk: `second/SYM_DATE.csv.gz` and `minute/SYM_DATE.csv.gz`, read strictly, text kept as it is."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL

COLUMNS = ("window_start_ms", "open", "high", "low", "close", "volume")

# Each kind of recording is a folder: what it is sent as, and how long its windows are.
KINDS = {"second": (SECOND_CHANNEL, 1_000), "minute": (MINUTE_CHANNEL, 60_000)}

_FILE_NAME = re.compile(r"([A-Za-z][A-Za-z0-9.\-]*)_([0-9]{8})\.csv(\.gz)?")
# A JSON number, since the digits go out as they stand.
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?", re.ASCII)
_TIME = re.compile(r"[0-9]{1,14}", re.ASCII)


class RecordingError(ValueError):
    """A file that cannot be replayed; the message names it, the line, and what is allowed."""


class RecordedBar(NamedTuple):
    """One row of a recording: prices and volume are the digits of the file."""

    channel: str
    symbol: str
    start_ms: int
    end_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


def find(paths: Sequence[Path]) -> list[Path]:
    """The recordings among `paths`, each a folder with `second` and `minute` folders in it, or a file of one.

    RecordingError when a path does not exist or nothing is found.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            in_folder = [file for kind in KINDS for file in sorted((path / kind).glob("*.csv*"))]
            if not in_folder:
                raise RecordingError(f"There is no second/*.csv.gz and no minute/*.csv.gz (or .csv) in {path}.")
            found += in_folder
        elif path.is_file():
            found.append(path)
        else:
            raise RecordingError(f"There is no file or folder {path}.")
    if not found:
        raise RecordingError("Name at least one folder or file to replay.")
    return found


def read(path: Path) -> Iterator[RecordedBar]:
    """The rows of one recording, in the file's order. RecordingError at the first row that is not as it should be."""
    kind, name = path.parent.name, _FILE_NAME.fullmatch(path.name)
    if kind not in KINDS or name is None:
        raise RecordingError(
            f"{path} is not named like second/AAPL_20251120.csv.gz or minute/AAPL_20251120.csv, "
            "which say what it holds."
        )
    try:
        with _open(path) as lines:
            yield from _rows(path, name[1], kind, lines)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as cause:
        raise RecordingError(f"{path} cannot be read: {cause}.") from cause


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(path: Path, symbol: str, kind: str, lines: TextIO) -> Iterator[RecordedBar]:
    channel, window_ms = KINDS[kind]
    reader = csv.reader(lines)
    header = next(reader, [])
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise RecordingError(
            f"{path}, line 1: the column {missing[0]} is missing; a recording begins with {','.join(COLUMNS)}."
        )
    places = [header.index(column) for column in COLUMNS]
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if len(row) != len(header):
            raise RecordingError(f"{where}: {len(row)} fields instead of {len(header)}, one for each column.")
        start, *numbers = (row[place] for place in places)
        start_ms = _check_time(where, start, window_ms)
        for column, text in zip(COLUMNS[1:], numbers, strict=True):
            _check_number(where, column, text)
        yield RecordedBar(channel, symbol, start_ms, start_ms + window_ms, *numbers)


def _check_time(where: str, text: str, window_ms: int) -> int:
    if not _TIME.fullmatch(text) or int(text) % window_ms:
        raise RecordingError(
            f"{where}: window_start_ms is '{text}'; allowed are epoch milliseconds, a multiple of {window_ms}."
        )
    return int(text)


def _check_number(where: str, column: str, text: str) -> None:
    if not _NUMBER.fullmatch(text) or (column != "volume" and not float(text)):
        least = "0 or more" if column == "volume" else "above 0"
        raise RecordingError(f"{where}: {column} is '{text}'; allowed are decimal numbers {least}, such as 165.98.")
