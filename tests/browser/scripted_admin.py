"""A small server with the real administrator's page, and scripted connections behind a real Socket.IO server.

It follows the contract of the administrator's API and of the namespace ``/admin-ws`` over figures held in memory, which
a test changes while the page is open: connections fall, tickers move, the session ends, the server itself goes away.
"""

import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from tests import status_rows

from .scripted_server import CONTENT_SECURITY_POLICY, MINUTE_MS, START_MS, WEB_DIR

NAMESPACE = "/admin-ws"
TICKER_LIMIT = 500
TOKEN = "the-token-of-the-session"
Connection = dict[str, Any]


def make_connection(number: int, name: str, tickers: int) -> Connection:
    """A live connection with so many tickers, as the status has it."""
    return {
        "id": number,
        "connection_id": f"connection_{number}",
        "name": name,
        "enabled": True,
        "paused": False,
        "granted": True,
        "movable": True,
        "status": "connected",
        "condition": "live",
        "reason": "Bars are arriving.",
        "url": "wss://socket.massive.com/stocks",
        "connected_at": START_MS - 3_600_000 * 3,
        "last_message_time": START_MS - 400,
        "message_count": 12_345 * number,
        "messages_per_second": 20.5 * number,
        "rates": [20 * number + i % 7 for i in range(60)],
        "error_count": 2,
        "errors_by_kind": {"dropped": 1, "status_error": 1},
        "reconnect_count": 1,
        "uptime_seconds": 10_800,
        "wanted_topics": 2 * tickers,
        "acknowledged_topics": 2 * tickers,
        "missing_topics": [],
        "silent_topics": [],
        "ticker_count": tickers,
        "own_ticker_count": tickers,
        "lent": 0,
        "borrowed": 0,
        "ticker_limit": TICKER_LIMIT,
    }


def make_tickers(letter: str, count: int) -> list[str]:
    """So many invented tickers, which all begin with a letter."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [f"{letter}{alphabet[i // 26 % 26]}{alphabet[i % 26]}" for i in range(count)]


def _answers() -> list[dict[str, Any]]:
    return [
        {"question": "Is the key right?", "answer": "Yes: the feed accepted it.", "ok": True},
        {
            "question": "Does the plan grant these connections and real-time data?",
            "answer": "Yes: all 3 connections are granted, from the real-time host.",
            "ok": True,
        },
        {"question": "Is this data delayed?", "answer": "No: the newest bar is 2 s behind the clock.", "ok": True},
    ]


@dataclass
class ScriptedConnections:
    """What the server answers and sends; a test may change everything while a page is open.

    ``carried`` has the tickers that each connection carries now, ``moved`` the owners of those that are not with their
    own. ``access`` is 200, or the status that every request of the API gets; ``refusal`` a text with which sockets are
    refused; ``jobs`` lists the actions asked for, and ``job_answer`` is what they are answered: a status and a text.
    """

    connections: list[Connection]
    carried: dict[str, list[str]]
    moved: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    ticks: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=_answers)
    pipeline: dict[str, Any] = field(
        default_factory=lambda: {"event_to_commit_ms": {"p50": 24.4, "p99": 61.0, "count": 4200}, "waiting_bars": 3}
    )
    gaps: list[dict[str, Any]] = field(default_factory=list)
    repair: dict[str, Any] | None = field(default_factory=status_rows.repair)
    reconciliation: dict[str, Any] | None = field(default_factory=lambda: status_rows.reconciliation(START_MS))
    storage: dict[str, Any] | None = field(default_factory=status_rows.storage)
    mode: str = "multi"
    phase: str = "regular"
    ingest_age_ms: int | None = 300
    access: int = 200
    refusal: str | None = None
    jobs: list[tuple[str, ...]] = field(default_factory=list)
    job_answer: tuple[int, str] = (200, "Done.")
    requests: list[str] = field(default_factory=list)
    _started_s: float = field(default_factory=time.monotonic)

    def now_ms(self) -> int:
        """The scripted clock, in epoch milliseconds."""
        return START_MS + int((time.monotonic() - self._started_s) * 1000)

    def status(self) -> dict[str, Any]:
        """GET /api/admin/websocket-status."""
        return {
            "mode": self.mode,
            "feed": {"name": "massive", "simulated": False},
            "session": {"date": "2026-11-20", "phase": self.phase},
            "connections": self.connections,
            "answers": self.answers,
            **self.summary(),
        }

    def summary(self) -> dict[str, Any]:
        """What summary_update tells."""
        enabled = [connection for connection in self.connections if connection["enabled"]]
        return {
            "summary": {
                "total_connections": len(self.connections),
                "enabled_count": len(enabled),
                "connected_count": sum(connection["status"] == "connected" for connection in enabled),
                "total_tickers": sum(connection["ticker_count"] for connection in enabled),
                "total_ticks_received": sum(connection["message_count"] for connection in enabled),
                "total_errors": sum(connection["error_count"] for connection in enabled),
            },
            "pipeline": self.pipeline,
            "repair": self.repair,
            "reconciliation": self.reconciliation,
            "storage": self.storage,
            "retention": status_rows.retention(),
            "patterns": status_rows.patterns(waiting_symbols=3, dropped_ticks=2),
            "ingest_age_ms": self.ingest_age_ms,
            "timestamp": self.now_ms(),
        }

    def metrics(self) -> dict[str, Any]:
        """What metrics_update tells."""
        keys = ("messages_per_second", "rates", "uptime_seconds", "error_count", "message_count", "last_message_time")
        keys += ("condition",)
        return {connection["connection_id"]: {key: connection[key] for key in keys} for connection in self.connections}

    def gap_list(self) -> dict[str, Any]:
        """GET /api/admin/gaps, and what gaps_update tells."""
        states = [gap["state"] for gap in self.gaps]
        totals = {state: states.count(state) for state in ("open", "waiting", "repaired", "unrepairable")}
        bars = sum(gap["repaired_bars"] for gap in self.gaps)
        return {
            "totals": totals | {"repaired_bars": bars, "waiting_symbols": 0, "next_due_at": None},
            "gaps": self.gaps,
        }

    def miss(self, gap_id: str, **changes: Any) -> dict[str, Any]:
        """A gap of the second connection that was opened now and waits to be asked about, but for ``changes``."""
        now_ms = self.now_ms()
        gap = {"id": gap_id, "scope": "connection_2", "symbols": ["BAA", "BAB", "BAC", "BAD"], "symbols_total": 40}
        gap |= {"symbols_done": 10, "from": START_MS - 260_000, "to": START_MS - 20_000, "reason": "drop"}
        gap |= {"detail": "The server closed the connection (1006).", "state": "open", "attempts": 10}
        gap |= {"repaired_bars": 31, "trouble": None, "opened_at": now_ms, "checked_at": now_ms}
        gap |= {"due_at": START_MS + 660_000, "closed_at": None} | changes
        self.gaps.append(gap)
        return gap

    def price(self, connection_id: str, symbol: str, price: float, volume: float = 100.0) -> dict[str, Any]:
        """A tick of the minute that runs, kept as the newest."""
        minute_ms = self.now_ms() // MINUTE_MS * MINUTE_MS
        tick = {
            "connection_id": connection_id,
            "symbol": symbol,
            "price": round(price, 2),
            "volume": volume,
            "timestamp": minute_ms,
        }
        self.ticks[symbol] = tick
        return tick

    def happen(self, connection_id: str, event: str, reason: str, **more: Any) -> dict[str, Any]:
        """An event of now, kept as the newest."""
        made = {"id": len(self.events) + 1, "connection_id": connection_id, "time": self.now_ms(), "event": event}
        made |= {"reason": reason, "close_code": None, "duration_ms": None, "actor": None} | more
        self.events.insert(0, made)
        return made

    def fail(self, number: int, carriers: tuple[int, ...]) -> None:
        """A connection falls, and others share its tickers."""
        lost = self.connections[number - 1]
        owner = lost["connection_id"]
        lost |= {"status": "disconnected", "condition": "down", "reason": "The server closed the connection (1006)."}
        lost |= {"connected_at": None, "messages_per_second": 0.0, "rates": lost["rates"][:48] + [0] * 12}
        tickers = self.carried[owner]
        self.carried[owner] = []
        lost |= {"ticker_count": 0, "lent": len(tickers), "wanted_topics": 0, "acknowledged_topics": 0}
        for i, carrier in enumerate(carriers):
            taker = self.connections[carrier - 1]
            share = tickers[i :: len(carriers)]
            self.carried[taker["connection_id"]] = self.carried[taker["connection_id"]] + share
            self.moved |= dict.fromkeys(share, owner)
            taker["ticker_count"] += len(share)
            taker["borrowed"] += len(share)
            taker["reason"] = "Bars are arriving."

    def recover(self, number: int) -> None:
        """A connection is back and has its tickers again."""
        back = self.connections[number - 1]
        owner = back["connection_id"]
        own = sorted(ticker for ticker, whose in self.moved.items() if whose == owner)
        for connection in self.connections:
            kept = [t for t in self.carried[connection["connection_id"]] if self.moved.get(t) != owner]
            self.carried[connection["connection_id"]] = kept
            connection |= {"ticker_count": len(kept), "borrowed": 0}
        self.moved = {ticker: whose for ticker, whose in self.moved.items() if whose != owner}
        self.carried[owner] = own
        back |= {"status": "connected", "condition": "live", "reason": "Bars are arriving.", "lent": 0}
        back |= {"ticker_count": len(own), "connected_at": self.now_ms(), "wanted_topics": 2 * len(own)}
        back |= {"acknowledged_topics": 2 * len(own), "messages_per_second": 41.0}


def three_connections(tickers: int = 40) -> ScriptedConnections:
    """Three live connections with prices of all their tickers."""
    connections = [make_connection(i, name, tickers) for i, name in enumerate(("primary", "tech", "etfs"), 1)]
    carried = {f"connection_{i}": make_tickers(letter, tickers) for i, letter in enumerate("ABC", 1)}
    return _priced(ScriptedConnections(connections, carried))


def one_connection(tickers: int = 40) -> ScriptedConnections:
    """The mode of one connection."""
    carried = {"connection_1": make_tickers("A", tickers)}
    return _priced(ScriptedConnections([make_connection(1, "primary", tickers)], carried, mode="single"))


def _priced(script: ScriptedConnections) -> ScriptedConnections:
    for connection_id, tickers in script.carried.items():
        for i, ticker in enumerate(tickers):
            script.price(connection_id, ticker, 50 + 3.17 * i, 100 * i)
        script.happen(connection_id, "connected", "The key was accepted.", duration_ms=1_900)
    return script


def create_app(script: ScriptedConnections) -> tuple[Flask, SocketIO]:
    """Make the Flask app: the real template and static files, the scripted API and namespace, the strict CSP."""
    app = Flask("scripted_admin", template_folder=str(WEB_DIR / "templates"), static_folder=str(WEB_DIR / "static"))
    socketio = SocketIO(app, async_mode="threading")

    @socketio.on("connect", namespace=NAMESPACE)
    def connect() -> None:
        if script.access != 200:
            raise Refused("unauthorized")
        if script.refusal is not None:
            raise Refused(script.refusal)

    @app.before_request
    def guard() -> ResponseReturnValue | None:
        script.requests.append(request.full_path)
        if request.path.startswith("/api/") and script.access != 200:
            return jsonify(error={"code": "refused", "message": "The database does not answer."}), script.access
        if request.method == "POST" and request.headers.get("X-CSRFToken") != TOKEN:
            return jsonify(error={"code": "forbidden", "message": "There is no token."}), 403
        return None

    @app.get("/admin/websockets")
    def page() -> str:
        account = {"login": "admin", "role": "admin"}
        context: dict[str, Any] = {"account": account, "csrf_token": lambda: TOKEN}
        return render_template("admin_websockets.html", version="0.1.0", feed_simulated=False, **context)

    @app.get("/api/admin/websocket-status")
    def status() -> ResponseReturnValue:
        return jsonify(script.status())

    @app.get("/api/admin/connection-events")
    def events() -> ResponseReturnValue:
        return jsonify(events=script.events[: int(request.args["limit"])])

    @app.get("/api/admin/connection-tickers")
    def tickers() -> ResponseReturnValue:
        return jsonify(tickers=script.carried, moved=script.moved, ticks=list(script.ticks.values()))

    @app.get("/api/admin/gaps")
    def gaps() -> ResponseReturnValue:
        return jsonify(script.gap_list())

    @app.post("/api/admin/gaps/repair")
    def repair() -> ResponseReturnValue:
        script.jobs.append(("repair", request.get_json().get("gap_id", "all")))
        return _job_answer(script)

    @app.post("/api/admin/connections/<connection_id>/<action>")
    def control(connection_id: str, action: str) -> ResponseReturnValue:
        script.jobs.append((action, connection_id))
        return _job_answer(script)

    @app.post("/api/admin/tickers/<ticker>/move")
    def move(ticker: str) -> ResponseReturnValue:
        script.jobs.append(("move", ticker, request.get_json()["connection_id"]))
        return _job_answer(script)

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return app, socketio


def _job_answer(script: ScriptedConnections) -> ResponseReturnValue:
    status, message = script.job_answer
    if status >= 400:
        return jsonify(error={"code": "bad_parameter", "message": message}), status
    return jsonify(state="done" if status == 200 else "asked", message=message), status


class _Handler(WSGIRequestHandler):
    """Serves without a line per request, and has the server know its connections."""

    def setup(self) -> None:
        super().setup()
        self.server.open_connections.add(self.connection)  # type: ignore[attr-defined]  # set by ScriptedAdminServer

    def log(self, type: str, message: str, *args: object) -> None:
        """Log nothing."""


class ScriptedAdminServer:
    """Serves scripted connections on a free loopback port; it can go away and come back on the same port."""

    def __init__(self, script: ScriptedConnections) -> None:
        self.script = script
        self.port = 0
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._socketio: SocketIO | None = None

    @property
    def url(self) -> str:
        """The address of the pages, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; on the port of last time, if there was one."""
        app, self._socketio = create_app(self.script)
        self._server = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=_Handler)
        self._server.open_connections = set()  # type: ignore[attr-defined]  # for _Handler
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and break every connection off. Stopping twice does nothing."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in self._server.open_connections:  # type: ignore[attr-defined]  # as above
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already
        self._server = None

    def send(self, message: str, content: Any) -> None:
        """Send a message to every page."""
        assert self._socketio is not None
        self._socketio.emit(message, content, namespace=NAMESPACE)

    def send_status(self) -> None:
        """Tell of a change, as the real server does at once."""
        self.send("status_update", self.script.status())

    def send_second(self) -> None:
        """Tell a second's figures."""
        for connection in self.script.connections:
            connection["message_count"] += round(connection["messages_per_second"])
            if connection["condition"] == "live":
                connection["last_message_time"] = self.script.now_ms() - 300
        self.send("metrics_update", self.script.metrics())
        self.send("summary_update", self.script.summary())

    def watchers(self) -> list[str]:
        """The pages that are connected, by their ids."""
        assert self._socketio is not None
        return [sid for sid, _ in self._socketio.server.manager.get_participants(NAMESPACE, None)]

    def end_sessions(self) -> None:
        """End every page's session, as after a logout elsewhere."""
        assert self._socketio is not None
        self.script.access = 401
        for sid in self.watchers():
            self._socketio.server.disconnect(sid, namespace=NAMESPACE)
