"""Connections to the vendor's REST side whose answers have to begin within a time, however they trickle.

urllib3's own time limit is for each piece that is received, so a head of single bytes would hold its caller for ever.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

HEAD_DEADLINE_S = 30.0
# Repairs, comparisons, loads, days and symbols are asked for on threads of their own.
_KEPT_CONNECTIONS = 8


class RestPool(PoolManager):
    """A PoolManager whose connections are cut when the head of an answer takes over 30 s: an error of urllib3."""

    def __init__(self, **options: Any) -> None:
        super().__init__(maxsize=_KEPT_CONNECTIONS, **options)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        """The answer's head, in time."""
        with _time_limit(self.sock):
            return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        """The answer's head, in time."""
        with _time_limit(self.sock):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


@contextlib.contextmanager
def _time_limit(line: socket.socket) -> Iterator[None]:
    is_late = threading.Event()
    timer = threading.Timer(HEAD_DEADLINE_S, _cut, [line, is_late])
    timer.start()
    try:
        yield
    except (OSError, HTTPException):
        if not is_late.is_set():
            raise
    finally:
        timer.cancel()
        timer.join()
    if is_late.is_set():  # what came until then looks like a head that has ended, or like a vendor that hung up
        raise HTTPError(f"its answer did not begin within {HEAD_DEADLINE_S:.0f} s")


def _cut(line: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    with contextlib.suppress(OSError):  # it may have ended by itself
        line.shutdown(socket.SHUT_RDWR)
