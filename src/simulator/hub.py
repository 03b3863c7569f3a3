"""All clients of a server, as its source sees them: a place to publish to."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from src.simulator.board import Board
from src.simulator.client import Client
from src.simulator.faults import Action, MaxConnections
from src.simulator.parameters import FaultError
from src.simulator.wire import Event

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

    def __init__(self, board: Board, stall_s: float) -> None:
        self._board = board
        self._stall_s = stall_s
        # By number, which is the order in which they came.
        self._clients: dict[int, Client] = {}
        self._topics_changed_at_s: float | None = None

    async def serve(self, client: Client) -> None:
        """Count `client` among the clients for as long as its connection lasts."""
        self._clients[client.number] = client
        try:
            await client.serve(self._on_message_of(client))
        finally:
            del self._clients[client.number]

    def publish(self, events: Sequence[Event]) -> None:
        """Queue the events, in this order, for every client that is subscribed to them."""
        for client in self._clients.values():
            client.publish(events)

    def do(self, action: Action) -> list[int]:
        """Let something happen to those of the clients that it is for; `FaultError` when one of them is not there."""
        numbers = list(action.connections or self._clients)
        if gone := [str(number) for number in numbers if number not in self._clients]:
            here = ", ".join(map(str, self._clients)) or "none"
            raise FaultError(f"There is no connection {', '.join(gone)}; connected are: {here}.")
        for number in numbers:
            self._clients[number].do(action)
        return numbers

    def enforce_limits(self) -> None:
        """Evict the clients whose keys have more connections than a fault allows."""
        for limit in self._board.of_kind(MaxConnections):
            counted = [client for client in self._clients.values() if client.counts_for(limit)]
            for client in counted:
                same_key = [other for other in counted if other.session.shares_key(client.session)]
                rank = same_key.index(client)
                if rank < len(same_key) - limit.limit if limit.evict == "older" else rank >= limit.limit:
                    client.evict(limit)

    def connections(self) -> list[dict[str, Any]]:
        """What of the clients may be shown, the oldest first."""
        return [client.state() for client in self._clients.values()]

    async def subscribed(self) -> None:
        """Return once a client has subscribed to something and said nothing more for 0.2 s."""
        loop = asyncio.get_running_loop()
        while self._topics_changed_at_s is None or loop.time() < self._topics_changed_at_s + _SUBSCRIBING_CALM_S:
            await asyncio.sleep(_POLL_S)

    async def room(self) -> None:
        """Return once every client has less than 1 MiB to read or held back by faults."""
        await self._until_below(_LOW_WATER_BYTES)

    async def flushed(self) -> None:
        """Return once everything queued or held back was written to the sockets."""
        await self._until_below(1)

    async def _until_below(self, limit_bytes: int) -> None:
        patience_s = self._stall_s  # of the server's own life: no time passes while its machine is stopped
        await asyncio.sleep(0)
        while waited_for := [c for c in self._clients.values() if c.unread_bytes + c.held_bytes >= limit_bytes]:
            slow = [client for client in waited_for if client.unread_bytes >= limit_bytes]
            if not slow:
                patience_s = self._stall_s
            elif patience_s <= 0:
                for client in slow:
                    client.give_up()
            await asyncio.sleep(_POLL_S)
            patience_s -= _POLL_S

    def _on_message_of(self, client: Client) -> Callable[[], None]:
        def note() -> None:
            if client.session.topics:
                self._topics_changed_at_s = asyncio.get_running_loop().time()
            self.enforce_limits()

        return note
