"""Panels for tests: of the real daily files (adjusted for splits), of the real closes of a whole market, of a seed."""

import csv
import gzip
from functools import cache

import numpy as np

from src.core.analytics.panel import Floats, Panel
from tests.daily_files import SPLITS, SYMBOLS, daily_rows
from tests.market_data import data_dir


def has_market_closes() -> bool:
    return (data_dir() / "market_closes").is_dir()


@cache
def real_panel() -> Panel:
    """AAPL, IBM, QQQ and SPY, 1998 to 2021."""
    of_symbols = {symbol: daily_rows(symbol) for symbol in SYMBOLS}
    dates = sorted({row.date for rows in of_symbols.values() for row in rows})
    places = {date: place for place, date in enumerate(dates)}
    bars = np.full((5, len(SYMBOLS), len(dates)), np.nan)
    for number, rows in enumerate(of_symbols.values()):
        bars[:, number, [places[row.date] for row in rows]] = np.array([row[1:] for row in rows], dtype=float).T
    days = np.array(dates, dtype="datetime64[D]")
    for symbol, date, before, after in SPLITS:
        earlier = days < np.datetime64(date)
        bars[:4, SYMBOLS.index(symbol), earlier] *= before / after
        bars[4, SYMBOLS.index(symbol), earlier] *= after / before
    return Panel(SYMBOLS, days, *bars)


@cache
def market_closes() -> dict[str, dict[str, tuple[float, float]]]:
    """Closes and volumes of about 7,000 symbols over six days: date, symbol, (close, volume)."""
    found = {}
    for path in sorted((data_dir() / "market_closes").glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            rows = csv.DictReader(file)
            found[path.name[:8]] = {row["symbol"]: (float(row["close"]), float(row["volume"])) for row in rows}
    return found


@cache
def market_panel() -> Panel:
    """Those closes as a panel; open, high and low equal the close."""
    days = market_closes()
    symbols = tuple(dict.fromkeys(symbol for rows in days.values() for symbol in rows))
    close, volume = np.full((2, len(symbols), len(days)), np.nan)
    for day, rows in enumerate(days.values()):
        for number, symbol in enumerate(symbols):
            close[number, day], volume[number, day] = rows.get(symbol, (np.nan, np.nan))
    dates = [f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in days]
    return Panel(symbols, np.array(dates, dtype="datetime64[D]"), close, close, close, close, volume)


def seeded_panel(
    symbols: int, days: int, *, missing: float = 0.0, is_provisional: bool = False, seed: int = 1
) -> Panel:
    """Random walks; that share of the bars is missing. The symbols are S00000, S00001 ..."""
    random = np.random.default_rng(seed)
    close = np.round(50 * np.exp(np.cumsum(random.normal(0, 0.02, (symbols, days)), axis=1)), 2)
    volume = np.round(1e6 * random.random((symbols, days)))
    gone = random.random((symbols, days)) < missing
    close[gone] = volume[gone] = np.nan
    opened: Floats = close * random.uniform(0.97, 1.03, (symbols, days))
    high, low = np.maximum(close, opened) * 1.01, np.minimum(close, opened) * 0.99
    dates = np.arange(days) + np.datetime64("2025-01-01")
    names = tuple(f"S{number:05d}" for number in range(symbols))
    return Panel(names, dates, opened, high, low, close, volume, is_provisional)
