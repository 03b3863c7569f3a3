"""The project's virtual environment, made and filled on demand.

Only the standard library is used: this runs before anything is installed. The environment stands in
`.venv`, or where TICKSTOCK_VENV says (one that several copies of the project share: it is filled, but
never made anew). A marker file in it holds a fingerprint of each requirements file it was filled from, so
that the next start finds all in place without asking pip. Another marker stands during an installation:
where one was left behind, packages may be there by halves, and the environment is made anew.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from src.bootstrap.python_version import MINIMUM
from src.core.errors import TickStockError

_PROBE = "import sys; print(sys.prefix); print(sys.version.split()[0])"
_PIP_OPTIONS = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]


class VenvError(TickStockError):
    """The virtual environment cannot be made or filled."""


class VirtualEnvironment:
    """The environment of the project in `root`, given the process's variables and what prints a line."""

    def __init__(self, root: Path, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        given = environ.get("TICKSTOCK_VENV", "")
        self.folder = Path(given).absolute() if given else root / ".venv"
        self.python = self.folder / "bin" / "python"
        self._installing = self.folder / ".installing"
        self._root = root
        self._shared = bool(given)
        self._say = say

    def is_current(self) -> bool:
        """Whether this very process runs in it."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def ensure(self, requirements: str) -> None:
        """Makes the environment and installs that requirements file into it, where not yet done.

        Raises VenvError.
        """
        files = _with_included(self._root / requirements)
        if self._is_filled(files):
            return
        with _only_one_at_a_time(self._root, self._say):
            if self._is_filled(files):
                return
            if not self._version() or (self._installing.exists() and not self._shared):
                self._make()
            self._install(files)

    def _is_filled(self, files: Sequence[Path]) -> bool:
        version = self._version()
        if not version:
            return False
        try:
            return self._marker(files[0]).read_text(encoding="utf-8") == _fingerprint(files, version)
        except OSError:
            return False

    def _version(self) -> str:
        """The version of its interpreter; empty when that does not run, is too old or belongs elsewhere."""
        probe = _run([str(self.python), "-I", "-c", _PROBE], quiet=True)
        prefix, _, version = probe.stdout.strip().partition("\n")
        if not version or Path(prefix).resolve() != self.folder.resolve():
            return ""
        return version if tuple(int(part) for part in version.split(".")[:2]) >= MINIMUM else ""

    def _marker(self, file: Path) -> Path:
        return self.folder / f".installed-{file.name}"

    def _make(self) -> None:
        if self._shared:
            raise VenvError(
                f"TICKSTOCK_VENV names {self.folder}, which is no virtual environment with a Python of "
                f"{'.'.join(map(str, MINIMUM))} or newer; name one, or unset it."
            )
        self._say(f"Making {self.folder} with Python {sys.version.split()[0]}.")
        if self.folder.is_symlink() or self.folder.is_file():
            self.folder.unlink()
        make = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        if _run(make, quiet=True).returncode == 0:
            return
        # Debian packs the part that brings pip (ensurepip) separately.
        bare = _run([*make, "--without-pip"], quiet=True)
        if bare.returncode != 0:
            reason = (bare.stdout + bare.stderr).strip().rpartition("\n")[2]
            raise VenvError(f"{self.folder} cannot be made ({reason}); mend that and start again.")

    def _install(self, files: Sequence[Path]) -> None:
        self._installing.touch()
        pip = self._pip()
        for marker in self.folder.glob(".installed-*"):
            marker.unlink()
        self._say(f"Installing {files[0].name} into {self.folder}; this can take some minutes.")
        if _run([*pip, "install", *_PIP_OPTIONS, "--requirement", str(files[0])]).returncode != 0:
            raise VenvError(
                f"Installing {files[0].name} failed; pip said above why. Mend that (is the network there?) "
                "and start again."
            )
        self._mark(files)
        self._installing.unlink()

    def _mark(self, files: Sequence[Path]) -> None:
        """Marks the file and those it includes: what is installed for the tests is enough to run, too."""
        version = self._version()
        for file in files:
            self._marker(file).write_text(_fingerprint(_with_included(file), version), encoding="utf-8")

    def _pip(self) -> list[str]:
        """Its own pip; else that of the running interpreter, which can install into another environment."""
        own = [str(self.python), "-m", "pip"]
        foreign = [sys.executable, "-m", "pip", "--python", str(self.python)]
        for pip in (own, foreign):
            if _run([*pip, "--version"], quiet=True).returncode == 0:
                return pip
        raise VenvError(
            "This Python has no pip, and cannot make a virtual environment with one; install what is missing "
            "(on Debian: apt-get install python3-venv) and start again."
        )


def _with_included(requirements: Path) -> list[Path]:
    """The file, and after it the one it names with `-r` and so on."""
    files = [requirements]
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            files += _with_included(requirements.parent / line.removeprefix("-r ").strip())
    return files


def _fingerprint(files: Sequence[Path], version: str) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return f"{digest.hexdigest()} with Python {version}\n"


@contextmanager
def _only_one_at_a_time(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds a lock on the folder itself, so that two starts at once do not install over each other.

    The commands that we run inherit it: it stays held by a pip that outlives a start that was killed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start of TickStock is preparing this folder; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _run(command: Sequence[str], *, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; one that cannot even begin ends with the shell's status for that, 127."""
    try:
        return subprocess.run(  # noqa: S603 - fixed commands about our own environment, and no shell
            command, check=False, capture_output=quiet, text=True, stdin=subprocess.DEVNULL, close_fds=False
        )
    except OSError:
        return subprocess.CompletedProcess(command, 127, "", "")
