"""Ends a test's PostgreSQL cluster and removes its folder, once the process that holds our standard input is gone.

`python postgres_keeper.py FOLDER` is started beside each cluster. Its standard input is a pipe that nothing is ever
written to: it ends when the test process closes it, and also when the test process is killed.
"""

import ctypes
import os
import shutil
import signal
import sys
import time
from pathlib import Path

_IPC_RMID = 0  # from <linux/ipc.h>: removes the segment
_SHARED_MEMORY_LINE = 6  # of postmaster.pid, counted from 0: the key and the id of the cluster's System V segment


def data_folder(folder: Path) -> Path:
    """Where the cluster of this folder keeps its data."""
    return folder / "data"


def processes_of(folder: Path) -> list[int]:
    """The ids of all processes of the cluster, also of those whose postmaster is dead.

    The folder's name is the cluster's too, so its processes have it in their titles; one just forked has none yet.
    """
    title = f"postgres: {folder.name}: ".encode()
    command = f"\0-D\0{data_folder(folder)}\0".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue  # it has just ended
        if line.startswith(title) or command in line:
            found.append(int(entry.parent.name))
    return found


def kill_processes(folder: Path) -> None:
    """Kills what is left of the cluster, and returns when nothing is."""
    while processes := processes_of(folder):
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)


def _remove_shared_memory(folder: Path) -> None:
    """Removes the segment of a postmaster that was killed; one that ended by itself has removed its own."""
    try:
        lines = (data_folder(folder) / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return
    if len(lines) > _SHARED_MEMORY_LINE:
        ctypes.CDLL(None).shmctl(int(lines[_SHARED_MEMORY_LINE].split()[1]), _IPC_RMID, None)


def _become_owner_of(folder: Path) -> None:
    """Gives up being root for the cluster's user, whose the processes, the segment and the files are."""
    owner = folder.stat()
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def main(folder: Path) -> None:
    """Waits for the end of the standard input, then leaves nothing of the cluster."""
    if os.getuid() == 0:
        _become_owner_of(folder)
    sys.stdin.read()
    kill_processes(folder)
    _remove_shared_memory(folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
