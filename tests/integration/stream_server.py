"""A server that speaks no WebSocket."""

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def stream_server(answer: bytes, drip: bytes) -> Iterator[str]:
    """A TCP server that sends `answer` to whoever connects, then `drip` every 50 ms until it is left."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(answer)
                    while not done.wait(0.05):
                        connection.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/stocks"
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)
