"""The thread of what is done beside the feed: its turns, its rests, and how it ends."""

import threading
from collections.abc import Iterator

import pytest

from src.core.errors import DatabaseUnavailableError
from src.core.services.worker import Worker
from tests.held_clock import HeldClock
from tests.waiting import wait_for


class Clock(HeldClock):
    """Notes the waits; those after a failure end at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        return event.is_set() if timeout_s in (5, 60) else event.wait(timeout_s)


class Work:
    """Turns that fail as a test wants, and rest for so long that nothing but a wake comes first."""

    def __init__(self) -> None:
        self.begun = self.turns = 0
        self.failures: list[Exception] = []

    def begin(self) -> None:
        self.begun += 1
        if self.failures:
            raise self.failures.pop()

    def turn(self) -> float:
        self.turns += 1
        return 1_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(clock: Clock) -> Iterator[Worker]:
    worker = Worker("work", clock, "The work failed.", ends_within_s=60)
    yield worker
    worker.stop()


def test_a_wake_ends_the_rest_and_a_stop_the_thread_which_can_start_again(worker: Worker) -> None:
    work = Work()
    worker.start(work.turn)
    wait_for(lambda: work.turns == 1)
    worker.wake()
    wait_for(lambda: work.turns == 2)
    worker.stop()
    assert all(thread.name != "work" for thread in threading.enumerate())
    worker.start(work.turn)
    wait_for(lambda: work.turns == 3)


def test_what_fails_is_tried_again_and_what_begun_is_not(
    worker: Worker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    work.failures = [ValueError("a defect"), DatabaseUnavailableError("away")]
    worker.start(work.turn, work.begin)
    wait_for(lambda: work.turns == 1)
    worker.wake()
    wait_for(lambda: work.turns == 2)
    assert work.begun == 3
    assert clock.waits[:2] == [5, 60]
    assert [record.getMessage() for record in caplog.records] == ["The work failed."]


def test_a_new_thread_waits_for_one_that_was_stopped_and_has_not_ended(worker: Worker) -> None:
    slow, done, work = threading.Event(), threading.Event(), Work()

    def slow_turn() -> float:
        slow.set()
        done.wait(60)
        return 0.0

    worker.start(slow_turn)
    assert slow.wait(60)
    worker.close()
    worker.start(work.turn)
    assert worker.stopping.is_set(), "what runs still is to end"
    assert work.turns == 0
    done.set()
    wait_for(lambda: work.turns == 1)
    assert not worker.stopping.is_set()


def test_one_that_was_closed_before_it_began_can_start(worker: Worker) -> None:
    work = Work()
    worker.close()
    worker.start(work.turn)
    wait_for(lambda: work.turns == 1)
