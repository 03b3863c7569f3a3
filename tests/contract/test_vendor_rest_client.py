"""The vendor's own REST client works with the simulator as with the real service.

It shares no code with the simulator or with TickStock: what it understands here is what the vendor means.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from massive import RESTClient
from massive.exceptions import BadResponse

from src.simulator.clock import ManualClock
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import default_universe

NOW_MS = 1_763_650_855_000  # 2025-11-20, 10:00:55 New York
MIDNIGHT_MS = 1_763_614_800_000
DAY_MS = 86_400_000
SYMBOLS = ["AAPL", "BACpL", "BRK.B", "SPY"]
UNIVERSE = [instrument for instrument in default_universe() if instrument.symbol in SYMBOLS]


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    with SimulatorServer(LiveSource(SyntheticMarket(7, UNIVERSE)), key="right", clock=ManualClock(NOW_MS)) as server:
        yield server


@pytest.fixture
def client(server: SimulatorServer) -> Any:
    return RESTClient("right", base=server.rest_url, retries=0)


def test_it_follows_the_pages_of_a_range(client: Any) -> None:
    bars = list(client.list_aggs("BRK.B", 1, "minute", NOW_MS - 3_600_000, NOW_MS, adjusted=False, limit=7))
    assert len(bars) > 50
    starts_ms = [bar.timestamp for bar in bars]
    assert starts_ms == sorted(set(starts_ms))
    assert all(bar.low <= bar.open <= bar.high and bar.volume > 0 and bar.transactions for bar in bars)


def test_it_reads_days_and_the_whole_market(client: Any) -> None:
    days = list(client.list_aggs("AAPL", 1, "day", "2025-11-19", "2025-11-20", adjusted=False))
    assert [day.timestamp for day in days] == [MIDNIGHT_MS - DAY_MS, MIDNIGHT_MS]
    grouped = client.get_grouped_daily_aggs("2025-11-19", adjusted=False)
    assert [bar.ticker for bar in grouped] == SYMBOLS
    assert (grouped[0].close, grouped[0].volume) == (days[0].close, days[0].volume)
    assert grouped[0].timestamp == MIDNIGHT_MS - 8 * 3_600_000


def test_it_reads_tickers_and_snapshots(client: Any) -> None:
    tickers = list(client.list_tickers(market="stocks", active=True, limit=1))
    assert [(one.ticker, one.type) for one in tickers] == list(zip(SYMBOLS, ["CS", "PFD", "CS", "ETF"], strict=True))
    snapshots = {one.ticker: one for one in client.get_snapshot_all("stocks", tickers=["SPY", "AAPL"])}
    assert list(snapshots) == ["AAPL", "SPY"]
    apple = snapshots["AAPL"]
    assert apple.updated == NOW_MS * 1_000_000
    assert apple.min.timestamp == NOW_MS - 115_000
    assert apple.min.accumulated_volume <= apple.day.volume < apple.prev_day.volume


def test_it_understands_refusals(server: SimulatorServer, client: Any) -> None:
    with pytest.raises(BadResponse, match="Unknown API Key"):
        list(
            RESTClient("wrong", base=server.rest_url, retries=0).list_aggs("AAPL", 1, "day", "2025-11-19", "2025-11-20")
        )
    with pytest.raises(BadResponse, match="Only 1/minute and 1/day"):
        list(client.list_aggs("AAPL", 5, "week", "2025-11-19", "2025-11-20"))
