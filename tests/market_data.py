"""Real sessions to replay: the files of TEST_DATA_DIR, or a seeded simulated session in the same format."""

import csv
import gzip
import os
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import NamedTuple

from src.config.settings import PROJECT_ROOT
from src.simulator.recorder import write_session

REAL_SYMBOLS = ("AIG", "BAC", "IBM", "SPY")
_REAL_DATE = "20131008"
_SIMULATED_SYMBOLS = ("AAPL", "MSFT", "NVDA", "SPY")
_SIMULATED_DATE = date(2025, 11, 20)


class Session(NamedTuple):
    """A folder with `second/` and `minute/`, and what of it to replay."""

    folder: Path
    symbols: tuple[str, ...]
    day: str

    def files(self, *kinds: str) -> list[Path]:
        return [self.folder / kind / f"{symbol}_{self.day}.csv.gz" for kind in kinds for symbol in self.symbols]


class Row(NamedTuple):
    """A row of a file, its numbers as the text that stands there."""

    start_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


def data_dir() -> Path:
    """Where real market data is looked for."""
    return PROJECT_ROOT / os.environ.get("TEST_DATA_DIR", "../shared/data")


def has_real_data() -> bool:
    return (data_dir() / "intraday").is_dir()


def make_session(scratch: Path) -> Session:
    """The real session, or a simulated one written below `scratch`."""
    if has_real_data():
        return Session(data_dir() / "intraday", REAL_SYMBOLS, _REAL_DATE)
    write_session(scratch, _SIMULATED_SYMBOLS, _SIMULATED_DATE, seed=7)
    return Session(scratch, _SIMULATED_SYMBOLS, _SIMULATED_DATE.strftime("%Y%m%d"))


def rows(path: Path) -> list[Row]:
    """The rows of one file."""
    with gzip.open(path, "rt", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [Row(int(start_ms), *numbers) for start_ms, *numbers in reader]


def minutes_of_seconds(path: Path) -> dict[int, tuple[float, float, float, float, float]]:
    """What merging a file of seconds gives for each minute: open, high, low, close, volume."""
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows(path):
        grouped[row.start_ms // 60_000 * 60_000].append(row)
    return {
        start_ms: (
            float(seconds[0].open),
            max(float(second.high) for second in seconds),
            min(float(second.low) for second in seconds),
            float(seconds[-1].close),
            sum(round(float(second.volume) * 1_000_000) for second in seconds) / 1_000_000,
        )
        for start_ms, seconds in grouped.items()
    }
