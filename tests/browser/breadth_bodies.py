"""Answers about breadth and sentiment, as their endpoints give them, calculated of a seeded market of 400 symbols."""

from functools import cache
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from src.core.analytics.breadth import DailyBreadth, Moves, NewExtremes, Share, daily_breadth
from src.core.analytics.breadth_intraday import IntradayBreadth, intraday_breadth, levels_of
from src.core.analytics.breadth_reasons import breadth_reasons, sentiment_reasons
from src.core.analytics.panel import Panel
from src.core.analytics.sentiment import sentiment
from tests.unit.analytics.markets import market

from .market_bodies import Body, head
from .scripted_server import START_MS

SYMBOLS = 400
_OPEN_MS = START_MS // 60_000 * 60_000 - 61 * 60_000
_MOVES = (
    "advancers",
    "decliners",
    "unchanged",
    "counted",
    "up_volume",
    "down_volume",
    "unchanged_volume",
    "mean_change",
)


def days_of_market(days: int) -> Panel:
    """The last one is the scripted Friday, 20 November 2026."""
    found = market(SYMBOLS, days, seed=5)
    weekdays = np.busday_offset("2026-11-20", np.arange(1 - days, 1))
    parts = (found.open, found.high, found.low, found.close, found.volume)
    return Panel(found.symbols, weekdays.astype("datetime64[D]"), *parts, is_provisional=True)


@cache
def breadth_body(panel: Panel, query: str) -> Body:
    """The answer to "days=90" of all days of the panel; within the last one there are 13 points."""
    found, last = daily_breadth(panel), slice(-int(parse_qs(query)["days"][0]), None)
    why = breadth_reasons(found)
    within = _within_day(panel)
    return head(
        "breadth",
        universe="sp400",
        members=SYMBOLS,
        with_data=int(found.present[-1]),
        daily={"dates": [str(date) for date in found.dates[last]]}
        | _figures(found, last)
        | {name: _told(getattr(found, name)[last]) for name in ("line", "oscillator", "summation")}
        | {"absent": {name: place for place, name in enumerate(why)}},
        intraday={"times": [_OPEN_MS + 300_000 * (point + 1) for point in range(13)], "line": _told(within.moves.net)}
        | _figures(within, slice(None)),
        intraday_absent=None,
        reasons=list(why.values()),
    )


@cache
def sentiment_body(panel: Panel, query: str) -> Body:
    """The answer to "days=90"."""
    breadth, last = daily_breadth(panel), slice(-int(parse_qs(query)["days"][0]), None)
    found = sentiment(breadth)
    why = sentiment_reasons(found, breadth)
    places = {name: place for place, name in enumerate(why)}
    return head(
        "sentiment",
        universe="sp400",
        members=SYMBOLS,
        with_data=int(breadth.present[-1]),
        gauge=_told(found.value)[-1],
        gauge_absent=places.get("gauge"),
        parts=[
            {name: getattr(part.kind, name) for name in ("name", "label", "meaning", "weight")}
            | {name: _told(getattr(part, name))[-1] for name in ("score", "ratio", "numerator", "denominator")}
            | {"absent": places.get(part.kind.name)}
            for part in found.parts
        ],
        history={
            "dates": [str(date) for date in found.dates[last]],
            "gauge": _told(found.value[last]),
            "weight_present": _told(found.weight_present[last]),
        },
        reasons=list(why.values()),
    )


def _within_day(panel: Panel) -> IntradayBreadth:
    """From the open to the close of the last day along a straight line, a tenth of the symbols later."""
    share = np.linspace(0.1, 1, 13)
    first, last = panel.open[:, -1, None], panel.close[:, -1, None]
    closes = first + (last - first) * share
    closes[::10, :4] = np.nan
    return intraday_breadth(closes, panel.volume[:, -1, None] * np.full(13, 1 / 13), levels_of(_finished(panel)))


def _finished(panel: Panel) -> Panel:
    return panel.until(panel.dates[-2].item())


def _figures(found: DailyBreadth | IntradayBreadth, days: slice) -> Body:
    above = {str(bars): _share(share, days) for bars, share in found.above_average.items()}
    new = {str(bars): _new(extremes, days) for bars, extremes in found.new_extremes.items()}
    return _moves(found.moves, days) | {"above_average": above, "new_extremes": new}


def _moves(moves: Moves, days: slice) -> Body:
    return {name: _told(getattr(moves, name)[days]) for name in (*_MOVES, "trin")}


def _share(share: Share, days: slice) -> Body:
    return {name: _told(getattr(share, name)[days]) for name in ("above", "counted", "share")}


def _new(extremes: NewExtremes, days: slice) -> Body:
    return {name: _told(getattr(extremes, name)[days]) for name in ("highs", "lows", "counted")}


def _told(values: Any) -> list[Any]:
    return [None if np.isnan(value) else value for value in values.tolist()]
