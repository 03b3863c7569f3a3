"""Child processes: real ones, as what is tested is the operating system's part."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.bootstrap.processes import ChildProcess, Service

ROOT = Path(__file__).resolve().parents[3]
PR_SET_CHILD_SUBREAPER = 36  # from <linux/prctl.h>
SLEEP = "import time; time.sleep(300)"
# Forks a child that ignores SIGTERM, says its id in the file of the first argument, and waits.
PARENT = """
import os, signal, sys, time
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(300)
"""


def wait_until(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def python(code: str, *arguments: str) -> Service:
    return Service("test", (sys.executable, "-c", code, *arguments))


@pytest.fixture
def start() -> Iterator[Callable[[Service], ChildProcess]]:
    """Starts children and leaves none behind."""
    started: list[ChildProcess] = []

    def start_one(service: Service) -> ChildProcess:
        started.append(ChildProcess(service, ROOT))
        return started[-1]

    yield start_one
    for child in started:
        child.kill()
    wait_until(lambda: all(child.exit_status() is not None for child in started))


def test_a_child_has_a_session_of_its_own(start: Callable[[Service], ChildProcess]) -> None:
    child = start(python(SLEEP))
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


def test_a_child_gets_the_services_environment(
    start: Callable[[Service], ChildProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "kept")
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['FROM_OUTSIDE'] + os.environ['SIMULATOR_PORT'])"
    command = (sys.executable, "-c", code, str(tmp_path / "out"))
    child = start(Service("test", command, {"SIMULATOR_PORT": "4711"}))
    wait_until(lambda: child.exit_status() is not None)
    assert (tmp_path / "out").read_text() == "kept4711"


def test_an_exit_status_is_reported(start: Callable[[Service], ChildProcess]) -> None:
    child = start(python("raise SystemExit(7)"))
    wait_until(lambda: child.exit_status() is not None)
    assert (child.exit_status(), child.is_alive()) == (7, False)


def test_asked_to_end_it_ends(start: Callable[[Service], ChildProcess]) -> None:
    child = start(python(SLEEP))
    assert child.is_alive()
    child.ask()
    wait_until(lambda: not child.is_alive())
    assert child.exit_status() == -signal.SIGTERM


def test_what_a_dead_process_forked_counts_as_alive_until_killed(
    start: Callable[[Service], ChildProcess], tmp_path: Path
) -> None:
    child = start(python(PARENT, str(tmp_path / "pid")))
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: child.exit_status() is not None)
    child.ask()
    time.sleep(0.2)
    assert child.is_alive(), "the forked one ignores SIGTERM"
    child.kill()
    wait_until(lambda: not child.is_alive())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process take over orphans")
def test_a_zombie_that_nobody_reaps_does_not_count_as_alive(
    start: Callable[[Service], ChildProcess], tmp_path: Path
) -> None:
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        child = start(python(PARENT, str(tmp_path / "pid")))
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        child.kill()
        wait_until(lambda: not child.is_alive())
        os.waitpid(int((tmp_path / "pid").read_text()), 0)
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_child_does_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor_code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from src.bootstrap.processes import ChildProcess, Service\n"
        f"child = ChildProcess(Service('test', (sys.executable, '-c', {SLEEP!r})), Path('.'))\n"
        "time.sleep(0.5)\n"
        "Path(sys.argv[1]).write_text(str(child.pid))\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen([sys.executable, "-c", supervisor_code, str(tmp_path / "pid")], cwd=ROOT) as supervisor:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        child_pid = int((tmp_path / "pid").read_text())
        assert is_running(child_pid)
        supervisor.kill()
    wait_until(lambda: not is_running(child_pid))


def is_running(pid: int) -> bool:
    """Whether the process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # that one when it ends while it is looked at
        return False


def test_a_program_whose_parent_has_gone_does_not_begin(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    touch = [sys.executable, "-c", f"open({str(begun)!r}, 'w')"]
    lifeline = [sys.executable, "-m", "src.bootstrap.lifeline", str(os.getppid()), *touch]
    finished = subprocess.run(lifeline, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 1
    assert "has ended; ending too" in finished.stderr
    assert not begun.exists()
