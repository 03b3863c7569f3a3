"""Ties a process to its parent's life: `python -m src.bootstrap.lifeline PARENT_PID PROGRAM [ARGUMENT...]`.

The program replaces this process. On Linux the kernel sends it SIGTERM when its parent dies, even when
the parent was killed without a chance to say anything; elsewhere the kernel has no such service, and the
program just runs.
"""

import ctypes
import os
import signal
import sys

# From <linux/prctl.h>: the signal that this process gets when the thread that made it ends.
_PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int) -> None:
    """Has the kernel send this process SIGTERM when the parent ends; exits if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        raise SystemExit(f"The parent process {parent_pid} has ended; ending too.")


def main(arguments: list[str]) -> None:
    """Runs the program of the command line in place of this one."""
    parent_pid, *program = arguments
    end_with_parent(int(parent_pid))
    os.execv(program[0], program)  # noqa: S606 - a fixed command of the supervisor's, and no shell


if __name__ == "__main__":
    main(sys.argv[1:])
