"""Keeps services running: starts again what died, and stops all of them in order."""

import signal
from collections.abc import Callable
from typing import Protocol

from src.bootstrap.processes import Service
from src.bootstrap.restart import KILLED_AFTER_S, StopPlan, describe_exit
from src.core.domain.connection.backoff import Backoff

# Delays before restarts of one service.
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0


class Process(Protocol):
    """What the supervisor needs of a child process; see ChildProcess."""

    @property
    def pid(self) -> int: ...
    def exit_status(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def ask(self) -> None: ...
    def kill(self) -> None: ...


class Supervised:
    """One service: its process, and when the next one is started in its place."""

    def __init__(
        self,
        service: Service,
        start: Callable[[Service], Process],
        random: Callable[[], float],
        say: Callable[[str], None],
        now_s: float,
    ) -> None:
        self.name = service.name
        self._service = service
        self._start = start
        self._say = say
        self._backoff = Backoff(random, _FIRST_DELAY_S, _LONGEST_DELAY_S)
        self.process = start(service)
        self._started_s = now_s
        self._died_s = now_s
        self._restart_s: float | None = None

    def step(self, now_s: float) -> None:
        """Notices a death, or starts the service again when that is due."""
        if self._restart_s is None:
            status = self.process.exit_status()
            if status is not None:
                self._died_s = now_s
                self.process.ask()
                self._wait(f"(process {self.process.pid}) {describe_exit(status)}", now_s)
        elif now_s >= self._restart_s and self._is_cleared(now_s):
            self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        self._started_s = now_s
        try:
            self.process = self._start(self._service)
        except OSError as error:
            self._wait(f"cannot be started ({error})", now_s)
        else:
            self._restart_s = None

    def _wait(self, what_happened: str, now_s: float) -> None:
        delay_s = self._backoff.next_delay_s(now_s - self._started_s)
        self._restart_s = now_s + delay_s
        self._say(f"The {self.name} {what_happened}; it is started again in {delay_s:.1f} s.")

    def _is_cleared(self, now_s: float) -> bool:
        """Whether what the dead process forked is gone: it may still commit, and it holds the port."""
        if not self.process.is_alive():
            return True
        if now_s < self._died_s + KILLED_AFTER_S:
            return False
        self.process.kill()
        return True


class Supervisor:
    """All services of one start. `clock` gives monotonic seconds; `sleep` takes seconds."""

    def __init__(
        self,
        start: Callable[[Service], Process],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self._start = start
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._say = say
        self._services: list[Supervised] = []

    def add(self, service: Service) -> None:
        """Starts a service and keeps it running from now on."""
        self._services.append(Supervised(service, self._start, self._random, self._say, self._clock()))

    def step(self) -> None:
        """Looks after every service once."""
        for supervised in self._services:
            supervised.step(self._clock())

    def stop(self, hurried: Callable[[], bool]) -> None:
        """Stops all, the latest added first; returns when none is left, after some 8 s at most."""
        processes = {supervised.name: supervised.process for supervised in reversed(self._services)}
        plan = StopPlan(list(processes), self._clock())
        killed: list[str] = []
        while alive := [name for name, process in processes.items() if process.is_alive()]:
            if hurried():
                plan.hurry()
            for name, due in plan.signals(alive, self._clock()):
                if due is signal.SIGTERM:
                    processes[name].ask()
                    continue
                processes[name].kill()
                killed.append(name)
            self._sleep(0.05)
        for name in dict.fromkeys(killed):
            self._say(f"The {name} was killed before it had stopped.")
