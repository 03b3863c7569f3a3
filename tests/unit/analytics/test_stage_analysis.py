"""Stages by weeks: the rules told again, symbol by symbol, and real years."""

import math
import statistics

import numpy as np
import pytest

from src.core.analytics.stage_analysis import Stage, Stages, Transition, stages
from src.core.analytics.weekly import weekly
from tests.daily_files import has_daily_files
from tests.panels import real_panel
from tests.unit.analytics.closes import panel_of, random_panel

NAN = np.nan


def plain_mean(values: list[float], end: int, count: int) -> float:
    """The mean of the `count` values before `end`; NaN where they are fewer or one is absent."""
    window = values[max(end - count, 0) : end]
    return statistics.fmean(window) if len(window) == count else NAN


def plain_stages(close: list[float], volume: list[float]) -> list[int]:
    """The table of the documents for one symbol, week by week."""
    averages = [plain_mean(close, week + 1, 30) for week in range(len(close))]
    distance = [c / a - 1 for c, a in zip(close, averages, strict=True)]
    slope = [averages[week] / averages[week - 4] - 1 if week >= 4 else NAN for week in range(len(close))]
    rises = [d >= 0.01 and s >= 0.005 for d, s in zip(distance, slope, strict=True)]
    falls = [d <= -0.01 and s <= -0.005 for d, s in zip(distance, slope, strict=True)]
    found: list[int] = []
    for week in range(len(close)):
        stage = found[-1] if found else 0
        usual = plain_mean(volume, week, 10)
        surges = usual > 0 and volume[week] / usual >= 1.5
        if math.isnan(slope[week]):
            stage = 0
        elif stage == 0:
            stage = 2 if rises[week] else 4 if falls[week] else 3 if distance[week] < 0 else 1
        elif rises[week] and (surges or rises[week - 1]):
            stage = 2
        elif falls[week] and (surges or falls[week - 1]):
            stage = 4
        elif stage == 2 and (slope[week] < 0 or max(distance[week - 1 : week + 1]) <= -0.01):
            stage = 3
        elif stage == 4 and (slope[week] > 0 or min(distance[week - 1 : week + 1]) >= 0.01):
            stage = 1
        found.append(stage)
    return found


def stages_of(*rows: str) -> Stages:
    """Stages that stand in texts, a digit a week."""
    numbers = np.array([[int(digit) for digit in row] for row in rows], dtype=np.int8)
    names = tuple(f"S{row}" for row in range(len(rows)))
    mondays = np.datetime64("2024-01-01") + 7 * np.arange(numbers.shape[1])
    figures = [np.zeros(numbers.shape)] * 5
    return Stages(names, mondays, numbers, *figures, False)


def test_stages_are_those_of_the_rules_told_plainly():
    weeks = weekly(random_panel(60, 600, seed=5, holes=0.6))
    found = stages(weeks)
    for row in range(60):
        assert found.stage[row].tolist() == plain_stages(weeks.close[row].tolist(), weeks.volume[row].tolist())
    assert {1, 2, 3, 4} <= set(np.unique(found.stage).tolist())
    moves = {(step.before, step.after) for week in range(1, 120) for step in found.transitions(week)}
    assert {(1, 2), (2, 3), (3, 4), (4, 1), (1, 4), (3, 2)} <= moves


def test_the_figures_of_a_week():
    close = np.repeat(np.arange(100.0, 140.0), 5)[None]
    volume = np.full(close.shape, 1_000.0)
    volume[:, -5:] = 2_500.0
    found = stages(weekly(panel_of(close, volume)))
    average = np.arange(110, 140).mean()
    assert found.average[0, -1] == pytest.approx(average)
    assert found.distance[0, -1] == pytest.approx(139 / average - 1)
    assert found.slope[0, -1] == pytest.approx(average / (average - 4) - 1)
    assert found.relative_volume[0, -1] == pytest.approx(2.5)
    assert found.stage[0].tolist() == [0] * 33 + [2] * 7


def test_since_is_the_week_the_stage_began_and_known_only_after_another_one():
    found = stages_of("0011222", "0044444", "0000000", "2222220", "0000003")
    since, is_known = found.since()
    assert since.tolist() == [4, 2, -1, -1, 6]
    assert is_known.tolist() == [True, False, False, False, False]


def test_transitions_are_between_two_stages():
    found = stages_of("0123", "0022", "2334", "2230")
    assert found.transitions() == [
        Transition("S0", Stage.ADVANCE, Stage.TOP),
        Transition("S2", Stage.TOP, Stage.DECLINE),
    ]
    assert found.transitions(1) == [Transition("S2", Stage.ADVANCE, Stage.TOP)]
    assert found.transitions(0) == []


def test_the_distribution_counts_every_symbol_in_every_week():
    found = stages_of("0123", "0022", "2334")
    assert found.distribution().tolist() == [[2, 0, 1, 0, 0], [1, 1, 0, 1, 0], [0, 0, 2, 1, 0], [0, 0, 1, 1, 1]]
    assert found.of(np.array([2, 0])).distribution()[-1].tolist() == [0, 0, 0, 1, 1]
    assert found.of(np.array([2, 0])).symbols == ("S2", "S0")


def test_what_is_absent_has_a_reason():
    close = np.full((4, 40 * 5), 10.0)
    close[1, : 20 * 5] = NAN
    close[2] = NAN
    close[3, 30 * 5 :] = NAN
    found = stages(weekly(panel_of(close)))
    assert [found.why_absent(row) for row in range(4)] == [
        None,
        "Needs 34 weeks; 20 are stored.",
        "No daily bar is stored.",
        "It has not traded for more than 4 weeks.",
    ]


def test_few_weeks_or_none_have_no_stage():
    for days in (0, 3, 33 * 5):
        found = stages(weekly(panel_of(np.ones((2, days)))))
        assert not found.stage.any()
        assert found.since()[0].tolist() == [-1, -1]
        assert found.transitions() == []


@pytest.mark.skipif(not has_daily_files(), reason="the folder of TEST_DATA_DIR has no daily files")
def test_real_years_have_the_stages_that_history_tells():
    found = stages(weekly(real_panel()))
    years = found.weeks.astype("datetime64[Y]").astype(int) + 1970

    def share(symbol: str, stage: Stage, first: int, last: int) -> float:
        row = found.stage[found.symbols.index(symbol)]
        return float(np.mean(row[(years >= first) & (years <= last)] == stage))

    assert share("SPY", Stage.DECLINE, 2001, 2002) > 0.75
    assert share("SPY", Stage.DECLINE, 2008, 2008) > 0.9
    assert share("SPY", Stage.ADVANCE, 2013, 2013) > 0.9
    assert share("SPY", Stage.ADVANCE, 2017, 2017) > 0.9
    assert share("QQQ", Stage.DECLINE, 2001, 2001) > 0.85
    assert share("AAPL", Stage.ADVANCE, 2004, 2005) > 0.9
    assert share("IBM", Stage.DECLINE, 2015, 2015) > 0.5
    is_hole = (years >= 2006) & (years <= 2010)  # the file of QQQ has no bars of these years
    assert not found.stage[found.symbols.index("QQQ"), is_hole].any()
    spy = found.stage[found.symbols.index("SPY")]
    assert np.count_nonzero(spy) / np.count_nonzero(np.diff(spy)) > 15, "a stage of SPY lasts longer than 15 weeks"
