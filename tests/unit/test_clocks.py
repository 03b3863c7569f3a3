"""The clock that races lets threads and event loops wait for the same time, and jumps."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.ports import Clock
from src.simulator.clock import Clock as SimulatorClock
from tests.clocks import RacingClock, SteppedClock, paced
from tests.waiting import wait_for

START_MS = 1_763_649_000_000
NEVER = 3_600_000


def test_time_passes_at_its_speed_for_every_hand():
    clock = RacingClock(START_MS, 1_000)
    before_s, before_ms = time.monotonic(), clock.now_ms()
    wait_for(lambda: clock.now_ms() >= START_MS + 20_000)
    seen_ms, seen_s = clock.now_ms(), clock.monotonic()
    assert seen_ms - before_ms <= (time.monotonic() - before_s) * 1_000_000 + 1
    assert abs(seen_ms - seen_s * 1000) < 1000
    assert clock.now_us() // 1000 >= seen_ms


def test_a_thread_waits_for_an_event_or_for_the_clocks_time():
    clock, event = RacingClock(START_MS, 1_000), threading.Event()
    started_s = clock.monotonic()
    assert not clock.wait(event, 20)
    assert clock.monotonic() >= started_s + 20
    event.set()
    assert clock.wait(event, 0)
    assert clock.wait(event, NEVER)


def test_an_event_that_is_set_later_ends_a_wait_at_once():
    clock, event = RacingClock(START_MS, 1), threading.Event()
    threading.Timer(0.02, event.set).start()
    assert clock.wait(event, NEVER)


def test_a_jump_wakes_threads_and_coroutines():
    clock, never = RacingClock(START_MS, 1), threading.Event()
    woken: list[str] = []
    threads = [
        threading.Thread(target=lambda: woken.append(f"thread {clock.wait(never, NEVER)}")),
        threading.Thread(target=lambda: woken.append(str(asyncio.run(clock.sleep_until(START_MS + NEVER * 1000))))),
    ]
    for thread in threads:
        thread.start()
    # More than once: one of them may begin to wait only after it.
    wait_for(lambda: clock.jump(NEVER * 1000) or len(woken) == 2)
    for thread in threads:
        thread.join(60)
    assert sorted(woken) == ["None", "thread False"]
    assert clock.now_ms() >= START_MS + NEVER * 1000


def test_jumping_to_a_moment_that_has_passed_changes_nothing():
    clock = RacingClock(START_MS, 0.001)
    clock.jump_to(START_MS + 5_000)
    clock.jump_to(START_MS)
    assert START_MS + 5_000 <= clock.now_ms() < START_MS + 6_000


def test_its_speed_can_be_changed_without_a_jump():
    clock = RacingClock(START_MS, 0.001)
    clock.race(10_000)
    assert clock.now_ms() < START_MS + 10_000
    wait_for(lambda: clock.now_ms() >= START_MS + 60_000)
    clock.race(0.001)
    seen_ms = clock.now_ms()
    assert seen_ms <= clock.now_ms() < seen_ms + 1_000


def test_it_stands_still_where_no_more_is_granted():
    clock = RacingClock(START_MS, 1_000)
    clock.grant(0.02)
    granted_ms = clock.now_ms()
    wait_for(lambda: clock.now_ms() == clock.now_ms() > granted_ms)
    assert clock.now_ms() <= granted_ms + 20_001
    still_ms = clock.now_ms()
    clock.grant(0.01)
    wait_for(lambda: clock.now_ms() > still_ms)
    assert clock.now_ms() <= still_ms + 10_001


def test_a_reader_never_sees_a_clock_that_is_half_set():
    clock = RacingClock(START_MS, 1.0)
    wrong: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            now_ms = clock.now_ms()
            if not START_MS <= now_ms < START_MS + 3_600_000:
                wrong.append(now_ms)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(5_000):
        clock.grant(0.01)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_other_processes_see_the_same_time(tmp_path: Path):
    clock = RacingClock(START_MS, 0.001, tmp_path / "clock")
    code = "import sys, pathlib, tests.clocks as c; print(c.RacingClock.shared(pathlib.Path(sys.argv[1])).now_ms())"
    clock.jump(5_000)
    command = [sys.executable, "-c", code, str(tmp_path / "clock")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT_ROOT)
    assert START_MS + 5_000 <= int(shown.stdout) <= clock.now_ms()


def test_time_neither_stands_still_nor_runs_back():
    with pytest.raises(ValueError, match="not 0"):
        RacingClock(START_MS, 0)
    with pytest.raises(ValueError, match="not by -1 ms"):
        RacingClock(START_MS, 1).jump(-1)


def test_a_wall_clock_that_is_set_leaves_the_seconds_alone():
    racing = RacingClock(START_MS, 0.001)
    clock = SteppedClock(racing)
    started_s = clock.monotonic()
    clock.step(-3_600_000)
    assert START_MS - 3_600_000 <= clock.now_ms() < START_MS - 3_599_000
    assert clock.monotonic() - started_s < 1
    clock.step(7_200_000)
    racing.jump(1_000)
    assert START_MS + 3_601_000 <= clock.now_ms() < START_MS + 3_602_000
    assert clock.monotonic() - started_s >= 1
    assert not clock.wait(threading.Event(), 0)


def test_it_is_a_clock_of_the_program_and_of_the_simulator():
    racing = RacingClock(START_MS, 0.001)
    for_program: tuple[Clock, ...] = (racing, SteppedClock(racing))
    for_simulator: SimulatorClock = racing
    assert [clock.now_ms() // 1000 for clock in (*for_program, for_simulator)] == [START_MS // 1000] * 3


def test_a_paced_clock_stands_still_while_its_process_does(monkeypatch: pytest.MonkeyPatch):
    with paced(START_MS, 1_000) as clock:
        wait_for(lambda: clock.now_ms() > START_MS + 200_000)  # more than one grant
        monkeypatch.setattr(clock, "grant", lambda _real_s: None)  # nothing runs that could grant more

        def stands_still() -> bool:
            before_us = clock.now_us()
            time.sleep(0.02)
            return clock.now_us() == before_us

        wait_for(stands_still)
