"""Panels made up of closes."""

import numpy as np

from src.core.analytics.panel import Floats, Panel


def weekdays(count: int, first: str = "2024-01-01") -> np.ndarray:
    """So many days from Monday to Friday; 2024-01-01 is a Monday."""
    return np.busday_offset(np.datetime64(first, "D"), np.arange(count), roll="forward")


def panel_of(
    close: Floats, volume: Floats | None = None, *, symbols: tuple[str, ...] = (), is_provisional: bool = False
) -> Panel:
    """A panel of closes (symbols, days) whose other prices are the same; 1,000 shares a day where nothing is said."""
    close = np.asarray(close, dtype=np.float64)
    volume = np.where(np.isnan(close), np.nan, 1_000.0) if volume is None else np.asarray(volume, dtype=np.float64)
    names = symbols or tuple(f"S{row}" for row in range(len(close)))
    return Panel(names, weekdays(close.shape[1]), close, close, close, close, volume, is_provisional)


def random_panel(symbols: int, days: int, *, seed: int, holes: float = 0.0) -> Panel:
    """Random walks with changing drifts; a share `holes` of the bars is missing, and every fifth begins late."""
    random = np.random.default_rng(seed)
    drifts = np.repeat(random.normal(0, 0.004, (symbols, days // 60 + 1)), 60, axis=1)[:, :days]
    close = 50.0 * np.exp(np.cumsum(drifts + random.normal(0, 0.012, (symbols, days)), axis=1))
    volume = random.lognormal(11, 0.6, (symbols, days))
    missing = random.random((symbols, days)) < holes
    missing |= np.arange(days) < np.where(np.arange(symbols) % 5 == 4, days // 3, 0)[:, None]
    close, volume = (np.where(missing, np.nan, part) for part in (close, volume))
    return panel_of(close, volume)
