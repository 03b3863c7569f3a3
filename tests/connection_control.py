"""Connections that an administrator can act on, without a feed: it keeps what was done, and tells of it."""

from collections.abc import Callable

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.errors import ActionRefusedError


class Control:
    """Two connections, and one ticker that can be moved. `on_event` gets an event of each action."""

    def __init__(self, on_event: Callable[[ConnectionEvent], None] = lambda event: None) -> None:
        self.paused: set[str] = set()
        self.carried_by = {"AAPL": "connection_1"}
        self.actions = 0
        self.on_event = on_event

    def pause(self, connection_id: str, actor: str) -> str:
        self._check(connection_id)
        if connection_id in self.paused:
            raise ActionRefusedError(f"{connection_id} is paused already.")
        self.paused.add(connection_id)
        return self._tell(connection_id, EventKind.PAUSED, f"{connection_id} is paused.", actor)

    def resume(self, connection_id: str, actor: str) -> str:
        self._check(connection_id)
        self.paused.discard(connection_id)
        return self._tell(connection_id, EventKind.RESUMED, f"{connection_id} goes on.", actor)

    def reconnect(self, connection_id: str, actor: str) -> str:
        self._check(connection_id)
        return self._tell(connection_id, EventKind.RECONNECT_ASKED, f"{connection_id} connects again.", actor)

    def move(self, ticker: str, connection_id: str, actor: str) -> str:
        self._check(connection_id)
        self.carried_by[ticker] = connection_id
        return self._tell(connection_id, EventKind.TICKERS_MOVED, f"{ticker} is with {connection_id} now.", actor)

    def _check(self, connection_id: str) -> None:
        if connection_id not in ("connection_1", "connection_2"):
            raise ActionRefusedError(f"There is no {connection_id}; there are connection_1 and connection_2.")

    def _tell(self, connection_id: str, event: EventKind, reason: str, actor: str) -> str:
        self.actions += 1
        self.on_event(ConnectionEvent(connection_id, 1_763_650_000_000, event, reason, actor=actor))
        return reason
