"""Clocks for tests that let the whole program and the simulator live through hours in seconds."""

import asyncio
import threading
import time

# How long a jump may go unnoticed by whoever waits, in the machine's seconds.
_LOOK_S = 0.01


class RacingClock:
    """Runs `speed` times as fast as the machine from `start_ms` (epoch ms, UTC) on, and further at each `jump`.

    Fulfils the program's port Clock and the simulator's Clock at once, for any number of threads and event loops.
    """

    def __init__(self, start_ms: int, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"A clock's speed is a number above 0, not {speed}.")
        self._speed = speed
        self._start_us = start_ms * 1000
        self._started_ns = time.monotonic_ns()
        self._jumped_us = 0

    def jump(self, ms: int) -> None:
        """Lets `ms` milliseconds (0 or more) pass at once; who waits for a moment among them wakes within 10 ms."""
        if ms < 0:
            raise ValueError(f"Time passes forward only, not by {ms} ms; a SteppedClock can be set back.")
        self._jumped_us += ms * 1000

    def jump_to(self, when_ms: int) -> None:
        """Lets time pass until `when_ms` (epoch ms), if that is still to come."""
        self.jump(max(0, when_ms - self.now_ms()))

    def now_us(self) -> int:
        """The time, epoch microseconds."""
        return self._start_us + self._passed_us()

    def now_ms(self) -> int:
        """The time, epoch milliseconds."""
        return self.now_us() // 1000

    def monotonic(self) -> float:
        """Seconds since the clock was made, jumps among them."""
        return self._passed_us() / 1_000_000

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits until `event` is set (True) or `timeout_s` seconds of this clock have passed (False)."""
        until_s = self.monotonic() + timeout_s
        while (remaining_s := until_s - self.monotonic()) > 0:
            if event.wait(min(remaining_s / self._speed, _LOOK_S)):
                return True
        return event.is_set()

    async def sleep_until(self, when_ms: int) -> None:
        """Returns once the time is `when_ms`."""
        while (remaining_ms := when_ms - self.now_ms()) > 0:
            await asyncio.sleep(min(remaining_ms / 1000 / self._speed, _LOOK_S))

    def _passed_us(self) -> int:
        return int((time.monotonic_ns() - self._started_ns) / 1000 * self._speed) + self._jumped_us


class SteppedClock:
    """A machine's view of `clock` whose wall clock can be set, forward and back; seconds that pass are the same."""

    def __init__(self, clock: RacingClock) -> None:
        self._clock = clock
        self._offset_us = 0

    def step(self, ms: int) -> None:
        """Sets the wall clock `ms` milliseconds forward, or back where that is negative."""
        self._offset_us += ms * 1000

    def now_us(self) -> int:
        """The wall clock, epoch microseconds."""
        return self._clock.now_us() + self._offset_us

    def now_ms(self) -> int:
        """The wall clock, epoch milliseconds."""
        return self.now_us() // 1000

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return self._clock.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits until `event` is set (True) or the time has passed (False)."""
        return self._clock.wait(event, timeout_s)
