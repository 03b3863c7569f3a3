"""The client over a real WebSocket, against a server that behaves as each test says."""

import logging
import socket
import threading
import time

import pytest

from src.core.domain.connection.state import ConnectionStatus
from src.core.domain.market.tick import TickData
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient
from tests.integration.client_recorder import AAPL, Recorder, StillClock, serve_all
from tests.integration.scripted_feed import Session, scripted_feed
from tests.waiting import wait_for


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


def test_what_it_calls_back_with_names_the_connection(recorder: Recorder) -> None:
    named: list[str] = []

    def take(_ticks: list[TickData], connection_id: str) -> None:
        named.append(connection_id)

    with scripted_feed(serve_all) as feed:
        config = ClientConfig(feed.url, connection_id="connection_2")
        client = MassiveWebSocketClient("KEY", take, recorder.statuses.append, config)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: named)
        client.disconnect()
    assert set(named) == {change.connection_id for change in recorder.statuses} == {"connection_2"}


def test_after_a_drop_it_comes_back_and_subscribes_to_everything(recorder: Recorder) -> None:
    topics: list[list[str]] = []

    def script(session: Session) -> None:
        session.accept_key()
        topics.append(session.acknowledge())
        if session.number == 1:
            topics.append(session.acknowledge())  # what is added later
            session.vanish()
        else:
            session.send(AAPL)
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
    (dropped,) = [change for change in recorder.statuses if change.close_code is not None]
    assert (dropped.status, dropped.close_code) == (ConnectionStatus.DISCONNECTED, code)


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
    assert "again in 15 min." in reason


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
    assert "end what else listens with this key" in reason
    assert "again in 61 s" in reason


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_the_time_out(recorder: Recorder) -> None:
    with scripted_feed(lambda session: session.wait_closed()) as feed:
        client = recorder.client(feed.url, timeout_s=1)
        assert not client.connect()
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
        wait_for(lambda: client.snapshot()["acknowledged_topics"] == 1)
        monkeypatch.setattr("src.infrastructure.websocket.massive_client._ACK_DEADLINE_S", 0.0)
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
        session.send(AAPL)
        session.send({**AAPL, "sym": "IBM"})
        session.wait_closed()

    taken: list[str] = []

    def take(ticks: list[TickData], _connection_id: str) -> None:
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
    assert (client.snapshot()["errors"], client.snapshot()["errors_by_kind"]) == (1, {"callback": 1})
    assert "could not be taken" in caplog.text


def test_errors_are_counted_by_kind(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        if session.number == 1:
            return session.vanish()
        session.accept_key()
        session.acknowledge()
        if session.number == 2:
            session.say("error", "not authorized")
            session.say("news", "Hello.")
            return session.drop(1008, "Go away.")
        if session.number == 3:
            return session.say("max_connections", "Maximum number of websocket connections exceeded.")
        return session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: client.snapshot()["status"] == "error")
        snapshot = client.snapshot()
        client.disconnect()
    assert snapshot["errors_by_kind"] == {
        "failed_attempt": 1, "topic_refused": 1, "other": 1, "dropped": 1, "too_many": 1,
    }  # fmt: skip
    assert (snapshot["errors"], snapshot["refusal"], snapshot["reconnects"]) == (5, "too_many", 1)
    assert client.snapshot()["refusal"] is None
    assert client.snapshot()["errors"] == 5  # who is told to disconnect makes no error


def test_the_rates_are_of_the_aggregates_that_came(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(AAPL, AAPL, {**AAPL, "h": 0.1})
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: sum(client.snapshot()["rates"]) == 2)
        snapshot = client.snapshot()
        client.disconnect()
    assert len(snapshot["rates"]) == 60
    assert snapshot["messages_per_second"] == 2 / 5


def test_bad_elements_are_counted_by_kind(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(AAPL, {**AAPL, "h": 0.1}, {"ev": "T"})
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.ticks)
        client.disconnect()
    assert client.snapshot()["refused_elements"] == {"incoherent_prices": 1, "unknown_event": 1}


def test_each_kind_is_said_once_a_minute_with_a_specimen(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    bad = {**AAPL, "sym": "\x1b[2J KEY\nforged"}

    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        for _ in range(50):
            session.send(bad, bad, {"ev": "T"})
            session.say("error", "not authorized\r\n")
        session.send(AAPL)
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url, clock=StillClock())
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
        session.send(*[AAPL] * 60_000)
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: len(recorder.ticks) == 60_000)
        client.disconnect()


def test_the_key_stands_in_no_snapshot_status_or_log(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted_feed(serve_all) as feed:
        client = MassiveWebSocketClient("s3cr3t-key", recorder.take, recorder.statuses.append, ClientConfig(feed.url))
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
        client = recorder.client(f"ws://127.0.0.1:{silent.getsockname()[1]}/stocks", timeout_s=100)
        attempt = threading.Thread(target=client.connect)
        attempt.start()
        wait_for(lambda: recorder.reasons(ConnectionStatus.CONNECTING))
        started_s = time.monotonic()
        client.disconnect()
        attempt.join(60)
        assert time.monotonic() - started_s < 30


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


def test_a_stop_while_its_threads_are_started_neither_fails_nor_leaves_one(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def stop_and_start(thread: threading.Thread) -> None:
        if thread.name == "feed-watch":
            client.disconnect()
        start(thread)

    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url)
        monkeypatch.setattr(threading.Thread, "start", stop_and_start)
        client.connect()
        monkeypatch.undo()
        wait_for(lambda: not any(thread.name.startswith("feed-") for thread in threading.enumerate()))
