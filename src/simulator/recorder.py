"""Writes a session of the synthetic market as recordings, for tests where no recorded data is at hand."""

import gzip
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from src.simulator.bars import Bar, Version
from src.simulator.hours import Hours, always
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import (
    MINUTE_MS,
    POST_MARKET_CLOSES,
    PRE_MARKET_OPENS,
    date_bounds_ms,
    minute_of_day,
)
from src.simulator.recordings import COLUMNS
from src.simulator.universe import select
from src.simulator.wire import number, shares


def write_session(
    directory: Path, symbols: Sequence[str], day: date, *, seed: int = 7, hours: Hours = always
) -> list[Path]:
    """Write `second/SYM_DATE.csv.gz` and `minute/SYM_DATE.csv.gz` below `directory`; the files written.

    They hold the newest version of every window from 04:00 to 20:00 New York time of `day`; the same seed gives the
    same bytes. ValueError for a symbol that the synthetic market does not have.
    """
    market = SyntheticMarket(seed, select(symbols), hours=hours)
    minutes_ms = _session_minutes_ms(day)
    written = []
    for symbol in symbols:
        for kind, versions in (("second", market.seconds), ("minute", market.minute)):
            bars = [bar for minute_ms in minutes_ms for bar in _newest(versions(symbol, minute_ms))]
            path = directory / kind / f"{symbol}_{day:%Y%m%d}.csv.gz"
            _write(path, bars)
            written.append(path)
    return written


def _session_minutes_ms(day: date) -> list[int]:
    start_ms, end_ms = date_bounds_ms(day)
    return [
        minute_ms
        for minute_ms in range(start_ms, end_ms, MINUTE_MS)
        if PRE_MARKET_OPENS <= minute_of_day(minute_ms // MINUTE_MS) < POST_MARKET_CLOSES
    ]


def _newest(versions: Iterable[Version]) -> list[Bar]:
    newest = {version.bar.start_ms: version.bar for version in versions}
    return [newest[start_ms] for start_ms in sorted(newest)]


def _write(path: Path, bars: Iterable[Bar]) -> None:
    lines = [",".join(COLUMNS)]
    lines += [
        f"{b.start_ms},{number(b.open)},{number(b.high)},{number(b.low)},{number(b.close)},{shares(b.volume_micro)}"
        for b in bars
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a time of writing in its head, the same session is the same file.
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
