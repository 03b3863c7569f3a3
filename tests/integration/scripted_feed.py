"""A feed whose every answer a test writes: a real WebSocket server on loopback, in a thread."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

Script = Callable[["Session"], None]


class Session:
    """One connection, from the server's side. `number` counts connections from 1."""

    def __init__(self, connection: ServerConnection, number: int, received: list[dict[str, str]]) -> None:
        self._connection = connection
        self._received = received
        self.number = number

    def say(self, status: str, message: str = "") -> None:
        self.send({"ev": "status", "status": status, "message": message})

    def send(self, *elements: dict[str, Any]) -> None:
        self._connection.send(json.dumps(elements))

    def send_text(self, data: bytes) -> None:
        """One frame with this payload, which may be no JSON and no UTF-8."""
        self._connection.send(data, text=True)

    def send_binary(self, data: bytes) -> None:
        self._connection.send(data)

    def send_raw(self, data: bytes) -> None:
        """Bytes on the stream, frame headers and all."""
        self._connection.socket.sendall(data)

    def close_code(self) -> int | None:
        """What the client ended the session with."""
        self.wait_closed()
        return self._connection.close_code

    def hear(self) -> dict[str, str]:
        """The next command."""
        command: dict[str, str] = json.loads(self._connection.recv(timeout=60))
        self._received.append(command)
        return command

    def accept_key(self) -> None:
        self.say("connected", "Connected Successfully")
        assert self.hear()["action"] == "auth"
        self.say("auth_success", "authenticated")

    def acknowledge(self) -> list[str]:
        """Hears a subscription and acknowledges all of it; gives its topics."""
        topics = self.hear()["params"].split(",")
        self.send(*({"ev": "status", "status": "success", "message": f"subscribed to: {topic}"} for topic in topics))
        return topics

    def wait_closed(self) -> None:
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            while True:
                self.hear()

    def drop(self, code: int = 1000, reason: str = "") -> None:
        self._connection.close(code, reason)

    def vanish(self) -> None:
        """Ends the TCP connection without a close frame."""
        self._connection.socket.close()


class ScriptedFeed:
    """Runs `script` for every connection; a failed assertion in it is raised by `check`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._failures: list[BaseException] = []
        self.received: list[dict[str, str]] = []
        self.sessions = 0
        self._server: Server = serve(self._run, "127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/stocks"

    def _run(self, connection: ServerConnection) -> None:
        self.sessions += 1
        try:
            self._script(Session(connection, self.sessions, self.received))
        except (ConnectionClosed, OSError):
            pass
        except BaseException as failure:
            self._failures.append(failure)
            raise

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(60)
        assert not self._failures, self._failures


@contextlib.contextmanager
def scripted_feed(script: Script) -> Iterator[ScriptedFeed]:
    """A running feed; at the end it stops, and what failed in the script fails the test."""
    feed = ScriptedFeed(script)
    try:
        yield feed
    finally:
        feed.stop()
