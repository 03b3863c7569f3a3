"""The simulator's server against a real WebSocket client: what PROTOCOL says a client meets, it meets here."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import date
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from src.simulator import recordings
from src.simulator.client import Limits
from src.simulator.clock import Clock, ManualClock, ScaledClock
from src.simulator.habits import RestHabits
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.rate_limit import Rate
from src.simulator.recorder import write_session
from src.simulator.replay import ReplaySource
from src.simulator.schedule import Disorder
from src.simulator.server import SimulatorServer
from src.simulator.source import Publisher
from src.simulator.universe import default_universe
from tests.unit.simulator.feed_client import Element, Feed, feed
from tests.unit.simulator.puppet import Puppet, event, serving, status
from tests.unit.simulator.watched_clock import WatchedClock
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / os.environ.get("TEST_DATA_DIR", "../shared/data")
START_MS = 1_763_650_855_000  # 2025-11-20, 10:00:55 New York
UNIVERSE = [i for i in default_universe() if i.symbol in {"AAPL", "SPY", "BRK.B", "BACpL"}]


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def server(puppet: Puppet) -> Iterator[SimulatorServer]:
    with serving(puppet, limits=Limits(buffer_bytes=1024 * 1024, linger_s=5.0)) as server:
        assert puppet.started.wait(60)
        yield server


def test_a_client_is_greeted_authenticated_and_subscribed(server: SimulatorServer) -> None:
    with feed(server) as client:
        assert client.greeting == [status("connected", "Connected Successfully")]
        assert client.ask("auth", "key") == [status("auth_success", "authenticated")]
        assert client.ask("subscribe", "AM.AAPL,A.AAPL,AM.BRK.B,T.AAPL,AM.NOSUCH") == [
            status("success", f"subscribed to: {topic}") for topic in ("AM.AAPL", "A.AAPL", "AM.BRK.B", "AM.NOSUCH")
        ]
        assert client.ask("unsubscribe", "AM.AAPL") == [status("success", "unsubscribed to: AM.AAPL")]


def test_what_is_held_or_unknown_is_met_with_silence(server: SimulatorServer) -> None:
    with feed(server, "A.AAPL") as client:
        client.say("subscribe", "A.AAPL,Q.AAPL")
        assert client.is_silent()


def test_each_client_gets_what_it_is_subscribed_to(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.AAPL,AM.BRK.B") as first, feed(server, "AM.*,AM.BRK.B") as second, feed(server) as third:
        puppet.send(event("A.AAPL"), event("A.aapl"), event("AM.BRK.B"), event("AM.KO"))
        assert [element["topic"] for element in first.frame()] == ["A.AAPL", "AM.BRK.B"]
        assert [element["topic"] for element in second.frame()] == ["AM.BRK.B", "AM.KO"]
        assert third.is_silent()
        first.ask("unsubscribe", "A.AAPL")
        puppet.send(event("A.AAPL"), event("AM.BRK.B"))
        assert [element["topic"] for element in first.frame()] == ["AM.BRK.B"]


def test_an_acknowledgement_comes_before_the_first_event(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server) as client:
        client.ask("auth", "key")
        stop = threading.Event()

        def pump() -> None:
            while not stop.is_set():
                puppet.send(event("A.AAPL"))

        thread = threading.Thread(target=pump)
        thread.start()
        try:
            assert client.ask("subscribe", "A.AAPL") == [status("success", "subscribed to: A.AAPL")]
            assert client.frame()[0]["topic"] == "A.AAPL"
        finally:
            stop.set()
            thread.join()


def test_a_subscription_before_authentication_is_an_error(server: SimulatorServer) -> None:
    with feed(server) as client:
        assert client.ask("subscribe", "A.AAPL") == [status("error", "not authenticated")]
        assert client.ask("auth", "key") == [status("auth_success", "authenticated")]


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_refused_key_is_told_so_and_the_socket_dropped_without_a_close_frame(puppet: Puppet, key: str) -> None:
    with serving(puppet, key="right") as server, feed(server) as client:
        client.say("auth", key)
        client.say("subscribe", "A.AAPL")
        assert client.frame() == [status("auth_failed", "authentication failed")]
        with pytest.raises(ConnectionClosedError) as closed:
            client.frame()
        assert closed.value.rcvd is None


def test_a_client_that_does_not_authenticate_is_dropped_after_a_while(puppet: Puppet) -> None:
    with serving(puppet, limits=Limits(auth_timeout_s=0.2)) as server, feed(server) as idle:
        assert idle.frame() == [status("auth_timeout", "No authentication request received.")]
        with pytest.raises(ConnectionClosedError):
            idle.frame()


def test_a_client_that_authenticated_in_time_may_take_its_time_from_then_on(puppet: Puppet) -> None:
    with serving(puppet, limits=Limits(auth_timeout_s=0.2)) as server, ExitStack() as clients:
        client = in_time(server, clients)
        time.sleep(0.3)
        assert client.ask("subscribe", "A.AAPL") == [status("success", "subscribed to: A.AAPL")]


def in_time(server: SimulatorServer, clients: ExitStack) -> Feed:
    """A client that authenticated before it was dropped, be it the tenth, on a busy machine."""
    for _ in range(9):
        client = clients.enter_context(feed(server))
        with suppress(ConnectionClosed):
            if client.ask("auth", "key")[0]["status"] == "auth_success":
                return client
    client = clients.enter_context(feed(server))
    assert client.ask("auth", "key")[0]["status"] == "auth_success"
    return client


def test_the_stream_is_at_two_paths_and_no_other(server: SimulatorServer) -> None:
    with connect(server.url.removesuffix("/stocks") + "/", compression=None) as connection:
        assert Feed(connection).greeting[0]["status"] == "connected"
    with pytest.raises(InvalidStatus) as refused, connect(server.url + "/more"):
        pass
    assert refused.value.response.status_code == 404


def test_a_subscription_to_the_whole_market_by_name_is_one_message(puppet: Puppet) -> None:
    topics = [f"{channel}.SYMBOL{number:060}" for number in range(12_000) for channel in ("A", "AM")]
    with serving(puppet) as server, feed(server) as client:
        client.ask("auth", "key")
        client.say("subscribe", ",".join(topics))
        assert client.elements(len(topics)) == [status("success", f"subscribed to: {topic}") for topic in topics]


def test_a_ping_is_answered(server: SimulatorServer) -> None:
    with feed(server) as client:
        assert client.connection.ping().wait(60)


def flood(puppet: Puppet, megabytes: int) -> None:
    text = "x" * 1_000_000
    for number in range(megabytes):
        puppet.send(event("A.FLOOD", f"{number} {text}"))
        # The server's loop gets to write between two events.
        time.sleep(0.002)


def test_a_client_that_does_not_read_is_a_slow_consumer_and_others_are_served(puppet: Puppet) -> None:
    with (
        serving(puppet, limits=Limits(linger_s=60.0)) as server,
        connect(server.url, compression=None, max_size=2**24, max_queue=1) as connection,
        feed(server, "AM.*") as other,
    ):
        slow = Feed(connection)
        slow.ask("auth", "key")
        slow.ask("subscribe", "A.FLOOD")
        flood(puppet, 40)
        puppet.send(event("AM.KO"))
        assert other.frame()[0]["topic"] == "AM.KO"
        read = slow.rest()
        assert read.pop()["status"] == "slow_consumer"
        assert 1 <= len(read) < 40
        assert [element["text"].split()[0] for element in read] == [str(number) for number in range(len(read))]


class Patient(Puppet):
    """Sends 40 MB, but only while there is room."""

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        await publisher.subscribed()
        for number in range(40):
            publisher.publish([event("A.FLOOD", f"{number} {'x' * 1_000_000}")])
            await publisher.room()
        await publisher.flushed()


def test_a_source_that_waits_for_room_loses_nothing_but_a_client_that_reads_nothing() -> None:
    limits = Limits(buffer_bytes=3 * 1024 * 1024, stall_s=0.5, linger_s=60.0)
    with (
        serving(Patient(), limits=limits) as server,
        connect(server.url, compression=None, max_size=2**24, max_queue=1) as connection,
        feed(server) as reader,
    ):
        mute = Feed(connection)
        for client in (mute, reader):
            client.ask("auth", "key")
            client.ask("subscribe", "A.FLOOD")
        received = [element["text"].split()[0] for element in reader.elements(40)]
        assert received == [str(number) for number in range(40)]
        assert mute.rest()[-1]["status"] == "slow_consumer"


def test_a_client_that_reads_at_times_is_buffered(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.BURST") as client:
        for number in range(2000):
            puppet.send(event("A.BURST", str(number)))
        assert [element["text"] for element in client.elements(2000)] == [str(number) for number in range(2000)]


def rest(server: SimulatorServer, path: str, key: str = "key") -> tuple[int, Element]:
    """Status and body that answer a GET of `path`."""
    client = HTTPConnection("127.0.0.1", server.port, timeout=60)
    client.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
    with client.getresponse() as response:
        return response.status, json.load(response)


def test_the_live_feed_and_the_rest_side_agree() -> None:
    market, clock = SyntheticMarket(7, UNIVERSE), WatchedClock(START_MS)
    with serving(LiveSource(market), clock=clock) as server, feed(server, "A.AAPL,AM.*") as client:
        clock.wait_settled()
        clock.advance(12_000)
        sent: list[Element] = []
        while len([element for element in sent if element["ev"] == "AM" and element["e"] == START_MS + 5_000]) < 3:
            sent += client.frame()
        assert {element["sym"] for element in sent if element["ev"] == "A"} == {"AAPL"}
        assert len([element for element in sent if element["ev"] == "A"]) >= 8
        minute_ms = START_MS - 55_000
        for bar in (element for element in sent if element["ev"] == "AM" and element["s"] == minute_ms):
            code, body = rest(
                server, f"/v2/aggs/ticker/{bar['sym']}/range/1/minute/{minute_ms}/{minute_ms}?adjusted=false"
            )
            assert code == 200
            (result,) = body["results"]
            assert {key: result[key] for key in "ohlc"} == {key: bar[key] for key in "ohlc"}
            assert result["vw"] == bar["vw"]
            assert result["v"] == float(bar["dv"] if "dv" in bar else bar["v"])


def test_a_live_feed_on_a_fast_clock_goes_on_by_itself() -> None:
    market, clock = SyntheticMarket(7, UNIVERSE), ScaledClock(START_MS, speed=120)
    with serving(LiveSource(market), clock=clock) as server, feed(server, "AM.AAPL") as client:
        starts_ms = [element["s"] for element in client.elements(3)]
    assert len({start_ms for start_ms in starts_ms if start_ms >= START_MS - 55_000}) >= 2


def everything_said() -> list[bytes | str]:
    """All that a fresh server says to the same client on the same clock."""
    market, clock = SyntheticMarket(11, UNIVERSE), WatchedClock(START_MS)
    source = LiveSource(market, RestHabits(lag_s=30, contradict=0.1, cancel=0.1))
    said: list[bytes | str] = []
    with serving(source, clock=clock) as server, feed(server, "A.*,AM.*") as client:
        for _step in range(3):
            clock.wait_settled()
            clock.advance(30_000)
            clock.wait_settled()
            for target in REQUESTS:
                request = HTTPConnection("127.0.0.1", server.port, timeout=60)
                request.request("GET", target, headers={"Authorization": "Bearer key", "Host": "simulator"})
                with request.getresponse() as response:
                    said.append(response.read())
        # What the client is told stands in one queue, so that this acknowledgement comes after everything else.
        client.say("subscribe", "A.END")
        while "subscribed to: A.END" not in str(said[-1]):
            said.append(client.connection.recv(60))
    return said


REQUESTS = (
    f"/v2/aggs/ticker/AAPL/range/1/minute/{START_MS - 10**7}/{START_MS + 10**6}?limit=100",
    f"/v2/aggs/ticker/SPY/range/1/day/{START_MS - 10**9}/{START_MS}",
    "/v2/aggs/grouped/locale/us/market/stocks/2025-11-19",
    "/v2/snapshot/locale/us/markets/stocks/tickers",
    "/v3/reference/tickers?limit=2",
    "/nothing",
)


def test_the_same_seed_clock_and_requests_give_the_same_bytes() -> None:
    said = everything_said()
    assert everything_said() == said
    assert len(said) > 3 * len(REQUESTS)


def test_rest_pages_follow_each_other_over_the_network() -> None:
    market, clock = SyntheticMarket(7, UNIVERSE), ManualClock(START_MS)
    with serving(LiveSource(market), clock=clock) as server:
        path = f"/v2/aggs/ticker/BRK.B/range/1/minute/{START_MS - 3_600_000}/{START_MS}?limit=25&adjusted=false"
        whole = rest(server, path.replace("limit=25&", ""))[1]["results"]
        paged: list[Element] = []
        while path:
            _code, body = rest(server, path)
            paged += body["results"]
            next_url = body.get("next_url", server.rest_url)
            assert next_url.startswith(server.rest_url)
            path = next_url.removeprefix(server.rest_url)
    assert paged == whole
    assert len(whole) > 50


def test_a_rate_that_is_exceeded_is_told_when_to_ask_again() -> None:
    market, clock = SyntheticMarket(7, UNIVERSE), ManualClock(START_MS)
    path = f"/v2/aggs/ticker/KO/range/1/minute/{START_MS}/{START_MS}"
    with serving(LiveSource(market), clock=clock, rest_rate=Rate(2, 60)) as server:
        assert [rest(server, path)[0], rest(server, path)[0]] == [200, 200]
        client = HTTPConnection("127.0.0.1", server.port, timeout=60)
        client.request("GET", path, headers={"Authorization": "Bearer key"})
        with client.getresponse() as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "60")
            assert json.load(response)["status"] == "ERROR"
        assert rest(server, path, key="other")[0] == 200
        clock.advance(60_000)
        assert rest(server, path)[0] == 200


def test_the_whole_market_is_answered_over_the_network() -> None:
    market, clock = SyntheticMarket(7, UNIVERSE), ManualClock(START_MS)
    with serving(LiveSource(market), clock=clock) as server:
        _code, grouped = rest(server, "/v2/aggs/grouped/locale/us/market/stocks/2025-11-19?adjusted=false")
        _code, snapshot = rest(server, "/v2/snapshot/locale/us/markets/stocks/tickers")
        _code, tickers = rest(server, "/v3/reference/tickers?limit=1000")
        _code, days = rest(server, "/v2/aggs/ticker/AAPL/range/1/day/2025-11-19/2025-11-20?adjusted=false")
    expected = ["AAPL", "BACpL", "BRK.B", "SPY"]
    assert [bar["T"] for bar in grouped["results"]] == expected
    assert [one["ticker"] for one in snapshot["tickers"]] == expected
    assert [one["ticker"] for one in tickers["results"]] == expected
    assert [bar["v"] for bar in days["results"]] == [
        snapshot["tickers"][0]["prevDay"]["v"],
        snapshot["tickers"][0]["day"]["v"],
    ]
    assert days["results"][0]["v"] == grouped["results"][0]["v"]


def test_a_request_that_is_wrong_gets_a_json_error(server: SimulatorServer) -> None:
    assert rest(server, "/nothing")[0] == 404
    code, body = rest(server, "/v2/aggs/ticker/AAPL/range/1/minute/x/y")
    assert (code, body["status"]) == (400, "ERROR")
    assert rest(server, "/v2/aggs/ticker/AAPL/range/1/minute/1/2", key="")[0] == 401


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session")
    write_session(folder, ["KO", "GRC"], date(2025, 11, 20), seed=3)
    return folder


@pytest.fixture(params=["written", "recorded"])
def replayed(request: pytest.FixtureRequest, session: Path) -> list[Path]:
    """Files of a session: of the synthetic market, and of a real one where such data is at hand."""
    if request.param == "written":
        return recordings.find([session])
    files = sorted((DATA / "intraday").glob("*/AIG_20131008.csv.gz"))
    if not files:
        pytest.skip(f"there are no recorded sessions in {DATA}; TEST_DATA_DIR names where they are")
    return files


def replay_rows(elements: list[Element]) -> list[tuple[str, ...]]:
    return [tuple(element[key] for key in ("ev", "sym", "s", "o", "h", "l", "c", "v")) for element in elements]


def test_a_replay_brings_every_row_digit_for_digit_over_the_network(replayed: list[Path]) -> None:
    source = ReplaySource(replayed, disorder=Disorder(duplicate=0.1, reorder_s=20, seed=5))
    rows = [bar for path in replayed for bar in recordings.read(path)]
    expected = {(b.channel, b.symbol, str(b.start_ms), b.open, b.high, b.low, b.close, b.volume) for b in rows}
    received: list[Element] = []
    frames = 0
    with serving(source) as server, feed(server, "A.*,AM.*") as client:
        # The event may be set a moment before or after the last frame is read.
        while not (source.finished.is_set() and len(received) == sum(source.counts[:2])):
            with suppress(TimeoutError):
                received += json.loads(client.connection.recv(0.1), parse_float=str, parse_int=str)
                frames += 1
        assert client.is_silent()
        assert client.connection.ping().wait(60)
    assert set(replay_rows(received)) == expected
    assert len(received) == len(expected) + source.counts.duplicates
    assert 0.08 < source.counts.duplicates / len(expected) < 0.12
    starts = [int(element["s"]) for element in received]
    assert starts != sorted(starts)
    assert frames < len(received) / 50


def test_the_rest_side_of_a_replay_serves_the_minutes_that_were_sent(session: Path) -> None:
    source = ReplaySource([session / "minute" / "KO_20251120.csv.gz"])
    path = "/v2/aggs/ticker/KO/range/1/minute/2025-11-20/2025-11-20?limit=50000"
    with serving(source) as server, feed(server) as client:
        assert rest(server, path)[1]["resultsCount"] == 0
        client.ask("auth", "key")
        client.ask("subscribe", "AM.KO")
        assert source.finished.wait(60)
        results = rest(server, path)[1]["results"]
    rows = recordings.read(session / "minute" / "KO_20251120.csv.gz")
    assert [(bar["t"], bar["c"]) for bar in results] == [(row.start_ms, float(row.close)) for row in rows]


def test_a_replay_does_not_wait_for_a_client_that_left_and_repeats_nothing(session: Path) -> None:
    source = ReplaySource([session / "minute" / "KO_20251120.csv.gz"])
    with serving(source) as server:
        with feed(server, "AM.KO"):
            pass
        assert source.finished.wait(60)
        with feed(server, "AM.KO") as late:
            assert late.is_silent()


def test_a_server_stops_whoever_is_connected(server: SimulatorServer) -> None:
    with (
        feed(server, "A.*"),
        feed(server),
        socket.create_connection(("127.0.0.1", server.port)) as mute,
        connect(server.url, compression=None) as closing,
    ):
        mute.sendall(b"GET /stocks HTTP/1.1\r\n")
        started_s = time.monotonic()
        server.stop()
        assert time.monotonic() - started_s < 30
        with pytest.raises(ConnectionClosed):
            Feed(closing).frame()
        mute.settimeout(60)
        with suppress(ConnectionResetError):
            assert mute.recv(1) == b""


def test_a_taken_port_is_an_error_at_the_start(server: SimulatorServer, puppet: Puppet) -> None:
    with pytest.raises(OSError, match="in use"):
        SimulatorServer(puppet, port=server.port).start()


class _Broken(Puppet):
    async def run(self, publisher: Publisher, clock: Clock) -> None:
        await publisher.subscribed()
        raise ArithmeticError("the source broke")


def test_a_source_that_breaks_is_not_silent() -> None:
    server = SimulatorServer(_Broken())
    server.start()
    with feed(server, "A.AAPL") as client, pytest.raises(ConnectionClosed):
        client.frame()
    wait_for(lambda: not server.running)
    with pytest.raises(ArithmeticError, match="the source broke"):
        server.stop()
