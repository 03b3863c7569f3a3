"""What the client does with frames and handshakes that no sound server would send."""

import json
import struct

import pytest

from src.core.domain.connection.state import ConnectionStatus, StatusChange
from tests.integration.client_recorder import AAPL, Recorder
from tests.integration.scripted_feed import Session, scripted_feed
from tests.integration.stream_server import stream_server
from tests.waiting import wait_for

_OVER = struct.pack("!BBQ", 0x81, 127, 64 * 1024 * 1024 + 1)
_ENDLESS = struct.pack("!BBQ", 0x82, 127, 2**63)


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        (_OVER, 1009, "The feed sent a frame of 67,108,865 bytes; at most 67,108,864 are accepted."),
        (_ENDLESS, 1009, "The feed sent a frame of 9,223,372,036,854,775,808 bytes; at most"),
        (b"\xc1\x02[]", 1002, "The feed sent a compressed frame"),
        (b"\x8a\x7e\x01\x00", 1002, "The feed sent a control frame of 256 bytes; 125 are allowed."),
        (b"\x83\x00", 1002, "The feed broke the protocol: Invalid opcode 3."),
        (b"\x80\x00", 1002, "The feed broke the protocol: Illegal frame."),
        (b"\x88\x01x", 1002, "The feed broke the protocol: Invalid close frame."),
    ],
)
def test_a_frame_that_must_not_be_read_ends_the_session(
    recorder: Recorder, frame: bytes, code: int, reason: str
) -> None:
    codes: list[int | None] = []

    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        if session.number == 1:
            session.send_raw(frame)
            codes.append(session.close_code())
        else:
            session.send(AAPL)
            session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert codes == [code]
    assert recorder.reasons(ConnectionStatus.DISCONNECTED)[0].startswith(reason)
    assert "Trying again in 1 s." in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]
    assert client.snapshot()["refused_elements"] == ({"oversized_frame": 1} if code == 1009 else {})
    assert [change.lost_frame for change in recorder.statuses].count(True) == (code == 1009)


def test_an_unreadable_frame_is_told_of_and_the_session_goes_on(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send_text(b"[{")
        session.send_binary(b"\xff")
        session.send(AAPL)
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        snapshot = client.snapshot()
        client.disconnect()
    lost = [change for change in recorder.statuses if change.lost_frame]
    assert lost == [StatusChange(ConnectionStatus.CONNECTED, "A frame could not be read.", lost_frame=True)] * 2
    assert (snapshot["status"], snapshot["reason"]) == ("connected", "The feed accepted the key.")
    assert snapshot["refused_elements"] == {"unreadable_frame": 2}


def test_binary_and_fragmented_frames_are_read_as_text_is(recorder: Recorder) -> None:
    data = json.dumps([AAPL]).encode()

    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send_binary(data)
        session.send_raw(bytes([0x01, 10]) + data[:10] + b"\x89\x00" + bytes([0x80, len(data) - 10]) + data[10:])
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: len(recorder.ticks) == 2)
        client.disconnect()


def test_a_server_that_greets_and_accepts_again_changes_nothing(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.say("connected", "Connected Successfully")
        session.say("auth_success", "authenticated")
        session.send(AAPL)
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert [command["action"] for command in feed.received] == ["auth", "subscribe"]
    assert client.snapshot()["reconnects"] == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9000000000000\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nX-Endless: ",
        b"",
    ],
)
def test_a_handshake_that_never_ends_is_given_up_within_the_time_out(recorder: Recorder, answer: bytes) -> None:
    with stream_server(answer, b"x") as url:
        client = recorder.client(url, timeout_s=1)
        assert not client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert recorder.reasons(ConnectionStatus.DISCONNECTED)[0].startswith("No answer within 1 s.")


def test_a_refused_handshake_is_told_in_a_short_printable_line(recorder: Recorder) -> None:
    body = b"<script>\r\n\x1b[2J" + b"x" * 5000
    with stream_server(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), b"") as url:
        client = recorder.client(url)
        assert not client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    reason = recorder.reasons(ConnectionStatus.DISCONNECTED)[0]
    assert reason.startswith("127.0.0.1 lets this machine open no WebSocket (HTTP status 403); ")
    assert reason.endswith(" Trying again in 61 s.")
    assert reason.isprintable()
    assert len(reason) < 300
