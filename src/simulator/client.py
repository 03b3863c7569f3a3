"""One connected client: its conversation, and the bounded queue of what it has not read yet."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed

from src.simulator.board import View
from src.simulator.clock import Alarm, Clock
from src.simulator.connection import Connection
from src.simulator.faults import Action, Drop, DropAt, Error, ForceDisconnect, MaxConnections, Mute, SlowConsumer
from src.simulator.feed_faults import SendMalformed
from src.simulator.frames import Frame, Raw, answer, frames
from src.simulator.lane import Lane
from src.simulator.malformed import garbage
from src.simulator.session import AUTH_TIMEOUT_MESSAGE, Reply, Session
from src.simulator.wire import Event, status

# A client may send more right behind what gets it dropped; closing on unread data would lose our last words.
_PAUSE_BEFORE_CLOSING_S = 0.05
_POLICY_VIOLATION = 1008
# What malformed elements are made of when there is no event: a bar of a ticker that nobody trades.
_SAMPLE = {
    "ev": "AM", "sym": "SAMPLE", "v": 100, "av": 100, "op": 10.0, "vw": 10.0, "o": 10.0, "c": 10.0, "h": 10.5, "l": 9.5,
    "a": 10.0, "z": 10, "s": 1_763_650_800_000, "e": 1_763_650_860_000,
}  # fmt: skip


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


class _Ending(NamedTuple):
    """How a connection ends: whether what is queued is sent before, what is said last, and how the line is cut."""

    last_words: Sequence[str] = ()
    queue_first: bool = False
    drop: Drop = Drop()


class Client:
    """Serves one connection until it ends, fails to authenticate, reads too slowly, or is told to end it."""

    def __init__(
        self, number: int, connection: Connection, session: Session, limits: Limits, view: View, clock: Clock
    ) -> None:
        self.number = number
        self.session = session
        self.pending_bytes = 0
        self._connection = connection
        self._limits = limits
        self._view = view
        self._clock = clock
        self._lane = Lane()
        self._alarm = Alarm(clock, self._release)
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._sent_frames = 0
        self._sent_events = 0
        self._told_to_end: asyncio.Future[_Ending] = asyncio.get_running_loop().create_future()

    def state(self) -> dict[str, Any]:
        """What of the client may be shown."""
        return {
            "connection": self.number,
            "authenticated": self.session.authenticated,
            "topics": len(self.session.topics),
            "frames_sent": self._sent_frames,
            "events_sent": self._sent_events,
            "pending_bytes": self.pending_bytes + self._lane.held_bytes,
        }

    def publish(self, events: Sequence[Event]) -> None:
        """Queue those events that the client is subscribed to."""
        wants = self.session.wants
        self._enter([event for event in events if wants(event)])

    def give_up(self) -> None:
        """Treat the client as a slow consumer: what it has not read is thrown away."""
        self.do(SlowConsumer())

    def evict(self, fault: MaxConnections) -> None:
        """End the connection because its key has too many."""
        last_words = [status("max_connections", fault.message)]
        self._end(_Ending(last_words, queue_first=True, drop=Drop(code=_POLICY_VIOLATION)))

    def do(self, action: Action) -> None:
        """Let a fault happen to the connection."""
        match action:
            case Drop():
                self._end(_Ending(drop=action))
            case SlowConsumer() | ForceDisconnect():
                self._end(_Ending([status(action.name, action.message)]))
            case Error():
                self._answer([status("error", action.message)])
            case SendMalformed():
                self._queue([garbage(kind, _SAMPLE) for kind in action.kinds])

    def counts_for(self, limit: MaxConnections) -> bool:
        """Whether the connection is one of those that the limit counts."""
        holds = self.session.authenticated if limit.after == "auth" else bool(self.session.topics)
        return holds and not self.is_ending

    @property
    def held_bytes(self) -> int:
        """What faults hold back, for as long as it may still be sent."""
        return 0 if self.is_ending else self._lane.held_bytes

    @property
    def unread_bytes(self) -> int:
        """What waits to be read, for as long as it may still be."""
        return 0 if self.is_ending else self.pending_bytes

    @property
    def is_ending(self) -> bool:
        """Whether the connection is about to be ended by the server."""
        return self._told_to_end.done()

    def _end(self, ending: _Ending) -> None:
        if not self.is_ending:
            self._told_to_end.set_result(ending)

    async def serve(self, on_message: Callable[[], None]) -> None:
        """Talk to the client until the connection is over; `on_message` is called after each of its messages."""
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read(on_message))
        ends: set[asyncio.Future[Any]] = {reader, self._told_to_end}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            ending = self._told_to_end.result() if self.is_ending else reader.result()
            if ending is not None:
                await self._finish(ending, writer)
        finally:
            writer.cancel()
            reader.cancel()
            self._alarm.cancel()

    async def _finish(self, ending: _Ending, writer: asyncio.Task[None]) -> None:
        if ending.queue_first:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._frames.join(), self._limits.linger_s)
        writer.cancel()
        if ending.last_words:
            with suppress(TimeoutError, ConnectionClosed):
                await asyncio.wait_for(self._say(ending.last_words), self._limits.linger_s)
            await asyncio.sleep(_PAUSE_BEFORE_CLOSING_S)
        await self._connection.leave(ending.drop, self._limits.linger_s)

    async def _read(self, on_message: Callable[[], None]) -> _Ending | None:
        """Answer messages until the client leaves (None) or must be dropped."""
        self._answer([status("connected", "Connected Successfully")])
        try:
            async with asyncio.timeout(self._limits.auth_timeout_s) as deadline:
                async for message in self._connection:
                    before = self.session.point
                    reply = self.session.receive(message, self._view.faults())
                    if (ending := self._end_at(before, reply)) is not None:
                        return ending
                    if reply.drop:
                        return _Ending(reply.elements, queue_first=True)
                    self._answer(reply.elements)
                    if self.session.authenticated:
                        deadline.reschedule(None)
                    on_message()
        except TimeoutError:
            return _Ending([status("auth_timeout", AUTH_TIMEOUT_MESSAGE)], queue_first=True)
        except ConnectionClosed:
            return None
        return None

    def _end_at(self, before: str, reply: Reply) -> _Ending | None:
        """How the connection ends where it is now, if a fault wants that: a message brought it on from `before`."""
        if (now := self.session.point) == before:
            return None
        for fault in self._view.faults():
            if isinstance(fault, DropAt) and now == "authenticated" and fault.point == "auth":
                return _Ending()
            if isinstance(fault, DropAt) and now == "subscribed" and fault.point != "auth":
                return _Ending(reply.elements if fault.point == "acknowledged" else ())
        return None

    def _answer(self, elements: Sequence[str]) -> None:
        self._enter([answer(element) for element in elements])

    def _enter(self, events: Sequence[Event]) -> None:
        """Send events, now or as late as faults make them; what a mute line is to send is lost."""
        faults = self._view.faults()
        if not faults and self._lane.next_ms is None:
            self._queue(events)
        elif events and not self._view.has(Mute):
            self._lane.enter(events, faults, self._clock.now_ms())
            self._release()

    def _release(self) -> None:
        """Send what is due, and come back when more is."""
        for items in self._lane.due(self._clock.now_ms()):
            self._queue(items)
        if self.pending_bytes + self._lane.held_bytes > self._limits.buffer_bytes:
            self.give_up()
        if self._lane.next_ms is not None:
            self._alarm.set(self._lane.next_ms)

    def _queue(self, items: Sequence[Event | Raw]) -> None:
        """Queue frames; too much unread makes the client a slow consumer, which is dropped."""
        if self._view.has(Mute):
            return
        for frame in frames(items):
            if self.is_ending:
                return
            if self.pending_bytes + frame.unread_bytes > self._limits.buffer_bytes:
                self.give_up()
                return
            self.pending_bytes += frame.unread_bytes
            self._frames.put_nowait(frame)

    async def _write(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = await self._frames.get()
                await self._connection.send(frame.data, text=frame.is_text)
                self._sent_frames += 1
                self._sent_events += frame.events
                self.pending_bytes -= frame.unread_bytes
                self._frames.task_done()

    async def _say(self, elements: Sequence[str]) -> None:
        await self._connection.send(f"[{','.join(elements)}]")
