"""One connected client: its conversation, and the bounded queue of what it has not read yet."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from src.simulator.session import Session
from src.simulator.wire import frames, status

# A client may send more right behind what gets it dropped; closing on unread data would lose our last words.
_PAUSE_BEFORE_CLOSING_S = 0.05


class Limits(NamedTuple):
    """How patient the server is with a client."""

    # For authentication to come.
    auth_timeout_s: float = 10.0
    # Waiting to be read; with more, the client is a slow consumer.
    buffer_bytes: int = 16 * 1024 * 1024
    # For a replay at full speed, which waits for its clients, to find one of them reading.
    stall_s: float = 10.0
    # For last words to be read before the connection is cut.
    linger_s: float = 1.0


class Client:
    """Serves one connection until it ends, fails to authenticate, or reads too slowly."""

    def __init__(self, connection: ServerConnection, session: Session, limits: Limits) -> None:
        self.session = session
        self.pending_bytes = 0
        self._connection = connection
        self._limits = limits
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self._slow = asyncio.Event()

    def offer(self, frame: str) -> None:
        """Queue a frame; too much unread makes the client a slow consumer, which is dropped."""
        if self._slow.is_set():
            return
        if self.pending_bytes + len(frame) > self._limits.buffer_bytes:
            self.give_up()
            return
        self.pending_bytes += len(frame)
        self._frames.put_nowait(frame)

    def give_up(self) -> None:
        """Treat the client as a slow consumer: what it has not read is thrown away."""
        self._slow.set()
        self.pending_bytes = 0

    async def serve(self, on_message: Callable[[], None]) -> None:
        """Talk to the client until the connection is over; `on_message` is called after each of its messages."""
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read(on_message))
        slow = asyncio.create_task(self._slow.wait())
        try:
            await asyncio.wait({reader, slow}, return_when=asyncio.FIRST_COMPLETED)
            if slow.done():
                writer.cancel()
                await self._say(status("slow_consumer", "You are reading too slowly; the connection is closed."))
                await self._cut()
            elif reader.result():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._frames.join(), self._limits.linger_s)
                await self._cut()
        finally:
            for task in (writer, reader, slow):
                task.cancel()

    async def _read(self, on_message: Callable[[], None]) -> bool:
        """Answer messages until the client leaves (False) or must be dropped (True)."""
        self._answer([status("connected", "Connected Successfully")])
        try:
            async with asyncio.timeout(self._limits.auth_timeout_s) as deadline:
                async for message in self._connection:
                    reply = self.session.receive(message)
                    self._answer(reply.elements)
                    if reply.drop:
                        return True
                    if self.session.authenticated:
                        deadline.reschedule(None)
                    on_message()
        except TimeoutError:
            self._answer([status("auth_timeout", "No authentication request received.")])
            return True
        except ConnectionClosed:
            return False
        return False

    def _answer(self, elements: list[str]) -> None:
        for frame in frames(elements):
            self.offer(frame)

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = await self._frames.get()
                await self._connection.send(frame)
                self.pending_bytes -= len(frame)
                self._frames.task_done()

    async def _say(self, element: str) -> None:
        with suppress(TimeoutError, ConnectionClosed):
            await asyncio.wait_for(self._connection.send(f"[{element}]"), self._limits.linger_s)

    async def _cut(self) -> None:
        """End the TCP connection without a closing handshake, as the real feed does."""
        await asyncio.sleep(_PAUSE_BEFORE_CLOSING_S)
        self._connection.transport.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connection.wait_closed(), self._limits.linger_s)
        self._connection.transport.abort()
