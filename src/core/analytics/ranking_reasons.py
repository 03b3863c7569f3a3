"""Why a symbol has no value of a figure of the rankings: a sentence. Pure."""

import numpy as np

from src.core.analytics.newest_window import STALE_DAYS, YEAR_DAYS, at_or_before, enough, newest
from src.core.analytics.panel import Floats, Panel
from src.core.analytics.rankings import CHANGE_DAYS, RELATIVE_DAYS, STRENGTH_WEIGHTS, VOLUME_DAYS, Rankings

_BASES = {f"change_{days}d": days for days in CHANGE_DAYS} | {"gap": 1}
_RELATIVES = {f"relative_{days}d": days for days in RELATIVE_DAYS}
_NO_STRENGTHS = "Fewer than two symbols of the universe have a strength."
_NO_USUAL = "The usual volume by time of day is not known yet."


def reason(rankings: Rankings, row: int, figure: str) -> str | None:
    """Why this row of the panel has no value of the figure; None when it has one."""
    if not np.isnan(rankings.figures[figure][row]):
        return None
    return _why(rankings, row, figure) or "The number that it is divided by is zero."


def _why(rankings: Rankings, row: int, figure: str) -> str | None:
    panel = rankings.panel
    if figure == "dollar_volume_20d":
        return _no_mean(panel, row)
    if (nothing := _no_last_bar(panel, row)) is not None:
        return nothing
    if figure in _BASES:
        return _no_base(panel, row, _BASES[figure])
    if figure in _RELATIVES:
        return _no_base(panel, row, _RELATIVES[figure]) or _no_benchmark(rankings.benchmark, _RELATIVES[figure])
    if figure in ("strength", "strength_percentile"):
        bases = (_no_base(panel, row, days) for days in sorted(STRENGTH_WEIGHTS, reverse=True))
        return next((why for why in bases if why is not None), _NO_STRENGTHS)
    if figure in ("from_high", "from_low"):
        return _no_base(panel, row, YEAR_DAYS - 1) or _too_few(panel.close, row, YEAR_DAYS, skip=0)
    if figure == "relative_volume":
        return _no_usual_by_now(rankings, row) if panel.is_provisional else _no_mean(panel, row)
    return None


def _no_last_bar(panel: Panel, row: int) -> str | None:
    if not len(panel.dates):
        return "No day is stored."
    if not np.isnan(panel.close[row, -1]):
        return None
    return f"{'Has not traded' if panel.is_provisional else 'No bar is stored'} on {panel.dates[-1]}."


def _no_base(panel: Panel, row: int, days: int) -> str | None:
    """Why there is no close `days` trading days before the last."""
    if not np.isnan(at_or_before(panel.close[row : row + 1], days)[0]):
        return None
    stored = np.flatnonzero(~np.isnan(panel.close[row]))
    place = len(panel.dates) - 1 - days
    if place < 0 or not len(stored) or stored[0] > place:
        return f"Needs {days + 1} days; {len(stored)} are stored."
    return f"No bar is stored from {panel.dates[max(place - STALE_DAYS, 0)]} to {panel.dates[place]}."


def _no_benchmark(benchmark: Panel, days: int) -> str | None:
    if not benchmark.symbols:
        return "No daily bar of the benchmark is stored."
    missing = _no_last_bar(benchmark, 0) or _no_base(benchmark, 0, days)
    return missing and f"{benchmark.symbols[0]}: {missing}"


def _no_mean(panel: Panel, row: int) -> str | None:
    return _too_few(panel.volume, row, VOLUME_DAYS, skip=1)


def _too_few(values: Floats, row: int, days: int, skip: int) -> str | None:
    """Why a window has no mean and no extreme."""
    found = int(np.count_nonzero(~np.isnan(newest(values[row : row + 1], days, skip))))
    if found >= enough(days):
        return None
    return f"Needs bars of {enough(days)} of {days} days; {found} are stored."


def _no_usual_by_now(rankings: Rankings, row: int) -> str | None:
    time_of_day = rankings.time_of_day
    if time_of_day is None or time_of_day.usual_volume is None:
        return _NO_USUAL
    usual = time_of_day.usual_by_now()
    if usual is None:
        return "The regular session has not begun."
    return _NO_USUAL if np.isnan(usual[row]) else None
