"""A WebSocket connection of the server whose line can be bad: slow, deaf to pings, cut in the ways lines are cut."""

import asyncio
import math
import socket
import struct
from contextlib import suppress

from websockets.asyncio.server import ServerConnection
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import SEND_EOF, State

from src.simulator.board import View
from src.simulator.clock import Clock
from src.simulator.faults import NO_CLOSE_FRAME, NO_CODE, Deaf, Drop, SlowTcp

# The first byte of a pong.
_PONG = b"\x8a"
# How often, by the server's clock, a slow line is given its bytes.
_STEP_MS = 100
# Closing a socket that lingers for no time resets the connection.
_NO_LINGER = struct.pack("ii", 1, 0)
_HALF_A_FRAME = Frame(Opcode.TEXT, b'[{"ev":"status","status":"success","message":"never to be read"}]').serialize(
    mask=False
)[:40]
# websockets closes without a word on a request that it cannot read, as one with a body.
_PROBLEM = b'{"status":"ERROR","error":"A request here is HTTP/1.1 without a body; its parameters stand in its query."}'
_NOT_READABLE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_PROBLEM), _PROBLEM)
)


class Connection(ServerConnection):
    """Behaves well until `attach` tells it where faults are told."""

    _view: View | None = None
    _clock: Clock

    def attach(self, view: View, clock: Clock) -> None:
        """From now on do what the faults in force say."""
        self._view, self._clock = view, clock
        self._held = bytearray()
        self._ends = False
        self._pump: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()

    async def leave(self, drop: Drop, linger_s: float) -> None:
        """End the connection as `drop` says, within `linger_s` seconds."""
        if drop.how == "reset":
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.transport.abort()
            return
        if drop.code == NO_CLOSE_FRAME:
            if drop.half_frame:
                self.transport.write(_HALF_A_FRAME)
            self.transport.close()
        elif self.protocol.state is State.OPEN:
            self._send_close(drop.code, drop.reason)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait_closed(), linger_s)
        self.transport.abort()

    def _send_close(self, code: int, reason: str) -> None:
        """Send a close frame; websockets' own way refuses the codes that the protocol forbids."""
        body = b"" if code == NO_CODE else struct.pack("!H", code) + reason.encode()
        self.protocol.send_frame(Frame(Opcode.CLOSE, body))
        self.protocol.close_sent = Close(code, reason)
        self.protocol.state = State.CLOSING
        self.send_data()

    def send_data(self) -> None:
        """Hand what the protocol has to send to the line."""
        if self.request is None and self.protocol.writes == [SEND_EOF]:
            self.transport.write(_NOT_READABLE)
        if self._view is not None:
            if self._view.has(Deaf):
                self.protocol.writes = [data for data in self.protocol.writes if data[:1] != _PONG]
            if self._pump is not None or self._bytes_per_s() is not None:
                self._hold(self.protocol.data_to_send())
                return
        super().send_data()

    async def drain(self) -> None:
        """Return once the line has taken nearly everything."""
        await super().drain()
        if self._view is not None and self._pump is not None:
            await self._drained.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of what was held back."""
        if self._view is not None and self._pump is not None:
            self._pump.cancel()
            self._drained.set()
        super().connection_lost(exc)

    def _bytes_per_s(self) -> int | None:
        """How slow the line is, None for not at all."""
        faults = [] if self._view is None else self._view.faults()
        return min((fault.bytes_per_s for fault in faults if isinstance(fault, SlowTcp)), default=None)

    def _hold(self, writes: list[bytes]) -> None:
        for data in writes:
            self._held += data
            self._ends = self._ends or data == SEND_EOF
        if self._pump is None:
            self._drained.clear()
            self._pump = self.loop.create_task(self._trickle())

    async def _trickle(self) -> None:
        """Write what is held at the line's speed."""
        credit_bytes, seen_ms = 0.0, self._clock.now_ms()
        while self._held:
            bytes_per_s = self._bytes_per_s()
            now_ms = self._clock.now_ms()
            earned = math.inf if bytes_per_s is None else bytes_per_s * (now_ms - seen_ms) / 1000
            credit_bytes, seen_ms = min(credit_bytes + earned, len(self._held)), now_ms
            count = int(credit_bytes)
            self.transport.write(bytes(self._held[:count]))
            del self._held[:count]
            credit_bytes -= count
            if self._held:
                await self._clock.sleep_until(now_ms + _STEP_MS)
        self._pump = None
        self._drained.set()
        if self._ends:
            self.transport.write_eof()


def connection_kind(registry: set[ServerConnection]) -> type[Connection]:
    """A kind of connection that is in `registry` while its TCP connection stands, in whatever state it is."""

    class Registered(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            registry.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            registry.discard(self)
            super().connection_lost(exc)

    return Registered
