"""A feed on loopback that sends an aggregate of each symbol each second, and remembers when."""

import contextlib
import json
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

_FIRST_PRICE = 100.0
_STEP = 0.01


class NumberedFeed:
    """Each round's price tells its number, so whoever sees it knows when it was sent. Ends with `with`."""

    def __init__(self) -> None:
        self.sent_s: dict[int, float] = {}  # by number of the round; of the monotonic clock
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[tuple[ServerConnection, list[str]]] = []
        self._server = serve(self._attend, "127.0.0.1", 0, compression=None)
        self.port: int = self._server.socket.getsockname()[1]

    def __enter__(self) -> "NumberedFeed":
        for name, target in (("feed-server", self._server.serve_forever), ("feed-rounds", self._send_rounds)):
            threading.Thread(target=target, name=name, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._server.shutdown()

    def subscribed(self) -> int:
        """How many symbols are listened to."""
        with self._lock:
            return sum(len(symbols) for _connection, symbols in self._listeners)

    def _attend(self, connection: ServerConnection) -> None:
        _say(connection, ["connected"])
        symbols: list[str] = []
        with self._lock:
            self._listeners.append((connection, symbols))
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                command = json.loads(message)
                if command["action"] == "auth":
                    _say(connection, ["auth_success"])
                elif command["action"] == "subscribe":
                    topics = command["params"].split(",")
                    _say(connection, ["success"] * len(topics), [f"subscribed to: {topic}" for topic in topics])
                    with self._lock:
                        symbols.extend(topic.partition(".")[2] for topic in topics if topic.startswith("A."))

    def _send_rounds(self) -> None:
        """A round each second, half a second after the clock's: the second before it, of every symbol."""
        number = 0
        while not self._stopping.wait(1 - (time.time() + 0.5) % 1):
            number += 1
            start_ms = (int(time.time()) - 1) * 1000
            with self._lock:
                listeners = [(connection, list(symbols)) for connection, symbols in self._listeners]
            frames = [(connection, _frame(symbols, start_ms, number)) for connection, symbols in listeners if symbols]
            self.sent_s[number] = time.monotonic()
            for connection, frame in frames:
                with contextlib.suppress(ConnectionClosed):
                    connection.send(frame)


def round_of(price: float) -> int:
    """The number of the round that a price tells."""
    return round((price - _FIRST_PRICE) / _STEP)


def _frame(symbols: list[str], start_ms: int, number: int) -> str:
    price = round(_FIRST_PRICE + number * _STEP, 2)
    prices: dict[str, Any] = {"o": price, "h": price, "l": price, "c": price, "vw": price, "v": 100, "av": 100 * number}
    return json.dumps([{"ev": "A", "sym": symbol, "s": start_ms, "e": start_ms + 1000, **prices} for symbol in symbols])


def _say(connection: ServerConnection, statuses: list[str], messages: list[str] | None = None) -> None:
    said = messages or [""] * len(statuses)
    elements = [
        {"ev": "status", "status": status, "message": text} for status, text in zip(statuses, said, strict=True)
    ]
    connection.send(json.dumps(elements))
