"""What the tests of the client share: one that collects what it says, and a feed that does as it should."""

from typing import Any

from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.domain.market.tick import TickData
from src.infrastructure.clock import SystemClock
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient
from tests.bars import MINUTE
from tests.integration.scripted_feed import Session

AAPL = {"ev": "AM", "sym": "AAPL", "s": MINUTE, "e": MINUTE + 60_000, "o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 100}


class StillClock(SystemClock):
    """Seconds do not pass, though who waits goes on after a while."""

    def monotonic(self) -> float:
        """Always the same."""
        return 1000.0


class Recorder:
    """Collects what the client says."""

    def __init__(self) -> None:
        self.ticks: list[TickData] = []
        self.statuses: list[StatusChange] = []
        self.clients: list[MassiveWebSocketClient] = []

    def client(self, url: str, timeout_s: float = 60.0, **config: Any) -> MassiveWebSocketClient:
        settings = ClientConfig(url=url, connect_timeout_s=timeout_s, random=lambda: 0.999, **config)
        client = MassiveWebSocketClient("KEY", self.take, self.statuses.append, settings)
        self.clients.append(client)
        return client

    def take(self, ticks: list[TickData], _connection_id: str) -> None:
        self.ticks.extend(ticks)

    def reasons(self, status: ConnectionStatus) -> list[str]:
        return [change.reason for change in self.statuses if change.status is status]


def serve_all(session: Session) -> None:
    session.accept_key()
    session.acknowledge()
    session.send(AAPL)
    session.wait_closed()
