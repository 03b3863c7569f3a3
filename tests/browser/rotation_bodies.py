"""Answers about sectors and stages, as their endpoints give them, from figures calculated of made-up prices."""

import math
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from src.core.analytics.panel import Floats, Panel
from src.core.analytics.sector_rotation import Quadrant, Rotation, by_funds, by_members
from src.core.analytics.stage_analysis import Stage, Stages, stages
from src.core.analytics.weekly import weekly

from .market_bodies import Body, head

FUNDS = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Utilities": "XLU",
}
MEMBERS = 10
DAYS = 300
YOUNG = 6  # symbols whose first bar is a hundred days ago
WITHOUT_SECTOR = 4
MADE = [(f"{fund[1:]}{number:02d}", sector) for sector, fund in FUNDS.items() for number in range(MEMBERS)]
SYMBOLS = tuple(symbol for symbol, _ in MADE)
SECTOR_OF = dict(MADE[WITHOUT_SECTOR:])


@cache
def _panel() -> Panel:
    """Members that follow waves of their sectors, their funds, and SPY; to Wednesday 18 November 2026."""
    random = np.random.default_rng(4)
    last = np.datetime64("2026-11-18")
    dates = np.busday_offset(last, np.arange(1 - DAYS, 1))
    phase = np.linspace(0, 2 * np.pi, len(FUNDS), endpoint=False)[:, None]
    waves = 0.12 * np.sin(np.arange(DAYS) / 32 + phase) + 0.0004 * np.arange(DAYS)
    own = np.cumsum(random.normal(0, 0.013, (len(SYMBOLS), DAYS)), axis=1)
    members = np.exp(np.repeat(waves, MEMBERS, axis=0) + own)
    members[:YOUNG, : DAYS - 100] = np.nan
    funds = np.exp(waves + np.cumsum(random.normal(0, 0.003, waves.shape), axis=1))
    spy = np.exp(0.0004 * np.arange(DAYS) + np.cumsum(random.normal(0, 0.003, DAYS)))
    close: Floats = 80.0 * np.concatenate([members, funds, spy[None]])
    volume = np.where(np.isnan(close), np.nan, random.lognormal(12, 0.4, close.shape))
    return Panel((*SYMBOLS, *FUNDS.values(), "SPY"), dates, close, close, close, close, volume, is_provisional=True)


@cache
def rotations() -> tuple[Rotation, Rotation]:
    """By members and by funds."""
    panel = _panel()
    weeks = weekly(panel)
    return by_members(panel, weeks, SECTOR_OF, "SPY"), by_funds(panel, weeks, FUNDS, "SPY")


def sectors_body(query: str) -> Body:
    """The answer to "tail=8"."""
    tail = int(parse_qs(query)["tail"][0])
    members, funds = rotations()
    reasons: dict[str, int] = {}
    groups = [
        {
            "sector": sector,
            "etf": FUNDS[sector],
            "members": int(members.members[row]),
            "by_members": _rotated(members, row, tail, reasons),
            "by_etf": _rotated(funds, row, tail, reasons),
        }
        for row, sector in enumerate(members.sectors)
    ]
    changes = zip(map(str, members.windows), map(_number, members.benchmark_performance), strict=True)
    return _head(
        "sectors",
        week="2026-11-16",
        week_provisional=True,
        benchmark="SPY",
        windows=list(members.windows),
        benchmark_changes=dict(changes),
        groups=groups,
        without_sector=WITHOUT_SECTOR,
        reasons=list(reasons),
    )


def _rotated(rotation: Rotation, row: int, tail: int, reasons: dict[str, int]) -> Body:
    counted = rotation.with_data[row].tolist()
    changes = {
        str(days): {"change": _number(rotation.performance[row, place]), "counted": counted[place]}
        for place, days in enumerate(rotation.windows)
    }
    return {
        "changes": changes,
        "ratio": _number(rotation.ratio[row, -1]),
        "momentum": _number(rotation.momentum[row, -1]),
        "quadrant": Quadrant(int(rotation.quadrant[row, -1])).name.lower(),
        "tail": [
            {"week": str(point.week), "ratio": point.ratio, "momentum": point.momentum}
            for point in rotation.tail(row, tail)
        ],
        "absent": {},
    }


@cache
def found_stages() -> Stages:
    """Of the members."""
    return stages(weekly(_panel().of(SYMBOLS)))


def stages_body(query: str) -> Body:
    """The answer to "sort=since&order=desc&limit=1000..."."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    found = found_stages()
    began, is_known = found.since()
    keys = {"since": began, "distance": found.distance[:, -1], "symbol": np.arange(len(SYMBOLS))}
    values = np.where(found.stage[:, -1] == Stage.ABSENT, np.nan, keys[asked["sort"]].astype(float))
    order = np.argsort(-values if asked["order"] == "desc" else values, kind="stable")
    reasons: dict[str, int] = {}
    rows = [_stage_row(found, row, int(began[row]), bool(is_known[row]), reasons) for row in order.tolist()]
    kept = [row for row in rows if asked.get("stage", str(row["stage"])) == str(row["stage"])
            and asked.get("sector", row["sector"]) == row["sector"]]  # fmt: skip
    counts = found.distribution()
    listed = {str(stage): counts[:, stage].tolist() for stage in range(1, 5)}
    moved = [{**_named(one.symbol), "from": int(one.before), "to": int(one.after)} for one in found.transitions()]
    return _head(
        "stages",
        week=str(found.weeks[-1]),
        week_provisional=found.is_provisional,
        counted=int(counts[-1, 1:].sum()),
        counts={stage: column[-1] for stage, column in listed.items()},
        distribution={
            "weeks": [str(week) for week in found.weeks],
            "counted": counts[:, 1:].sum(axis=1).tolist(),
            **listed,
        },
        transitions=moved,
        transitions_total=len(moved),
        stage=int(asked["stage"]) if "stage" in asked else None,
        sector=asked.get("sector"),
        sectors=[{"sector": sector, "members": list(SECTOR_OF.values()).count(sector)} for sector in FUNDS],
        total=len(kept),
        rows=kept[: int(asked["limit"])],
        reasons=list(reasons),
    )


def _stage_row(found: Stages, row: int, began: int, is_known: bool, reasons: dict[str, int]) -> Body:
    why = found.why_absent(row)
    figures = {name: _number(getattr(found, name)[row, -1]) for name in ("close", "average", "distance", "slope")}
    return _named(found.symbols[row]) | {
        "stage": int(found.stage[row, -1]) or None,
        "since": None if why else str(found.weeks[began]),
        "since_known": is_known,
        "weeks": None if why else len(found.weeks) - began,
        "figures": figures | {"relative_volume": _number(found.relative_volume[row, -1])},
        "absent": {"stage": reasons.setdefault(why, len(reasons))} if why else {},
    }


def _named(symbol: str) -> Body:
    return {"symbol": symbol, "name": f"Company {symbol} of the Universe", "sector": SECTOR_OF.get(symbol)}


def _head(view: str, **others: Any) -> Body:
    return head(view, universe="made110", members=len(SYMBOLS), with_data=len(SYMBOLS), date="2026-11-18", **others)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
