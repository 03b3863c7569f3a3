"""Why a figure of breadth or of the gauge is absent on the last day: sentences for people. Pure."""

import numpy as np

from src.core.analytics.breadth import DailyBreadth
from src.core.analytics.mcclellan import SLOW
from src.core.analytics.sentiment import (
    ABOVE_AVERAGE,
    BREADTH,
    LEAST_DAYS,
    LEAST_PARTS,
    LEVELS,
    NEW_HIGHS,
    SHORT_DAYS,
    SUM_DAYS,
    UP_VOLUME,
    VOLATILITY,
    YEAR,
    Sentiment,
)

MOVES = (
    "advancers",
    "decliners",
    "unchanged",
    "up_volume",
    "down_volume",
    "unchanged_volume",
    "mean_change",
    "line",
    "trin",
)


def breadth_reasons(breadth: DailyBreadth) -> dict[str, str]:
    """By the figure's name (`trin`, `above_average.200`, ...) why it is absent on the last day; only absent ones.

    The counts of a day on which no symbol is counted are 0 of 0, and so absent too.
    """
    if not len(breadth.dates):
        return dict.fromkeys(MOVES, "No daily bars are stored.")
    return _of_moves(breadth) | _of_oscillator(breadth) | _of_windows(breadth)


def sentiment_reasons(sentiment: Sentiment, breadth: DailyBreadth) -> dict[str, str]:
    """By the part's name, and `gauge` for the whole, why it is absent on the last day; only absent ones."""
    if not len(breadth.dates):
        return {"gauge": "No daily bars are stored."}
    reasons = {
        part.kind.name: _why_part(part.kind.name, breadth) for part in sentiment.parts if np.isnan(part.score[-1])
    }
    if np.isnan(sentiment.value[-1]):
        there = len(sentiment.parts) - len(reasons)
        reasons["gauge"] = f"Needs {LEAST_PARTS} of its {len(sentiment.parts)} parts; {there} can be told."
    return reasons


def _of_moves(breadth: DailyBreadth) -> dict[str, str]:
    moves = breadth.moves
    if not moves.counted[-1]:
        return dict.fromkeys(MOVES, "No symbol has a bar of this day and of the trading day before.")
    if np.isnan(moves.trin[-1]):
        return {"trin": "Needs decliners, and volume of both advancers and decliners."}
    return {}


def _of_oscillator(breadth: DailyBreadth) -> dict[str, str]:
    if not np.isnan(breadth.oscillator[-1]):
        return {}
    days = int(np.count_nonzero(breadth.moves.advancers + breadth.moves.decliners))
    enough = f"Needs {SLOW} days on which prices moved; {days} are stored."
    return dict.fromkeys(("oscillator", "summation"), "No price moved." if days >= SLOW else enough)


def _of_windows(breadth: DailyBreadth) -> dict[str, str]:
    needed = {f"above_average.{bars}": (bars, share.counted) for bars, share in breadth.above_average.items()}
    needed |= {f"new_extremes.{bars}": (bars + 1, new.counted) for bars, new in breadth.new_extremes.items()}
    return {name: _why_window(bars, breadth) for name, (bars, counted) in needed.items() if not counted[-1]}


def _why_window(bars: int, breadth: DailyBreadth) -> str:
    days = _days(breadth)
    if days < bars:
        return f"Needs {bars} days; {days} are stored."
    return f"No symbol has {bars} daily bars and one of this day."


def _days(breadth: DailyBreadth) -> int:
    return int(np.count_nonzero(breadth.present))


def _why_part(name: str, breadth: DailyBreadth) -> str:
    days = _days(breadth)
    needed = {
        BREADTH.name: SUM_DAYS + 1,
        NEW_HIGHS.name: YEAR + SUM_DAYS,
        UP_VOLUME.name: SUM_DAYS + 1,
        ABOVE_AVERAGE.name: max(LEVELS),
        VOLATILITY.name: LEAST_DAYS + 1,
    }[name]
    if days < needed:
        return f"Needs {needed} days; {days} are stored."
    return _NOTHING[name]


_NOTHING = {
    BREADTH.name: f"No symbol rose or fell in {SUM_DAYS} days, or a day of them has no bars.",
    NEW_HIGHS.name: f"No symbol made a new 52-week high or low in {SUM_DAYS} days, or has no bars of a whole year.",
    UP_VOLUME.name: f"Nothing was traded in what rose or fell in {SUM_DAYS} days, or a day of them has no bars.",
    ABOVE_AVERAGE.name: f"No symbol has {max(LEVELS)} daily bars and one of this day.",
    VOLATILITY.name: f"Prices did not move in {SHORT_DAYS} days, or a day of them has no bars.",
}
