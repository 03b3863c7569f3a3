"""Every fault that the simulator has on command, as a real client meets it."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from src.simulator.client import Limits
from src.simulator.clock import ManualClock
from src.simulator.faults import (
    AuthTimeout,
    Deaf,
    Drop,
    Error,
    ForceDisconnect,
    MaxConnections,
    Mute,
    NoRealTime,
    Outage,
    RefuseAuth,
    SlowConsumer,
    SlowTcp,
)
from src.simulator.feed_faults import (
    Delay,
    Duplicate,
    Malformed,
    PartialAck,
    Reorder,
    Resend,
    Respell,
    SendMalformed,
    SilentTopic,
)
from src.simulator.frames import Raw
from src.simulator.malformed import GARBAGE, garbage
from src.simulator.parameters import FaultError
from src.simulator.recorder import write_session
from src.simulator.replay import ReplaySource
from src.simulator.server import SimulatorServer
from tests.unit.simulator.feed_client import Element, Feed, feed
from tests.unit.simulator.puppet import Puppet, bar, event, serving, status
from tests.waiting import wait_for

NOW_MS = 1_763_650_855_000
SYMBOLS = ("AAPL", "BRK.B", "BACpL", "KO")


@pytest.fixture
def puppet() -> Puppet:
    return Puppet()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def server(puppet: Puppet, clock: ManualClock) -> Iterator[SimulatorServer]:
    with serving(puppet, clock=clock, control=True) as server:
        assert puppet.started.wait(5)
        yield server


def ended(client: Feed) -> ConnectionClosedError:
    """How the connection of a client that is sent nothing more ended."""
    with pytest.raises(ConnectionClosedError) as closed:
        client.frame()
    return closed.value


@contextmanager
def raw_feed(server: SimulatorServer) -> Iterator[socket.socket]:
    """A client that shows every byte; it has read the handshake and the greeting, and is subscribed to `A.KO`."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        key = base64.b64encode(os.urandom(16)).decode()
        line.sendall(
            f"GET /stocks HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        read_until(line, b"Connected Successfully")
        for action, params, answer in (("auth", "key", b"authenticated"), ("subscribe", "A.KO", b"subscribed to")):
            line.sendall(masked(json.dumps({"action": action, "params": params}).encode()))
            read_until(line, answer)
        yield line


def read_until(line: socket.socket, text: bytes) -> None:
    read = b""
    while text not in read or not read.endswith(b"]"):
        more = line.recv(4096)
        assert more, read
        read += more


def masked(text: bytes) -> bytes:
    """A text frame of a client, masked with zeros, which leaves it as it is."""
    return struct.pack("!BBI", 0x81, 0x80 | len(text), 0) + text


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
        assert client.connection.ping().wait(5)
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
        assert client.connection.ping().wait(5)


def assert_arrives(line: socket.socket, count: int) -> None:
    """So many bytes come in, and no more."""
    line.settimeout(5)
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
        line.settimeout(3)
        assert line.recv(100) == b"\x88\x02\x03\xe8"
        assert line.recv(100) == b""


def test_a_slow_line_makes_a_slow_consumer(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO"):
        server.faults.begin(SlowTcp(bytes_per_s=10))
        for number in range(20):
            puppet.send(event("A.KO", f"{number} {'x' * 1_000_000}"))
        wait_for(lambda: server.faults.state()["connections"] == [])


# -- topics and events ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("errors", ["first", "last"])
def test_some_topics_are_refused_without_a_name(server: SimulatorServer, puppet: Puppet, errors: str) -> None:
    number = server.faults.begin(PartialAck(topics=("AM.KO", "A.*"), errors=errors))
    with feed(server) as client:
        client.ask("auth", "key")
        refused = [status("error", "not authorized")] * 2
        acknowledged = [status("success", "subscribed to: AM.MSFT")]
        answers = refused + acknowledged if errors == "first" else acknowledged + refused
        assert client.ask("subscribe", "AM.KO,A.KO,AM.MSFT") == answers
        puppet.send(event("AM.KO"), event("A.KO"), event("AM.MSFT"))
        assert [element["topic"] for element in client.frame()] == ["AM.MSFT"]
        assert client.ask("subscribe", "AM.KO") == refused[:1]
        server.faults.end(number)
        assert client.ask("subscribe", "AM.KO,AM.MSFT") == [status("success", "subscribed to: AM.KO")]


def test_some_topics_are_never_acknowledged(server: SimulatorServer) -> None:
    topics = [f"A.S{number}" for number in range(200)]
    server.faults.begin(PartialAck(share=0.25, answer="none", seed=3))
    with feed(server) as client, feed(server) as other:
        client.ask("auth", "key")
        acknowledged = client.ask("subscribe", ",".join(topics))
        assert 130 <= len(acknowledged) <= 170
        other.ask("auth", "key")
        assert other.ask("subscribe", ",".join(topics)) == acknowledged
        assert client.is_silent()


def test_a_silent_topic_is_acknowledged_and_sends_nothing(server: SimulatorServer, puppet: Puppet) -> None:
    server.faults.begin(SilentTopic(topics=("AM.KO",)))
    with feed(server) as client, feed(server, "AM.*") as other:
        client.ask("auth", "key")
        assert client.ask("subscribe", "AM.KO,AM.MSFT") == [
            status("success", "subscribed to: AM.KO"), status("success", "subscribed to: AM.MSFT")
        ]  # fmt: skip
        puppet.send(event("AM.KO"), event("AM.MSFT"))
        assert [element["topic"] for element in client.frame()] == ["AM.MSFT"]
        assert [element["topic"] for element in other.frame()] == ["AM.MSFT"]


def test_events_are_sent_twice(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO") as client, feed(server, "A.KO") as other:
        server.faults.begin(Duplicate(share=1, connections=(1,)))
        puppet.send(event("A.KO", "1"), event("A.KO", "2"))
        assert [element["text"] for element in client.frame()] == ["1", "1", "2", "2"]
        assert [element["text"] for element in other.frame()] == ["1", "2"]


def test_events_lose_their_order(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    starts_ms = [NOW_MS + 1_000 * number for number in range(50)]
    with feed(server, "A.KO") as client:
        server.faults.begin(Reorder(within_s=5))
        puppet.send(*(bar("A", "KO", start_ms) for start_ms in starts_ms))
        clock.advance(5_000)
        arrived = [element["s"] for element in client.elements(50)]
    assert arrived != starts_ms
    assert sorted(arrived) == starts_ms


def test_everything_is_late_and_nothing_lost(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    with feed(server, "A.KO") as client:
        server.faults.begin(Delay(by_s=3, for_s=2))
        client.say("subscribe", "A.MSFT")
        wait_for(lambda: server.faults.state()["connections"][0]["topics"] == 2)
        clock.advance(1_000)
        puppet.send(event("A.KO"))
        clock.advance(1_500)
        puppet.send(event("A.MSFT"))
        assert client.is_silent()
        assert client.connection.ping().wait(5)
        clock.advance(500)
        assert client.frame() == [status("success", "subscribed to: A.MSFT")]
        assert client.is_silent()
        clock.advance(1_000)
        assert [element["topic"] for element in client.elements(2)] == ["A.KO", "A.MSFT"]


def test_what_is_due_while_a_line_is_mute_is_lost(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    with feed(server, "A.KO") as client:
        server.faults.begin(Delay(by_s=3, for_s=1))
        puppet.send(event("A.KO", "lost"))
        server.faults.begin(Mute(for_s=4))
        clock.advance(3_000)
        wait_for(lambda: server.faults.state()["connections"][0]["pending_bytes"] == 0)
        clock.advance(1_000)
        puppet.send(event("A.KO", "first"))
        assert [element["text"] for element in client.frame()] == ["first"]


def test_what_would_be_sent_later_by_a_mute_line_is_lost(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock
) -> None:
    with feed(server, "A.KO") as client:
        server.faults.begin(Delay(by_s=3))
        server.faults.begin(Mute(for_s=1))
        puppet.send(event("A.KO", "lost"))
        clock.advance(1_000)
        puppet.send(event("A.KO", "first"))
        clock.advance(3_000)
        assert [element["text"] for element in client.frame()] == ["first"]


def test_a_bar_is_sent_again_with_other_values(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    with feed(server, "AM.KO") as client:
        server.faults.begin(Resend(share=1, after_s=3))
        puppet.send(bar("AM", "KO", NOW_MS))
        (original,) = client.frame()
        assert client.is_silent()
        clock.advance(3_000)
        (again,) = client.frame()
    assert {key for key in original if original[key] != again[key]} >= {"v", "dv", "av", "c"}
    assert (again["s"], again["o"]) == (original["s"], original["o"])


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_comes_before_events(server: SimulatorServer, puppet: Puppet, kind: str) -> None:
    sent = bar("A", "KO", NOW_MS)
    made = garbage(kind, json.loads(sent.element))
    with raw_feed(server) as line:
        server.faults.begin(Malformed(share=1, kinds=(kind,)))
        puppet.send(sent)
        read = b""
        while sent.element.encode() + b"]" not in read:
            read += line.recv(100_000)
        before = read[: read.rindex(sent.element.encode())]
        if isinstance(made, Raw):
            assert before[0] == (0x81 if made.is_text else 0x82)
            assert made.data in before
        else:
            assert before.endswith(f"[{made.element},".encode())
        assert server.faults.do(SendMalformed(kinds=(kind,))) == [1]
        assert line.recv(1)


def test_events_come_in_other_spellings(server: SimulatorServer, puppet: Puppet) -> None:
    with feed(server, "A.KO") as client:
        server.faults.begin(Respell(share=1, kinds=("only_t",)))
        puppet.send(bar("A", "KO", NOW_MS))
        (element,) = client.frame()
        assert (element["t"], "s" in element, "e" in element) == (NOW_MS, False, False)


def test_a_huge_frame_is_no_slow_consumer(server: SimulatorServer, puppet: Puppet) -> None:
    with connect(server.url, compression=None, max_size=None) as connection:
        client = Feed(connection)
        client.ask("auth", "key")
        client.ask("subscribe", "A.*")
        server.faults.begin(Respell(share=1, kinds=("huge",), size_mib=20))
        puppet.send(bar("A", "KO", NOW_MS), bar("A", "MSFT", NOW_MS))
        assert [element["sym"] for element in client.frame()] == ["KO"]
        assert [element["sym"] for element in client.frame()] == ["MSFT"]
        assert server.faults.state()["connections"][0]["events_sent"] == 2


def test_what_faults_hold_back_has_a_limit(puppet: Puppet, clock: ManualClock) -> None:
    with serving(puppet, clock=clock, limits=Limits(buffer_bytes=10_000)) as server, feed(server, "A.KO") as client:
        server.faults.begin(Delay(by_s=60))
        for number in range(12):
            puppet.send(event("A.KO", f"{number} {'x' * 1_000}"))
        assert client.frame()[0]["status"] == "slow_consumer"


def test_a_replay_waits_for_what_faults_hold_back(tmp_path: Path, clock: ManualClock) -> None:
    _seconds, minutes = write_session(tmp_path, ["KO"], date(2025, 11, 20))
    source = ReplaySource([minutes])
    with serving(source, clock=clock, limits=Limits(stall_s=0.05)) as server, feed(server) as client:
        client.ask("auth", "key")
        server.faults.begin(Delay(by_s=3, for_s=3))
        client.say("subscribe", "AM.KO")
        assert not source.finished.wait(0.5)
        clock.advance(3_000)
        assert source.finished.wait(10)
        client.frame()
        assert len(client.elements(source.counts.minute_events)) == source.counts.minute_events > 800


def disturbed_messages(seed: int) -> list[str | bytes]:
    """What a client reads of one minute of the market under many faults, message by message."""
    puppet, clock = Puppet(), ManualClock(NOW_MS)
    faults = [kind(share=0.3, seed=seed) for kind in (Duplicate, Reorder, Resend, Malformed, Respell, PartialAck)]
    with serving(puppet, clock=clock, faults=faults) as server, connect(server.url, compression=None) as connection:
        assert puppet.started.wait(5)
        client = Feed(connection)
        client.ask("auth", "key")
        client.ask("subscribe", ",".join(f"{channel}.{symbol}" for channel in ("A", "AM") for symbol in SYMBOLS))
        for second in range(60):
            puppet.send(*(bar("A", symbol, NOW_MS + 1_000 * second) for symbol in SYMBOLS))
            clock.advance(1_000)
        clock.advance(10_000)
        wait_for(lambda: server.faults.state()["connections"][0]["pending_bytes"] == 0)
        server.faults.do(Error(message="the end"))
        messages: list[str | bytes] = []
        while not messages or "the end" not in str(messages[-1]):
            messages.append(connection.recv(5))
        return messages


def test_the_same_seed_and_clock_make_the_same_bytes() -> None:
    first = disturbed_messages(seed=4)
    assert len(first) > 100
    assert first == disturbed_messages(seed=4)
    assert first != disturbed_messages(seed=5)


# -- the control endpoint ------------------------------------------------------------------------------------------


def command(server: SimulatorServer, method: str, path: str) -> tuple[int, Element]:
    client = HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request(method, path)
    with client.getresponse() as response:
        return response.status, json.load(response)


def test_faults_are_commanded_over_http(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    with feed(server, "A.KO") as client:
        code, body = command(server, "POST", "/control/faults/mute?for_s=10&connections=1")
        assert (code, body) == (200, {"number": 1, "fault": "mute", "for_s": 10, "connections": [1]})
        puppet.send(event("A.KO"))
        assert client.is_silent()
        code, body = command(server, "DELETE", "/control/faults/1")
        assert (code, body["faults"]) == (200, [])
        puppet.send(event("A.KO"))
        assert client.frame()[0]["topic"] == "A.KO"
        code, body = command(server, "POST", "/control/faults/drop?code=1008&reason=a%20reason")
        assert (code, body["connections"]) == (200, [1])
        closed = ended(client)
        assert closed.rcvd is not None
        assert (closed.rcvd.code, closed.rcvd.reason) == (1008, "a reason")


def test_the_state_tells_what_is_in_force_and_of_every_connection_but_its_key(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock
) -> None:
    command(server, "POST", "/control/faults/max_connections?limit=3&message=m&for_s=1.5")
    with feed(server, "A.KO,AM.KO") as client, feed(server):
        puppet.send(event("A.KO"), event("AM.KO"))
        client.frame()
        wait_for(lambda: command(server, "GET", "/control")[1]["connections"][0]["pending_bytes"] == 0)
        code, body = command(server, "GET", "/control")
    assert (code, body) == (
        200,
        {
            "now_ms": NOW_MS,
            "faults": [
                {
                    "number": 1, "fault": "max_connections", "for_s": 1.5, "limit": 3, "evict": "older",
                    "after": "auth", "message": "m", "until_ms": NOW_MS + 1500,
                }
            ],
            "connections": [
                {
                    "connection": 1, "authenticated": True, "topics": 2, "frames_sent": 4, "events_sent": 2,
                    "pending_bytes": 0,
                },
                {
                    "connection": 2, "authenticated": False, "topics": 0, "frames_sent": 1, "events_sent": 0,
                    "pending_bytes": 0,
                },
            ],
        },
    )  # fmt: skip
    clock.advance(1_500)
    assert command(server, "GET", "/control")[1]["faults"] == []
    assert command(server, "DELETE", "/control/faults/1")[0] == 400


@pytest.mark.parametrize(
    ("request_line", "code", "sentence"),
    [
        ("POST /control/faults/flood", 400, "There is no fault 'flood'; there are drop, slow_consumer,"),
        ("POST /control/faults/drop?cod=1", 400, "drop has no parameter 'cod'; it has connections, code, reason,"),
        ("POST /control/faults/drop?code=x", 400, "code is a whole number from 0 to 65535, not 'x'."),
        ("POST /control/faults/drop?code=70000", 400, "code is a whole number from 0 to 65535, not 70000."),
        ("POST /control/faults/drop?connections=0", 400, "connections is all, or numbers of connections from 1 on"),
        ("POST /control/faults/drop?connections=1", 400, "There is no connection 1; connected are: none."),
        ("POST /control/faults/drop?reason=x", 400, "A reason needs a close frame with a code"),
        ("POST /control/faults/drop?code=1000&how=reset", 400, "half_frame and how=reset go without a close frame"),
        ("POST /control/faults/drop?half_frame=1", 400, "half_frame is true or false, not '1'."),
        ("POST /control/faults/mute?for_s=nan", 400, "for_s is a number from 0.001 to 1e+06, not nan."),
        ("POST /control/faults/mute?for_s=", 400, "for_s is a number from 0.001 to 1e+06, not ''."),
        ("POST /control/faults/slow_tcp", 400, "slow_tcp needs bytes_per_s: a whole number from 1 to 1000000000."),
        ("POST /control/faults/outage?how=closed", 400, "An outage that closes the port needs for_s"),
        ("POST /control/faults/max_connections?evict=both", 400, "evict is older or newer, not 'both'."),
        ("POST /control/faults/error?message=", 400, "message is a text of 1 to 10000 bytes, not ''."),
        ("DELETE /control/faults/1", 400, "There is no fault 1 in force; in force are: none."),
        ("DELETE /control/faults/mute", 400, "A fault in force is named by its number, not by 'mute'"),
        ("GET /control/faults/mute", 404, "There is no GET /control/faults/mute. There are GET /control, POST"),
    ],
)
def test_a_wrong_command_is_answered_with_what_is_allowed(
    server: SimulatorServer, request_line: str, code: int, sentence: str
) -> None:
    status_code, body = command(server, *request_line.split(" ", 1))
    assert (status_code, body["status"]) == (code, "ERROR")
    assert body["error"].startswith(sentence)


def test_a_command_with_a_body_is_told_to_do_without(server: SimulatorServer) -> None:
    client = HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request("POST", "/control/faults/mute", body='{"for_s": 5}')
    with client.getresponse() as response:
        assert response.status == 400
        assert "without a body; its parameters stand in its query" in json.load(response)["error"]
    assert server.faults.state()["faults"] == []


def test_nothing_is_commanded_where_it_was_not_switched_on(puppet: Puppet) -> None:
    with serving(puppet) as server, feed(server, "A.KO") as client:
        assert command(server, "POST", "/control/faults/drop")[0] == 405
        assert command(server, "GET", "/control")[0] in (401, 404)
        assert client.is_silent()


def test_faults_wait_for_a_server_that_runs(puppet: Puppet) -> None:
    with pytest.raises(RuntimeError, match="start it first"):
        SimulatorServer(puppet).faults.begin(Mute())
