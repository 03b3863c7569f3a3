"""When services are started again, and whom a stop signals when."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.bootstrap.restart import Backoff, StopPlan, describe_exit

TERM, KILL = signal.SIGTERM, signal.SIGKILL


def test_delays_double_to_a_cap() -> None:
    backoff = Backoff(random=lambda: 0.0)
    assert [backoff.next_delay_s(1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_steady_life_starts_the_delays_anew() -> None:
    backoff = Backoff(random=lambda: 0.0)
    for _ in range(5):
        backoff.next_delay_s(59.9)
    assert backoff.next_delay_s(59.9) == 16
    assert backoff.next_delay_s(60) == 0.5


def test_jitter_shortens_by_up_to_a_quarter() -> None:
    assert Backoff(random=lambda: 1.0).next_delay_s(0) == 0.375


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=30))
def test_a_delay_stays_within_its_bounds(lives: list[tuple[float, float]]) -> None:
    chances = iter([chance for _, chance in lives])
    backoff = Backoff(random=lambda: next(chances))
    for lived_s, _ in lives:
        assert 0.375 <= backoff.next_delay_s(lived_s) <= 30


def test_services_are_asked_one_after_another() -> None:
    plan = StopPlan(["web", "feed"], started_s=100)
    assert plan.signals(["feed", "web"], 100) == [("web", TERM)]
    assert plan.signals(["feed", "web"], 101) == []
    assert plan.signals(["feed"], 102) == [("feed", TERM)]
    assert plan.signals(["feed"], 103) == []
    assert plan.signals([], 104) == []


def test_a_slow_service_delays_the_next_for_7_s_and_is_killed_after_8_s() -> None:
    plan = StopPlan(["web", "feed"], started_s=100)
    plan.signals(["web", "feed"], 100)
    assert plan.signals(["web", "feed"], 106.9) == []
    assert plan.signals(["web", "feed"], 107) == [("feed", TERM)]
    assert plan.signals(["web", "feed"], 107.9) == []
    assert plan.signals(["web"], 108) == [("web", KILL)]
    assert plan.signals(["web"], 108.1) == [("web", KILL)]


def test_hurry_kills_at_once() -> None:
    plan = StopPlan(["web", "feed"], started_s=100)
    plan.signals(["web", "feed"], 100)
    plan.hurry()
    assert plan.signals(["feed", "web"], 100.1) == [("web", KILL), ("feed", KILL)]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (70, "exited with status 70"),
        (-9, "was ended by SIGKILL"),
        (-250, "was ended by signal 250"),
    ],
)
def test_an_exit_is_described(status: int, words: str) -> None:
    assert describe_exit(status) == words
