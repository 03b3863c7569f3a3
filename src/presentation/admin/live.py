"""The Socket.IO namespace `/admin-ws`, and the one thread that serves all who watch there."""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import socketio
from engineio.async_drivers.threading import SimpleWebSocketWSGI
from engineio.exceptions import SocketIsClosedError
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from flask import Flask, request
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import Namespace, SocketIO
from socketio.packet import EVENT, Packet

from src.core.errors import DatabaseUnavailableError
from src.presentation.admin.access import current_administrator
from src.presentation.admin.door import FULL, Door, Visit, Visits, visit_of
from src.presentation.admin.live_feed import LiveFeed, LiveSources
from src.presentation.api.errors import ApiError

logger = logging.getLogger(__name__)
# The library notes every packet, and warns of each client that goes away in the middle of one.
_library_logger = logging.getLogger(f"{__name__}.protocol")
_library_logger.setLevel(logging.ERROR)

NAMESPACE = "/admin-ws"
_EXTENSION = "admin-live"
# A client that is gone is noticed within the sum of both.
_PING_INTERVAL_S, _PING_TIMEOUT_S = 10, 10
# Clients send pongs, and the name of the namespace.
_LARGEST_MESSAGE_BYTES = 1024
_LOOK_INTERVAL_S = 0.02
_RETRY_S = 0.5
_CHECK_INTERVAL_S = 5.0
_JOIN_TIMEOUT_S = 5.0
_LEAVE_TIMEOUT_S = 1.0
_STOP_TIMEOUT_S = 0.3
_QUIET_S = 60.0  # between warnings of the same kind


class _Json:
    """JSON as python-socketio asks for it."""

    @staticmethod
    def dumps(body: Any, **_options: Any) -> str:
        return msgspec.json.encode(body).decode()

    @staticmethod
    def loads(text: str, **_options: Any) -> Any:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error


class _Packet(Packet):  # type: ignore[misc]  # the library carries no types
    """Messages are JSON alone, so none is searched for binary parts."""

    uses_binary_events = False
    json = _Json


class _Registry(socketio.Manager):  # type: ignore[misc]  # the library carries no types
    """The library's registry of clients, which is not made for several that come and go at the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()

    def basic_enter_room(self, *args: Any, **options: Any) -> Any:
        with self._lock:
            return super().basic_enter_room(*args, **options)

    def basic_disconnect(self, *args: Any, **options: Any) -> Any:
        with self._lock:
            return super().basic_disconnect(*args, **options)


class _AdminNamespace(Namespace):  # type: ignore[misc]  # the library carries no types
    """Who comes and goes. Clients have nothing to say, so what they send is ignored."""

    def __init__(self, visits: Visits, registry: socketio.Manager) -> None:
        super().__init__(NAMESPACE)
        self._visits = visits
        self._registry = registry

    def on_connect(self, _auth: Any = None) -> None:
        try:
            current_administrator()
        except ApiError as error:
            raise Refused(error.code) from error
        except DatabaseUnavailableError as error:
            raise Refused("unavailable") from error
        sid = request.sid  # type: ignore[attr-defined]  # set by Flask-SocketIO
        if not self._visits.join(visit_of(request.environ), sid, self._registry.eio_sid_from_sid(sid, NAMESPACE)):
            raise Refused(FULL)

    def on_disconnect(self, _reason: Any = None) -> None:
        visit_of(request.environ).left_s = time.monotonic()


def register_live(app: Flask, sources: LiveSources) -> None:
    """Adds the namespace to `app`. Starts no thread before somebody connects."""
    app.extensions[_EXTENSION] = LiveServer(app, sources)


def stop_live(app: Flask) -> None:
    """Closes all connections of `app`'s namespace, if it has one; safe to call twice."""
    live: LiveServer | None = app.extensions.get(_EXTENSION)
    if live is not None:
        live.stop()


class LiveServer:
    """The namespace of one web process. Its thread `admin-live` runs only while somebody is connected."""

    def __init__(self, app: Flask, sources: LiveSources) -> None:
        self._app = app
        self._sources = sources
        self._visits = Visits()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._warned_s = float("-inf")
        self._checked_s = 0.0
        self._registry = _Registry()
        self._server = _make_server(app, self._registry, _AdminNamespace(self._visits, self._registry))
        app.wsgi_app = Door(app, app.wsgi_app, self._visits, self._start)  # type: ignore[method-assign]  # so WSGI wraps

    def stop(self) -> None:
        """Closes all connections, so that their threads end and the process can; clients connect anew by themselves."""
        self._stopping.set()
        for visit in self._visits.all():
            engine_socket = self._server.eio.sockets.get(visit.engine_sid)
            if engine_socket is None:
                visit.cut()
                continue
            with contextlib.suppress(SocketIsClosedError):
                engine_socket.close(wait=False, abort=True)  # without a message, which clients take as "stay away"
        self._visits.wait_until_none(_STOP_TIMEOUT_S)
        for visit in self._visits.all():
            visit.cut()
        self._visits.wait_until_none(_STOP_TIMEOUT_S)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._serve, name="admin-live", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        feed = LiveFeed(self._sources, self._tell_all)
        self._checked_s = time.monotonic()
        while not self._stopping.wait(_LOOK_INTERVAL_S):
            self._look(feed, time.monotonic())
            with self._lock:
                if not self._visits.all():
                    self._thread = None
                    return

    def _look(self, feed: LiveFeed, now_s: float) -> None:
        try:
            self._end_visits(now_s)
            self._check_sessions(now_s)
            feed.look(now_s)
            self._greet(feed)
        except DatabaseUnavailableError as error:
            self._warn(now_s, f"Administrators who watch are told little that is new. {error}")
            with contextlib.suppress(DatabaseUnavailableError):
                feed.look_without_database(now_s)
            self._stopping.wait(_RETRY_S)
        except Exception as error:  # noqa: BLE001  it is logged, and the next look may succeed
            self._warn(now_s, "Administrators who watch are told nothing new, by an error in the program.", error)
            self._stopping.wait(_RETRY_S)

    def _warn(self, now_s: float, message: str, error: Exception | None = None) -> None:
        if now_s - self._warned_s >= _QUIET_S:
            self._warned_s = now_s
            logger.warning(message, exc_info=error)

    def _greet(self, feed: LiveFeed) -> None:
        """Tells those who have just come how things are."""
        new = [visit for visit in self._joined() if not visit.greeted]
        for visit in new:
            visit.greeted = True
        for event, data in feed.greeting() if new else ():
            self._send(new, event, data)

    def _tell_all(self, event: str, data: Any) -> None:
        self._send([visit for visit in self._joined() if visit.greeted], event, data)

    def _send(self, visits: Sequence[Visit], event: str, data: Any) -> None:
        """Sends one message, encoded once, to each of them."""
        message = EnginePacket(MESSAGE, _Packet(EVENT, [event, data], NAMESPACE).encode())
        for visit in visits:
            with contextlib.suppress(SocketIsClosedError):
                self._server.eio.send_packet(visit.engine_sid, message)

    def _joined(self) -> list[Visit]:
        is_connected = self._registry.is_connected
        return [visit for visit in self._visits.all() if visit.sid and is_connected(visit.sid, NAMESPACE)]

    def _end_visits(self, now_s: float) -> None:
        """Frees the threads of those who have left, or do not join."""
        for visit in self._visits.all():
            has_left = visit.left_s is not None and now_s - visit.left_s > _LEAVE_TIMEOUT_S
            if has_left or (visit.sid is None and now_s - visit.opened_s > _JOIN_TIMEOUT_S):
                visit.cut()

    def _check_sessions(self, now_s: float) -> None:
        """Every few seconds, disconnects those whose session has ended, or who are administrators no more."""
        if now_s - self._checked_s < _CHECK_INTERVAL_S:
            return
        self._checked_s = now_s
        for visit in self._joined():
            with contextlib.suppress(DatabaseUnavailableError):
                if not self._may_stay(visit):
                    self._server.disconnect(visit.sid, namespace=NAMESPACE)

    def _may_stay(self, visit: Visit) -> bool:
        with self._app.request_context(dict(visit.environ)):
            try:
                current_administrator()
            except ApiError:
                return False
            return True


def _make_server(app: Flask, registry: socketio.Manager, namespace: Namespace) -> socketio.Server:
    """The library's server, as the middleware of `app`."""
    flask_socketio = SocketIO(
        app,
        async_mode="threading",
        client_manager=registry,
        serializer=_Packet,
        transports=["websocket"],
        namespaces=[NAMESPACE],
        cors_allowed_origins=[],  # the door looks at the origin
        manage_session=False,
        async_handlers=False,
        http_compression=False,
        max_http_buffer_size=_LARGEST_MESSAGE_BYTES,
        ping_interval=_PING_INTERVAL_S,
        ping_timeout=_PING_TIMEOUT_S,
        logger=_library_logger,
        engineio_logger=_library_logger,
    )
    flask_socketio.on_namespace(namespace)
    engine = flask_socketio.server.eio
    # The limit above is looked at when the whole message is in memory; this one while it comes.
    websocket = partial(SimpleWebSocketWSGI, max_message_size=_LARGEST_MESSAGE_BYTES)
    engine._async = {**engine._async, "websocket": websocket}
    return flask_socketio.server
