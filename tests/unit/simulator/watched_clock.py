"""A clock moved by hand whose tests can tell when the code under test has done everything that was due."""

import asyncio
import time

from src.simulator.clock import ManualClock


class WatchedClock(ManualClock):
    """Knows until when it is slept on; code that sleeps until a later moment has nothing left to do now."""

    def __init__(self, now_ms: int) -> None:
        super().__init__(now_ms)
        self._asleep_until_ms = now_ms

    async def sleep_until(self, when_ms: int) -> None:
        """Note the moment, and sleep."""
        self._asleep_until_ms = when_ms
        await super().sleep_until(when_ms)

    @property
    def is_slept_on(self) -> bool:
        """Whether a sleep reaches beyond the present time."""
        return self._asleep_until_ms > self.now_ms()

    async def settle(self) -> None:
        """Return once everything due was done, to a task of the same event loop."""
        async with asyncio.timeout(60):
            while not self.is_slept_on:
                await asyncio.sleep(0.001)

    def wait_settled(self) -> None:
        """Return once everything due was done, to another thread."""
        deadline_s = time.monotonic() + 60
        while not self.is_slept_on:
            assert time.monotonic() < deadline_s, "the clock's user never went to sleep"
            time.sleep(0.001)
