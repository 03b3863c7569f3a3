"""The feed as the service sees it: a universe to connect to, whichever client brings it."""

from collections.abc import Callable, Sequence
from typing import Any

from src.core.ports import FeedClient


class RealTimeDataAdapter:
    """Owns one feed client. `make_client` makes it, its callbacks bound; nothing connects before `connect`."""

    def __init__(self, make_client: Callable[[], FeedClient]) -> None:
        self.client = make_client()

    def connect(self, universe: Sequence[str]) -> bool:
        """Subscribes to `universe` (`*` alone is the whole market); True when the feed took the key in time.

        False is not the end: the client goes on trying, and subscribes when it succeeds.
        """
        self.client.subscribe(universe)
        return self.client.connect()

    def disconnect(self) -> None:
        """Closes the connection for good."""
        self.client.disconnect()

    def snapshot(self) -> dict[str, Any]:
        """The client's health."""
        return self.client.snapshot()
