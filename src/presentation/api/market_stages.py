"""The answer about stages: every symbol's, how many are in each, and who moved. What it is made of is analytics'."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.stage_analysis import Stage, Stages
from src.core.services.market_state import MarketState
from src.presentation.api.market_bodies import Listed
from src.presentation.api.market_parts import Body, Reasons, dates_told, named, sectors_told, told

_STAGES = (Stage.BASE, Stage.ADVANCE, Stage.TOP, Stage.DECLINE)
_MOST_TRANSITIONS = 500
_FIGURES = ("close", "average", "distance", "slope", "relative_volume")
STAGE_SORTS = ("symbol", "stage", "since", *_FIGURES)
_NO_VOLUME = "No whole day of this week is over, or one of the ten weeks before has no volume."


class StagesAsked(NamedTuple):
    """`stage` keeps the symbols in that one."""

    listed: Listed
    stage: int | None


def stages_body(state: MarketState, asked: StagesAsked, reasons: Reasons) -> Body:
    """A page of the symbols, the distribution over the stages by week, and the transitions of the last week."""
    found, listed = state.stages, asked.listed
    began, is_known = found.since()
    rows = _sorted_rows(state, asked, began)
    page = rows[listed.offset : listed.offset + listed.limit]
    distribution = found.distribution()
    moved = found.transitions()
    return {
        "week": str(found.weeks[-1]) if len(found.weeks) else None,
        "week_provisional": found.is_provisional,
        **stage_counts(state),
        "distribution": {
            "weeks": dates_told(found.weeks),
            **{str(int(stage)): told(distribution[:, stage]) for stage in _STAGES},
            "counted": told(distribution[:, 1:].sum(axis=1)),
        },
        "transitions": [
            {**named(state, one.symbol), "from": int(one.before), "to": int(one.after)}
            for one in moved[:_MOST_TRANSITIONS]
        ],
        "transitions_total": len(moved),
        **listed._asdict(),
        "stage": asked.stage,
        "sectors": sectors_told(state),
        "total": len(rows),
        "rows": [_row(state, row, int(began[row]), bool(is_known[row]), reasons) for row in page.tolist()],
    }


def stage_counts(state: MarketState) -> Body:
    """How many symbols are in each stage, and in any."""
    distribution = state.stages.distribution()
    last = distribution[-1] if len(distribution) else np.zeros(len(Stage), dtype=np.intp)
    return {"counts": {str(int(stage)): int(last[stage]) for stage in _STAGES}, "counted": int(last[1:].sum())}


def _row(state: MarketState, row: int, began: int, is_known: bool, reasons: Reasons) -> Body:
    found = state.stages
    has_weeks = len(found.weeks) > 0
    stage = int(found.stage[row, -1]) if has_weeks else 0
    figures = {name: float(getattr(found, name)[row, -1]) if has_weeks else None for name in _FIGURES}
    why = found.why_absent(row)
    absent = [(name, why or _NO_VOLUME) for name, value in figures.items() if value is None or np.isnan(value)]
    return {
        **named(state, state.symbols[row]),
        "stage": stage or None,
        "since": str(found.weeks[began]) if stage else None,
        "since_known": is_known,
        "weeks": len(found.weeks) - began if stage else None,
        "figures": figures,
        "absent": reasons.places([("stage", why), *absent]),
    }


def _sorted_rows(state: MarketState, asked: StagesAsked, began: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of the symbols that are asked for; those without the figure come last in both directions."""
    found, listed = state.stages, asked.listed
    rows = _rows_in(state, asked)
    alphabet = state.rankings.alphabet[rows].astype(float)
    if listed.sort == "symbol":
        return rows[np.argsort(-alphabet if listed.order == "desc" else alphabet)]
    values = _values(found, listed.sort, began)[rows]
    return rows[np.lexsort((alphabet, -values if listed.order == "desc" else values))]


def _values(found: Stages, sort: str, began: NDArray[np.intp]) -> NDArray[np.float64]:
    if not len(found.weeks):
        return np.full(len(found.symbols), np.nan)
    if sort == "since":
        return np.where(began < 0, np.nan, began)
    if sort == "stage":
        stage = found.stage[:, -1]
        return np.where(stage == Stage.ABSENT, np.nan, stage)
    values: NDArray[np.float64] = getattr(found, sort)[:, -1]
    return values


def _rows_in(state: MarketState, asked: StagesAsked) -> NDArray[np.intp]:
    kept = np.ones(len(state.symbols), dtype=np.bool_)
    if asked.stage is not None:
        kept &= state.stages.stage[:, -1] == asked.stage if len(state.stages.weeks) else False
    if asked.listed.sector is not None:
        kept &= [state.sector(symbol) == asked.listed.sector for symbol in state.symbols]
    return np.flatnonzero(kept)
