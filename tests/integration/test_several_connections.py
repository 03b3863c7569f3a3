"""The ingesting half with several connections, from settings to stored bars."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.app import build_runtime
from src.config.settings import parse_settings
from src.core.domain.connection import presence
from src.core.domain.market.bar import Tier
from src.core.services.market_data_service import FALLBACK_UNIVERSE, MarketDataService
from src.infrastructure.database import migrate
from src.simulator.clock import ScaledClock
from src.simulator.faults import Drop, Outage
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.bars import reader_of, stored_bars
from tests.waiting import wait_for

_SPEED = 12  # of the simulator's clock: a minute in 5 s
_LISTS = {1: "AAPL,MSFT,NVDA", 2: "AMZN,META,MSFT", 3: "SPY,QQQ,TSLA,GOOGL"}
_TRADED = sorted({symbol for symbols in _LISTS.values() for symbol in symbols.split(",")})


class Installation:
    """One data folder, one simulator, and what ingests from it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._keys = {"DATA_DIR": str(folder), "SIMULATOR_PORT": str(port), "BACKFILL_DAYS": "0"}
        self.url = parse_settings(self._keys).database_url
        self.service: MarketDataService | None = None
        migrate.upgrade(self.url)

    def start(self, **keys: str) -> MarketDataService:
        enabled = {f"WEBSOCKET_CONNECTION_{number}_ENABLED": "true" for number in (1, 2, 3)}
        service = build_runtime(parse_settings({**self._keys, "USE_MULTI_CONNECTION": "true", **enabled, **keys}))
        assert service is not None
        self.service = service
        service.start()
        return service

    def state(self, key: Any) -> Any:
        reader = reader_of(self.url)
        state = reader.state(key)
        reader.close()
        return state


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    minute_ms = time.time_ns() // 60_000_000_000 * 60_000
    clock = ScaledClock(minute_ms + 30_000, _SPEED)
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(_TRADED))), clock=clock) as server:
        yield server


@pytest.fixture
def installation(tmp_path: Path, simulator: SimulatorServer) -> Iterator[Installation]:
    installation = Installation(tmp_path, simulator.port)
    yield installation
    if installation.service is not None:
        installation.service.stop()


def test_each_connection_has_its_universe_else_its_symbols_and_the_union_is_told(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.start(
        WEBSOCKET_CONNECTION_1_UNIVERSE_KEY="dow30:nope",
        WEBSOCKET_CONNECTION_1_SYMBOLS="IBM",
        WEBSOCKET_CONNECTION_2_SYMBOLS="AAPL,TSLA",
        WEBSOCKET_CONNECTION_3_NAME="spare",
    )
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 62)
    assert {one: len(tickers) for one, tickers in service.data_adapter.assignment().items()} == {
        "connection_1": 30, "connection_2": 1, "connection_3": 0
    }  # fmt: skip
    assert service.data_adapter.assignment()["connection_2"] == ["TSLA"]
    assert "WEBSOCKET_CONNECTION_1_UNIVERSE_KEY names what does not exist: nope." in caplog.text
    assert "connection_3 lists no symbols" in caplog.text
    wait_for(lambda: installation.state("universe"))
    universe = installation.state("universe")
    assert (universe["key"], universe["unknown"]) == ("dow30:nope + SYMBOLS", ["nope"])
    assert (len(universe["symbols"]), universe["symbols"][-1]) == (31, "TSLA")


def test_connections_without_any_symbol_fall_back_to_eight_on_the_first(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.start(WEBSOCKET_CONNECTION_1_ENABLED="false")
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 16)
    assert service.data_adapter.assignment()["connection_2"] == list(FALLBACK_UNIVERSE)
    assert "listening to AAPL, GOOGL," in caplog.text


def truth(simulator: SimulatorServer, symbol: str, from_ms: int, to_ms: int) -> dict[int, tuple[float, ...]]:
    """What the simulator's REST side says of the minutes: by start, open, high, low, close and volume."""
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=60)
    path = f"/v2/aggs/ticker/{symbol}/range/1/minute/{from_ms}/{to_ms}?limit=50000"
    connection.request("GET", path, headers={"Authorization": "Bearer k"})
    results = json.load(connection.getresponse()).get("results", [])
    connection.close()
    return {one["t"]: tuple(float(one[key]) for key in "ohlcv") for one in results}


def official(url: str, symbol: str, from_ms: int, to_ms: int) -> dict[int, tuple[float, ...]]:
    return {
        bar.timestamp: (bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in stored_bars(url)
        if bar.symbol == symbol and from_ms <= bar.timestamp <= to_ms and bar.tier == Tier.OFFICIAL
    }


def test_of_three_connections_one_is_killed_and_no_official_bar_is_missing(
    installation: Installation, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "MOVE_AFTER_S", 1.0)
    monkeypatch.setattr(presence, "RETURN_AFTER_S", 1.0)
    service = installation.start(**{f"WEBSOCKET_CONNECTION_{n}_SYMBOLS": symbols for n, symbols in _LISTS.items()})
    # Where it took long to come up, tickers had been moved, and return.
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 18 and not service.data_adapter.moved())

    def wait_until(at_ms: int) -> None:
        wait_for(lambda: simulator.faults.state()["now_ms"] >= at_ms)

    from_ms = simulator.faults.state()["now_ms"] // 60_000 * 60_000 + 60_000
    wait_until(from_ms + 8_000)
    outage = simulator.faults.begin(Outage())
    killed = next(one["connection"] for one in simulator.faults.state()["connections"] if one["topics"] == 4)
    simulator.faults.do(Drop(connections=(killed,)))
    wait_for(lambda: service.data_adapter.moved() == {"AMZN": "connection_2", "META": "connection_2"})
    wait_until(from_ms + 70_000)  # the minute's official bars came by another connection
    simulator.faults.end(outage)
    wait_for(lambda: service.data_adapter.moved() == {})
    to_ms = simulator.faults.state()["now_ms"] // 60_000 * 60_000
    wait_until(to_ms + 70_000)
    for symbol in _TRADED:
        wait_for(
            lambda symbol=symbol: (
                official(installation.url, symbol, from_ms, to_ms) == truth(simulator, symbol, from_ms, to_ms) != {}
            )
        )
    interrupted = [bar for bar in stored_bars(installation.url) if bar.partial and bar.timestamp >= from_ms]
    assert {bar.symbol for bar in interrupted} <= {"AMZN", "META"}
