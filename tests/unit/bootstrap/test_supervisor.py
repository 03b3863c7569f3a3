"""The supervisor, with processes and a clock that the test moves."""

from collections.abc import Callable

import pytest

from src.bootstrap.processes import Service
from src.bootstrap.supervisor import Supervisor

WEB, FEED = Service("web server", ("web",)), Service("simulator", ("feed",))


class FakeProcess:
    """A process whose life the test ends; `stubborn` ones heed SIGKILL only."""

    def __init__(self, pid: int, stubborn: bool, clock: Callable[[], float]) -> None:
        self.pid = pid
        self.asked_s = 0.0
        self._clock = clock
        self.status: int | None = None
        self.leaves_others = False
        self.signals: list[str] = []
        self._stubborn = stubborn

    def exit_status(self) -> int | None:
        return self.status

    def is_alive(self) -> bool:
        return self.status is None or self.leaves_others

    def ask(self) -> None:
        self.signals.append("TERM")
        self.asked_s = self._clock()
        if not self._stubborn and self.status is None:
            self.status = 0

    def kill(self) -> None:
        self.signals.append("KILL")
        self.status = self.status or -9
        self.leaves_others = False


class World:
    """Time, processes and the lines said, under the test's hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.started: list[tuple[str, FakeProcess]] = []
        self.log: list[str] = []
        self.stubborn = False
        self.refuses_starts = False
        self.supervisor = Supervisor(self._start, lambda: self.now_s, self._sleep, lambda: 0.0, self.log.append)

    def _start(self, service: Service) -> FakeProcess:
        if self.refuses_starts:
            raise OSError("no memory")
        process = FakeProcess(len(self.started) + 1, self.stubborn, lambda: self.now_s)
        self.started.append((service.name, process))
        return process

    def _sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    def run(self, duration_s: float) -> None:
        """Steps through time by tenths of a second."""
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            self.supervisor.step()
            self.now_s = round(self.now_s + 0.1, 3)

    def latest(self) -> FakeProcess:
        return self.started[-1][1]


@pytest.fixture
def world() -> World:
    return World()


def test_a_healthy_service_is_left_alone(world: World) -> None:
    world.supervisor.add(WEB)
    world.run(100)
    assert (len(world.started), world.log) == (1, [])


def test_a_dead_service_is_reported_and_started_again_after_its_delay(world: World) -> None:
    world.supervisor.add(WEB)
    world.latest().status = -9
    world.run(0.5)
    assert world.log == ["The web server (process 1) was ended by SIGKILL; it is started again in 0.5 s."]
    assert len(world.started) == 1
    world.run(0.2)
    assert [name for name, _ in world.started] == ["web server", "web server"]
    world.run(100)
    assert len(world.log) == 1


def test_delays_grow_with_each_death_and_shrink_after_a_minute_of_life(world: World) -> None:
    world.supervisor.add(WEB)
    for _ in range(5):
        world.latest().status = 3
        world.run(25)
    assert [line.rpartition(" in ")[2] for line in world.log] == ["0.5 s.", "1.0 s.", "2.0 s.", "4.0 s.", "8.0 s."]
    world.run(61)
    world.latest().status = 3
    world.run(0.2)
    assert world.log[-1] == "The web server (process 6) exited with status 3; it is started again in 0.5 s."


def test_services_fail_apart(world: World) -> None:
    world.supervisor.add(FEED)
    world.supervisor.add(WEB)
    world.started[0][1].status = 1
    world.run(5)
    assert [name for name, _ in world.started] == ["simulator", "web server", "simulator"]


def test_a_restart_waits_for_what_the_dead_process_forked(world: World) -> None:
    world.supervisor.add(WEB)
    first = world.latest()
    first.status, first.leaves_others = -9, True
    world.run(5)
    assert (len(world.started), first.signals) == (1, ["TERM"])
    first.leaves_others = False
    world.run(0.2)
    assert (len(world.started), first.signals) == (2, ["TERM"])


def test_what_a_dead_process_forked_is_killed_after_8_s(world: World) -> None:
    world.supervisor.add(WEB)
    first = world.latest()
    first.status, first.leaves_others = -9, True
    world.run(7.9)
    assert (len(world.started), first.signals) == (1, ["TERM"])
    world.run(0.4)
    assert (len(world.started), first.signals) == (2, ["TERM", "KILL"])


def test_a_restart_that_cannot_begin_is_tried_again(world: World) -> None:
    world.supervisor.add(WEB)
    world.latest().status = 1
    world.refuses_starts = True
    world.run(2)
    assert "The web server cannot be started (no memory); it is started again in 1.0 s." in world.log
    world.refuses_starts = False
    world.run(5)
    assert len(world.started) == 2


def test_stop_asks_the_latest_first_and_waits_for_it(world: World) -> None:
    world.supervisor.add(FEED)
    world.stubborn = True
    world.supervisor.add(WEB)
    (_, feed), (_, web) = world.started
    began_s = world.now_s
    world.supervisor.stop(lambda: False)
    assert web.signals == ["TERM", "KILL"]
    assert feed.signals == ["TERM"]
    assert feed.asked_s - web.asked_s == pytest.approx(7, abs=0.1), "it stays for as long as it may be needed"
    assert 8 <= world.now_s - began_s < 8.2
    assert world.log == ["The web server was killed before it had stopped."]


def test_a_quick_stop_kills_nobody(world: World) -> None:
    world.supervisor.add(FEED)
    world.supervisor.add(WEB)
    world.supervisor.stop(lambda: False)
    assert [process.signals for _, process in world.started] == [["TERM"], ["TERM"]]
    assert world.log == []


def test_a_second_request_kills_at_once(world: World) -> None:
    world.stubborn = True
    world.supervisor.add(FEED)
    world.supervisor.add(WEB)
    began_s = world.now_s
    world.supervisor.stop(lambda: world.now_s > began_s + 1)
    assert world.now_s - began_s < 1.2
    assert all(process.signals[-1] == "KILL" for _, process in world.started)


def test_a_service_that_waits_for_its_restart_does_not_hold_up_a_stop(world: World) -> None:
    world.supervisor.add(WEB)
    world.latest().status = 1
    world.run(0.2)
    began_s = world.now_s
    world.supervisor.stop(lambda: False)
    assert (world.now_s, len(world.started)) == (began_s, 1)
