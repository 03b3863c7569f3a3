"""What is checked before anything starts: a wrong setting is one line, and not a service that keeps dying."""

import errno
import http.client
import os
import socket
import tempfile
from pathlib import Path

from src.core.errors import TickStockError
from src.infrastructure.database.ownership import FileLock

_PROBE_TIMEOUT_S = 0.5


class PreflightError(TickStockError):
    """The machine cannot give what the settings ask for."""


def check_data_dir(data_dir: Path) -> None:
    """Makes the folder where it is missing, and writes a file in it; raises PreflightError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise PreflightError(
            f"The data folder {data_dir} cannot be made or written ({os.strerror(error.errno or 0)}); "
            "set DATA_DIR in .env to a folder that this user may write."
        ) from error


def only_start(data_dir: Path, port: int) -> FileLock:
    """The lock that keeps a second start with this folder and port away; raises PreflightError where one runs.

    The check of the port alone would let two starts at one instant pass.
    """
    lock = FileLock(data_dir / f"start-{port}.lock")
    if not lock.acquire():
        raise PreflightError(
            f"TickStock is started with port {port} and the folder {data_dir} already; stop that first."
        )
    return lock


def check_port(host: str, port: int, key: str) -> None:
    """Raises PreflightError unless a server can listen there; `key` names the setting of the port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            # As servers do it: a port whose last connections only linger is free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except UnicodeError as error:
        raise PreflightError(f"HOST is {host!r}, which is no address or name of a machine.") from error
    except OSError as error:
        raise PreflightError(_port_sentence(error, host, port, key)) from error


def _port_sentence(error: OSError, host: str, port: int, key: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken; set {key} in .env to a free one, or stop what holds it."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} is not open to this user; set {key} in .env to one above 1023."
    return f"Nothing can listen on {host} ({error.strerror}); set HOST in .env to an address of this machine."


def free_port(host: str) -> int:
    """A port that nothing holds at this moment."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        port = listener.getsockname()[1]
    return int(port)


def is_listening(host: str, port: int) -> bool:
    """Whether a connection to the port is accepted."""
    try:
        with socket.create_connection((host, port), timeout=_PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False


def is_healthy(host: str, port: int) -> bool:
    """Whether the web server answers GET /healthz with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
