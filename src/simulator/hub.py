"""All clients of a server, as its source sees them: a place to publish to."""

import asyncio
from collections.abc import Callable, Sequence

from src.simulator.client import Client
from src.simulator.wire import Event, frames

# A client may spread its topics over several messages; a replay waits this long after the latest one.
_SUBSCRIBING_CALM_S = 0.2
# Asking again this often costs nothing and wakes up early enough.
_POLL_S = 0.002
# A client that has less than this to read does not hold up a replay at full speed.
_LOW_WATER_BYTES = 1024 * 1024


class Hub:
    """Hands events to the clients that want them. Lives on one event loop.

    A client that holds up `room` or `flushed` for `stall_s` is dropped as a slow consumer.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._clients: set[Client] = set()
        self._topics_changed_at_s: float | None = None

    async def serve(self, client: Client) -> None:
        """Count `client` among the clients for as long as its connection lasts."""
        self._clients.add(client)
        try:
            await client.serve(self._noting_topics_of(client))
        finally:
            self._clients.discard(client)

    def publish(self, events: Sequence[Event]) -> None:
        """Queue the events, in this order, for every client that is subscribed to them."""
        for client in self._clients:
            wants = client.session.wants
            for frame in frames(event.element for event in events if wants(event)):
                client.offer(frame)

    async def subscribed(self) -> None:
        """Return once a client has subscribed to something and said nothing more for 0.2 s."""
        loop = asyncio.get_running_loop()
        while self._topics_changed_at_s is None or loop.time() < self._topics_changed_at_s + _SUBSCRIBING_CALM_S:
            await asyncio.sleep(_POLL_S)

    async def room(self) -> None:
        """Return once every client has less than 1 MiB to read."""
        await self._until_below(_LOW_WATER_BYTES)

    async def flushed(self) -> None:
        """Return once everything queued was written to the sockets."""
        await self._until_below(1)

    async def _until_below(self, limit_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._stall_s
        await asyncio.sleep(0)
        while slow := [client for client in self._clients if client.pending_bytes >= limit_bytes]:
            if loop.time() > deadline_s:
                for client in slow:
                    client.give_up()
            await asyncio.sleep(_POLL_S)

    def _noting_topics_of(self, client: Client) -> Callable[[], None]:
        def note() -> None:
            if client.session.topics:
                self._topics_changed_at_s = asyncio.get_running_loop().time()

        return note
