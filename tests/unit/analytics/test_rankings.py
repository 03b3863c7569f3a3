"""Figures of rankings, against a recomputation symbol by symbol and against real bars."""

import math

import numpy as np
import pytest

from src.core.analytics.panel import Panel
from src.core.analytics.ranking_reasons import reason
from src.core.analytics.rankings import CHANGE_DAYS, FIGURES, RELATIVE_DAYS, TimeOfDay, rank
from tests.daily_files import has_daily_files
from tests.panels import has_market_closes, market_closes, market_panel, real_panel, seeded_panel

NOTHING = math.nan
WEIGHTS = {63: 0.4, 126: 0.2, 189: 0.2, 252: 0.2}


def plain_figures(panel: Panel, row: int, benchmark: int) -> dict[str, float]:
    """What `rank` gives for one symbol of a settled panel, one number after the other."""
    closes, highs, lows, volumes = (
        values[row].tolist() for values in (panel.close, panel.high, panel.low, panel.volume)
    )
    last = len(closes) - 1

    def close_before(days: int, of: list[float] = closes) -> float:
        candidates = [of[place] for place in range(last - days, last - days - 6, -1) if last >= days and place >= 0]
        return next((one for one in candidates if not math.isnan(one)), NOTHING)

    def mean(numbers: list[float], needed: int) -> float:
        there = [one for one in numbers if not math.isnan(one)]
        return math.fsum(there) / len(there) if len(there) >= needed else NOTHING

    def year(numbers: list[float], choose) -> float:
        there = [one for one in numbers[-252:] if not math.isnan(one)]
        return choose(there) if len(there) >= 227 and not math.isnan(close_before(251)) else NOTHING

    price, opened = closes[-1], panel.open[row, -1]
    of_benchmark = panel.close[benchmark].tolist()
    dollars = [close * volume for close, volume in zip(closes, volumes, strict=True)]
    found = {"price": price, "volume": volumes[-1], "since_open": price / opened - 1}
    found["gap"] = opened / close_before(1) - 1
    found |= {f"change_{days}d": price / close_before(days) - 1 for days in CHANGE_DAYS}
    for days in RELATIVE_DAYS:
        grown = of_benchmark[-1] / close_before(days, of_benchmark)
        found[f"relative_{days}d"] = price / close_before(days) / grown
    found["strength"] = sum(weight * (price / close_before(days) - 1) for days, weight in WEIGHTS.items())
    found |= {"from_high": price / year(highs, max) - 1, "from_low": price / year(lows, min) - 1}
    found["relative_volume"] = volumes[-1] / mean(volumes[-21:-1], 18)
    return found | {"dollar_volume": price * volumes[-1], "dollar_volume_20d": mean(dollars[-21:-1], 18)}


@pytest.mark.parametrize(("days", "missing"), [(260, 0.05), (260, 0.3), (252, 0.0), (251, 0.0), (3, 0.0)])
def test_figures_agree_with_a_recomputation_symbol_by_symbol(days, missing):
    panel = seeded_panel(60, days, missing=missing)
    found = rank(panel, panel.of(["S00007"]))
    for row in range(60):
        for name, value in plain_figures(panel, row, 7).items():
            assert found.figures[name][row] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), (name, row)


@pytest.mark.skipif(not has_daily_files(), reason="the folder of TEST_DATA_DIR has no daily files")
def test_figures_of_real_bars_over_years_with_splits():
    panel = real_panel()
    for last in np.linspace(300, len(panel.dates) - 1, 12, dtype=int):
        until = panel.until(panel.dates[last].item())
        found = rank(until, until.of(["SPY"]))
        for row in range(4):
            for name, value in plain_figures(until, row, 3).items():
                assert found.figures[name][row] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), (name, last)
        assert found.figures["relative_252d"][3] == 1


@pytest.mark.skipif(not has_daily_files(), reason="the folder of TEST_DATA_DIR has no daily files")
def test_known_days_of_real_symbols():
    """AAPL split 4:1 on 2020-08-31, after a close of 499.24; SPY fell by a third from 2020-02-19 to 2020-03-23."""
    panel = real_panel()
    split = rank(panel.until(np.datetime64("2020-08-31").item()), panel.of([])).figures
    assert split["change_1d"][0] == pytest.approx(0.0338, abs=0.0005)
    assert split["gap"][0] == pytest.approx(0.022, abs=0.001)
    fallen = rank(panel.until(np.datetime64("2020-03-23").item()), panel.of([])).figures
    assert fallen["from_high"][3] == pytest.approx(-0.342, abs=0.01)


@pytest.mark.skipif(not has_market_closes(), reason="the folder of TEST_DATA_DIR has no closes of a market")
def test_changes_and_dollars_of_a_real_market_counted_another_way():
    days = list(market_closes().values())
    panel = market_panel()
    found = rank(panel, panel.of(["SPY"])).figures
    plain = {
        symbol: (close / days[-2][symbol][0] - 1, close * volume)
        for symbol, (close, volume) in days[-1].items()
        if symbol in days[-2]
    }
    assert len(plain) > 6500
    for row, symbol in enumerate(panel.symbols):
        if symbol in plain:
            assert (found["change_1d"][row], found["dollar_volume"][row]) == pytest.approx(plain[symbol], rel=1e-12)


def test_a_place_counts_the_lower_ones_and_half_of_the_same():
    close = np.linspace(1, [2, 3, 3, 4, 2.5], 253).T.copy()
    close[4, 0] = close[4, 1:6] = np.nan
    panel = Panel(tuple("ABCDE"), np.arange(253) + np.datetime64("2025-01-01"), *[close] * 5)
    found = rank(panel, panel.of([]))
    assert found.ranked == 4
    np.testing.assert_array_equal(found.lower, [0.5, 2, 2, 3.5, np.nan])
    np.testing.assert_array_equal(found.figures["strength_percentile"], [12.5, 50, 50, 87.5, np.nan])


def test_one_symbol_has_no_place():
    panel = seeded_panel(1, 260)
    found = rank(panel, panel)
    assert np.isnan(found.figures["strength_percentile"][0])
    assert reason(found, 0, "strength_percentile") == "Fewer than two symbols of the universe have a strength."


@pytest.mark.parametrize(("minutes", "usual"), [(2.5, 50.0), (5, 100.0), (7, 180.0), (390, 7800.0), (500, 7800.0)])
def test_volume_against_the_usual_by_the_same_time_of_day(minutes, usual):
    panel = seeded_panel(2, 30, is_provisional=True)
    points = np.array([np.arange(1, 79) * 100.0, np.full(78, np.nan)])
    points[0, 1:77] += 100.0
    found = rank(panel, panel.of([]), TimeOfDay(minutes, points))
    assert found.figures["relative_volume"][0] == pytest.approx(panel.volume[0, -1] / usual)
    assert reason(found, 1, "relative_volume") == "The usual volume by time of day is not known yet."


def test_no_day_and_no_symbol_are_no_error():
    empty = seeded_panel(3, 0)
    found = rank(empty, empty)
    assert all(np.isnan(values).all() and values.shape == (3,) for values in found.figures.values())
    assert reason(found, 0, "change_5d") == "No day is stored."
    nobody = rank(empty.of([]), empty.of([]))
    assert (nobody.ranked, [len(values) for values in nobody.figures.values()]) == (0, [0] * len(FIGURES))


def poor_panel(*, is_provisional: bool = False) -> Panel:
    """Five symbols of 260 days: complete, listed 100 days ago, not traded today, not traded around 63 days ago,
    traded every other day."""
    panel = seeded_panel(5, 260, is_provisional=is_provisional)
    for values in (panel.open, panel.high, panel.low, panel.close, panel.volume):
        values[1, :160] = values[2, -1] = values[3, 190:200] = values[4, 0:259:2] = np.nan
    return panel


@pytest.mark.parametrize(
    ("row", "figure", "why"),
    [
        (1, "change_252d", "Needs 253 days; 100 are stored."),
        (1, "relative_126d", "Needs 127 days; 100 are stored."),
        (1, "strength_percentile", "Needs 253 days; 100 are stored."),
        (1, "from_low", "Needs 252 days; 100 are stored."),
        (2, "since_open", "No bar is stored on 2025-09-17."),
        (2, "dollar_volume", "No bar is stored on 2025-09-17."),
        (3, "change_63d", "No bar is stored from 2025-07-11 to 2025-07-16."),
        (3, "strength", "No bar is stored from 2025-07-11 to 2025-07-16."),
        (4, "from_high", "Needs bars of 227 of 252 days; 126 are stored."),
        (4, "relative_volume", "Needs bars of 18 of 20 days; 10 are stored."),
        (4, "dollar_volume_20d", "Needs bars of 18 of 20 days; 10 are stored."),
        (0, "relative_21d", "No daily bar of the benchmark is stored."),
    ],
)
def test_what_is_absent_says_why(row, figure, why):
    panel = poor_panel()
    assert reason(rank(panel, panel.of([])), row, figure) == why


def test_absent_because_of_the_benchmark_or_of_the_hour():
    panel = poor_panel(is_provisional=True)
    before = rank(panel, panel.of(["S00001"]), TimeOfDay(-30, np.ones((5, 78))))
    assert reason(before, 0, "relative_252d") == "S00001: Needs 253 days; 100 are stored."
    assert reason(before, 0, "relative_volume") == "The regular session has not begun."
    assert reason(before, 2, "price") == "Has not traded on 2025-09-17."
    assert reason(rank(panel, panel), 0, "relative_volume") == "The usual volume by time of day is not known yet."
    nothing_usual = rank(panel, panel, TimeOfDay(30, np.zeros((5, 78))))
    assert reason(nothing_usual, 0, "relative_volume") == "The number that it is divided by is zero."


@pytest.mark.parametrize("is_provisional", [False, True])
def test_each_figure_is_there_or_has_a_reason(is_provisional):
    panel = poor_panel(is_provisional=is_provisional)
    found = rank(panel, panel.of(["S00002"]))
    for figure in FIGURES:
        for row in range(5):
            why = reason(found, row, figure.name)
            assert (why is None) == (not math.isnan(found.figures[figure.name][row])), (figure.name, row)
