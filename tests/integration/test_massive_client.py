"""The client over a real WebSocket, against a server that behaves as each test says."""

import contextlib
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.domain.market.tick import TickData
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient
from tests.bars import MINUTE
from tests.integration.scripted_feed import Session, scripted_feed
from tests.waiting import wait_for

_AAPL = {"ev": "AM", "sym": "AAPL", "s": MINUTE, "e": MINUTE + 60_000, "o": 1, "h": 2, "l": 0.5, "c": 1.5, "v": 100}


class Recorder:
    """Collects what the client says."""

    def __init__(self) -> None:
        self.ticks: list[TickData] = []
        self.statuses: list[StatusChange] = []
        self.clients: list[MassiveWebSocketClient] = []

    def client(self, url: str, timeout_s: float = 5.0, **config: Any) -> MassiveWebSocketClient:
        settings = ClientConfig(url=url, connect_timeout_s=timeout_s, random=lambda: 0.999, **config)
        client = MassiveWebSocketClient("KEY", self.ticks.extend, self.statuses.append, settings)
        self.clients.append(client)
        return client

    def reasons(self, status: ConnectionStatus) -> list[str]:
        return [change.reason for change in self.statuses if change.status is status]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    for client in recorder.clients:
        client.disconnect()


def serve_all(session: Session) -> None:
    session.accept_key()
    session.acknowledge()
    session.send(_AAPL)
    session.wait_closed()


def test_it_authenticates_subscribes_and_delivers(recorder: Recorder) -> None:
    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL", "BRK.B"])
        assert client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert feed.received[:2] == [
        {"action": "auth", "params": "KEY"},
        {"action": "subscribe", "params": "AM.AAPL,AM.BRK.B,A.AAPL,A.BRK.B"},
    ]
    assert recorder.ticks[0].ticker == "AAPL"
    snapshot = client.snapshot()
    assert (snapshot["acknowledged_topics"], snapshot["messages"], snapshot["status"]) == (4, 1, "disconnected")


def test_after_a_drop_it_comes_back_and_subscribes_to_everything(recorder: Recorder) -> None:
    topics: list[list[str]] = []

    def script(session: Session) -> None:
        session.accept_key()
        topics.append(session.acknowledge())
        if session.number == 1:
            topics.append(session.acknowledge())  # what is added later
            session.vanish()
        else:
            session.send(_AAPL)
            session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        assert client.connect()
        wait_for(lambda: client.snapshot()["acknowledged_topics"] == 2)
        client.subscribe(["IBM"])
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert topics == [["AM.AAPL", "A.AAPL"], ["AM.IBM", "A.IBM"], ["AM.AAPL", "A.AAPL", "AM.IBM", "A.IBM"]]
    assert client.snapshot()["reconnects"] == 1


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012])
def test_the_close_code_is_reported(recorder: Recorder, code: int) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.hear()
        session.drop(code, "for a reason")

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert f"code {code}, for a reason" in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


def test_a_refused_key_is_reported_and_not_hammered(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.say("connected")
        session.hear()
        session.say("auth_failed", "authentication failed")
        session.vanish()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        assert not client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.ERROR))
        time.sleep(1.5)  # an ordinary back-off would be over by now
        assert feed.sessions == 1
        client.disconnect()
    (reason,) = recorder.reasons(ConnectionStatus.ERROR)
    assert "refused the key (authentication failed)" in reason
    assert "MASSIVE_API_KEY" in reason
    assert "again in 901 s" in reason


def test_too_many_connections_cool_down_for_a_minute(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.say("max_connections", "Maximum number of websocket connections exceeded.")
        session.drop(1008, "max connections")

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.ERROR))
        client.disconnect()
    (reason,) = recorder.reasons(ConnectionStatus.ERROR)
    assert "connections are all in use" in reason
    assert "again in 61 s" in reason


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_the_time_out(recorder: Recorder) -> None:
    with scripted_feed(lambda session: session.wait_closed()) as feed:
        client = recorder.client(feed.url, timeout_s=1)
        started_s = time.monotonic()
        assert not client.connect()
        assert time.monotonic() - started_s < 2
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert "No answer within 1 s" in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


def test_a_refused_connection_is_tried_again(recorder: Recorder) -> None:
    client = recorder.client("ws://127.0.0.1:9/stocks", timeout_s=2)
    assert not client.connect()
    wait_for(lambda: len(recorder.reasons(ConnectionStatus.CONNECTING)) >= 1)
    assert "refused" in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


def test_a_server_that_announces_a_drop_is_left_for_that_reason(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.say("slow_consumer", "You read too slowly.")
        session.drop(1008, "policy")

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert "is dropping the connection (You read too slowly.)" in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


def test_topics_that_were_not_acknowledged_are_named(
    recorder: Recorder, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.websocket.massive_client._ACK_DEADLINE_S", 0.3)

    def script(session: Session) -> None:
        session.accept_key()
        session.hear()
        session.say("error", "not authorized")
        session.say("success", "subscribed to: AM.AAPL")
        session.wait_closed()

    with caplog.at_level(logging.WARNING), scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: "did not acknowledge 1 topics: A.AAPL" in caplog.text)
        client.disconnect()
    assert caplog.text.count("did not acknowledge") == 1
    assert "The feed says: not authorized" in caplog.text


def test_unsubscribed_tickers_are_not_asked_for_again(recorder: Recorder) -> None:
    subscriptions: list[list[str]] = []

    def script(session: Session) -> None:
        session.accept_key()
        subscriptions.append(session.acknowledge())
        if session.number == 1:
            subscriptions.append([session.hear()["params"]])
            session.vanish()
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL", "IBM"])
        client.connect()
        wait_for(lambda: client.snapshot()["acknowledged_topics"] == 4)
        client.unsubscribe(["AAPL"])
        wait_for(lambda: len(subscriptions) == 3)
        client.disconnect()
    assert subscriptions[1:] == [["AM.AAPL,A.AAPL"], ["AM.IBM", "A.IBM"]]


def test_an_error_in_the_callback_costs_one_frame(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(_AAPL)
        session.send({**_AAPL, "sym": "IBM"})
        session.wait_closed()

    taken: list[str] = []

    def take(ticks: list[TickData]) -> None:
        if ticks[0].ticker == "AAPL":
            raise ValueError("on purpose")
        taken.append(ticks[0].ticker)

    with scripted_feed(script) as feed:
        client = MassiveWebSocketClient("KEY", take, recorder.statuses.append, ClientConfig(feed.url))
        client.subscribe(["AAPL", "IBM"])
        client.connect()
        wait_for(lambda: taken)
        client.disconnect()
    assert taken == ["IBM"]
    assert client.snapshot()["errors"] == 1
    assert "could not be taken" in caplog.text


def test_bad_elements_are_counted_by_kind(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(_AAPL, {**_AAPL, "h": 0.1}, {"ev": "T"})
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert client.snapshot()["refused_elements"] == {"incoherent_prices": 1, "unknown_event": 1}


def test_each_kind_is_said_once_a_minute_with_a_specimen(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    bad = {**_AAPL, "sym": "\x1b[2J KEY\nforged"}

    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        for _ in range(50):
            session.send(bad, bad, {"ev": "T"})
            session.say("error", "not authorized\r\n")
        session.send(_AAPL)
        session.wait_closed()

    now_s = [1000.0]
    with scripted_feed(script) as feed:
        client = recorder.client(feed.url, monotonic=lambda: now_s[0])
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    messages = [record.getMessage() for record in caplog.records]
    assert sum("x bad_symbol" in message for message in messages) == 1
    assert sum("x unknown_event" in message for message in messages) == 1
    assert messages.count("The feed says: not authorized??") == 1
    assert all(message.isprintable() and "KEY" not in message for message in messages)
    assert client.snapshot()["refused_elements"] == {"bad_symbol": 100, "unknown_event": 50}


def test_a_frame_of_several_megabytes_is_taken(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(*[_AAPL] * 60_000)
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: len(recorder.ticks) == 60_000)
        client.disconnect()


def test_the_key_stands_in_no_snapshot_status_or_log(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted_feed(serve_all) as feed:
        client = MassiveWebSocketClient(
            "s3cr3t-key", recorder.ticks.extend, recorder.statuses.append, ClientConfig(feed.url)
        )
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    said = caplog.text + repr(client.snapshot()) + repr(recorder.statuses)
    client_records = [record for record in caplog.records if record.name.startswith("src")]
    assert "s3cr3t-key" not in repr(client.snapshot()) + repr(recorder.statuses)
    assert said
    assert all("s3cr3t-key" not in record.getMessage() for record in client_records)


def test_disconnect_does_not_wait_for_an_attempt_that_hangs(recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers the handshake
        client = recorder.client(f"ws://127.0.0.1:{silent.getsockname()[1]}/stocks", timeout_s=10)
        attempt = threading.Thread(target=client.connect)
        attempt.start()
        wait_for(lambda: recorder.reasons(ConnectionStatus.CONNECTING))
        started_s = time.monotonic()
        client.disconnect()
        attempt.join(5)
        assert time.monotonic() - started_s < 4


def test_it_can_be_connected_again(recorder: Recorder) -> None:
    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        for expected in (1, 2):
            assert client.connect()
            wait_for(lambda expected=expected: len(recorder.ticks) == expected)
            client.disconnect()
    assert feed.sessions == 2


def test_disconnect_ends_all_its_threads(recorder: Recorder) -> None:
    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        client.disconnect()
        names = {thread.name for thread in threading.enumerate()}
    assert not {"feed-socket", "feed-watch"} & names


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
            session.send(_AAPL)
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
        session.send(_AAPL)
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
    data = json.dumps([_AAPL]).encode()

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
        session.send(_AAPL)
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
    with _stream_server(answer, b"x") as url:
        client = recorder.client(url, timeout_s=1)
        assert not client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert recorder.reasons(ConnectionStatus.DISCONNECTED)[0].startswith("No answer within 1 s.")


def test_a_refused_handshake_is_told_in_a_short_printable_line(recorder: Recorder) -> None:
    body = b"<script>\r\n\x1b[2J" + b"x" * 5000
    with _stream_server(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), b"") as url:
        client = recorder.client(url)
        assert not client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    reason = recorder.reasons(ConnectionStatus.DISCONNECTED)[0]
    assert reason.startswith("The connection failed: Handshake status 403 No")
    assert reason.isprintable()
    assert len(reason) < 300


@contextlib.contextmanager
def _stream_server(answer: bytes, drip: bytes) -> Iterator[str]:
    """A TCP server that sends `answer` to whoever connects, then `drip` every 50 ms until it is left."""
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(answer)
                    while not done.wait(0.05):
                        connection.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/stocks"
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
