"""What a server asks of a source of events and of its past, and what the server offers the source."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

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


class Listing(NamedTuple):
    """A ticker of the reference data: its name, `type` (`CS`, `ETF`, `PFD`) and exchange (`XNYS`, `XNAS`)."""

    ticker: str
    name: str
    type: str
    exchange: str


class History(Protocol):
    """What the REST side knows at a moment `now_ms` (epoch milliseconds).

    Every iterator runs in worker threads, one step at a time. Symbols that are not known have nothing.
    """

    @property
    def listings(self) -> Sequence[Listing]:
        """Every ticker, ascending."""

    def minutes(
        self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool
    ) -> Iterator[tuple[int, str]]:
        """Start (epoch ms) and REST element of each minute that starts in the range, both ends inclusive."""

    def days(self, symbol: str, from_ms: int, to_ms: int, now_ms: int, *, ascending: bool) -> Iterator[tuple[int, str]]:
        """The same for New York days: the day of `from_ms` and all up to that of `to_ms`."""

    def whole_market(self, midnight_ms: int, now_ms: int) -> Iterator[str]:
        """The grouped element of every symbol that traded on the New York day that begins at `midnight_ms`."""

    def snapshot(self, symbols: Sequence[str], now_ms: int) -> Iterator[str]:
        """The snapshot's element of each of `symbols`: the day so far, the last minute and the day before."""


class Source(Protocol):
    """Where events come from, and the past that goes with them."""

    @property
    def description(self) -> str:
        """For people: what is served, as the end of a sentence."""

    @property
    def history(self) -> History:
        """What the REST side answers from."""

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Publish events when they are due; cancelled when the server stops."""
