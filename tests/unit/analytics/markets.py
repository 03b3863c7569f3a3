"""Random daily bars with all that happens to symbols: listed late, delisted, days without trades, prices that stand."""

import numpy as np

from src.core.analytics.panel import Panel


def market(symbols: int, days: int, *, seed: int = 1) -> Panel:
    """A panel in prices of five cents, so that many closes are equal; the first symbol has all days."""
    draw = np.random.default_rng(seed)
    close = 0.05 * np.round(20 * 30 * np.exp(np.cumsum(draw.normal(0, 0.004, (symbols, days)), axis=1)))
    opening = close + 0.05 * draw.integers(-4, 5, close.shape)
    high = np.maximum(opening, close) + 0.05 * draw.integers(0, 3, close.shape)
    low = np.minimum(opening, close) - 0.05 * draw.integers(0, 3, close.shape)
    volume = draw.integers(0, 100_000, close.shape).astype(float)
    absent = draw.random(close.shape) < np.where(draw.random(symbols) < 0.3, 0.02, 0.0)[:, None]
    absent |= np.arange(days) < np.where(draw.random(symbols) < 0.3, draw.integers(0, days, symbols), 0)[:, None]
    absent |= np.arange(days) >= np.where(draw.random(symbols) < 0.1, draw.integers(1, days, symbols), days)[:, None]
    absent[0] = False
    bars = [np.where(absent, np.nan, values) for values in (opening, high, low, close, volume)]
    dates = np.datetime64("2025-01-01") + np.arange(days)
    return Panel(tuple(f"S{number}" for number in range(symbols)), dates, *bars)
