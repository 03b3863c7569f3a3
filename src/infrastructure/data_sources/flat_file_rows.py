"""Rows of the vendor's flat files, of minutes or of days, made into bars some thousands at a time.

A file is gzip CSV. Its columns are found by their names in the first line: `ticker`, `volume`, `open`, `close`,
`high`, `low`, `window_start` (epoch nanoseconds), and where they are there `transactions` and `vwap`; others are not
looked at. Names may be in capitals, and a mark of UTF-8 may stand before the first. Prices are unadjusted, volumes can
be fractional.
"""

import csv
import datetime as dt
import gzip
import math
import operator
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from src.core.domain.market.bar import FIRST_MS, LARGEST_VOLUME, Tier, check_bar
from src.core.domain.market.daily import DailyBar, check_daily
from src.core.domain.market.flat_file import MOST_NAMED, MinuteRow, bar_of
from src.core.domain.market.history import Timespan
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.domain.market.session import new_york_date
from src.core.domain.market.symbol import is_symbol
from src.core.errors import BadBarError, BadSymbolError, FlatFileError

_NEEDED = ("ticker", "window_start", "open", "high", "low", "close", "volume")
_OPTIONAL = ("vwap", "transactions")
_NS_PER_US = 1_000
_NS_PER_MS = 1_000_000
_NS_PER_MINUTE = 60_000 * _NS_PER_MS
_CHUNK_BYTES = 1 << 18
_LONGEST_LINE_BYTES = 1 << 16  # of a gzip file that is no table, a line may be all there is
_INFINITE = math.inf
_Made = TypeVar("_Made", MinuteRow, DailyBar)
_Key = tuple[str, int | dt.date]


class Columns(NamedTuple):
    """Where each value stands in a row of `width` columns; None where the file has no such column."""

    width: int
    ticker: int
    window_start: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    vwap: int | None
    transactions: int | None


class Outline(NamedTuple):
    """What is known of a whole file before its rows are used."""

    columns: Columns
    rows: int
    timespan: Timespan


def columns_of(path: str, header: Sequence[str]) -> Columns:
    """The columns by the file's first line; FlatFileError where one is missing that is needed."""
    names = [name.removeprefix("\ufeff").strip().lower() for name in header]
    if missing := [name for name in _NEEDED if name not in names]:
        raise FlatFileError(
            f"{path} is no flat file of minutes or days: its first line does not name {', '.join(missing)}."
        )
    optional = (names.index(name) if name in names else None for name in _OPTIONAL)
    return Columns(len(names), *(names.index(name) for name in _NEEDED), *optional)


def outline_of(path: str) -> Outline:
    """Reads a file to its end, so that nothing is taken from one that is cut off or damaged: FlatFileError says so.

    A file most of whose first rows begin at midnight in New York is one of days: one of them may be a bad one.
    """
    groups = line_groups(path)
    _number, lines = next(groups, (1, [""]))
    columns = columns_of(path, _fields(lines[0]))
    timespan = _timespan(columns, lines[1:])
    rows = len(lines) - 1 + sum(len(more) for _number, more in groups)
    return Outline(columns, rows, timespan)


def line_groups(path: str, most: int = 0) -> Iterator[tuple[int, list[str]]]:
    """The file's lines with the number of the first of them (1 is the file's first), `most` at a time, or as they come.

    FlatFileError when it cannot be read, or turns out to be cut off or damaged.
    """
    number, pending = 1, list[str]()
    try:
        with gzip.open(Path(path), "rb") as file:
            for lines in _lines(path, file):
                pending += lines
                while len(pending) >= max(most, 1):
                    taken = pending[: most or None]
                    yield number, taken
                    number += len(taken)
                    del pending[: len(taken)]
    except (OSError, EOFError, zlib.error) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FlatFileError(f"{path} cannot be read ({words.rstrip('.')}); it has to be a whole gzip file.") from error
    if pending:
        yield number, pending


def _lines(path: str, file: gzip.GzipFile) -> Iterator[list[str]]:
    rest = b""
    while data := file.read(_CHUNK_BYTES):
        data = rest + data
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if len(rest) > _LONGEST_LINE_BYTES:
            raise FlatFileError(f"{path} is no flat file: it has a line of more than {_LONGEST_LINE_BYTES:,} bytes.")
        # What is no UTF-8 makes its row a bad one, and no other.
        yield data[:cut].decode(errors="replace").split("\n")[:-1]
    if rest:
        yield [rest.decode(errors="replace")]


def _timespan(columns: Columns, lines: Sequence[str]) -> Timespan:
    rows = map(_fields, lines)
    starts = Counter(row[columns.window_start] for row in rows if len(row) == columns.width)
    midnights = sum(count for start, count in starts.items() if _is_midnight(start))
    return Timespan.DAY if midnights * 2 > starts.total() else Timespan.MINUTE


def _fields(line: str) -> list[str]:
    """The texts of a line; none where it cannot be read."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _is_midnight(start: str) -> bool:
    try:
        return int(start) == date_bounds_ms(new_york_date(int(start) // _NS_PER_MS))[0] * _NS_PER_MS
    except (ValueError, OverflowError):
        return False


class BarRows:
    """Makes bars of the rows of one file, as final evidence of `stamp`, and keeps count of the bad ones."""

    def __init__(self, columns: Columns, stamp: int) -> None:
        self._columns = columns
        self._decoder = _decoder_of(columns)
        self._stamp = stamp
        self._end_ns = stamp * _NS_PER_US  # what begins later was yet to come when the file was read
        self._last: _Key | None = None  # of the lines before
        self.bad_rows = 0
        self.named: list[str] = []

    def minutes(self, first_line: int, lines: Sequence[str]) -> list[MinuteRow]:
        """The minutes that some lines tell, ordered by symbol and time, each another one."""
        rows = self._plain_minutes(lines)
        return self._one_by_one(first_line, lines, self._minute) if rows is None else rows

    def days(self, first_line: int, lines: Sequence[str]) -> list[DailyBar]:
        """The same of a file of days."""
        return self._one_by_one(first_line, lines, self._day)

    def _plain_minutes(self, lines: Sequence[str]) -> list[MinuteRow] | None:
        """The minutes if all lines are plainly right: they are read as JSON, which is stricter than `_number` and takes
        a third of the time, and what `check_bar` asks of a row is asked of whole columns. None where anything is in
        doubt; then each row is looked at by itself."""
        text = "\n".join(lines)
        if self._decoder is None or '"' in text or "\\" in text:
            return None
        try:
            rows = self._decoder.decode('[["' + '],["'.join([line.replace(",", '",', 1) for line in lines]) + "]]")
            table = _table_of(self._columns, rows)
            starts_ns = np.array(table.starts_ns, np.int64)
        except (msgspec.DecodeError, OverflowError):
            return None
        if not table.is_right(starts_ns) or int(starts_ns.max()) > self._end_ns:
            return None
        minutes = table.rows(starts_ns)
        if self._last is not None and self._last >= minutes[0][:2]:
            return None
        self._last = minutes[-1][:2]
        return minutes

    def _one_by_one(
        self, first_line: int, lines: Sequence[str], make: Callable[[Sequence[str]], tuple[_Key, _Made]]
    ) -> list[_Made]:
        made: dict[_Key, _Made] = {}
        for number, line in enumerate(lines, first_line):
            try:
                key, one = make(next(csv.reader([line]), []))
            except (ValueError, OverflowError, csv.Error, BadBarError, BadSymbolError) as error:
                self._note(number, str(error))
            else:
                if key in made or key == self._last:
                    self._note(number, "It tells again what a row before it told")
                else:
                    made[key] = one
        ordered = sorted(made)
        self._last = ordered[-1] if ordered else self._last
        return [made[key] for key in ordered]

    def _note(self, line: int, reason: str) -> None:
        self.bad_rows += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(f"Line {line}: {reason.rstrip('.')}.")

    def _minute(self, row: Sequence[str]) -> tuple[_Key, MinuteRow]:
        ticker, start_ms = self._start(row)
        values = self._values(row)
        minute = (ticker, start_ms, *values[:5], values[6], values[5])
        check_bar(bar_of(minute, self._stamp))
        return (ticker, start_ms), minute

    def _day(self, row: Sequence[str]) -> tuple[_Key, DailyBar]:
        ticker, start_ms = self._start(row)
        date = new_york_date(start_ms)
        if start_ms != date_bounds_ms(date)[0]:
            raise BadBarError("The other rows are of days, and this one does not begin at midnight in New York")
        return (ticker, date), check_daily(DailyBar(ticker, date, *self._values(row), Tier.FINAL.value, self._stamp))

    def _start(self, row: Sequence[str]) -> tuple[str, int]:
        if len(row) != self._columns.width:
            raise BadBarError(f"It has {len(row)} columns in the place of {self._columns.width}")
        text = row[self._columns.window_start]
        start_ms, rest_ns = divmod(_whole(text), _NS_PER_MS)
        if rest_ns:
            raise BadBarError(f"The window_start {text} is no whole minute")
        if start_ms * _NS_PER_MS > self._end_ns:
            raise BadBarError(f"The window_start {text:.40} is yet to come")
        return row[self._columns.ticker], start_ms

    def _values(self, row: Sequence[str]) -> tuple[float, float, float, float, float, float | None, int | None]:
        """Open, high, low, close, volume, VWAP and trade count."""
        columns = self._columns
        places = (columns.open, columns.high, columns.low, columns.close, columns.volume)
        open_, high, low, close, volume = (_number(row[place]) for place in places)
        vwap = None if columns.vwap is None or not row[columns.vwap] else _number(row[columns.vwap])
        trades = "" if columns.transactions is None else row[columns.transactions]
        return open_, high, low, close, volume, vwap, _whole(trades) if trades else None


def _number(text: str) -> float:
    if not text.isascii() or "_" in text:
        raise BadBarError(f"{text!r:.40} is no number")
    return float(text)


def _whole(text: str) -> int:
    if not text.isascii() or "_" in text:
        raise BadBarError(f"{text!r:.40} is no whole number")
    return int(text)


class _Table(NamedTuple):
    """The values of some rows, column by column."""

    tickers: Sequence[str]
    starts_ns: Sequence[int]
    opens: Sequence[float]
    highs: Sequence[float]
    lows: Sequence[float]
    closes: Sequence[float]
    volumes: Sequence[float]
    vwaps: Sequence[float | None]
    counts: Sequence[int | None]

    def is_right(self, starts_ns: NDArray[np.int64]) -> bool:
        """Whether `check_bar` would take every row, and each is of a later minute, or symbol, than the one before."""
        opens, highs, lows, closes, volumes = (np.array(column, np.float64) for column in self[2:7])
        return (
            all(map(is_symbol, {*self.tickers}))
            and int(starts_ns.min()) >= FIRST_MS * _NS_PER_MS
            and not np.any(starts_ns % _NS_PER_MINUTE)
            and bool(np.all((lows > -_INFINITE) & (lows <= opens) & (lows <= closes)))
            and bool(np.all((highs < _INFINITE) & (opens <= highs) & (closes <= highs)))
            and bool(np.all((volumes >= 0) & (volumes <= LARGEST_VOLUME)))
            and not np.any(np.isinf(_told(self.vwaps)))
            and _are_counts(_told(self.counts))
            and self._is_ordered(starts_ns)
        )

    def _is_ordered(self, starts_ns: NDArray[np.int64]) -> bool:
        others = np.flatnonzero(list(map(operator.ne, self.tickers, self.tickers[1:])))
        is_later = starts_ns[1:] > starts_ns[:-1]
        is_later[others] = True
        return bool(np.all(is_later)) and all(self.tickers[at] < self.tickers[at + 1] for at in others.tolist())

    def rows(self, starts_ns: NDArray[np.int64]) -> list[MinuteRow]:
        """Each of them by itself."""
        columns = (self.opens, self.highs, self.lows, self.closes, self.volumes, self.counts, self.vwaps)
        return list(zip(self.tickers, (starts_ns // _NS_PER_MS).tolist(), *columns, strict=True))


def _told(column: Sequence[float | None]) -> NDArray[np.float64]:
    """The numbers of a column, NaN for None, of which JSON has no other; none where all are None, as in most files."""
    return np.array([] if column.count(None) == len(column) else column, np.float64)


def _are_counts(counts: NDArray[np.float64]) -> bool:
    return bool(np.all(np.isnan(counts) | ((counts >= 0) & (counts <= LARGEST_VOLUME))))


def _table_of(columns: Columns, rows: Sequence[Sequence[Any]]) -> _Table:
    values = list(zip(*rows, strict=True))
    absent = [None] * len(rows)
    return _Table(
        values[columns.ticker],
        values[columns.window_start],
        values[columns.open],
        values[columns.high],
        values[columns.low],
        values[columns.close],
        values[columns.volume],
        absent if columns.vwap is None else values[columns.vwap],
        absent if columns.transactions is None else values[columns.transactions],
    )


def _decoder_of(columns: Columns) -> "msgspec.json.Decoder[Any] | None":
    """Reads rows whose first column is the ticker; all of the others have to be numbers."""
    if columns.ticker != 0:
        return None
    kinds: dict[int | None, Any] = dict.fromkeys(columns[2:], float)
    kinds |= {columns.ticker: str, columns.window_start: int, columns.transactions: int}
    row: Any = tuple[*(kinds.get(place, Any) for place in range(columns.width))]  # type: ignore[misc]  # made at run time
    return msgspec.json.Decoder(list[row])
