"""Answers about the market, as its endpoints give them, from figures that are calculated: of a seeded universe."""

import math
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from src.core.analytics.ranking_order import page_of
from src.core.analytics.ranking_reasons import reason
from src.core.analytics.rankings import FIGURES, Rankings, TimeOfDay, rank
from tests.panels import seeded_panel

from .scripted_server import START_MS

Body = dict[str, Any]
SYMBOLS = 120
SECTORS = ("Energy", "Financials", "Information Technology", "Utilities")


def head(view: str, **others: Any) -> Body:
    """What every answer begins with."""
    return {
        "view": view,
        "universe": "sp120",
        "members": SYMBOLS,
        "with_data": SYMBOLS - 2,
        "unknown": [],
        "as_of": None,
        "date": "2026-11-20",
        "data_time": START_MS // 60_000 * 60_000,
        "provisional": True,
        "calculated_at": START_MS,
        "days": 300,
        "days_with_data": 260,
        "notes": [],
        **others,
    }


@cache
def _rankings() -> Rankings:
    """The last two symbols have no bar today, the forty before them 120 days."""
    panel = seeded_panel(SYMBOLS, 260, is_provisional=True)
    for values in (panel.open, panel.high, panel.low, panel.close, panel.volume):
        values[-2:, -1] = values[-42:-2, :140] = math.nan
    usual = np.linspace(10_000, 780_000, 78) * np.ones((SYMBOLS, 1))
    return rank(panel, panel.of(["S00007"]), TimeOfDay(61, usual))


def rankings_body(query: str) -> Body:
    """The answer to "sort=change_1d&order=desc&limit=50..."."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    rankings = _rankings()
    sectors = [SECTORS[row % 4] if row % 5 else None for row in range(SYMBOLS)]
    names = asked["columns"].split(",") if "columns" in asked else [figure.name for figure in FIGURES]
    page = page_of(
        rankings,
        asked["sort"],
        is_descending=asked["order"] == "desc",
        offset=int(asked.get("offset", 0)),
        limit=int(asked["limit"]),
        sector=asked.get("sector"),
        sectors=sectors,
    )
    reasons: dict[str, int] = {}
    rows = [_row(rankings, row, names, sectors[row], reasons) for row in page.rows.tolist()]
    return head(
        "rankings",
        benchmark="S00007",
        sort=asked["sort"],
        order=asked["order"],
        sector=asked.get("sector"),
        limit=int(asked["limit"]),
        offset=int(asked.get("offset", 0)),
        sectors=[{"sector": sector, "members": sectors.count(sector)} for sector in SECTORS],
        total=page.total,
        with_figure=page.with_figure,
        ranked=rankings.ranked,
        columns=[figure._asdict() for figure in FIGURES if figure.name in names],
        rows=rows,
        reasons=list(reasons),
    )


def _row(rankings: Rankings, row: int, names: list[str], sector: str | None, reasons: dict[str, int]) -> Body:
    figures = {name: _number(rankings.figures[name][row]) for name in names}
    why = {name: reason(rankings, row, name) or "" for name in names if figures[name] is None}
    absent = {name: reasons.setdefault(text, len(reasons)) for name, text in why.items()}
    named = {"symbol": rankings.panel.symbols[row], "name": f"Company {row} of the Universe", "sector": sector}
    return named | {"figures": figures, "absent": absent, "lower": _number(rankings.lower[row])}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
