"""What this machine gives: ports, files, Python."""

import http.client
import resource
import socket
import stat
import sys
import tempfile
from pathlib import Path

import msgspec

from src.infrastructure.doctor.finding import Finding, fail, ok, warn

_MOST_FILES_NEEDED = 1024
_OLDEST_PYTHON = (3, 11)
_TIMEOUT_S = 3.0


class _Health(msgspec.Struct):
    status: str
    version: str


def look_at_port(key: str, host: str, port: int, version: str) -> Finding:
    """Whether `port` is free, or TickStock (of which version) or another program has it. `key` is its setting."""
    name = f"port {port}"
    if _is_free(host, port):
        return ok(name, f"Port {port} on {host} is free: TickStock does not run there.")
    health = _ask_health(_reachable(host), port)
    if health is None:
        return fail(
            name,
            f"Port {port} on {host} is held by another program, or cannot be used.",
            f"Set {key} to a free one, or stop what holds it (ss -ltnp names it); below 1024 it needs rights.",
        )
    if health.version != version:
        return warn(
            name,
            f"TickStock {health.version} runs on port {port}, and this is {version}.",
            "Restart it, so that the new version runs.",
        )
    return ok(name, f"TickStock {health.version} runs on port {port}.")


def look_at_simulator_port(port: int) -> Finding:
    """The simulator's, when it is set."""
    if _is_free("127.0.0.1", port):
        return ok("simulator port", f"Port {port} is free: the simulator does not run there.")
    return ok("simulator port", f"Something listens on port {port}, as the simulator does while TickStock runs.")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except (OSError, UnicodeError):
        return False
    return True


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared with, not listened on


def _ask_health(host: str, port: int) -> _Health | None:
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return msgspec.json.decode(connection.getresponse().read(10_000), type=_Health)
    except (OSError, http.client.HTTPException, msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def look_at_data_dir(folder: Path) -> Finding:
    """Whether files can be made where databases are kept."""
    name = "data folder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        return fail(
            name,
            f"{folder} cannot be made or written ({error.strerror}).",
            "Set DATA_DIR to a folder that this user may write, or give the user the right to.",
        )
    return ok(name, f"{folder} can be written.")


def look_at_secret(path: Path) -> Finding:
    """Whether others of this machine may read what sessions are signed with."""
    name = "secret key"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return ok(name, "There is none yet in the data folder; one is made when it is needed.")
    except OSError as error:
        return fail(name, f"{path} cannot be looked at ({error.strerror}).", "Let this user own it.")
    if mode & 0o077:
        return fail(name, f"{path} has mode {mode:03o}: others may read or change it.", f"chmod 600 {path}")
    return ok(name, f"{path} is this user's alone.")


def look_at_python() -> Finding:
    """The version this runs with."""
    running = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return fail("python", f"This is Python {running}.", "Install Python 3.11 or newer.")
    return ok("python", f"This is Python {running}.")


def look_at_open_files() -> Finding:
    """How many files and connections a process may have at once."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    words = "any number of" if most == resource.RLIM_INFINITY else f"{most:,}"
    sentence = f"A process may have {words} files and connections open."
    if most != resource.RLIM_INFINITY and most < _MOST_FILES_NEEDED:
        return warn(
            "open files", sentence, f"ulimit -n {_MOST_FILES_NEEDED} before the start, or LimitNOFILE= of systemd."
        )
    return ok("open files", sentence)
