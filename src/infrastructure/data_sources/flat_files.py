"""The vendor's flat file of a day: every ticker's minutes as gzip CSV, read once through without keeping it.

Its columns, in the vendor's order, are `ticker,volume,open,close,high,low,window_start,transactions`; `window_start` is
in epoch nanoseconds, volumes can be fractional, and there is no VWAP.
"""

import csv
import gzip
import itertools
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from src.core.domain.market.bar import Bar, Tier, check_bar
from src.core.errors import BadBarError, BadSymbolError, FlatFileError
from src.core.ports import FileDay

_COLUMNS = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"]
_START = _COLUMNS.index("window_start")
_NS_PER_MS = 1_000_000
# What a row is: the file's line, and the texts of its columns.
_Row = tuple[int, list[str]]


class FlatFiles:
    """Reads flat files of this machine. Any thread may call; FlatFileError says what is wrong with a file."""

    def check(self, path: str) -> None:
        """Looks whether there is such a file of minutes that can be read."""
        next(_rows(path), None)

    def tickers(self, path: str, bounds_ms: tuple[int, int]) -> list[str]:
        """The tickers of a whole file, in its order.

        Reads it to its end first, so that nothing is concluded from a file that is cut off, of another day than that
        of `bounds_ms` (its first and last minute), or not sorted by ticker.
        """
        first_ns, last_ns = (bound_ms * _NS_PER_MS for bound_ms in bounds_ms)
        tickers: dict[str, None] = {}
        newest = ""
        for line, row in _rows(path):
            ticker, start = row[0], row[_START]
            if not (start.isascii() and start.isdigit() and first_ns <= int(start) <= last_ns):
                raise FlatFileError(f"{path}, line {line}: the window_start {start!r:.40} is none of that day.")
            if ticker != newest:
                if ticker in tickers:
                    raise FlatFileError(f"{path}, line {line}: {ticker} came before; a flat file is sorted by ticker.")
                tickers[ticker] = None
                newest = ticker
        return list(tickers)

    def days(self, path: str, wanted: Collection[str], stamp: int) -> Iterator[FileDay]:
        """The bars of each wanted ticker that the file has, as evidence of `stamp`, in the file's order."""
        for ticker, rows in itertools.groupby(_rows(path), key=lambda row: row[1][0]):
            if ticker in wanted:
                yield _day(ticker, rows, stamp)


def _day(ticker: str, rows: Iterator[_Row], stamp: int) -> FileDay:
    """A ticker's bars; one that cannot be right makes all of them doubtful."""
    bars: dict[int, Bar] = {}
    for line, row in rows:
        try:
            bar = _bar(row, stamp)
        except (ValueError, BadBarError, BadSymbolError) as error:
            return FileDay(ticker, [], f"Line {line} of the file cannot be right: {error}")
        if bar.timestamp in bars:
            return FileDay(ticker, [], f"Line {line} of the file tells a minute that came before.")
        bars[bar.timestamp] = bar
    return FileDay(ticker, list(bars.values()), "")


def _bar(row: list[str], stamp: int) -> Bar:
    ticker, volume, opening, close, high, low, start, trades = row
    start_ms, rest_ns = divmod(int(start), _NS_PER_MS)
    if rest_ns:
        raise BadBarError(f"The window_start {start} is no whole minute.")
    prices = (float(opening), float(high), float(low), float(close))
    return check_bar(Bar(ticker, start_ms, *prices, float(volume), None, int(trades), Tier.FINAL.value, stamp))


def _rows(path: str) -> Iterator[_Row]:
    """The rows with their line numbers, after a header that is the vendor's."""
    try:
        with gzip.open(Path(path), "rt", encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if header != _COLUMNS:
                raise FlatFileError(f"{path} is no flat file of minutes: its first line is not {','.join(_COLUMNS)}.")
            for row in reader:
                if len(row) != len(_COLUMNS):
                    raise FlatFileError(f"{path}, line {reader.line_num}: there are not {len(_COLUMNS)} columns.")
                yield reader.line_num, row
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FlatFileError(f"{path} cannot be read ({words.rstrip('.')}); it has to be a whole gzip file.") from error
