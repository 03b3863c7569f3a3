"""Stages of symbols by their weeks: 1 base, 2 advance, 3 top, 4 decline. Pure.

The four stages and the 30-week average that tells them are Stan Weinstein's ("Secrets for Profiting in Bull and Bear
Markets", 1988). He describes them in words; the numbers here are this project's own, and every rule stands in
docs/architecture/market-state.md. What is needed to enter a stage is more than what is needed to stay in it, and must
last two weeks or come with volume: so a stage does not flicker.
"""

import enum
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.panel import Dates, Floats
from src.core.analytics.trailing import before, trailing_mean
from src.core.analytics.weekly import MAX_SILENT_WEEKS, Weekly

AVERAGE_WEEKS = 30
SLOPE_WEEKS = 4
VOLUME_WEEKS = 10
FIRST_STAGE_WEEKS = AVERAGE_WEEKS + SLOPE_WEEKS  # closes of so many weeks give the first stage
BAND = 0.01
TREND_SLOPE = 0.005
SURGE = 1.5

StageNumbers = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Stage(enum.IntEnum):
    """Where a symbol stands; ABSENT where too little is known."""

    ABSENT = 0
    BASE = 1
    ADVANCE = 2
    TOP = 3
    DECLINE = 4


class Transition(NamedTuple):
    """A symbol that entered another stage."""

    symbol: str
    before: Stage
    after: Stage


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """Stages of symbols over weeks; arrays have the shape (symbols, weeks) where nothing else is said.

    `weeks` are Mondays. `stage` holds numbers of `Stage`. `average` is the mean close of 30 weeks in dollars,
    `distance` the close relative to it (0.05: 5 % above), `slope` the average relative to that of four weeks before
    (0.01: it rose 1 %), `relative_volume` the week's volume a day as a multiple of the mean of the ten weeks before;
    each NaN where absent.
    With `is_provisional` the last week is not over: its stage may still change back.
    """

    symbols: tuple[str, ...]
    weeks: Dates
    stage: StageNumbers
    close: Floats
    average: Floats
    distance: Floats
    slope: Floats
    relative_volume: Floats
    is_provisional: bool

    def of(self, rows: NDArray[np.intp]) -> "Stages":
        """The stages of these rows, in their order."""
        figures = (self.close, self.average, self.distance, self.slope, self.relative_volume)
        close, average, distance, slope, relative_volume = (figure[rows] for figure in figures)
        symbols = tuple(self.symbols[row] for row in rows)
        return Stages(
            symbols, self.weeks, self.stage[rows], close, average, distance, slope, relative_volume, self.is_provisional
        )

    def since(self) -> tuple[NDArray[np.intp], Flags]:
        """For each symbol the place of the week its present stage began, -1 without one; and whether that is known.

        It is not where the stage stood already in the first week that has one: then it began then or earlier.
        """
        weeks = self.stage.shape[1]
        if weeks == 0:
            return np.full(len(self.symbols), -1), np.zeros(len(self.symbols), dtype=np.bool_)
        changed = np.ones(self.stage.shape, dtype=np.bool_)
        changed[:, 1:] = self.stage[:, 1:] != self.stage[:, :-1]
        began = weeks - 1 - np.argmax(changed[:, ::-1], axis=1)
        is_staged = self.stage[:, -1] != Stage.ABSENT
        rows = np.arange(len(self.symbols))
        is_known = is_staged & (began > 0) & (self.stage[rows, began - 1] != Stage.ABSENT)
        return np.where(is_staged, began, -1), is_known

    def transitions(self, week: int = -1) -> list[Transition]:
        """Who entered another stage in a week (its place), in the order of the symbols; none in the first week."""
        place = week % max(len(self.weeks), 1)
        if place == 0 or len(self.weeks) == 0:
            return []
        before, after = self.stage[:, place - 1], self.stage[:, place]
        moved = np.flatnonzero((before != after) & (before != Stage.ABSENT) & (after != Stage.ABSENT))
        return [Transition(self.symbols[row], Stage(int(before[row])), Stage(int(after[row]))) for row in moved]

    def distribution(self) -> NDArray[np.intp]:
        """How many symbols each stage has in each week: shape (weeks, 5), by the numbers of `Stage`, 0 being absent."""
        return np.stack([np.count_nonzero(self.stage == stage, axis=0) for stage in Stage], axis=1)

    def why_absent(self, row: int) -> str | None:
        """Why a symbol has no stage in the last week, a sentence; None where it has one."""
        if len(self.weeks) and self.stage[row, -1] != Stage.ABSENT:
            return None
        known = np.isfinite(self.close[row])
        if not known.any():
            return "No daily bar is stored."
        if not known[-1]:
            return f"It has not traded for more than {MAX_SILENT_WEEKS} weeks."
        unbroken = int(np.argmin(known[::-1])) if not known.all() else len(known)
        return f"Needs {FIRST_STAGE_WEEKS} weeks; {unbroken} are stored."


def stages(weeks: Weekly) -> Stages:
    """The stages of all symbols in all weeks, by the rules in docs/architecture/market-state.md.

    A symbol has none before 34 weeks of closes (30 for the average, 4 more for its slope).
    """
    average = trailing_mean(weeks.close, AVERAGE_WEEKS)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = weeks.close / average - 1.0
        slope = average / before(average, SLOPE_WEEKS) - 1.0
        relative_volume = weeks.volume / before(trailing_mean(weeks.volume, VOLUME_WEEKS), 1)
    stage = _walk(distance, slope, relative_volume)
    return Stages(
        weeks.symbols,
        weeks.weeks,
        stage,
        weeks.close,
        average,
        distance,
        slope,
        relative_volume,
        weeks.is_provisional,
    )


def _walk(distance: Floats, slope: Floats, relative_volume: Floats) -> StageNumbers:
    """The stages week after week, each from the one before; shapes (symbols, weeks)."""
    signals = _Signals.of(distance, slope, relative_volume)
    found = np.zeros(signals.is_known.shape, dtype=np.int8)  # (weeks, symbols), as the signals
    stage: StageNumbers = np.zeros(distance.shape[0], dtype=np.int8)
    for week in range(len(found)):
        stage = found[week] = _next(stage, signals, week)
    return np.ascontiguousarray(found.T)


class _Signals(NamedTuple):
    """What the rules look at; shapes (weeks, symbols)."""

    is_known: Flags
    rises: Flags
    falls: Flags
    enters_advance: Flags
    enters_decline: Flags
    leaves_advance: Flags
    leaves_decline: Flags
    is_below: Flags

    @classmethod
    def of(cls, distance: Floats, slope: Floats, relative_volume: Floats) -> "_Signals":
        distance, slope = np.ascontiguousarray(distance.T), np.ascontiguousarray(slope.T)
        surges = np.ascontiguousarray(relative_volume.T) >= SURGE
        rises = (distance >= BAND) & (slope >= TREND_SLOPE)
        falls = (distance <= -BAND) & (slope <= -TREND_SLOPE)
        return cls(
            np.isfinite(slope),
            rises,
            falls,
            rises & (_lasting(rises) | surges),
            falls & (_lasting(falls) | surges),
            (slope < 0) | _lasting(distance <= -BAND),
            (slope > 0) | _lasting(distance >= BAND),
            distance < 0,
        )


def _next(stage: StageNumbers, signals: _Signals, week: int) -> StageNumbers:
    """The stages of a week; where two rules hold, the later one counts."""
    after = stage.copy()
    after[(stage == Stage.ADVANCE) & signals.leaves_advance[week]] = Stage.TOP
    after[(stage == Stage.DECLINE) & signals.leaves_decline[week]] = Stage.BASE
    after[signals.enters_advance[week]] = Stage.ADVANCE
    after[signals.enters_decline[week]] = Stage.DECLINE
    first = _first(signals, week)
    return np.where(signals.is_known[week], np.where(stage == Stage.ABSENT, first, after), np.int8(Stage.ABSENT))


def _first(signals: _Signals, week: int) -> StageNumbers:
    """The stages that the first known week gives by itself.

    An average that is flat while the close is below it means higher prices between two like ones: a top.
    """
    flat = np.where(signals.is_below[week], np.int8(Stage.TOP), np.int8(Stage.BASE))
    falling = np.where(signals.falls[week], np.int8(Stage.DECLINE), flat)
    return np.where(signals.rises[week], np.int8(Stage.ADVANCE), falling)


def _lasting(flags: Flags) -> Flags:
    """What holds in this week and in the one before; shape (weeks, symbols)."""
    lasting = np.zeros_like(flags)
    lasting[1:] = flags[1:] & flags[:-1]
    return lasting
