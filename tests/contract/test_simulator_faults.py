"""Every fault of connections that the simulator has on command, as a real client meets it."""

import json
import socket
import struct

import pytest
import urllib3
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from src.simulator.clock import ManualClock
from src.simulator.faults import (
    AuthTimeout,
    Deaf,
    Drop,
    DropAt,
    Error,
    ForceDisconnect,
    MaxConnections,
    Mute,
    NoRealTime,
    Outage,
    RefuseAuth,
    RestTrouble,
    SlowConsumer,
    SlowTcp,
)
from src.simulator.parameters import FaultError
from src.simulator.server import SimulatorServer
from tests.contract.faulty_lines import ended, raw_feed
from tests.unit.simulator.feed_client import Feed, feed
from tests.unit.simulator.puppet import Puppet, event, serving, status
from tests.waiting import wait_for

# -- at once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 3000, 4999])
def test_a_connection_is_dropped_with_any_close_code(server: SimulatorServer, code: int) -> None:
    with feed(server, "A.KO") as client:
        assert server.faults.do(Drop(code=code, reason="on command")) == [1]
        with pytest.raises(Exception) as closed:  # noqa: PT011  (codes 1000 and 1001 are another class than the rest)
            client.frame()
        assert closed.value.rcvd.code == code
        assert closed.value.rcvd.reason == "on command"


def test_a_close_frame_can_be_without_a_code(server: SimulatorServer) -> None:
    with raw_feed(server) as line:
        server.faults.do(Drop(code=1005))
        assert line.recv(100) == b"\x88\x00"


def test_a_close_frame_can_have_a_code_that_the_protocol_forbids(server: SimulatorServer) -> None:
    with raw_feed(server) as line:
        server.faults.do(Drop(code=999))
        assert line.recv(100) == b"\x88\x02\x03\xe7"


def test_a_connection_is_dropped_without_a_close_frame(server: SimulatorServer) -> None:
    with feed(server, "A.KO") as client:
        server.faults.do(Drop())
        assert ended(client).rcvd is None


def test_a_connection_is_reset(server: SimulatorServer) -> None:
    with raw_feed(server) as line:
        server.faults.do(Drop(how="reset"))
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_a_connection_ends_within_a_frame(server: SimulatorServer) -> None:
    with raw_feed(server) as line:
        server.faults.do(Drop(half_frame=True))
        frame = b""
        while more := line.recv(100):
            frame += more
        assert frame[0] == 0x81
        assert 0 < len(frame) - 2 < frame[1]


def test_only_the_connections_that_are_named_are_dropped(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO"), feed(server, "A.KO") as second, feed(server, "A.KO") as third:
        assert server.faults.do(Drop(connections=(1, 3))) == [1, 3]
        assert ended(third).rcvd is None
        puppet.send(event("A.KO"))
        assert second.frame()[0]["topic"] == "A.KO"
        wait_for(lambda: [shown["connection"] for shown in server.faults.state()["connections"]] == [2])
        with pytest.raises(FaultError, match=r"There is no connection 1, 7; connected are: 2\."):
            server.faults.do(Drop(connections=(1, 2, 7)))


@pytest.mark.parametrize("fault", [SlowConsumer(), ForceDisconnect(message="Maintenance.")])
def test_a_client_is_told_why_it_is_dropped(server: SimulatorServer, fault: SlowConsumer | ForceDisconnect) -> None:
    with feed(server, "A.KO") as client:
        server.faults.do(fault)
        assert client.frame() == [status(fault.name, fault.message)]
        assert ended(client).rcvd is None


def test_an_error_does_not_end_the_connection(server: SimulatorServer) -> None:
    with feed(server, "A.KO") as client:
        server.faults.do(Error())
        assert client.frame() == [status("error", "not authorized")]
        assert client.ask("subscribe", "A.MSFT") == [status("success", "subscribed to: A.MSFT")]


# -- authentication and the number of connections ------------------------------------------------------------------


def test_every_key_is_refused_while_it_is_in_force(server: SimulatorServer, clock: ManualClock) -> None:
    message = "Your plan does not include this feed."
    server.faults.begin(RefuseAuth(message=message, for_s=5))
    with feed(server) as client:
        assert client.ask("auth", "key") == [status("auth_failed", message)]
        assert ended(client).rcvd is None
    clock.advance(5_000)
    with feed(server) as client:
        assert client.ask("auth", "key") == [status("auth_success", "authenticated")]


def test_an_authentication_can_be_too_late(server: SimulatorServer) -> None:
    server.faults.begin(AuthTimeout())
    with feed(server) as client:
        assert client.ask("auth", "key") == [status("auth_timeout", "No authentication request received.")]
        assert ended(client).rcvd is None


def test_a_key_for_the_delayed_host_gets_no_topic(server: SimulatorServer, puppet: Puppet) -> None:
    fault = NoRealTime()
    assert fault.message.startswith("You don't have access real-time data")
    server.faults.begin(fault)
    with feed(server) as client:
        refused = status("error", fault.message)
        assert client.ask("auth", "key") == [status("auth_success", "authenticated"), refused]
        assert client.ask("subscribe", "A.KO,AM.KO") == [refused]
        puppet.send(event("A.KO"))
        assert client.is_silent()


def joined(server: SimulatorServer, key: str, client: Feed) -> Feed:
    assert client.ask("auth", key) == [status("auth_success", "authenticated")]
    return client


def evicted(client: Feed) -> bool:
    """Whether the connection was told so and closed as one too many."""
    elements = client.frame()
    assert [(element["status"], element["message"][:45]) for element in elements] == [
        ("max_connections", "Maximum number of websocket connections excee")
    ]
    closed = ended(client)
    return closed.rcvd is not None and closed.rcvd.code == 1008


def test_a_newer_connection_ends_the_older_one_of_the_same_key(server: SimulatorServer) -> None:
    server.faults.begin(MaxConnections())
    with feed(server) as first, feed(server) as other, feed(server) as second:
        joined(server, "key", first).ask("subscribe", "A.KO")
        joined(server, "another key", other)
        joined(server, "key", second)
        assert evicted(first)
        assert second.ask("subscribe", "A.KO") == [status("success", "subscribed to: A.KO")]
        assert other.ask("subscribe", "A.KO") == [status("success", "subscribed to: A.KO")]


def test_a_newer_connection_can_be_the_one_that_ends_even_after_it_subscribed(server: SimulatorServer) -> None:
    server.faults.begin(MaxConnections(limit=2, evict="newer", after="subscribe"))
    with feed(server, "A.KO") as first, feed(server, "A.KO") as second, feed(server) as third:
        joined(server, "key", third)
        assert third.ask("subscribe", "A.KO") == [status("success", "subscribed to: A.KO")]
        assert evicted(third)
        for client in (first, second):
            assert client.ask("subscribe", "A.MSFT") == [status("success", "subscribed to: A.MSFT")]


def test_a_limit_counts_the_connections_that_stand(server: SimulatorServer) -> None:
    with feed(server, "A.KO") as first, feed(server, "A.KO") as second:
        server.faults.begin(MaxConnections(limit=0))
        assert evicted(first)
        assert evicted(second)


def test_an_evicted_client_can_still_read_what_it_was_sent(server: SimulatorServer, puppet: Puppet) -> None:
    with connect(server.url, compression=None, max_size=2**24, max_queue=1) as connection:
        client = Feed(connection)
        client.ask("auth", "key")
        client.ask("subscribe", "A.KO")
        for number in range(12):
            puppet.send(event("A.KO", f"{number} {'x' * 1_000_000}"))
        server.faults.begin(MaxConnections(limit=0))
        assert [element["text"].split()[0] for element in client.elements(12)] == [str(number) for number in range(12)]
        assert evicted(client)


def test_a_limit_can_be_in_force_from_the_start(puppet: Puppet) -> None:
    with serving(puppet, faults=[MaxConnections()]) as server, feed(server, "A.KO") as first, feed(server, "A.KO"):
        assert evicted(first)


@pytest.mark.parametrize("how", ["503", "closed"])
def test_an_outage_refuses_new_connections_only(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock, how: str
) -> None:
    refusal = InvalidStatus if how == "503" else ConnectionRefusedError
    with feed(server, "A.KO") as client:
        server.faults.begin(Outage(how=how, for_s=3))
        wait_for(lambda: is_refused(server, refusal))
        puppet.send(event("A.KO"))
        assert client.frame()[0]["topic"] == "A.KO"
        clock.advance(3_000)
        wait_for(lambda: not is_refused(server, refusal))
        with feed(server, "A.KO") as other:
            puppet.send(event("A.KO"))
            assert other.frame() == client.frame()


def is_refused(server: SimulatorServer, refusal: type[Exception]) -> bool:
    try:
        with connect(server.url, compression=None):
            return False
    except refusal:
        return True


def test_a_closed_port_opens_again_when_the_faults_are_cleared(server: SimulatorServer) -> None:
    server.faults.begin(Outage(how="closed", for_s=3600))
    wait_for(lambda: is_refused(server, ConnectionRefusedError))
    server.faults.clear()
    wait_for(lambda: not is_refused(server, ConnectionRefusedError))


# -- the line ------------------------------------------------------------------------------------------------------


def test_a_mute_connection_answers_pings_and_loses_what_it_was_not_sent(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock
) -> None:
    with feed(server, "A.KO") as client, feed(server, "A.KO") as other:
        server.faults.begin(Mute(for_s=10, connections=(1,)))
        puppet.send(event("A.KO", "lost"))
        assert other.frame()[0]["text"] == "lost"
        client.say("subscribe", "A.MSFT")
        assert client.connection.ping().wait(60)
        assert client.is_silent()
        clock.advance(10_000)
        puppet.send(event("A.KO", "first"))
        assert client.frame()[0]["text"] == "first"


def test_a_deaf_connection_answers_no_ping_and_sends_on(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO") as client:
        number = server.faults.begin(Deaf())
        unanswered = client.connection.ping()
        puppet.send(event("A.KO"))
        assert client.frame()[0]["topic"] == "A.KO"
        assert not unanswered.wait(0.1)
        server.faults.end(number)
        assert client.connection.ping().wait(60)


def assert_arrives(line: socket.socket, count: int) -> None:
    """So many bytes come in, and no more."""
    line.settimeout(60)
    while count > 0:
        count -= len(line.recv(count))
    line.settimeout(0.1)
    with pytest.raises(TimeoutError):
        line.recv(1)


def test_a_slow_line_carries_so_many_bytes_a_second(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock
) -> None:
    with raw_feed(server) as line:
        server.faults.begin(SlowTcp(bytes_per_s=1_000, for_s=60))
        size = len(event("A.KO", "x" * 9_000).element) + 2 + 4
        puppet.send(event("A.KO", "x" * 9_000))
        line.sendall(struct.pack("!BBI", 0x89, 0x80, 0))  # a ping, whose answer comes behind the frame
        assert_arrives(line, 0)
        clock.advance(1_000)
        assert_arrives(line, 1_000)
        clock.advance(500)
        assert_arrives(line, 500)
        clock.advance(58_500)
        assert_arrives(line, size + 2 - 1_500)


def test_a_slow_line_carries_the_end_of_a_connection_too(server: SimulatorServer, clock: ManualClock) -> None:
    with raw_feed(server) as line:
        server.faults.begin(SlowTcp(bytes_per_s=1))
        line.sendall(struct.pack("!BBIH", 0x88, 0x82, 0, 1000))
        assert_arrives(line, 0)
        clock.advance(10_000)
        line.settimeout(60)
        assert line.recv(100) == b"\x88\x02\x03\xe8"
        assert line.recv(100) == b""


def test_a_slow_line_makes_a_slow_consumer(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO"):
        server.faults.begin(SlowTcp(bytes_per_s=10))
        for number in range(20):
            puppet.send(event("A.KO", f"{number} {'x' * 1_000_000}"))
        wait_for(lambda: server.faults.state()["connections"] == [])


# -- topics and events ---------------------------------------------------------------------------------------------


# -- half-made sessions, refused upgrades and REST -----------------------------------------------------------------


@pytest.mark.parametrize(("point", "told"), [("auth", 0), ("subscribe", 1), ("acknowledged", 2)])
def test_a_connection_ends_at_a_point_of_its_session(server: SimulatorServer, point: str, told: int) -> None:
    server.faults.begin(DropAt(point=point))
    with feed(server) as client:
        client.say("auth", "key")
        client.say("subscribe", "A.KO")
        assert [element["status"] for element in client.rest()] == ["auth_success", "success"][:told]


@pytest.mark.parametrize(("how", "retry_after"), [("403", None), ("429", "12"), ("503", None)])
def test_an_upgrade_is_refused(server: SimulatorServer, how: str, retry_after: str | None) -> None:
    server.faults.begin(Outage(how=how, retry_after_s=12))
    with pytest.raises(InvalidStatus) as refused, feed(server):
        pass
    assert refused.value.response.status_code == int(how)
    assert refused.value.response.headers.get("Retry-After") == retry_after


def test_an_upgrade_is_not_answered_until_the_fault_ends(server: SimulatorServer) -> None:
    number = server.faults.begin(Outage(how="silent"))
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(_UPGRADE)
        line.settimeout(0.1)
        with pytest.raises(TimeoutError):
            line.recv(1)
        server.faults.end(number)
        line.settimeout(60)
        assert line.recv(12) == b"HTTP/1.1 101"


@pytest.mark.parametrize("how", ["401", "403", "404", "429", "500", "502", "503"])
def test_rest_answers_with_a_status(server: SimulatorServer, how: str) -> None:
    server.faults.begin(RestTrouble(how=how))
    status, retry_after, _body = rest(server)
    assert status == int(how)
    assert retry_after == ("7" if how == "429" else None)


def test_rest_gives_pages_that_cannot_be_used(server: SimulatorServer) -> None:
    for how in ("loop", "foreign", "empty"):
        number = server.faults.begin(RestTrouble(how=how))
        page = json.loads(rest(server)[2])
        next_url = page.get("next_url", "")
        assert (next_url == server.rest_url + _SNAPSHOT, "elsewhere.example" in next_url, "tickers" in page) == (
            how == "loop",
            how == "foreign",
            False,  # the puppet's market has none
        )
        server.faults.end(number)
    server.faults.begin(RestTrouble(how="malformed"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(rest(server)[2])


_SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"
_UPGRADE = (
    b"GET /stocks HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def rest(server: SimulatorServer) -> tuple[int, str | None, bytes]:
    """Status, Retry-After and body of the snapshot as it is answered now."""
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", server.rest_url + _SNAPSHOT, headers={"Authorization": "Bearer key"})
        return answer.status, answer.headers.get("Retry-After"), answer.data
