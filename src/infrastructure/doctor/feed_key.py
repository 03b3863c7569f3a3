"""What the feed says to the key: a WebSocket session of a few seconds, and what a running ingestion tells instead."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import websocket

from src.infrastructure.doctor.finding import Finding, fail, ok, warn
from src.infrastructure.websocket import massive_protocol as protocol
from src.infrastructure.websocket.massive_protocol import Status, StatusKind
from src.infrastructure.websocket.refusals import plain

NAME = "key"
_TICKER = "AAPL"
_FRESH_MS = 10_000
_SESSION_S = 5.0
# The account's limit is told after the subscription: so long is listened for it.
_LAST_WORD_S = 1.0
_DELAYED = "wss://delayed.massive.com/stocks"


class FeedAccess(NamedTuple):
    """Where the feed is, what to say to it, and how long it may take to answer (seconds)."""

    url: str
    key: str
    channels: Sequence[str]
    timeout_s: float = _SESSION_S


def running_connection(status: Mapping[str, Any] | None, now_ms: int) -> Mapping[str, Any] | None:
    """The connection of an ingestion that reported within 10 s and is connected to the feed, else None."""
    if status is None or now_ms - status["written_at"] > _FRESH_MS:
        return None
    connection: Mapping[str, Any] = status["connection"]
    return connection if connection["status"] == "connected" else None


def word_of(connection: Mapping[str, Any]) -> Finding:
    """What a running ingestion says of the key. A session of our own could end its: many plans grant one."""
    if missing := connection.get("missing_topics"):
        return warn(
            NAME,
            f"The running ingestion is connected, but the feed has not acknowledged {len(missing)} of its topics, such "
            f"as {missing[0]}. No session of our own was opened, as it could end that one.",
            "Look at the log of the ingestion: the plan may not include them.",
        )
    return ok(
        NAME,
        "The running ingestion is connected to the feed with it. No session of our own was opened, as it could end "
        "that one.",
    )


def look_at_key(access: FeedAccess) -> Finding:
    """Connects, authenticates, subscribes to one ticker and closes, within `timeout_s`."""
    deadline_s = time.monotonic() + access.timeout_s
    try:
        connection = websocket.create_connection(access.url, timeout=access.timeout_s, suppress_origin=True)
    except (OSError, websocket.WebSocketException) as error:
        return fail(
            NAME,
            f"The feed opens no WebSocket ({plain(str(error), access.key).rstrip('.')}).",
            "See what is said of the feed's host; else try again later: the vendor may have an outage.",
        )
    try:
        return _converse(_Session(connection, access, deadline_s))
    finally:
        connection.shutdown()


class _Session:
    """One session, and what the feed said in it."""

    def __init__(self, connection: websocket.WebSocket, access: FeedAccess, deadline_s: float) -> None:
        self._connection = connection
        self._deadline_s = deadline_s
        self._unread: list[Status] = []
        self.access = access
        self.broken = ""

    def send(self, command: str) -> None:
        try:
            self._connection.send(command)
        except (OSError, websocket.WebSocketException) as error:
            self.broken = plain(str(error), self.access.key)

    def next_status(self, within_s: float = float("inf")) -> Status | None:
        """What the feed says next; None when it says nothing in time, or the connection ended."""
        end_s = min(self._deadline_s, time.monotonic() + within_s)
        while not self._unread and not self.broken and time.monotonic() < end_s:
            self._read(end_s - time.monotonic())
        return self._unread.pop(0) if self._unread else None

    def _read(self, within_s: float) -> None:
        self._connection.settimeout(within_s)
        try:
            data = self._connection.recv()
        except websocket.WebSocketTimeoutException:
            return
        except (OSError, websocket.WebSocketException) as error:
            self.broken = plain(str(error), self.access.key) or "it was closed"
            return
        raw = data.encode() if isinstance(data, str) else data
        if not raw:
            self.broken = "it was closed"
        self._unread += protocol.decode_frame(raw, time.time_ns() // 1_000_000).statuses


def _converse(session: _Session) -> Finding:
    """The dialogue of the protocol, until the feed refuses or all is well."""
    said = session.next_status()
    if said is not None and said.kind is StatusKind.CONNECTED:
        session.send(protocol.auth_command(session.access.key))
        said = session.next_status()
    if said is None or said.kind is not StatusKind.AUTHENTICATED:
        return _refusal(session, said)
    topics = protocol.topics_of([_TICKER], session.access.channels)
    session.send(protocol.subscribe_commands(topics)[0])
    acknowledged: set[str] = set()
    while acknowledged < set(topics):
        said = session.next_status()
        if said is None or said.kind is not StatusKind.SUBSCRIBED:
            return _refusal(session, said)
        acknowledged.add(said.topic)
    if (said := session.next_status(_LAST_WORD_S)) is not None:
        return _refusal(session, said)
    return ok(NAME, f"The feed accepts it, and subscribes it to {', '.join(topics)}.")


def _refusal(session: _Session, said: Status | None) -> Finding:
    """What it means that the feed did not say what was hoped for."""
    message = plain(said.message, session.access.key).rstrip(".") if said else ""
    match said.kind if said else None:
        case None:
            return _silence(session)
        case StatusKind.AUTH_REFUSED:
            return fail(NAME, f"The feed refuses it ({message}).", "Correct MASSIVE_API_KEY, or the plan behind it.")
        case StatusKind.TOO_MANY_CONNECTIONS:
            return fail(
                NAME,
                f"The account's connections are all in use ({message}).",
                "Stop whatever else uses this key, or take a plan that grants more connections.",
            )
        case StatusKind.NOT_REAL_TIME:
            return fail(
                NAME,
                f"The feed accepts it, but the plan has no real-time data ({message}).",
                f"Set MASSIVE_WS_URL={_DELAYED}, or take a plan with real-time data.",
            )
        case StatusKind.TOPIC_REFUSED:
            return fail(
                NAME,
                f"The feed accepts it, but not for {' and '.join(session.access.channels)} aggregates ({message}).",
                "Take a plan that includes aggregates, or set MASSIVE_CHANNELS=AM if it includes those of minutes.",
            )
    return fail(NAME, f"The feed ends the session ({message}).", "Try again later.")


def _silence(session: _Session) -> Finding:
    if session.broken:
        return fail(
            NAME,
            f"The feed ended the session without a word ({session.broken.rstrip('.')}).",
            "Correct MASSIVE_API_KEY, or try again later: this is also how a refused key can end.",
        )
    return fail(
        NAME,
        f"The feed accepts connections, and then says nothing for {session.access.timeout_s:.0f} s.",
        "Try again later; look at MASSIVE_WS_URL and at proxies if it stays so.",
    )
