"""The answers about market state, one function for each view: what was asked, and a state, give a body for JSON."""

from typing import NamedTuple

import numpy as np

from src.core.analytics.breadth_reasons import breadth_reasons, sentiment_reasons
from src.core.analytics.ranking_order import page_of
from src.core.analytics.ranking_reasons import reason
from src.core.analytics.rankings import FIGURES
from src.core.analytics.sector_rotation import Quadrant, Rotation
from src.core.services.market_book import BENCHMARK
from src.core.services.market_state import MarketState
from src.presentation.api.market_parts import (
    Body,
    Reasons,
    dates_told,
    extremes_told,
    moves_told,
    named,
    newest,
    sectors_told,
    shares_told,
    told,
)

_FIGURES = {figure.name: figure for figure in FIGURES}
_NO_GRID = "No minute of the day's regular session is stored, or no day before it."
_NO_WINDOW = "No daily bar is stored at both its ends."


class Listed(NamedTuple):
    """A page of a list: by what it is sorted, which rows, and of which sector."""

    sort: str
    order: str
    sector: str | None
    limit: int
    offset: int


class RankingsAsked(NamedTuple):
    """`columns`: the figures that are told."""

    listed: Listed
    columns: tuple[str, ...]


def rankings_body(state: MarketState, asked: RankingsAsked, reasons: Reasons) -> Body:
    """Each symbol's figures, a page of them."""
    listed, rankings = asked.listed, state.rankings
    sectors = [state.sector(symbol) for symbol in state.symbols] if listed.sector is not None else []
    page = page_of(
        rankings,
        listed.sort,
        is_descending=listed.order == "desc",
        offset=listed.offset,
        limit=listed.limit,
        sector=listed.sector,
        sectors=sectors,
    )
    values = {name: told(rankings.figures[name][page.rows]) for name in asked.columns}
    lower = told(rankings.lower[page.rows])
    rows = [
        {
            **named(state, state.symbols[row]),
            "figures": {name: column[place] for name, column in values.items()},
            "absent": reasons.places((name, reason(rankings, row, name)) for name in asked.columns),
            "lower": lower[place],
        }
        for place, row in enumerate(page.rows.tolist())
    ]
    return {
        "benchmark": BENCHMARK,
        **listed._asdict(),
        "sectors": sectors_told(state),
        "total": page.total,
        "with_figure": page.with_figure,
        "ranked": rankings.ranked,
        "columns": [_FIGURES[name]._asdict() for name in asked.columns],
        "rows": rows,
    }


def breadth_body(state: MarketState, days: int, reasons: Reasons) -> Body:
    """How many take part, by day and within the last one."""
    daily, last = state.breadth, slice(-days, None)
    return {
        "daily": {
            "dates": dates_told(daily.dates[last]),
            **moves_told(daily.moves, last),
            **{name: told(getattr(daily, name)[last]) for name in ("line", "oscillator", "summation")},
            "above_average": shares_told(daily.above_average, last),
            "new_extremes": extremes_told(daily.new_extremes, last),
            "absent": reasons.places(breadth_reasons(daily).items()),
        },
        "intraday": _intraday(state),
        "intraday_absent": reasons.place(_NO_GRID) if state.intraday is None else None,
    }


def _intraday(state: MarketState) -> Body | None:
    if state.intraday is None:
        return None
    breadth, all_ = state.intraday.breadth, slice(None)
    return {
        "times": list(state.intraday.ends_ms),
        **moves_told(breadth.moves, all_),
        "line": told(breadth.moves.net),
        "above_average": shares_told(breadth.above_average, all_),
        "new_extremes": extremes_told(breadth.new_extremes, all_),
    }


def sectors_body(state: MarketState, tail: int, reasons: Reasons) -> Body:
    """How each sector does against the benchmark: by its members, and by its fund."""
    members, funds = state.by_members, state.by_funds
    places = {sector: place for place, sector in enumerate(funds.sectors)}
    groups = [
        {
            "sector": sector,
            "etf": state.described.funds.get(sector),
            "members": int(members.members[row]),
            "by_members": _rotated(members, row, tail, reasons),
            "by_etf": _rotated(funds, places[sector], tail, reasons) if sector in places else None,
        }
        for row, sector in enumerate(members.sectors)
    ]
    return {
        "week": str(members.weeks[-1]) if len(members.weeks) else None,
        "week_provisional": members.is_provisional,
        "benchmark": BENCHMARK,
        "windows": list(members.windows),
        "benchmark_changes": dict(zip(map(str, members.windows), told(members.benchmark_performance), strict=True)),
        "groups": groups,
        "without_sector": len(state.symbols) - int(members.members.sum()),
    }


def _rotated(rotation: Rotation, row: int, tail: int, reasons: Reasons) -> Body:
    changes = zip(told(rotation.performance[row]), told(rotation.with_data[row]), strict=True)
    here = _last_point(rotation, row)
    absent = [(f"change_{days}d", _why_no_change(rotation, row, place)) for place, days in enumerate(rotation.windows)]
    return {
        "changes": {
            str(days): {"change": change, "counted": counted}
            for days, (change, counted) in zip(rotation.windows, changes, strict=True)
        },
        **here,
        "tail": [
            {"week": str(point.week), "ratio": point.ratio, "momentum": point.momentum}
            for point in rotation.tail(row, tail)
        ],
        "absent": reasons.places([("ratio", rotation.why_absent(row)), *absent]),
    }


def _last_point(rotation: Rotation, row: int) -> Body:
    quadrant = Quadrant(int(rotation.quadrant[row, -1])) if len(rotation.weeks) else Quadrant.ABSENT
    if quadrant is Quadrant.ABSENT:
        return {"ratio": None, "momentum": None, "quadrant": None}
    ratio, momentum = float(rotation.ratio[row, -1]), float(rotation.momentum[row, -1])
    return {"ratio": ratio, "momentum": momentum, "quadrant": quadrant.name.lower()}


def _why_no_change(rotation: Rotation, row: int, place: int) -> str | None:
    return _NO_WINDOW if np.isnan(rotation.performance[row, place]) else None


def sentiment_body(state: MarketState, days: int, reasons: Reasons) -> Body:
    """The gauge, the parts that it is made of, and how it went."""
    found = state.sentiment
    why, last = sentiment_reasons(found, state.breadth), slice(-days, None)
    return {
        "gauge": newest(found.value),
        "gauge_absent": reasons.place(why.get("gauge")),
        "parts": [
            {
                "name": part.kind.name,
                "label": part.kind.label,
                "meaning": part.kind.meaning,
                "weight": part.kind.weight,
                "score": newest(part.score),
                "ratio": newest(part.ratio),
                "numerator": newest(part.numerator),
                "denominator": newest(part.denominator),
                "absent": reasons.place(why.get(part.kind.name)),
            }
            for part in found.parts
        ],
        "history": {
            "dates": dates_told(found.dates[last]),
            "gauge": told(found.value[last]),
            "weight_present": told(found.weight_present[last]),
        },
    }
