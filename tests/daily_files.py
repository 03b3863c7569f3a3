"""The real daily files: their rows as the text that stands there, and as days."""

import csv
import datetime as dt
import gzip
from typing import NamedTuple

from src.core.domain.market.bar import Tier
from src.core.domain.market.daily import DailyBar
from tests.market_data import data_dir

SYMBOLS = ("AAPL", "IBM", "QQQ", "SPY")
# As ../shared/data/README.md tells them: (symbol, date, split from, split to).
SPLITS = [
    ("AAPL", dt.date(2000, 6, 21), 1, 2),
    ("AAPL", dt.date(2005, 2, 28), 1, 2),
    ("AAPL", dt.date(2014, 6, 9), 1, 7),
    ("AAPL", dt.date(2020, 8, 31), 1, 4),
    ("QQQ", dt.date(2000, 3, 20), 1, 2),
    ("IBM", dt.date(1999, 5, 27), 1, 2),
]


class DailyRow(NamedTuple):
    """A row of a file."""

    date: str
    open: str
    high: str
    low: str
    close: str
    volume: str


def has_daily_files() -> bool:
    return (data_dir() / "daily").is_dir()


def daily_rows(symbol: str) -> list[DailyRow]:
    """All rows of a symbol's file."""
    with gzip.open(data_dir() / f"daily/{symbol}.csv.gz", "rt", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [DailyRow(*row) for row in reader]


def daily_bars(symbol: str) -> list[DailyBar]:
    """The same as days."""
    return [
        DailyBar(symbol, dt.date.fromisoformat(row[0]), *map(float, row[1:]), None, None, Tier.FINAL.value, 1)
        for row in daily_rows(symbol)
    ]
