"""One connection to the feed: a thin shell of threads and a socket around `massive_protocol`.

A daemon thread runs the socket, connects again after every drop and subscribes again to all that is wanted; a second
one watches it, sends pings and ends sessions that are dead or mute. Nothing here touches a database.
"""

import contextlib
import logging
import random
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import websocket

from src.core.domain.connection.backoff import Backoff
from src.core.domain.connection.state import ConnectionStatus, Ending, StatusChange
from src.core.domain.connection.watchdog import Advice, Signs, Watchdog
from src.core.domain.market.session import Phase
from src.core.domain.market.tick import TickData
from src.core.ports import Clock
from src.infrastructure.clock import SystemClock
from src.infrastructure.websocket import massive_protocol as protocol
from src.infrastructure.websocket.frame_limits import OversizedFrameError, RefusedFrameError, limit_frames
from src.infrastructure.websocket.handshake import failure_of
from src.infrastructure.websocket.massive_protocol import Status, StatusKind
from src.infrastructure.websocket.refusals import OncePerMinute, Refusals, plain
from src.infrastructure.websocket.topics import Topics
from src.infrastructure.websocket.traffic import Traffic

logger = logging.getLogger(__name__)
logging.getLogger("websocket").setLevel(logging.CRITICAL)  # what it would log is reported here, in our words

_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0
# Added to the delay after a refusal, which another attempt at once would only repeat.
_COOL_DOWN_S = {Ending.TOO_MANY: 60.0, Ending.REFUSED_KEY: 900.0, Ending.NOT_REAL_TIME: 900.0}
_DELAYED_URL = "wss://delayed.massive.com/stocks"
_ACK_DEADLINE_S = 10.0
_WATCH_INTERVAL_S = 0.25
_NAMED_TOPICS = 20  # a status or a log line names this many at most
# A ticker of which nothing came in so many seconds of regular sessions, while others sent, is named as silent.
_SILENT_TICKER_S = 900.0

OnTicks = Callable[[list[TickData], str], None]
OnStatus = Callable[[StatusChange], None]


@dataclass(frozen=True)
class ClientConfig:
    """Where and how to connect; callbacks are given `connection_id`. `phase` says of a time (epoch ms) in which phase
    the market is, which for a simulated feed is always the regular one. Every wait and deadline is of `clock`; only
    the socket's own `connect_timeout_s` is also real."""

    url: str
    channels: tuple[str, ...] = ("A", "AM")
    connect_timeout_s: float = 15.0
    connection_id: str = "connection_1"
    clock: Clock = field(default_factory=SystemClock)
    phase: Callable[[int], Phase] = lambda _now_ms: Phase.REGULAR
    random: Callable[[], float] = random.random


class MassiveWebSocketClient:
    """A self-healing connection. `on_tick_callback` gets each frame's aggregates as a list, and the connection's id, on
    the socket's thread; `on_status_callback` each StatusChange. Neither may block: while they run, nothing is read."""

    def __init__(
        self, api_key: str, on_tick_callback: OnTicks, on_status_callback: OnStatus, config: ClientConfig
    ) -> None:
        self._api_key = api_key
        self._on_ticks = on_tick_callback
        self._on_status = on_status_callback
        self._config = config
        self._clock = config.clock
        self._backoff = Backoff(config.random, _FIRST_DELAY_S, _LONGEST_DELAY_S)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._settled = threading.Event()  # the first attempt ended: authenticated, refused or failed
        self._threads: list[threading.Thread] = []
        self._app: websocket.WebSocketApp | None = None
        self._connection: websocket.WebSocket | None = None
        self._change = StatusChange(ConnectionStatus.DISCONNECTED, "Not started.", connection_id=config.connection_id)
        self._topics = Topics()
        self._ending = Ending.DROPPED
        self._ending_reason = ""
        self._cool_down_s = 0.0  # beside what the ending asks for
        self._close_code: int | None = None  # where the server closed the session with one
        self._ended_here = False  # by a decision of ours: what the socket says afterwards is no reason
        self._key_sent = False  # in this session: a server that greets again gets no other
        self._watchdog = Watchdog()
        self._opened_s = 0.0  # by the watchdog's time
        self._heard = self._data = 0  # frames and pongs; frames of aggregates
        self._answered = False  # something came since the subscription of this session
        self._busy = False  # with a frame: nothing is read
        self._authenticated_s: float | None = None
        self._connected_at_ms: int | None = None
        self._sessions = 0
        self._traffic = Traffic(config.clock.monotonic())
        self._refusals = Refusals(api_key)
        self._pace = OncePerMinute()

    # -- what its owner calls ------------------------------------------------------------------------------------

    def connect(self) -> bool:
        """Starts and waits until the key was accepted (True), or the first attempt failed or timed out (False).

        False is not the end: unless `disconnect` is called it goes on trying in the background.
        """
        self.start()
        self._clock.wait(self._settled, self._config.connect_timeout_s)
        return self._change.status is ConnectionStatus.CONNECTED

    def start(self) -> None:
        """Starts and does not wait for the first attempt; one that `disconnect` left hanging is waited for."""
        if self._stopping.is_set() or not self._threads:
            for ended in self._threads:
                ended.join()  # what `disconnect` did not wait for
            self._stopping.clear()
            self._settled.clear()
            threads = [
                threading.Thread(target=self._run, name="feed-socket", daemon=True),
                threading.Thread(target=self._watch, name="feed-watch", daemon=True),
            ]
            for thread in threads:
                thread.start()
            self._threads = threads  # only now: another thread may join what stands here

    def disconnect(self, reason: str = "Disconnected on request.") -> None:
        """Closes the connection for good, with a reason for people; `connect` may be called again.

        Waits up to 2 s for its threads: one that hangs in an attempt to connect ends when that times out.
        """
        self._stopping.set()
        self._settled.set()
        self._close_socket()
        for thread in self._threads:
            thread.join(2)
        self._set_status(ConnectionStatus.DISCONNECTED, reason)

    def subscribe(self, tickers: Iterable[str]) -> None:
        """Wants these tickers in every channel, now and after every reconnect; `*` is the whole market."""
        topics = protocol.topics_of(tickers, self._config.channels)
        with self._lock:
            added = self._topics.want(topics, self._clock.monotonic())
        if self._authenticated_s is not None:
            self._send(protocol.subscribe_commands(added))

    def unsubscribe(self, tickers: Iterable[str]) -> None:
        """Wants these tickers no more."""
        topics = protocol.topics_of(tickers, self._config.channels)
        with self._lock:
            dropped = self._topics.drop(topics)
        if self._authenticated_s is not None:
            self._send(protocol.unsubscribe_commands(dropped))

    def unacknowledged(self, tickers: Iterable[str]) -> set[str]:
        """Those of the tickers of which the server has not acknowledged every topic in this session."""
        with self._lock:
            missing = self._topics.missing_of(protocol.topics_of(tickers, self._config.channels))
        return {topic.partition(".")[2] for topic in missing}

    def snapshot(self) -> dict[str, Any]:
        """The connection's health as plain values; times are epoch ms. The key is not in it."""
        with self._lock:
            change = self._change
            return {
                "status": change.status.value,
                "reason": change.reason,
                "refusal": change.ending.value if change.ending and change.ending.is_refusal else None,
                "url": self._config.url,
                "connected_at": self._connected_at_ms,
                "reconnects": max(0, self._sessions - 1),
                **self._traffic.snapshot(self._clock.monotonic()),
                "refused_elements": self._refusals.counts(),
                "wanted_topics": self._topics.wanted_count,
                "acknowledged_topics": self._topics.acknowledged_count,
                "missing_topics": self._topics.missing()[:_NAMED_TOPICS],
                "silent_topics": self._topics.silent(self._watchdog.trading_s - _SILENT_TICKER_S)[:_NAMED_TOPICS],
            }

    # -- the socket's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        websocket.setdefaulttimeout(self._config.connect_timeout_s)
        while not self._stopping.is_set():
            self._run_session()
            now_s = self._clock.monotonic()
            lived_s = now_s - (now_s if self._authenticated_s is None else self._authenticated_s)
            came_up = self._authenticated_s is not None
            self._authenticated_s = None
            if self._stopping.is_set():
                return
            self._count_end(came_up)
            cool_down_s = _COOL_DOWN_S.get(self._ending, self._cool_down_s)
            delay_s = cool_down_s + self._backoff.next_delay_s(lived_s)
            status = ConnectionStatus.ERROR if self._ending.is_refusal else ConnectionStatus.DISCONNECTED
            self._set_status(
                status, f"{self._ending_reason} Trying again in {_span(delay_s)}.", self._close_code, self._ending
            )
            self._settled.set()
            self._clock.wait(self._stopping, delay_s)

    def _count_end(self, came_up: bool) -> None:
        kind = self._ending.value if came_up or self._ending is not Ending.DROPPED else "failed_attempt"
        with self._lock:
            self._traffic.take_error(kind)

    def _run_session(self) -> None:
        with self._lock:
            self._ended_here = self._key_sent = False
            self._close_code = None
            self._cool_down_s = 0.0
            self._ending, self._ending_reason = Ending.DROPPED, "The connection was closed by the server."
            self._opened_s = self._watchdog.time_s
            self._topics.forget_acknowledgements()
        self._set_status(ConnectionStatus.CONNECTING, f"Connecting to {self._config.url}.")
        self._app = websocket.WebSocketApp(
            self._config.url,
            on_open=self._on_open,
            on_message=self._on_message,
            on_error=self._on_error,
            on_close=self._on_close,
            on_pong=self._on_pong,
        )
        self._app.run_forever(
            skip_utf8_validation=True,  # in pure Python it costs twenty times the decoding; the decoder validates
            suppress_origin=True,
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.shutdown()  # after a close by the server the library leaves its socket open

    def _on_open(self, app: websocket.WebSocketApp) -> None:
        self._connection = app.sock
        if app.sock is not None:
            limit_frames(app.sock)
        if self._stopping.is_set():
            self._close_socket()

    def _on_message(self, _app: Any, data: bytes | bytearray) -> None:
        self._busy = True
        now_ms = self._clock.now_ms()
        frame = protocol.decode_frame(bytes(data), now_ms)
        with self._lock:
            self._answered = True
            self._traffic.take_frame(len(frame.ticks), self._clock.monotonic(), now_ms)
            self._topics.hear(frame.ticks)
        if frame.refused:
            self._refuse(frame.refused, frame.specimens)
        for status in frame.statuses:
            self._handle_status(status)
        if frame.ticks:
            self._deliver(frame.ticks)
        self._heard += 1
        self._data += bool(frame.ticks or frame.refused)
        self._busy = False

    def _refuse(self, refused: Mapping[str, int], specimens: Mapping[str, bytes]) -> None:
        with self._lock:
            lines = self._refusals.take(refused, specimens, self._clock.monotonic())
        for line in lines:
            logger.warning("%s", line)
        if "unreadable_frame" in refused or "oversized_frame" in refused:
            self._tell(self._change._replace(reason="A frame could not be read.", lost_frame=True))

    def _deliver(self, ticks: list[TickData]) -> None:
        try:
            self._on_ticks(ticks, self._config.connection_id)
        except Exception:
            if frames := self._count_error("callback"):
                logger.exception("%d frames could not be taken; this one had %d aggregates.", frames, len(ticks))

    def _count_error(self, kind: str) -> int:
        """How many errors of the kind to speak of now; 0 within a minute of the last that was said."""
        with self._lock:
            self._traffic.take_error(kind)
            return self._pace.due(kind, 1, self._clock.monotonic())

    def _handle_status(self, status: Status) -> None:
        message = plain(status.message, self._api_key)
        match status.kind:
            case StatusKind.CONNECTED:
                if not self._key_sent:
                    self._key_sent = True
                    self._send([protocol.auth_command(self._api_key)])
            case StatusKind.AUTHENTICATED:
                self._on_authenticated()
            case StatusKind.SUBSCRIBED | StatusKind.UNSUBSCRIBED:
                self._acknowledged(status.topic, status.kind is StatusKind.SUBSCRIBED)
            case StatusKind.AUTH_REFUSED:
                self._end(
                    Ending.REFUSED_KEY,
                    f"The feed refused the key ({message}); correct MASSIVE_API_KEY and start TickStock again.",
                )
            case StatusKind.TOO_MANY_CONNECTIONS:
                self._end(
                    Ending.TOO_MANY,
                    f"The account's connections are all in use ({message}); end what else listens with this key, or "
                    "choose a plan with more connections.",
                )
            case StatusKind.NOT_REAL_TIME:
                self._end(
                    Ending.NOT_REAL_TIME,
                    f"The key has no access to real-time data ({message}); set MASSIVE_WS_URL={_DELAYED_URL} for data "
                    "15 minutes late, or choose a plan with real-time data.",
                )
            case StatusKind.AUTH_TIMED_OUT | StatusKind.DROPPING:
                self._end(Ending.DROPPED, f"The feed is dropping the connection ({message}).")
            case StatusKind.TOPIC_REFUSED | StatusKind.OTHER:
                if times := self._count_error(status.kind.value):
                    logger.warning("The feed says: %s%s", message, f" (and {times - 1} more)" if times > 1 else "")

    def _acknowledged(self, topic: str, subscribed: bool) -> None:
        with self._lock:
            wanted = self._topics.acknowledge(topic, subscribed, self._watchdog.trading_s)
        if subscribed and not wanted:  # it was dropped while the subscription was under way
            self._send(protocol.unsubscribe_commands([topic]))

    def _on_authenticated(self) -> None:
        now_s = self._clock.monotonic()
        with self._lock:
            if self._authenticated_s is not None:
                return  # said twice in one session
            self._sessions += 1
            self._authenticated_s = now_s
            self._connected_at_ms = self._clock.now_ms()
            topics = self._topics.resubscribe(now_s)
            self._answered = not topics
            self._watchdog.begin()
        self._set_status(ConnectionStatus.CONNECTED, "The feed accepted the key.")
        self._settled.set()
        self._send(protocol.subscribe_commands(topics))

    def _on_error(self, _app: Any, error: Exception) -> None:
        reason, cool_down_s = failure_of(error, self._config.url, self._clock.now_ms())
        with self._lock:
            if not self._ended_here:
                self._ending_reason, self._cool_down_s = plain(reason, self._api_key), cool_down_s
        if isinstance(error, OversizedFrameError):
            self._refuse({"oversized_frame": 1}, {"oversized_frame": str(error).encode()})
        if isinstance(error, RefusedFrameError):
            self._end(Ending.DROPPED, str(error), error.close_code)
        elif isinstance(error, websocket.WebSocketProtocolException):
            self._end(Ending.DROPPED, f"The feed broke the protocol: {error}.", websocket.STATUS_PROTOCOL_ERROR)

    def _on_close(self, _app: Any, code: int | None, reason: str | None) -> None:
        said = f", {plain(reason, self._api_key)}" if reason else ""
        with self._lock:
            self._connected_at_ms = None
            if code is not None and not self._ended_here:
                self._close_code = code
                self._ending_reason = f"The feed closed the connection (code {code}{said})."

    # -- watching ------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._clock.wait(self._stopping, _WATCH_INTERVAL_S):
            now_s = self._clock.monotonic()
            advice = self._look(now_s, self._clock.now_ms())
            if advice.end:
                self._end(Ending.SILENT, advice.end)
            elif self._change.status is ConnectionStatus.CONNECTED:
                if advice.ping:
                    self._ping()
                self._mind_missing_topics(now_s)
            elif self._change.status is ConnectionStatus.CONNECTING and self._attempt_is_over():
                self._end(Ending.DROPPED, f"No answer within {self._config.connect_timeout_s:.0f} s.")

    def _attempt_is_over(self) -> bool:
        return self._watchdog.time_s - self._opened_s > self._config.connect_timeout_s

    def _look(self, now_s: float, now_ms: int) -> Advice:
        with self._lock:
            if self._authenticated_s is None or self._ended_here:
                self._watchdog.pass_time(now_s)
                return Advice(ping=False, end=None)
            phase, breadth = self._config.phase(now_ms), self._topics.breadth
            working_on = self._heard if self._busy else None
            return self._watchdog.look(
                Signs(self._heard, self._data, self._answered, working_on, phase, breadth), now_s
            )

    def _ping(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError, AttributeError):  # it may be gone already
            if self._connection is not None:
                self._connection.ping()

    def _mind_missing_topics(self, now_s: float) -> None:
        with self._lock:
            missing = self._topics.overdue(now_s - _ACK_DEADLINE_S)
            again = self._topics.again(now_s)
        if missing:
            more = len(missing) - _NAMED_TOPICS
            shown = ", ".join(missing[:_NAMED_TOPICS]) + (f" and {more} more" if more > 0 else "")
            logger.warning("The feed did not acknowledge %d topics: %s.", len(missing), shown)
        self._send(protocol.subscribe_commands(again))

    # -- shared --------------------------------------------------------------------------------------------------

    def _on_pong(self, _app: Any, _data: bytes) -> None:
        self._heard += 1

    def _end(self, ending: Ending, reason: str, close_code: int = websocket.STATUS_NORMAL) -> None:
        with self._lock:
            if not self._ended_here:
                self._ended_here = True
                self._ending, self._ending_reason = ending, reason
        self._close_socket(close_code)

    def _close_socket(self, close_code: int = websocket.STATUS_NORMAL) -> None:
        """Ends the session from any thread: a close frame, then the end of the stream, which wakes the reader.

        WebSocketApp.close() would wait for the server's close frame by reading beside the socket's own thread, and
        that after a frame that must not be read.
        """
        app = self._app
        if app is None:
            return
        app.keep_running = False
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(websocket.WebSocketException, OSError, AttributeError):  # it may be gone already
                connection.send_close(close_code)
        attempt = connection or app.sock  # the latter while the handshake is not over
        raw = attempt and attempt.sock
        with contextlib.suppress(OSError):
            if raw:
                raw.shutdown(socket.SHUT_RDWR)

    def _send(self, commands: list[str]) -> None:
        app = self._app
        for command in commands:
            try:
                if app is not None:
                    app.send(command)
            except (websocket.WebSocketException, OSError) as error:
                logger.warning("A command could not be sent (%s); it is repeated after the reconnect.", error)
                return

    def _set_status(
        self, status: ConnectionStatus, reason: str, close_code: int | None = None, ending: Ending | None = None
    ) -> None:
        with self._lock:
            if status is self._change.status and reason == self._change.reason:
                return
            change = StatusChange(status, reason, False, self._config.connection_id, close_code, ending)
            self._change = change
        self._tell(change)

    def _tell(self, change: StatusChange) -> None:
        try:
            self._on_status(change)
        except Exception:
            logger.exception("The status %s could not be passed on.", change.status)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
