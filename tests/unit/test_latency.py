"""How long aggregates take to a commit."""

import random

import pytest

from src.core.domain.connection.latency import CommitLatency


def committed_after(durations_s: list[float], weight: int = 1, at_s: float = 1000.0) -> CommitLatency:
    latency = CommitLatency()
    for duration_s in durations_s:
        latency.arrived(0, weight, at_s - duration_s)
        latency.live_taken()
        latency.committed(at_s)
    return latency


def test_before_the_first_commit_nothing_is_known() -> None:
    latency = CommitLatency()
    latency.committed(0.0)
    assert latency.snapshot(0.0) == {"p50": None, "p99": None, "count": 0}


@pytest.mark.parametrize("duration_s", [0.0005, 0.003, 0.02, 0.25, 5.0, 600.0])
def test_a_figure_is_right_to_five_per_cent(duration_s: float) -> None:
    figures = committed_after([duration_s]).snapshot(1000.0)
    assert figures["p50"] == figures["p99"] == pytest.approx(duration_s * 1000, rel=0.051)


def test_percentiles_are_those_of_all_that_was_committed() -> None:
    durations = [random.Random(7).uniform(0.001, 0.1) for _ in range(2_000)]
    figures = committed_after(durations).snapshot(1000.0)
    ordered = sorted(durations)
    assert figures["p50"] == pytest.approx(ordered[1_000] * 1000, rel=0.07)
    assert figures["p99"] == pytest.approx(ordered[1_980] * 1000, rel=0.07)
    assert figures["count"] == 2_000


def test_frames_weigh_by_their_aggregates() -> None:
    latency = CommitLatency()
    latency.arrived(0, 98, 999.99)
    latency.arrived(0, 2, 999.0)
    latency.live_taken()
    latency.committed(1000.0)
    figures = latency.snapshot(1000.0)
    assert figures["p50"] == pytest.approx(10, rel=0.06)
    assert figures["p99"] == pytest.approx(1000, rel=0.06)
    assert figures["count"] == 100


def test_what_was_not_taken_is_not_committed() -> None:
    latency = CommitLatency()
    latency.arrived(3, 5, 0.0)
    latency.official_taken()
    latency.committed(0.01)
    assert latency.snapshot(0.01)["count"] == 3
    latency.live_taken()
    assert latency.snapshot(0.01)["count"] == 3
    latency.committed(0.1)
    latency.committed(0.2)
    assert latency.snapshot(0.2) == {
        "p50": pytest.approx(100, rel=0.05),
        "p99": pytest.approx(100, rel=0.05),
        "count": 8,
    }


def test_after_a_minute_it_is_forgotten() -> None:
    latency = committed_after([0.01], at_s=1000.0)
    assert latency.snapshot(1054.9)["count"] == 1
    assert latency.snapshot(1060.0)["count"] == 0
    for second in range(1060, 2000):
        latency.arrived(0, 1, second - 0.001)
        latency.live_taken()
        latency.committed(second)
    assert 55 <= latency.snapshot(1999.0)["count"] <= 60


def test_while_a_database_is_away_memory_is_bounded_and_nothing_is_uncounted() -> None:
    latency = CommitLatency()
    for place in range(100_000):
        latency.arrived(1, 1, place / 100)
        if place % 7 == 0:
            latency.official_taken()
            latency.live_taken()
    held = sum(len(arrivals.rows) for arrivals in (latency._official, latency._live, latency._taken))
    assert held <= 3 * 1024
    latency.official_taken()
    latency.live_taken()
    latency.committed(1000.0)
    figures = latency.snapshot(1000.0)
    assert figures["count"] == 200_000
    assert figures["p50"] == pytest.approx(500_000, rel=0.15)
