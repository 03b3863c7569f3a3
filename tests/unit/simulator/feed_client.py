"""A real WebSocket client for tests of the simulator's server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from src.simulator.server import SimulatorServer

Element = dict[str, Any]


class Feed:
    """A client that has read the greeting, and the elements of the frames it reads."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.greeting = self.frame()

    def ask(self, action: str, params: str) -> list[Element]:
        self.say(action, params)
        return self.frame()

    def say(self, action: str, params: str) -> None:
        self.connection.send(json.dumps({"action": action, "params": params}))

    def frame(self, timeout_s: float = 30.0) -> list[Element]:
        elements = json.loads(self.connection.recv(timeout_s))
        assert isinstance(elements, list)
        return elements

    def elements(self, count: int) -> list[Element]:
        """The next `count` elements, or more when a frame brings them."""
        found: list[Element] = []
        while len(found) < count:
            found += self.frame()
        return found

    def rest(self) -> list[Element]:
        """Everything up to the end of the connection, which the server must have brought about."""
        found: list[Element] = []
        with suppress(ConnectionClosed):
            while True:
                found += self.frame()
        return found

    def is_silent(self) -> bool:
        try:
            self.connection.recv(timeout=0.15)
        except TimeoutError:
            return True
        return False


@contextmanager
def feed(server: SimulatorServer, topics: str = "") -> Iterator[Feed]:
    """A client of `server`; with `topics`, authenticated and subscribed to them."""
    with connect(server.url, compression=None, max_size=2**24) as connection:
        client = Feed(connection)
        if topics:
            client.ask("auth", "key")
            client.ask("subscribe", topics)
        yield client
