"""What a server asks of a source of events, and what the server offers it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from src.simulator.clock import Clock
from src.simulator.wire import Event


class Publisher(Protocol):
    """The server's side towards its source; all of it runs on the server's event loop."""

    def publish(self, events: Sequence[Event]) -> None:
        """Queue the events, in this order, for every client that is subscribed to them."""

    async def subscribed(self) -> None:
        """Return once a client has subscribed to something, and a moment has passed for it to ask for more."""

    async def room(self) -> None:
        """Return once every client has little left to read; one that reads nothing for long is dropped."""

    async def flushed(self) -> None:
        """Return once everything queued was written to the sockets."""


class Source(Protocol):
    """Where events and minute bars come from."""

    @property
    def description(self) -> str:
        """For people: what is served, as the end of a sentence."""

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Publish events when they are due; cancelled when the server stops."""

    def bars(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        """Start (epoch ms) and REST element of the newest version sent by `now_ms` of each minute in the range.

        Both ends are inclusive; nothing for an unknown symbol. Runs in worker threads, one step at a time.
        """
