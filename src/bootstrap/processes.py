"""Child processes: each in a session of its own, tied to the life of the supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# macOS answers for a group of zombies with the second.
_GROUP_IS_GONE = (ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Service:
    """What to run: the words for it in messages, the command, and what it gets beside our own environment."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class ChildProcess:
    """A running service and whatever it has forked.

    A session of its own keeps the terminal's Ctrl-C away from it, and makes a process group of all that
    it forks.
    """

    def __init__(self, service: Service, root: Path) -> None:
        lifeline = [sys.executable, "-m", "src.bootstrap.lifeline", str(os.getpid())]
        self._process = subprocess.Popen(  # noqa: S603 - fixed commands of our own services, and no shell
            [*lifeline, *service.command],
            cwd=root,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **service.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's id, which is also that of its group."""
        return self._process.pid

    def exit_status(self) -> int | None:
        """None while it runs; its exit status; the negative number of the signal that ended it."""
        return self._process.poll()

    def is_alive(self) -> bool:
        """Whether the process or any that it forked still runs."""
        return self.exit_status() is None or _group_is_alive(self.pid)

    def ask(self) -> None:
        """Sends SIGTERM: to the process, which ends those it forked; or to what an ended one left behind."""
        if self.exit_status() is None:
            self._process.terminate()
        else:
            _signal_group(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process and all that it forked, at once."""
        _signal_group(self.pid, signal.SIGKILL)


def _signal_group(group: int, signal_number: signal.Signals) -> None:
    with suppress(*_GROUP_IS_GONE):
        os.killpg(group, signal_number)


def _group_is_alive(group: int) -> bool:
    """Without counting zombies: in a container without an init process nobody ever reaps an orphan's."""
    try:
        os.killpg(group, 0)
    except _GROUP_IS_GONE:
        return False
    if not Path("/proc/self/stat").exists():
        return True
    return any(_is_running_member(stat, group) for stat in Path("/proc").glob("[0-9]*/stat"))


def _is_running_member(stat: Path, group: int) -> bool:
    """Reads /proc/PID/stat, see proc(5): after the command in brackets stand state, parent and group."""
    try:
        state, _, member_of = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(member_of) == group and state not in "ZX"
