"""The vendor's own WebSocket client works with the simulator as with the real feed.

It shares no code with the simulator or with TickStock: what it understands here is what the vendor means.
"""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from massive import WebSocketClient
from massive.exceptions import AuthError
from massive.websocket.models import EquityAgg
from websockets.exceptions import ConnectionClosedError

from src.simulator.clock import ScaledClock
from src.simulator.faults import Drop, MaxConnections, NoRealTime, RefuseAuth
from src.simulator.feed_faults import PartialAck, Respell
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import default_universe
from tests.unit.simulator.puppet import Puppet, bar, serving
from tests.waiting import wait_for

NOW_MS = 1_763_650_855_000  # 2025-11-20, 10:00:55 New York
SYMBOLS = {"AAPL", "SPY", "BRK.B"}
UNIVERSE = [instrument for instrument in default_universe() if instrument.symbol in SYMBOLS]
FIELDS = {
    "ev": "event_type", "sym": "symbol", "v": "volume", "av": "accumulated_volume", "op": "official_open_price",
    "vw": "vwap", "o": "open", "c": "close", "h": "high", "l": "low", "a": "aggregate_vwap", "z": "average_size",
    "s": "start_timestamp", "e": "end_timestamp", "dv": "fractional_volume", "dav": "fractional_accumulated_volume",
}  # fmt: skip


def received(
    server: SimulatorServer,
    topics: Sequence[str],
    enough: Callable[[list[EquityAgg]], bool],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[EquityAgg]:
    """What the vendor's client makes of what it is sent, until it is enough; raises what ends the client."""
    return asyncio.run(_received(server, topics, enough, meanwhile))


async def _received(
    server: SimulatorServer,
    topics: Sequence[str],
    enough: Callable[[list[EquityAgg]], bool],
    meanwhile: Callable[[], None],
) -> list[EquityAgg]:
    client = WebSocketClient(
        "key", feed=f"127.0.0.1:{server.port}", secure=False, subscriptions=list(topics), max_reconnects=1
    )
    found: list[EquityAgg] = []

    async def process(messages: list[EquityAgg]) -> None:
        found.extend(messages)
        if enough(found) and client.websocket is not None:
            await client.close()

    async with asyncio.timeout(30):
        await asyncio.gather(client.connect(process), asyncio.to_thread(meanwhile))
    return found


def topics_held(server: SimulatorServer, connection: int) -> int:
    """How many topics the connection of that number is subscribed to, 0 while there is none."""
    return sum(held["topics"] for held in server.faults.state()["connections"] if held["connection"] == connection)


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


def test_it_reads_seconds_and_minutes_of_the_synthetic_market() -> None:
    source, clock = LiveSource(SyntheticMarket(7, UNIVERSE)), ScaledClock(NOW_MS, speed=20)
    with serving(source, clock=clock) as server:
        topics = [f"AM.{symbol}" for symbol in SYMBOLS]
        found = received(server, ["A.*", *topics], has_all)
    assert all(type(aggregate) is EquityAgg for aggregate in found)
    for aggregate in found:
        length_ms = 60_000 if aggregate.event_type == "AM" else 1_000
        assert aggregate.start_timestamp % length_ms == 0
        assert aggregate.end_timestamp == aggregate.start_timestamp + length_ms
        assert 0 < aggregate.low <= min(aggregate.open, aggregate.close)
        assert aggregate.high >= max(aggregate.open, aggregate.close)
        assert 0 <= aggregate.volume <= aggregate.accumulated_volume
        assert aggregate.vwap > 0
        assert aggregate.aggregate_vwap > 0
        assert aggregate.official_open_price > 0
        assert aggregate.otc is None


def has_all(bars: list[EquityAgg]) -> bool:
    """Whether there are seconds and minutes of every symbol."""
    return symbols(bars, "A") == symbols(bars, "AM") == SYMBOLS


def symbols(bars: list[EquityAgg], kind: str) -> set[str]:
    return {aggregate.symbol for aggregate in bars if aggregate.event_type == kind}


def test_it_finds_every_field_where_it_looks_for_it(puppet: Puppet) -> None:
    sent = [bar("A", "BACpL", NOW_MS), bar("AM", "BRK.B", NOW_MS // 60_000 * 60_000)]
    with serving(puppet, faults=[Respell(share=0.5, kinds=("unknown_keys",))]) as server:

        def send() -> None:
            wait_for(lambda: topics_held(server, 1) == 2)
            puppet.send(*sent)

        found = received(server, ["A.BACpL", "AM.BRK.B"], lambda bars: len(bars) == 2, send)
    for event, aggregate in zip(sent, found, strict=True):
        element = json.loads(event.element)
        assert set(element) == set(FIELDS)
        assert {key: getattr(aggregate, field) for key, field in FIELDS.items()} == element


def test_it_subscribes_again_after_a_drop(puppet: Puppet) -> None:
    with serving(puppet) as server:

        def drop_and_send() -> None:
            wait_for(lambda: topics_held(server, 1) == 2)
            server.faults.do(Drop(code=1011))
            wait_for(lambda: topics_held(server, 2) == 2)
            puppet.send(bar("A", "AAPL", NOW_MS))

        found = received(server, ["A.AAPL", "AM.AAPL"], bool, drop_and_send)
    assert [aggregate.start_timestamp for aggregate in found] == [NOW_MS]


def test_a_refused_key_is_an_error_with_its_reason(puppet: Puppet) -> None:
    refusal = RefuseAuth(message="Your plan has no WebSocket.")
    with serving(puppet, faults=[refusal]) as server, pytest.raises(AuthError, match=refusal.message):
        received(server, ["A.AAPL"], bool)


def test_too_many_connections_end_it(puppet: Puppet, caplog: pytest.LogCaptureFixture) -> None:
    limit = MaxConnections(limit=0, after="subscribe")
    with serving(puppet, faults=[limit]) as server, pytest.raises(ConnectionClosedError) as closed:
        received(server, ["A.AAPL"], bool)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert "server max_connections: Maximum number of websocket connections exceeded." in caplog.text


@pytest.mark.parametrize(
    ("fault", "warning"),
    [
        (PartialAck(topics=("A.MSFT",)), "server error: not authorized"),
        (NoRealTime(connections=(1,)), "server error: You don't have access real-time data."),
    ],
)
def test_a_refused_topic_is_a_warning(
    puppet: Puppet, caplog: pytest.LogCaptureFixture, fault: PartialAck | NoRealTime, warning: str
) -> None:
    with serving(puppet, faults=[fault]) as server:

        def send() -> None:
            wait_for(lambda: warning in caplog.text)
            server.faults.do(Drop(code=1011))
            server.faults.clear()
            wait_for(lambda: topics_held(server, 2) == 2)
            puppet.send(bar("A", "MSFT", NOW_MS))

        found = received(server, ["A.AAPL", "A.MSFT"], bool, send)
    assert [aggregate.symbol for aggregate in found] == ["MSFT"]
