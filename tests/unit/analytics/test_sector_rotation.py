"""Rotation of sectors: the published formulas told again, member by member and week by week."""

import itertools
import statistics

import numpy as np
import pytest

from src.core.analytics.panel import Panel
from src.core.analytics.sector_rotation import Quadrant, Rotation, by_funds, by_members, quadrants
from src.core.analytics.weekly import weekly
from tests.unit.analytics.closes import panel_of, random_panel

NAN = np.nan
SECTOR_OF = {f"S{row}": ("Energy", "Materials", "Utilities")[row % 3] for row in range(1, 20)} | {"GONE": "Energy"}


def rotation_by_members(panel: Panel, **options: tuple[int, ...]) -> Rotation:
    return by_members(panel, weekly(panel), SECTOR_OF, "S0", **options)


def plain_points(level: list[float], benchmark: list[float]) -> list[tuple[float, float]]:
    """Ratio and momentum of each week by the formulas, NaN where they need more weeks."""
    strength = [one / other for one, other in zip(level, benchmark, strict=True)]
    ratios = [NAN] * 25
    for end in range(26, len(strength) + 1):
        ratios.append(100 * statistics.fmean(strength[end - 4 : end]) / statistics.fmean(strength[end - 26 : end]))
    moments = [NAN] * 7
    for end in range(8, len(ratios) + 1):
        moments.append(100 * ratios[end - 1] / statistics.fmean(ratios[end - 8 : end]))
    return list(zip(ratios, moments, strict=True))


def newest(closes: list[float]) -> float:
    """The last close, or the newest of the five days before it."""
    return next((close for close in reversed(closes[-6:]) if not np.isnan(close)), NAN)


def test_by_members_is_the_plain_average_of_their_returns():
    panel = random_panel(20, 300, seed=8, holes=0.4)
    found = rotation_by_members(panel)
    weeks = weekly(panel)
    assert found.sectors == ("Energy", "Materials", "Utilities")
    assert found.members.tolist() == [7, 7, 6]
    for place, sector in enumerate(found.sectors):
        rows = [row for row, symbol in enumerate(panel.symbols) if SECTOR_OF.get(symbol) == sector]
        level = [1.0]
        for week in range(1, len(weeks.weeks)):
            pairs = [(weeks.close[row, week - 1], weeks.close[row, week]) for row in rows]
            returns = [now / then - 1 for then, now in pairs if not np.isnan(now + then)]
            assert found.weekly_members[place, week] == len(returns)
            level.append(level[-1] * (1 + statistics.fmean(returns)))
        points = plain_points(level, weeks.close[0].tolist())
        np.testing.assert_allclose(found.ratio[place], [ratio for ratio, _ in points])
        np.testing.assert_allclose(found.momentum[place], [momentum for _, momentum in points])
        for window, days in enumerate(found.windows):
            pairs = [(newest(panel.close[row, :-days].tolist()), panel.close[row, -1]) for row in rows]
            returns = [now / then - 1 for then, now in pairs if not np.isnan(now + then)]
            assert found.with_data[place, window] == len(returns)
            assert found.performance[place, window] == pytest.approx(
                statistics.fmean(returns) if returns else NAN, nan_ok=True
            )
    assert found.with_data.min() < found.with_data.max()


def test_by_funds_is_their_closes():
    panel = random_panel(4, 300, seed=9)
    found = by_funds(panel, weekly(panel), {"Utilities": "S2", "Energy": "S1", "Materials": "NONE"}, "S0", (1, 5))
    assert found.sectors == ("Utilities", "Energy", "Materials")
    closes = weekly(panel).close
    points = plain_points(closes[2].tolist(), closes[0].tolist())
    np.testing.assert_allclose(np.stack([found.ratio[0], found.momentum[0]], axis=1), points)
    assert found.performance[1].tolist() == pytest.approx(
        [panel.close[1, -1] / panel.close[1, -1 - n] - 1 for n in (1, 5)]
    )
    assert found.benchmark_performance[1] == pytest.approx(panel.close[0, -1] / panel.close[0, -6] - 1)
    assert found.with_data.tolist() == [[1, 1], [1, 1], [0, 0]]
    assert found.why_absent(2) == "Needs 33 weeks; of it 0 are stored."
    assert found.why_absent(0) is None


def test_the_benchmark_against_itself_stands_at_100():
    panel = random_panel(1, 300, seed=10)
    found = by_funds(panel, weekly(panel), {"All": "S0"}, "S0")
    np.testing.assert_allclose(found.ratio[0, 25:], 100.0)
    np.testing.assert_allclose(found.momentum[0, 32:], 100.0)


def test_quadrants_by_ratio_and_momentum():
    ratio = np.array([101.0, 101.0, 99.0, 99.0, 100.0, NAN, 101.0])
    momentum = np.array([101.0, 99.0, 99.0, 101.0, 100.0, 101.0, NAN])
    assert [Quadrant(number).name for number in quadrants(ratio, momentum)] == [
        "LEADING", "WEAKENING", "LAGGING", "IMPROVING", "LEADING", "ABSENT", "ABSENT",
    ]  # fmt: skip


def test_a_sector_that_recovers_and_tires_goes_round_clockwise():
    days = np.arange(300 * 5)
    wave = 100.0 * np.exp(0.1 * np.sin(2 * np.pi * days / (5 * 80)))
    panel = panel_of(np.stack([np.full(len(days), 50.0), wave]))
    row = by_funds(panel, weekly(panel), {"One": "S1"}, "S0").quadrant[0, 40:]
    order = row[np.flatnonzero(np.diff(row, prepend=0))].tolist()
    after = {Quadrant.IMPROVING: Quadrant.LEADING, Quadrant.LEADING: Quadrant.WEAKENING,
             Quadrant.WEAKENING: Quadrant.LAGGING, Quadrant.LAGGING: Quadrant.IMPROVING}  # fmt: skip
    assert len(order) > 8
    assert all(after[Quadrant(now)] == then for now, then in itertools.pairwise(order))


def test_tails_hold_the_points_that_are_there():
    found = rotation_by_members(random_panel(20, 35 * 5, seed=11))
    tail = found.tail(1, 12)
    assert [point.week for point in tail] == found.weeks[-3:].tolist()
    assert tail[-1].ratio == found.ratio[1, -1]
    assert len(found.tail(1, 2)) == 2


def test_what_is_too_little_has_a_reason():
    found = rotation_by_members(random_panel(20, 20 * 5, seed=12))
    assert found.why_absent(0) == "Needs 33 weeks; of the benchmark S0 20 are stored."
    assert not found.quadrant.any()
    panel = random_panel(20, 300, seed=12)
    unknown = by_members(panel, weekly(panel), SECTOR_OF, "NONE")
    assert unknown.why_absent(0) == "Needs 33 weeks; of the benchmark NONE 0 are stored."
    assert np.isfinite(unknown.performance[:, 0]).all()


@pytest.mark.parametrize("days", [0, 1])
def test_no_days_or_one_give_no_figures(days):
    found = rotation_by_members(random_panel(20, 5, seed=13).until(np.datetime64("2024-01-01") + days - 1))
    assert found.ratio.shape == (3, days)
    assert not np.isfinite(found.performance).any()
    assert found.tail(0, 12) == []
