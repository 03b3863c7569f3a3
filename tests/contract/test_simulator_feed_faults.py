"""Every fault of topics and events that the simulator has on command, as a real client meets it."""

import json
from datetime import date
from pathlib import Path

import pytest
from websockets.sync.client import connect

from src.simulator.client import Limits
from src.simulator.clock import ManualClock
from src.simulator.faults import (
    Error,
    Mute,
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
from src.simulator.recorder import write_session
from src.simulator.replay import ReplaySource
from src.simulator.server import SimulatorServer
from tests.contract.faulty_lines import NOW_MS, SYMBOLS, raw_feed
from tests.unit.simulator.feed_client import Feed, feed
from tests.unit.simulator.puppet import Puppet, bar, event, serving, status
from tests.waiting import wait_for


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
        assert client.connection.ping().wait(60)
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
        assert source.finished.wait(60)
        client.frame()
        assert len(client.elements(source.counts.minute_events)) == source.counts.minute_events > 800


def disturbed_messages(seed: int) -> list[str | bytes]:
    """What a client reads of one minute of the market under many faults, message by message."""
    puppet, clock = Puppet(), ManualClock(NOW_MS)
    faults = [kind(share=0.3, seed=seed) for kind in (Duplicate, Reorder, Resend, Malformed, Respell, PartialAck)]
    with serving(puppet, clock=clock, faults=faults) as server, connect(server.url, compression=None) as connection:
        assert puppet.started.wait(60)
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
            messages.append(connection.recv(60))
        return messages


def test_the_same_seed_and_clock_make_the_same_bytes() -> None:
    first = disturbed_messages(seed=4)
    assert len(first) > 100
    assert first == disturbed_messages(seed=4)
    assert first != disturbed_messages(seed=5)


# -- the control endpoint ------------------------------------------------------------------------------------------
