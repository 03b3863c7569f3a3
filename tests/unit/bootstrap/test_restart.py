"""When services are started again, and whom a stop signals when."""

import signal

import pytest

from src.bootstrap.restart import StopPlan, describe_exit

TERM, KILL = signal.SIGTERM, signal.SIGKILL


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
