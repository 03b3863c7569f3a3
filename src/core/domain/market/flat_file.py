"""What is told of flat files while they are read: by a process that reads to the one that stores. Pure.

A file is told of from FileBegun to FileEnded; a file that cannot be used is told of by FileEnded alone.
"""

import msgspec

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.history import Timespan

# A minute as a file tells it: symbol, start in epoch ms, open, high, low, close, volume, trade count, VWAP.
MinuteRow = tuple[str, int, float, float, float, float, float, int | None, float | None]
MOST_NAMED = 20  # bad rows of a file that are told with their reasons; the others are counted


def bar_of(row: MinuteRow, stamp: int) -> Bar:
    """The bar that a row tells: final evidence of `stamp`."""
    return Bar(*row[:7], row[8], row[7], Tier.FINAL.value, stamp)


class FileBegun(msgspec.Struct, frozen=True, tag=True):
    """The file has been read to its end once, and is whole: it has `rows` rows of `timespan`."""

    path: str
    size_bytes: int
    rows: int
    timespan: Timespan


class MinuteBatch(msgspec.Struct, frozen=True, tag=True):
    """Checked rows, each of another minute, in the encoding of the database they are for.

    `symbols`, `froms` and `tos` say of each symbol its first and its last minute among them (epoch ms); `stamp` is
    the evidence stamp of all. `rows` counts the file's rows that they were made of, the bad ones included.
    """

    encoded: bytes
    count: int
    rows: int
    stamp: int
    symbols: list[str]
    froms: list[int]
    tos: list[int]


class DayBatch(msgspec.Struct, frozen=True, tag=True):
    """Checked daily bars, and of how many of the file's rows they were made."""

    days: list[DailyBar]
    rows: int


class FileEnded(msgspec.Struct, frozen=True, tag=True):
    """The file was read. `bad_rows` cannot be right, of which `named` tells the first, a sentence each; or `trouble`
    says why nothing of the file can be used."""

    path: str
    bad_rows: int = 0
    named: tuple[str, ...] = ()
    trouble: str = ""


Message = FileBegun | MinuteBatch | DayBatch | FileEnded
