"""Sessions that are mute, dead, refused or read too slowly, over real sockets, on a clock that races."""

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from src.core.domain.connection.state import ConnectionStatus, Ending, StatusChange
from src.core.domain.market.session import Phase
from src.core.domain.market.tick import TickData
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient
from tests.bars import MINUTE
from tests.clocks import RacingClock, SteppedClock, paced
from tests.integration.client_recorder import AAPL, Recorder, serve_all
from tests.integration.scripted_feed import Session, scripted_feed
from tests.integration.stream_server import stream_server
from tests.waiting import wait_for

# A minute is a second: fast enough for a test, slow enough for answers of a busy machine to come in time.
_SPEED = 60.0
_PATIENCE_S = 600.0  # for a connection to come up
HUNDRED = ["AAPL", *(f"T{number}" for number in range(99))]


@pytest.fixture
def clock() -> Iterator[RacingClock]:
    with paced(MINUTE, _SPEED) as clock:
        yield clock


def silences(recorder: Recorder) -> list[StatusChange]:
    return [change for change in recorder.statuses if change.ending is Ending.SILENT]


def serve_once_then_nothing(session: Session) -> None:
    """Data in the first session, then nothing but answers to pings; the second one is well."""
    session.accept_key()
    session.acknowledge()
    session.send(AAPL)
    if session.number == 1:
        session.wait_closed()
        return
    for _ in range(200):
        session.send(AAPL)
        threading.Event().wait(0.05)  # three seconds of the clock


def test_a_mute_server_is_left_in_the_session_and_the_next_one_is_well(recorder: Recorder, clock: RacingClock) -> None:
    with scripted_feed(serve_once_then_nothing) as feed:
        client = recorder.client(feed.url, clock=clock, timeout_s=_PATIENCE_S)
        client.subscribe(HUNDRED)
        client.connect()
        wait_for(lambda: recorder.ticks)
        wait_for(lambda: silences(recorder))
        wait_for(lambda: len(recorder.ticks) > 5)
        client.disconnect()
    (silence,) = silences(recorder)
    assert silence.status is ConnectionStatus.DISCONNECTED
    assert silence.reason.startswith("No data of 100 tickers came in the regular session for ")
    assert client.snapshot()["errors_by_kind"] == {"silent": 1}


def test_a_quiet_night_is_no_silence_even_when_the_clock_is_set(recorder: Recorder, clock: RacingClock) -> None:
    machine = SteppedClock(clock)
    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url, clock=machine, timeout_s=_PATIENCE_S, phase=lambda _now_ms: Phase.CLOSED)
        client.subscribe(HUNDRED)
        client.connect()
        wait_for(lambda: recorder.ticks)
        for step_ms in (3_600_000, -7_200_000):
            machine.step(step_ms)
            until_s = clock.monotonic() + 60
            wait_for(lambda until_s=until_s: clock.monotonic() > until_s)
        assert client.snapshot()["status"] == "connected"
        client.disconnect()
    assert feed.sessions == 1


def test_a_subscription_that_nothing_answers_ends_the_session_at_any_hour(
    recorder: Recorder, clock: RacingClock
) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url, clock=clock, timeout_s=_PATIENCE_S, phase=lambda _now_ms: Phase.CLOSED)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: silences(recorder))
        client.disconnect()
    assert silences(recorder)[0].reason.startswith("The feed has not answered the subscription for ")


def test_a_reader_that_is_kept_from_reading_is_no_mute_server(clock: RacingClock) -> None:
    """What the feed does to who reads too slowly is a drop; what was in its buffer is read before."""
    stalled, goes_on = threading.Event(), threading.Event()
    drops: list[StatusChange] = []
    read: list[str] = []

    def script(session: Session) -> None:
        session.accept_key()
        session.acknowledge()
        session.send(AAPL)
        session.send({**AAPL, "sym": "T1"})
        goes_on.wait(120)
        session.say("slow_consumer", "You read too slowly.")
        session.vanish()

    def take(ticks: list[TickData], _connection_id: str) -> None:
        read.extend(tick.ticker for tick in ticks)
        stalled.set()
        goes_on.wait(120)

    def note(change: StatusChange) -> None:
        if change.status is ConnectionStatus.DISCONNECTED:
            drops.append(change)

    with scripted_feed(script) as feed:
        config = ClientConfig(feed.url, connect_timeout_s=_PATIENCE_S, clock=clock)
        client = MassiveWebSocketClient("KEY", take, note, config)
        client.subscribe(HUNDRED)
        client.connect()
        stalled.wait(120)
        until_s = clock.monotonic() + 90
        wait_for(lambda: clock.monotonic() > until_s)
        assert not drops
        goes_on.set()
        wait_for(lambda: drops)
        client.disconnect()
    assert "You read too slowly." in drops[0].reason
    assert read == ["AAPL", "T1"]


def test_what_is_not_acknowledged_is_asked_for_again(recorder: Recorder, clock: RacingClock) -> None:
    asked: list[str] = []

    def script(session: Session) -> None:
        session.accept_key()
        session.hear()
        session.say("error", "not authorized")
        session.say("success", "subscribed to: AM.AAPL")
        asked.append(session.hear()["params"])
        session.say("success", "subscribed to: A.AAPL")
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url, clock=clock, timeout_s=_PATIENCE_S)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: client.snapshot()["acknowledged_topics"] == 2)
        client.disconnect()
    assert asked == ["A.AAPL"]
    assert client.snapshot()["missing_topics"] == []


def test_a_ticker_that_never_sends_while_others_do_is_named(
    recorder: Recorder, clock: RacingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.websocket.massive_client._SILENT_TICKER_S", 10.0)
    with scripted_feed(serve_all) as feed:
        client = recorder.client(feed.url, clock=clock, timeout_s=_PATIENCE_S)
        client.subscribe(["AAPL", "NOSUCH"])
        client.connect()
        wait_for(lambda: client.snapshot()["silent_topics"])
        snapshot = client.snapshot()
        client.disconnect()
    assert snapshot["silent_topics"] == ["AM.NOSUCH"]
    assert snapshot["errors"] == 0


def test_a_key_for_delayed_data_is_told_so_and_left_alone(recorder: Recorder) -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.hear()
        session.say("error", "You don't have access real-time data. Use the delayed host.")
        session.wait_closed()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url)
        client.subscribe(["AAPL"])
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.ERROR))
        snapshot = client.snapshot()
        client.disconnect()
    (reason,) = recorder.reasons(ConnectionStatus.ERROR)
    assert "MASSIVE_WS_URL=wss://delayed.massive.com/stocks" in reason
    assert "again in 15 min." in reason
    assert (snapshot["refusal"], snapshot["errors_by_kind"]) == ("not_real_time", {"not_real_time": 1})
    assert feed.sessions == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("429 Slow down\r\nRetry-After: 200", "(HTTP status 429). Trying again in 3 min."),
        ("503 Away\r\nRetry-After: 30", "(HTTP status 503). Trying again in 31 s."),
        ("503 Away", "(HTTP status 503). Trying again in 1 s."),
    ],
)
def test_a_refused_upgrade_is_tried_again_when_the_server_says(recorder: Recorder, answer: str, words: str) -> None:
    with stream_server(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode(), b"") as url:
        client = recorder.client(url)
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert words in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


def test_a_host_that_speaks_no_tls_is_named(recorder: Recorder) -> None:
    with stream_server(b"HTTP/1.1 400 No TLS here\r\n\r\n", b"") as url:
        client = recorder.client(url.replace("ws://", "wss://"))
        client.connect()
        wait_for(lambda: recorder.reasons(ConnectionStatus.DISCONNECTED))
        client.disconnect()
    assert "Encryption (TLS) with 127.0.0.1 failed" in recorder.reasons(ConnectionStatus.DISCONNECTED)[0]


class LeapingClock(RacingClock):
    """Waits of the back-off are over at once, and took their time all the same."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Leaps over what is longer than a look of the watch."""
        if timeout_s <= 0.3:
            return super().wait(event, timeout_s)
        self.jump(round(timeout_s * 1000))
        return event.is_set()


def test_a_feed_that_drops_at_once_every_time_is_asked_once_a_minute(recorder: Recorder) -> None:
    leaping = LeapingClock(MINUTE, 1.0)
    begins_s: list[float] = []

    def script(session: Session) -> None:
        begins_s.append(leaping.monotonic())
        session.accept_key()
        session.vanish()

    with scripted_feed(script) as feed:
        client = recorder.client(feed.url, clock=leaping)
        client.subscribe(["AAPL"])
        client.start()
        wait_for(lambda: feed.sessions >= 20)
        client.disconnect()
    pauses_s = [after - before for before, after in pairwise(begins_s)]
    assert min(pauses_s[7:]) >= 30
