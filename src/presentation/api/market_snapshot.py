"""The answer that tells all of market state in short."""

import math
from typing import Any

from src.core.analytics.breadth import AVERAGES, EXTREMES
from src.core.analytics.breadth_reasons import breadth_reasons, sentiment_reasons
from src.core.analytics.ranking_order import page_of
from src.core.services.market_state import MarketState
from src.presentation.api.market_parts import Body, Reasons, named, newest, told
from src.presentation.api.market_stages import stage_counts

_SHORT = 5  # rows of each list


def snapshot_body(state: MarketState, _asked: object, reasons: Reasons) -> Body:
    """The others in short."""
    breadth, why = state.breadth, breadth_reasons(state.breadth)
    return {
        "breadth": {
            **{name: newest(values) for name, values in _moves(state).items()},
            "above_average": {str(n): _newest_of(breadth.above_average[n], "above", "counted") for n in AVERAGES},
            "new_extremes": {str(n): _newest_of(breadth.new_extremes[n], "highs", "lows", "counted") for n in EXTREMES},
            "absent": reasons.places(why.items()),
        },
        "sentiment": {
            "gauge": newest(state.sentiment.value),
            "absent": reasons.place(sentiment_reasons(state.sentiment, breadth).get("gauge")),
        },
        "stages": stage_counts(state),
        "leaders": _short_list(state, "change_1d", is_descending=True),
        "laggards": _short_list(state, "change_1d", is_descending=False),
        "most_active": _short_list(state, "dollar_volume", is_descending=True),
        "sectors": _sectors_in_short(state),
    }


def _moves(state: MarketState) -> Body:
    """The moves of each day, as arrays."""
    moves = state.breadth.moves
    names = ("advancers", "decliners", "unchanged", "counted", "up_volume", "down_volume", "mean_change", "trin")
    return {name: getattr(moves, name) for name in names}


def _newest_of(figures: Any, *names: str) -> Body:
    return {name: newest(getattr(figures, name)) for name in names}


def _short_list(state: MarketState, figure: str, *, is_descending: bool) -> list[Body]:
    page = page_of(state.rankings, figure, is_descending=is_descending, offset=0, limit=_SHORT)
    values = told(state.rankings.figures[figure][page.rows])
    rows = zip(page.rows.tolist(), values, strict=True)
    return [{**named(state, state.symbols[row]), figure: value} for row, value in rows if not math.isnan(value)]


def _sectors_in_short(state: MarketState) -> list[Body]:
    found = state.by_members
    rows = zip(found.sectors, told(found.performance[:, 0]), told(found.with_data[:, 0]), strict=True)
    return [{"sector": sector, "change_1d": change, "counted": counted} for sector, change, counted in rows]
