"""What the tests of the simulator's faults share: a line that shows every byte, and how a client ended."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosedError

from src.simulator.server import SimulatorServer
from tests.unit.simulator.feed_client import Feed

NOW_MS = 1_763_650_855_000
SYMBOLS = ("AAPL", "BRK.B", "BACpL", "KO")


def ended(client: Feed) -> ConnectionClosedError:
    """How the connection of a client that is sent nothing more ended."""
    with pytest.raises(ConnectionClosedError) as closed:
        client.frame()
    return closed.value


@contextmanager
def raw_feed(server: SimulatorServer) -> Iterator[socket.socket]:
    """A client that shows every byte; it has read the handshake and the greeting, and is subscribed to `A.KO`."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET /stocks HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        read_until(line, b"Connected Successfully")
        for action, params, answer in (("auth", "key", b"authenticated"), ("subscribe", "A.KO", b"subscribed to")):
            line.sendall(masked(json.dumps({"action": action, "params": params}).encode()))
            read_until(line, answer)
        yield line


def read_until(line: socket.socket, text: bytes) -> None:
    read = b""
    while text not in read or not read.endswith(b"]"):
        more = line.recv(4096)
        assert more, read
        read += more


def masked(text: bytes) -> bytes:
    """A text frame of a client, masked with zeros, which leaves it as it is."""
    return struct.pack("!BBI", 0x81, 0x80 | len(text), 0) + text
