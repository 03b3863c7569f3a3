"""What the doctor says of the feed: against the simulator with its faults, and against hosts that are not there."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import websocket

from src.core.domain.market.session import Phase
from src.infrastructure.doctor import clock, vendor_rest
from src.infrastructure.doctor.feed_host import look_at_host
from src.infrastructure.doctor.feed_key import FeedAccess, look_at_key
from src.infrastructure.doctor.finding import Finding, Verdict
from src.simulator.clock import ManualClock
from src.simulator.faults import AuthTimeout, Fault, MaxConnections, Mute, NoRealTime, Outage, RefuseAuth
from src.simulator.feed_faults import PartialAck
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.rate_limit import Rate
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.integration.scripted_feed import Session, scripted_feed
from tests.unit.simulator.puppet import Puppet, serving

KEY = "the-secret-of-this-test"
TLS = Path(__file__).resolve().parents[1] / "tls"


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serving(Puppet(), key=KEY) as server:
        yield server


def ask(url: str, key: str = KEY, timeout_s: float = 60.0) -> Finding:
    finding = look_at_key(FeedAccess(url, key, ("A", "AM"), timeout_s))
    assert key not in finding.sentence + finding.advice
    return finding


def test_a_key_that_is_right(server: SimulatorServer) -> None:
    started_s = time.monotonic()
    finding = ask(server.url)
    assert (finding.verdict, finding.advice) == (Verdict.OK, "")
    assert "AM.AAPL, A.AAPL" in finding.sentence
    assert time.monotonic() - started_s < 30


def test_a_key_that_is_wrong(server: SimulatorServer) -> None:
    finding = ask(server.url, "another")
    assert finding.verdict is Verdict.FAIL
    assert "refuses it (authentication failed)" in finding.sentence
    assert "MASSIVE_API_KEY" in finding.advice


@pytest.mark.parametrize(
    ("fault", "said", "advised"),
    [
        (RefuseAuth(message=f"no plan for {KEY}"), "refuses it (no plan for ***)", "MASSIVE_API_KEY"),
        (AuthTimeout(), "ends the session", "later"),
        (NoRealTime(), "has no real-time data", "MASSIVE_WS_URL=wss://delayed"),
        (PartialAck(topics=("A.AAPL",)), "but not for A and AM aggregates", "MASSIVE_CHANNELS"),
        (PartialAck(topics=("A.AAPL",), answer="none"), "says nothing", "MASSIVE_WS_URL"),
        (MaxConnections(limit=1, evict="newer", after="subscribe"), "all in use", "Stop whatever else"),
        (MaxConnections(limit=1, evict="newer", after="auth"), "all in use", "Stop whatever else"),
        (Mute(), "says nothing for 2 s", "proxies"),
        (Outage(how="503"), "opens no WebSocket (Handshake status 503", "outage"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_feed_that_refuses(server: SimulatorServer, fault: Fault, said: str, advised: str) -> None:
    with holding_a_connection(server):
        server.faults.begin(fault)
        finding = ask(server.url, timeout_s=2.0)
    assert finding.verdict is Verdict.FAIL
    assert said in finding.sentence
    assert advised in finding.advice


@contextmanager
def holding_a_connection(server: SimulatorServer) -> Iterator[None]:
    """Somebody else who is connected with the same key."""
    other = websocket.create_connection(server.url, timeout=60)
    other.recv()
    other.send(f'{{"action":"auth","params":"{KEY}"}}')
    other.recv()
    other.send('{"action":"subscribe","params":"AM.KO"}')
    other.recv()
    yield
    other.shutdown()


def test_a_feed_that_hangs_up_without_a_word() -> None:
    def script(session: Session) -> None:
        session.say("connected")
        session.hear()
        session.vanish()

    with scripted_feed(script) as feed:
        finding = ask(feed.url)
    assert finding.verdict is Verdict.FAIL
    assert "without a word" in finding.sentence


def test_a_feed_that_drops_while_it_speaks() -> None:
    def script(session: Session) -> None:
        session.accept_key()
        session.hear()
        session.say("force_disconnect", "bye")
        session.vanish()

    with scripted_feed(script) as feed:
        assert "ends the session (bye)" in ask(feed.url).sentence


# -- the REST side -------------------------------------------------------------------------------------------------


@contextmanager
def trading(behind_s: float = 0.0, **options: object) -> Iterator[SimulatorServer]:
    """A market whose clock is behind ours, and stands still."""
    at_ms = round((time.time() - behind_s) * 1000)
    source = LiveSource(SyntheticMarket(7, select(["AAPL"])))
    with SimulatorServer(source, key=KEY, clock=ManualClock(at_ms), **options) as server:  # type: ignore[arg-type]  # options of several kinds
        yield server


def plan(server: SimulatorServer, key: str = KEY, phase: Phase = Phase.REGULAR) -> Finding:
    finding = vendor_rest.look_at_plan(vendor_rest.ask_for_newest_minute(server.rest_url, key), key, phase)
    assert key not in finding.sentence + finding.advice
    return finding


def test_a_plan_with_minutes_that_are_not_delayed() -> None:
    with trading() as server:
        finding = plan(server)
        closed = plan(server, phase=Phase.CLOSED)
    assert finding.verdict is Verdict.OK
    assert "not delayed" in finding.sentence
    assert closed.verdict is Verdict.OK
    assert "shows while the exchange is open" in closed.sentence


def test_a_plan_with_delayed_data() -> None:
    with trading(behind_s=16 * 60) as server:
        finding = plan(server)
    assert finding.verdict is Verdict.WARN
    assert "delayed data" in finding.sentence
    assert "delayed.massive.com" in finding.advice


def test_a_plan_whose_key_is_refused() -> None:
    with trading() as server:
        finding = plan(server, "another")
    assert finding.verdict is Verdict.FAIL
    assert "401, Unknown API Key" in finding.sentence


def test_a_plan_whose_requests_are_used_up() -> None:
    with trading(rest_rate=Rate(1, 60)) as server:
        plan(server)
        assert "429" in plan(server).sentence


def test_a_rest_side_without_bars_or_that_is_away(server: SimulatorServer) -> None:
    assert plan(server).verdict is Verdict.WARN
    server.stop()
    finding = plan(server)
    assert finding.verdict is Verdict.FAIL
    assert "cannot be asked" in finding.sentence


# -- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "words"),
    [
        (0, Verdict.OK, "agrees with the vendor's"),
        (-1.4, Verdict.OK, "agrees"),
        (5, Verdict.WARN, "ahead of the vendor's"),
        (-7, Verdict.WARN, "behind the vendor's"),
        (3600, Verdict.FAIL, "60 minutes ahead of"),
        (-3 * 3600, Verdict.FAIL, "3.0 hours behind"),
    ],
)
def test_the_clock_is_compared_with_the_vendors(
    server: SimulatorServer, ahead_s: float, verdict: Verdict, words: str
) -> None:
    answer = vendor_rest.ask_for_newest_minute(server.rest_url, KEY, lambda: time.time() + ahead_s)
    offset = clock.offset_of(answer)
    assert offset is not None
    finding = clock.look_at_offset("the vendor's", *offset)
    assert finding.verdict is verdict, finding
    assert words in finding.sentence
    assert ("NTP" in finding.advice) == (verdict is not Verdict.OK)


# -- the host ------------------------------------------------------------------------------------------------------


def test_a_host_that_listens(server: SimulatorServer) -> None:
    finding = look_at_host("feed host", server.url, "MASSIVE_WS_URL")
    assert finding.verdict is Verdict.OK
    assert "not encrypted" in finding.sentence


def test_a_name_that_nobody_has() -> None:
    finding = look_at_host("feed host", "wss://no-such-host.invalid/stocks", "MASSIVE_WS_URL")
    assert finding.verdict is Verdict.FAIL
    assert "no-such-host.invalid is not found" in finding.sentence
    assert "MASSIVE_WS_URL" in finding.advice


def test_a_port_where_nothing_listens(server: SimulatorServer) -> None:
    server.stop()
    finding = look_at_host("feed host", server.url, "MASSIVE_WS_URL")
    assert finding.verdict is Verdict.FAIL
    assert "refused" in finding.sentence


def test_a_host_that_speaks_no_tls(server: SimulatorServer) -> None:
    finding = look_at_host("feed host", server.url.replace("ws://", "wss://"), "MASSIVE_WS_URL")
    assert finding.verdict is Verdict.FAIL
    assert "no TLS" in finding.sentence


@contextmanager
def encrypted(certificate: str) -> Iterator[str]:
    """A server on `localhost` that shows this certificate, once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / certificate, TLS / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                return  # the client went away: that is what is tested

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"wss://localhost:{listener.getsockname()[1]}/stocks"
    thread.join(60)
    listener.close()


@pytest.mark.parametrize(
    ("certificate", "trusted", "verdict", "words"),
    [
        ("good.pem", "good.pem", Verdict.OK, "its certificate is good for"),
        ("good.pem", None, Verdict.FAIL, "self-signed certificate"),
        ("other_name.pem", "other_name.pem", Verdict.FAIL, "Hostname mismatch"),
        ("ended.pem", "ended.pem", Verdict.FAIL, "certificate has expired"),
    ],
)
def test_certificates(certificate: str, trusted: str | None, verdict: Verdict, words: str) -> None:
    context = ssl.create_default_context(cafile=TLS / trusted if trusted else None)
    with encrypted(certificate) as url:
        finding = look_at_host("feed host", url, "MASSIVE_WS_URL", context)
    assert finding.verdict is verdict, finding
    assert words in finding.sentence
