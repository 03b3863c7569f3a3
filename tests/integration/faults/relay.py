"""A relay that speaks TLS before the simulator, whose certificate can become wrong."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

_CERTIFICATES = Path(__file__).resolve().parents[2] / "tls"
GOOD = _CERTIFICATES / "good.pem"
_PIECE_BYTES = 65_536


class TlsRelay:
    """Passes connections to `localhost` on to a port of this machine, between `start` and `stop`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._context = _context("good.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="tls-relay", daemon=True)

    def start(self) -> None:
        """Takes connections from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections; those that stand end with either side."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def spoil(self) -> Callable[[], None]:
        """New connections get a certificate of another host, until it is ended."""
        self._context = _context("other_name.pem")

        def heal() -> None:
            self._context = _context("good.pem")

        return heal

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        target = ("127.0.0.1", self._target_port)
        with (
            line,
            contextlib.suppress(OSError),
            self._context.wrap_socket(line, server_side=True) as client,
            socket.create_connection(target) as server,
        ):
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATES / name, _CERTIFICATES / "key.pem")
    return context
