"""A small server with the real pages and scripted API answers.

It follows the read API's contract over a market held in memory, which a test changes while the page is open: bars
come, are revised, the feed goes down, the server itself goes away. Its clock starts at a scripted moment.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

WEB_DIR = Path(__file__).resolve().parents[2] / "web"
MINUTE_MS = 60_000
# Friday 20 November 2026, 10:31:20 New York: the regular session, winter time.
START_MS = 1_795_188_680_000
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
Bar = dict[str, Any]


def make_bars(symbol: str, newest_ms: int, count: int, price: float) -> list[Bar]:
    """Return ``count`` one-minute bars of a random walk, ascending, the last one at ``newest_ms`` and live."""
    walk = random.Random(symbol)
    bars = []
    for i in range(count):
        open_ = price
        price = round(price * (1 + walk.gauss(0, 0.0009)), 2)
        high = round(max(open_, price) + walk.random() * price * 0.0005, 2)
        low = round(min(open_, price) - walk.random() * price * 0.0005, 2)
        bars.append(
            {
                "symbol": symbol,
                "timestamp": newest_ms - (count - 1 - i) * MINUTE_MS,
                "open": open_,
                "high": high,
                "low": low,
                "close": price,
                "volume": round(walk.lognormvariate(9.5, 0.6)),
                "vwap": round((high + low + price) / 3, 4),
                "tier": "live" if i == count - 1 else "official",
            }
        )
    return bars


def _status() -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "feed": {"name": "massive", "simulated": False},
        "condition": "live",
        "reason": "Bars arrive as they should.",
        "session": {"date": "2026-11-20", "phase": "regular"},
        "universe": {"key": "SYMBOLS", "symbols": [], "unknown": []},
        "connection": {
            "status": "connected",
            "url": "wss://socket.massive.com/stocks",
            "messages": 12_345,
            "reconnects": 1,
            "acknowledged_topics": 200,
            "missing_topics": [],
        },
        "ingest_age_ms": 400,
    }


@dataclass
class ScriptedMarket:
    """What the server answers with; a test may change everything while a page is open.

    ``message_age_ms`` is the age of the newest message of the feed; ``failure`` is an error message with which all
    of the API is answered (503) while it is set; ``delay_s`` slows every API answer; ``requests`` lists the full
    paths asked for and ``most_at_once`` the largest number of requests for bars under way together.
    """

    bars: dict[str, list[Bar]] = field(default_factory=dict)
    references: dict[str, float] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=_status)
    message_age_ms: int = 300
    failure: str | None = None
    delay_s: float = 0.0
    start_ms: int = START_MS
    requests: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _started_s: float = field(default_factory=time.monotonic)
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now_ms(self) -> int:
        """The scripted clock, in epoch milliseconds."""
        return self.start_ms + int((time.monotonic() - self._started_s) * 1000)

    def list_symbols(self, prices: dict[str, float], bars_per_symbol: int = 120) -> None:
        """Fill the market: each symbol with bars up to the running minute, starting near its price."""
        newest_ms = self.now_ms() // MINUTE_MS * MINUTE_MS
        for symbol, price in prices.items():
            self.bars[symbol] = make_bars(symbol, newest_ms, bars_per_symbol, price)
            self.references[symbol] = round(price * 1.001, 2)
        self.status["universe"]["symbols"] = list(self.bars)

    def asked(self, start: str) -> list[str]:
        """The requests so far whose path starts with ``start``."""
        return [path for path in self.requests if path.startswith(start)]

    def quote(self, symbol: str) -> dict[str, Any]:
        """The contract's quote of a symbol; one without bars has none of the values."""
        bars = self.bars[symbol]
        last = bars[-1]["close"] if bars else None
        reference = self.references.get(symbol)
        change = None if last is None or reference is None else round(last - reference, 4)
        return {
            "symbol": symbol,
            "timestamp": bars[-1]["timestamp"] if bars else None,
            "last": last,
            "tier": bars[-1]["tier"] if bars else None,
            "reference_price": reference,
            "reference": None if reference is None else "previous_close",
            "change": change,
            "change_percent": None if change is None or reference is None else 100 * change / reference,
            "day_volume": sum(bar["volume"] for bar in bars),
            "spark": [bar["close"] for bar in bars[-60:]],
        }

    def recent(self, symbol: str, since_ms: int | None, limit: int) -> list[Bar]:
        """The first ``limit`` bars from ``since_ms`` on, or the newest ones without it."""
        if since_ms is None:
            return self.bars[symbol][-limit:]
        return [bar for bar in self.bars[symbol] if bar["timestamp"] >= since_ms][:limit]

    def enter(self) -> None:
        """Count a request for bars as under way."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
        """Count a request for bars as answered."""
        with self._lock:
            self._at_once -= 1


def create_app(market: ScriptedMarket) -> Flask:
    """Make the Flask app: the real templates and static files, the scripted API, the strict CSP."""
    app = Flask("scripted", template_folder=str(WEB_DIR / "templates"), static_folder=str(WEB_DIR / "static"))

    @app.before_request
    def script() -> ResponseReturnValue | None:
        market.requests.append(request.full_path)
        if request.path == "/api/ticks/recent":
            market.enter()
        if request.path.startswith("/api/"):
            time.sleep(market.delay_s)
            if market.failure is not None:
                return jsonify(error={"code": "unavailable", "message": market.failure}), 503
        return None

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if request.path == "/api/ticks/recent":
            market.leave()

    @app.get("/")
    def dashboard() -> str:
        simulated = market.status["feed"]["simulated"]
        return render_template("dashboard.html", version="0.1.0", feed_simulated=simulated, poll_interval_ms=1000)

    @app.get("/api/status")
    def status() -> ResponseReturnValue:
        now_ms = market.now_ms()
        return jsonify(market.status | {"server_time": now_ms, "last_message_time": now_ms - market.message_age_ms})

    @app.get("/api/quotes")
    def quotes() -> ResponseReturnValue:
        return jsonify(quotes=[market.quote(symbol) for symbol in market.bars], unknown=[], server_time=market.now_ms())

    @app.get("/api/ticks/recent")
    def recent() -> ResponseReturnValue:
        return answer_recent(market)

    return app


def answer_recent(market: ScriptedMarket) -> ResponseReturnValue:
    """Answer /api/ticks/recent from the current request's parameters, as DESIGN's contract has it."""
    single = request.args.get("symbol")
    asked = [single] if single else request.args["symbols"].split(",")
    found = {symbol: _spelling(market, symbol) for symbol in asked}
    known = [symbol for symbol in found.values() if symbol is not None]
    if not known:
        message = f"No such symbol: {', '.join(asked)}."
        return jsonify(error={"code": "unknown_symbol", "message": message}), 404
    since = request.args.get("since", type=int)
    limit = request.args.get("limit", default=100, type=int)
    ticks = [bar for symbol in known for bar in market.recent(symbol, since, limit)]
    answer: dict[str, Any] = {"count": len(ticks), "ticks": ticks, "server_time": market.now_ms()}
    if single:
        answer["symbol"] = known[0]
    else:
        answer["unknown"] = [symbol for symbol, spelling in found.items() if spelling is None]
    return jsonify(answer)


def _spelling(market: ScriptedMarket, symbol: str) -> str | None:
    if symbol in market.bars:
        return symbol
    return next((known for known in market.bars if known.lower() == symbol.lower()), None)


class _QuietHandler(WSGIRequestHandler):
    """Serves without a line per request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Log nothing."""


class ScriptedServer:
    """Serves a market on a free port of the loopback address; it can go away and come back on the same port."""

    def __init__(self, market: ScriptedMarket) -> None:
        self.market = market
        self.port = 0
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address of the pages, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; on the port of last time, if there was one."""
        app = create_app(self.market)
        self._server = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=_QuietHandler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening: connections are refused from here on. Stopping twice does nothing."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
