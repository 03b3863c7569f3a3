"""Flat files for tests: lines of them, and gzip files that are whole, cut off or damaged."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from tests.bars import MINUTE

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
NS = 1_000_000


def line(
    ticker: str = "AAPL",
    minute: int = 0,
    *,
    volume: str = "100",
    open: str = "10",
    close: str = "10.5",
    high: str = "11",
    low: str = "9.5",
    trades: str = "7",
    start: str = "",
) -> str:
    """A line of a file of minutes, `minute` minutes after 09:30 of 2025-11-20."""
    start = start or str((MINUTE + minute * 60_000) * NS)
    return f"{ticker},{volume},{open},{close},{high},{low},{start},{trades}"


def write(path: Path, lines: Sequence[str], header: str = HEADER) -> str:
    """A whole file."""
    path.write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))
    return str(path)
