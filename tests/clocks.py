"""Clocks for tests that let the whole program and the simulator live through hours in seconds."""

import asyncio
import mmap
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

# How long a jump, or another speed, may go unnoticed by whoever waits, in the machine's seconds.
_LOOK_S = 0.02
# A paced clock gets so much of the machine's time, so often.
_GRANT_S, _GRANT_EVERY_S = 0.1, 0.02
# How often it was set (odd while it is being set), then from when on it runs: its time (microseconds), the machine's
# (nanoseconds since the boot, the same for all processes), its speed, and the time at which it stands still.
_STATE = struct.Struct("qqqdq")
_COUNT = struct.Struct("q")
_NEVER_US = 2**62
# Then a counter for each process that lives by it.
_BEATS = struct.Struct("8q")


class RacingClock:
    """Runs `speed` times as fast as the machine from `start_ms` (epoch ms, UTC) on, and further at each `jump`.

    Fulfils the program's port Clock and the simulator's Clock at once, for any number of threads and event loops; with
    `path`, a file that is made, for other processes of this machine too, which get it by `shared`. Only the process
    that made it sets it.
    """

    def __init__(self, start_ms: int, speed: float, path: Path | None = None) -> None:
        self._state: bytearray | mmap.mmap = bytearray(_STATE.size + _BEATS.size)
        if path is not None:
            path.write_bytes(self._state)
            self._state = _mapped(path)
        self._setting = threading.Lock()
        _STATE.pack_into(self._state, 0, 0, start_ms * 1000, time.monotonic_ns(), 1.0, _NEVER_US)
        self.race(speed)

    @classmethod
    def shared(cls, path: Path) -> Self:
        """The clock that another process has made at `path`."""
        clock = cls.__new__(cls)
        clock._state = _mapped(path)
        return clock

    def race(self, speed: float) -> None:
        """Runs `speed` times as fast as the machine from now on."""
        if speed <= 0:
            raise ValueError(f"A clock's speed is a number above 0, not {speed}.")
        with self._setting:
            self._set(0, speed, self._stands_at())

    def grant(self, real_s: float) -> None:
        """Stands still when `real_s` seconds of the machine have passed, unless more is granted, or it is set to race.

        A time that is granted bit by bit passes no faster than those who live by it, on a busy machine.
        """
        with self._setting:
            speed = self._read()[3]
            self._set(0, speed, self.now_us() + int(real_s * speed * 1_000_000))

    def beat(self, slot: int) -> None:
        """Tells that the process of that number (0 to 7) lives on."""
        place = _STATE.size + _COUNT.size * slot
        self._state[place : place + _COUNT.size] = _COUNT.pack(self.beats()[slot] + 1)

    def beats(self) -> tuple[int, ...]:
        """How often each process has told so."""
        return _BEATS.unpack_from(self._state, _STATE.size)

    def jump(self, ms: int) -> None:
        """Lets `ms` milliseconds (0 or more) pass at once; who waits for a moment among them wakes within 20 ms."""
        if ms < 0:
            raise ValueError(f"Time passes forward only, not by {ms} ms; a SteppedClock can be set back.")
        with self._setting:
            self._set(ms * 1000, self._read()[3], self._stands_at(ms * 1000))

    def jump_to(self, when_ms: int) -> None:
        """Lets time pass until `when_ms` (epoch ms), if that is still to come."""
        self.jump(max(0, when_ms - self.now_ms()))

    def now_us(self) -> int:
        """The time, epoch microseconds."""
        _, then_us, then_ns, speed, still_us = self._read()
        return min(still_us, then_us + int((time.monotonic_ns() - then_ns) / 1000 * speed))

    def now_ms(self) -> int:
        """The time, epoch milliseconds."""
        return self.now_us() // 1000

    def monotonic(self) -> float:
        """Seconds that never step back: this clock's own, as it only runs forward."""
        return self.now_us() / 1_000_000

    def real_s(self, until_ms: int) -> float:
        """Seconds of the machine until this clock shows `until_ms`, at most 20 ms: the next look is due then."""
        return max(0.0, min((until_ms - self.now_ms()) / 1000 / self._read()[3], _LOOK_S))

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits until `event` is set (True) or `timeout_s` seconds of this clock have passed (False)."""
        until_ms = self.now_ms() + timeout_s * 1000
        while self.now_ms() < until_ms:
            if event.wait(self.real_s(round(until_ms))):
                return True
        return event.is_set()

    async def sleep_until(self, when_ms: int) -> None:
        """Returns once the time is `when_ms`."""
        while self.now_ms() < when_ms:
            await asyncio.sleep(self.real_s(when_ms))

    def _stands_at(self, skipped_us: int = 0) -> int:
        """Until it is granted more, it stands still; if it was ever granted anything."""
        return _NEVER_US if self._read()[4] == _NEVER_US else self.now_us() + skipped_us

    def _read(self) -> tuple[int, int, int, float, int]:
        while True:
            state = _STATE.unpack_from(self._state)
            if state[0] % 2 == 0 and state == _STATE.unpack_from(self._state):
                return state

    def _set(self, skipped_us: int, speed: float, still_us: int) -> None:
        count = self._read()[0]
        now_us, now_ns = self.now_us() + skipped_us, time.monotonic_ns()
        told = _STATE.pack(count + 2, now_us, now_ns, speed, still_us)
        # Not by pack_into, which fills with zeros first: a reader would see these.
        self._state[:8] = _COUNT.pack(count + 1)
        self._state[8 : _STATE.size] = told[8:]
        self._state[:8] = told[:8]


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _STATE.size + _BEATS.size)


@contextmanager
def paced(start_ms: int, speed: float) -> Iterator[RacingClock]:
    """A clock that stands still while this process does, so that no wait of it ends early on a busy machine."""
    clock, ended = RacingClock(start_ms, speed), threading.Event()

    def pace() -> None:
        while not ended.wait(_GRANT_EVERY_S):
            clock.grant(_GRANT_S)

    clock.grant(_GRANT_S)
    thread = threading.Thread(target=pace, name="paced-clock", daemon=True)
    thread.start()
    try:
        yield clock
    finally:
        ended.set()
        thread.join()


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
