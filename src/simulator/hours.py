"""When the simulated market trades: at every hour of every day, or at the exchange's official hours."""

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import NamedTuple

from src.simulator.newyork import POST_MARKET_CLOSES, PRE_MARKET_OPENS, REGULAR_CLOSES, REGULAR_OPENS

# The exceptions to an ordinary week, as the exchange announces them.
SESSIONS_TABLE = Path(__file__).resolve().parents[2] / "data" / "sessions.csv"

_EARLY_CLOSES, _EARLY_POST_MARKET_CLOSES = 13 * 60, 17 * 60
# How lively a minute is, where the quietest one of the regular session is 1. By night far more than a real night
# has, since a demonstration must move at any hour; before and after an official session together 4 % of a day.
_BY_NIGHT, _EXTENDED = 0.5, 0.04


class TradingDay(NamedTuple):
    """One New York day: the share of a typical day's trades in each of its minutes, and when it closes.

    `closes` is the minute of the closing auction, counted from midnight; the opening one is at 09:30 always.
    """

    closes: int
    rhythm: list[float]


# From a New York date to its hours; None where nothing trades that day.
Hours = Callable[[date], TradingDay | None]


def always(_day: date) -> TradingDay:
    """Every hour of every day, with a regular session in its usual place."""
    return _ANY_DAY


class OfficialHours:
    """04:00 to 20:00 New York time from Monday to Friday, but for `exceptions` (`holiday` or `early_close`)."""

    def __init__(self, exceptions: Mapping[date, str]) -> None:
        self._exceptions = exceptions

    def __call__(self, day: date) -> TradingDay | None:
        """The hours of `day`; None at weekends and on holidays."""
        kind = self._exceptions.get(day)
        if day.weekday() >= 5 or kind == "holiday":
            return None
        return _EARLY_CLOSE if kind == "early_close" else _FULL_DAY


def official_hours(table: Path = SESSIONS_TABLE) -> OfficialHours:
    """The hours of `data/sessions.csv`. OSError when it is not there; ValueError at a row that it cannot have."""
    exceptions = {}
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            if row["kind"] not in {"holiday", "early_close"}:
                raise ValueError(f"{table}: {row['date']} is a '{row['kind']}'; allowed are holiday and early_close.")
            exceptions[date.fromisoformat(row["date"])] = row["kind"]
    return OfficialHours(exceptions)


@lru_cache(maxsize=4096)
def date_of(midnight: int) -> date:
    """The New York date that begins at `midnight` (minutes since the epoch, New York midnight)."""
    # New York midnight is 4 or 5 hours into the same UTC date.
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=midnight)).date()


def _smile(minute: int, closes: int) -> float:
    """Lively at both ends of a regular session, most of all at its beginning."""
    x = 2 * (minute - REGULAR_OPENS) / (closes - REGULAR_OPENS) - 1
    return 1 + 1.6 * x * x + 2.0 * exp(-(minute - REGULAR_OPENS) / 12)


def _weights(closes: int, outside: Mapping[range, float]) -> list[float]:
    weights = [0.0] * 1440
    for minutes, weight in outside.items():
        for minute in minutes:
            weights[minute] = weight
    for minute in range(REGULAR_OPENS, closes):
        weights[minute] = _smile(minute, closes)
    return weights


def _official_weights(closes: int, post_market_closes: int) -> list[float]:
    weights = _weights(closes, {range(PRE_MARKET_OPENS, post_market_closes): _EXTENDED})
    # The minute of the closing auction.
    weights[closes] = 1.0
    return weights


def _shares(weights: list[float], total: float) -> list[float]:
    return [weight / total for weight in weights]


_ANY_WEIGHTS = _weights(REGULAR_CLOSES, {range(1440): _BY_NIGHT})
_ANY_DAY = TradingDay(REGULAR_CLOSES, _shares(_ANY_WEIGHTS, sum(_ANY_WEIGHTS)))
_FULL_WEIGHTS = _official_weights(REGULAR_CLOSES, POST_MARKET_CLOSES)
_FULL_DAY = TradingDay(REGULAR_CLOSES, _shares(_FULL_WEIGHTS, sum(_FULL_WEIGHTS)))
# A shorter day has less volume.
_EARLY_CLOSE = TradingDay(
    _EARLY_CLOSES, _shares(_official_weights(_EARLY_CLOSES, _EARLY_POST_MARKET_CLOSES), sum(_FULL_WEIGHTS))
)
