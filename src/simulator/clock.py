"""The clocks the simulator runs by: the machine's, a faster one, and one that a test moves by hand."""

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

# A sleep is cut into pieces of this length so that a clock that was set (or a machine that slept) is noticed.
_LONGEST_SLEEP_S = 0.5


class Clock(Protocol):
    """Tells simulated time and waits for it."""

    def now_ms(self) -> int:
        """The present time, epoch milliseconds, UTC."""

    async def sleep_until(self, when_ms: int) -> None:
        """Return once `now_ms()` has reached `when_ms` (epoch milliseconds)."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """The present time, epoch milliseconds, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep_until(self, when_ms: int) -> None:
        """Return once the machine's clock shows `when_ms`."""
        while (remaining_ms := when_ms - self.now_ms()) > 0:
            await asyncio.sleep(min(remaining_ms / 1000, _LONGEST_SLEEP_S))


class ScaledClock:
    """A clock that starts at `start_ms` and runs `speed` times as fast as the machine's."""

    def __init__(self, start_ms: int, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"A clock's speed is a number above 0, not {speed}.")
        self._start_ms = start_ms
        self._speed = speed
        self._started_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """The simulated time, epoch milliseconds, UTC."""
        elapsed_ms = (time.monotonic_ns() - self._started_ns) / 1_000_000
        return self._start_ms + int(elapsed_ms * self._speed)

    async def sleep_until(self, when_ms: int) -> None:
        """Return once the simulated time has reached `when_ms`."""
        while (remaining_ms := when_ms - self.now_ms()) > 0:
            await asyncio.sleep(remaining_ms / 1000 / self._speed)


class ManualClock:
    """A clock that stands still until `advance` moves it; any thread may move it."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The simulated time, epoch milliseconds, UTC."""
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Move the clock forward by `by_ms` milliseconds (0 or more)."""
        if by_ms < 0:
            raise ValueError(f"A clock moves forward only, not by {by_ms} ms.")
        self._now_ms += by_ms

    async def sleep_until(self, when_ms: int) -> None:
        """Return soon after the clock was moved to `when_ms` or past it."""
        while self._now_ms < when_ms:
            await asyncio.sleep(0.001)


class Alarm:
    """Calls `ring` on the event loop when `clock` reaches the earliest of the moments that it was set to."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._when_ms: float = inf
        self._task: asyncio.Task[None] | None = None

    def set(self, when_ms: int) -> None:
        """Ring at `when_ms` (epoch milliseconds) unless it rings before that; then it must be set again."""
        if when_ms < self._when_ms:
            self.cancel()
            self._when_ms = when_ms
            self._task = asyncio.create_task(self._wait(when_ms))

    def cancel(self) -> None:
        """Do not ring."""
        self._when_ms = inf
        if self._task is not None:
            self._task.cancel()

    async def _wait(self, when_ms: int) -> None:
        await self._clock.sleep_until(when_ms)
        self._when_ms, self._task = inf, None
        self._ring()
