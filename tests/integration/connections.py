"""Three connections of the manager to a real simulator, and what they say."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.interruption import Interruption
from src.core.domain.connection.state import StatusChange
from src.core.domain.market.tick import TickData
from src.infrastructure.clock import SystemClock
from src.infrastructure.websocket.feed_line import ConnectionSpec
from src.infrastructure.websocket.massive_client import ClientConfig
from src.infrastructure.websocket.multi_connection_manager import ManagerConfig, MultiConnectionManager
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.clocks import RacingClock, paced
from tests.waiting import wait_for

ONE, TWO, THREE = IDS = ("connection_1", "connection_2", "connection_3")
# Of different lengths, so that the server's connections can be told apart by their topics.
LISTS = {ONE: ["AAPL", "MSFT", "NVDA"], TWO: ["AMZN", "META"], THREE: ["SPY", "QQQ", "TSLA", "GOOGL"]}
# How fast the clock of manager and server runs: while connections come up, so that a busy machine is in time for what
# is allowed for that, and while nothing is awaited but the time.
_CALM, _HASTE = 0.3, 4.0
TICKERS = sorted(ticker for tickers in LISTS.values() for ticker in tickers)


class Bench:
    """A manager and what it said; `ticks` are the tickers heard since the last `clear`, each with its connections."""

    def __init__(
        self, server: SimulatorServer, clock: RacingClock, enabled: Collection[str], ticker_limit: int
    ) -> None:
        self.server = server
        self.clock = clock
        self.statuses: list[StatusChange] = []
        self.events: list[ConnectionEvent] = []
        self.incomplete: list[set[str]] = []
        self.interruptions: list[Interruption] = []
        self.resumed: list[set[str]] = []
        self.heard: dict[str, set[str]] = {}
        specs = tuple(ConnectionSpec(one, f"name of {one}", one in enabled) for one in IDS)
        client = ClientConfig(server.url, random=lambda: 0.0, connect_timeout_s=120.0, clock=clock)
        config = ManagerConfig(
            "KEY",
            client,
            specs,
            lambda tickers: self.incomplete.append(set(tickers)),
            self.interruptions.append,
            lambda tickers: self.resumed.append(set(tickers)),
            self.events.append,
            ticker_limit,
        )
        self.manager = MultiConnectionManager(config, self._take, self.statuses.append, 3)

    def _take(self, ticks: list[TickData], connection_id: str) -> None:
        for tick in ticks:
            self.heard.setdefault(tick.ticker, set()).add(connection_id)

    def connect(self, lists: dict[str, list[str]] = LISTS) -> None:
        self.manager.assign(lists)
        assert self.manager.connect()
        self.wait_acknowledged()

    def wait(self, holds: Callable[[], object]) -> None:
        """Lets time pass until `holds()` is true."""
        self.clock.race(_HASTE)
        wait_for(holds)
        self.clock.race(_CALM)

    def pass_time(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        until_s = self.clock.monotonic() + seconds
        self.wait(lambda: self.clock.monotonic() >= until_s)

    def wait_acknowledged(self) -> None:
        """Until every connection that is up is subscribed to what it carries."""
        wait_for(
            lambda: all(
                one["acknowledged_topics"] == one["wanted_topics"] == 2 * one["ticker_count"]
                for one in self.manager.snapshot()["connections"]
                if one["status"] == "connected"
            )
        )

    def forget_starts(self) -> None:
        """Forgets what was said until now to be missed, once all connections are acknowledged."""
        wait_for(lambda: not any(line.awaited for line in self.manager._lines.values()))
        for told in (self.incomplete, self.interruptions, self.resumed):
            told.clear()

    def entry(self, connection_id: str) -> dict[str, Any]:
        return next(one for one in self.manager.snapshot()["connections"] if one["connection_id"] == connection_id)

    def on_server(self, topics: int) -> int:
        """The server's number of the connection with so many topics."""
        return next(one["connection"] for one in self.server.faults.state()["connections"] if one["topics"] == topics)

    def topics(self) -> list[int]:
        """How many topics the server's connections have."""
        return sorted(one["topics"] for one in self.server.faults.state()["connections"])

    def kinds(self, connection_id: str) -> list[EventKind]:
        return [event.event for event in self.events if event.connection_id == connection_id]

    def wait_all_heard(self) -> None:
        """Until every ticker was heard from now on."""
        self.heard = {}
        self.wait(lambda: sorted(self.heard) == TICKERS)


@contextlib.contextmanager
def bench(enabled: Collection[str] = IDS, ticker_limit: int = 1000, **options: Any) -> Iterator[Bench]:
    # "IBM", which some tests add, and no more: a market of hundreds takes seconds of work at its start.
    market = SyntheticMarket(7, select([*TICKERS, "IBM"]))
    with (
        paced(SystemClock().now_ms(), _CALM) as clock,
        SimulatorServer(LiveSource(market), clock=clock, **options) as server,
    ):
        one = Bench(server, clock, enabled, ticker_limit)
        try:
            yield one
        finally:
            one.manager.disconnect()
