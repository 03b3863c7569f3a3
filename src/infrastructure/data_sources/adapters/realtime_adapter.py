"""The feed as the service sees it: a universe to connect to, whichever client brings it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.core.domain.connection.interruption import Listened
from src.core.ports import ConnectionControl, FeedClient


class RealTimeDataAdapter:
    """Owns one feed client. `make_client` makes it, its callbacks bound; nothing connects before `connect`."""

    def __init__(self, make_client: Callable[[], FeedClient]) -> None:
        self.client = make_client()

    @property
    def control(self) -> ConnectionControl:
        """What an administrator can do to the connections."""
        return self.client

    def assign(self, lists: Mapping[str, Sequence[str]]) -> None:
        """Says which connection, by its id, lists which tickers."""
        self.client.assign(lists)

    def connect(self, universe: Sequence[str]) -> bool:
        """Connects, subscribed to `universe` too; True when the feed took the key in time.

        What of it no connection lists goes to the one with the fewest tickers; `*` is the whole market. False is not
        the end: the client goes on trying, and subscribes when it succeeds.
        """
        self.client.subscribe(universe)
        return self.client.connect()

    def disconnect(self) -> None:
        """Closes the connection for good."""
        self.client.disconnect()

    def assignment(self) -> dict[str, list[str]]:
        """The tickers that each connection carries now."""
        return self.client.assignment()

    def moved(self) -> dict[str, str]:
        """The tickers that are not with the connection that lists them, each with that connection."""
        return self.client.moved()

    def listened(self) -> list[Listened]:
        """What each connection that listens heard last."""
        return self.client.listened()

    def snapshot(self) -> dict[str, Any]:
        """The client's health."""
        return self.client.snapshot()
