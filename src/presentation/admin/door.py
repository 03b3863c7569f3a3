"""Who may hold a live connection: asked before the WebSocket is made, so that nobody else comes to hold a thread."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response

from src.core.errors import DatabaseUnavailableError
from src.presentation.admin.access import current_administrator
from src.presentation.api.errors import ApiError

LIVE_PATH = "/socket.io/"
MOST_CLIENTS = 40
# Beyond the clients, some may come in and be told that there are too many.
_MOST_VISITS = MOST_CLIENTS + 8
_VISIT_KEY = "tickstock.visit"
FULL = f"At most {MOST_CLIENTS} pages can watch at the same time: close one of them, and try again."

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(eq=False)
class Visit:
    """One WebSocket, from its handshake until its thread is free again; times are of the monotonic clock.

    `sid` names the client in the namespace, `engine_sid` its transport: None until it has joined.
    """

    environ: Environ
    opened_s: float
    sid: str | None = None
    engine_sid: str | None = None
    greeted: bool = False
    left_s: float | None = None

    def cut(self) -> None:
        """Ends the TCP connection, which frees its threads whatever the other side does."""
        raw = self.environ.get("gunicorn.socket") or self.environ["werkzeug.socket"]
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)


class Visits:
    """All WebSockets of this process. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._visits: set[Visit] = set()

    def enter(self, environ: Environ) -> Visit:
        """A new visit, which `environ` names from now on; ApiError when there are too many."""
        visit = Visit(environ, time.monotonic())
        with self._lock:
            if len(self._visits) >= _MOST_VISITS:
                raise ApiError(503, "unavailable", FULL)
            self._visits.add(visit)
        environ[_VISIT_KEY] = visit
        return visit

    def join(self, visit: Visit, sid: str, engine_sid: str) -> bool:
        """Notes that the visit takes part in the namespace; False when 40 do already."""
        with self._lock:
            if sum(other.sid is not None for other in self._visits) >= MOST_CLIENTS:
                return False
            visit.sid, visit.engine_sid = sid, engine_sid
            return True

    def leave(self, visit: Visit) -> None:
        """The WebSocket has ended."""
        with self._lock:
            self._visits.discard(visit)
            self._changed.notify_all()

    def all(self) -> list[Visit]:
        """Those there are now."""
        with self._lock:
            return list(self._visits)

    def wait_until_none(self, timeout_s: float) -> None:
        """Returns once all have left, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._visits, timeout_s)


def visit_of(environ: Environ) -> Visit:
    """The visit that a request belongs to."""
    visit: Visit = environ[_VISIT_KEY]
    return visit


class Door:
    """WSGI: lets administrators of this origin in to `inner`'s WebSockets; all other requests pass as they are.

    `on_visit` is called when somebody has come in.
    """

    def __init__(self, app: Flask, inner: WsgiApp, visits: Visits, on_visit: Callable[[], None]) -> None:
        self._app = app
        self._inner = inner
        self._visits = visits
        self._on_visit = on_visit

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(LIVE_PATH):
            return self._inner(environ, start_response)
        # Compressing the same message for each client anew costs more than sending it does.
        environ = {name: value for name, value in environ.items() if name != "HTTP_SEC_WEBSOCKET_EXTENSIONS"}
        admitted = self._admit(environ)
        if isinstance(admitted, Response):
            return admitted(environ, start_response)
        self._on_visit()
        try:
            return self._inner(environ, start_response)
        finally:
            self._visits.leave(admitted)

    def _admit(self, environ: Environ) -> Visit | Response:
        with self._app.request_context(environ):
            try:
                _check_origin(environ)
                current_administrator()
                return self._visits.enter(environ)
            except (ApiError, DatabaseUnavailableError) as error:
                answer = self._app.make_response(self._app.handle_user_exception(error))
                return self._app.process_response(answer)


def _check_origin(environ: Environ) -> None:
    """Raises ApiError when a page of another origin asks. Who sends no Origin is no browser's page."""
    origin = environ.get("HTTP_ORIGIN")
    own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
    if origin is not None and origin != own:
        raise ApiError(
            403,
            "forbidden",
            f"A page of {origin:.100} may not connect to {own:.100}. If this is the same site behind a proxy, "
            "set BEHIND_PROXY=true.",
        )
