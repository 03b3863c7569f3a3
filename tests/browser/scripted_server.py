"""A small server with the real pages and scripted API answers.

It follows the read API's contract over a market held in memory, which a test changes while the page is open: bars
come, are revised, the feed goes down, the server itself goes away. Its clock starts at a scripted moment.
"""

import datetime as dt
import json
import random
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from src.core.domain.market.aggregation import Timeframe, within_sessions
from src.core.domain.market.bar import Bar as MinuteBar
from src.core.domain.market.bar import Tier
from src.core.domain.market.session import DayKind, SessionTable, TradingDay
from src.presentation.api.bars_text import bars_as_json

WEB_DIR = Path(__file__).resolve().parents[2] / "web"
MINUTE_MS = 60_000
# Friday 20 November 2026, 10:31:20 New York: the regular session, winter time.
START_MS = 1_795_188_680_000
# 04:00 New York of that day.
DAY_START_MS = 1_795_165_200_000
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
        "universe": {"key": "SYMBOLS", "symbols": [], "unknown": [], "changed_at": START_MS},
        "connection": {
            "status": "connected",
            "url": "wss://socket.massive.com/stocks",
            "messages": 12_345,
            "reconnects": 1,
            "acknowledged_topics": 200,
            "missing_topics": [],
        },
        "gaps": {"open": 0, "empty_at": None},
        "ingest_age_ms": 400,
    }


def _calendar() -> dict[str, Any]:
    covered = {"covered_from": "2003-09-01", "covered_to": "2028-12-31"}
    return covered | {"trading_weekdays": [1, 2, 3, 4, 5], "holidays": [], "early_closes": []}


@dataclass
class ScriptedMarket:
    """What the server answers with; a test may change everything while a page is open.

    A symbol is known to the database while it stands in ``bars``, and listened to while it stands in the status'
    universe. ``names`` are companies' names; ``universes`` are those beside `listening`; ``views`` are the answers
    about the market by their endpoint's name, or what makes one of the question's parameters, ``quality`` that about
    the data; ``day_start_ms`` is where the day's volume begins; another ``database_id`` makes every cursor foreign.
    ``message_age_ms`` is the age of the newest message of the feed;
    ``failure`` is an error message with which all of the API is answered (``failure_status``) while it is set;
    ``days`` are the daily bars of ``/api/bars``, whose other periods are made of ``bars``, by the ``calendar``;
    ``patterns`` are those of ``/api/patterns/recent``, and ``new_patterns`` what every poll tells of them;
    ``delay_s`` slows every API answer; ``requests`` lists the full paths asked for and ``most_at_once`` the
    largest number of API requests under way together.
    """

    bars: dict[str, list[Bar]] = field(default_factory=dict)
    references: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    universes: dict[str, list[str]] = field(default_factory=dict)
    views: dict[str, dict[str, Any] | Callable[[str], dict[str, Any]]] = field(default_factory=dict)
    day_start_ms: int = DAY_START_MS
    database_id: str = "0a" * 16
    status: dict[str, Any] = field(default_factory=_status)
    message_age_ms: int = 300
    failure: str | None = None
    failure_status: int = 503
    delay_s: float = 0.0
    start_ms: int = START_MS
    days: dict[str, list[Bar]] = field(default_factory=dict)
    patterns: list[dict[str, Any]] = field(default_factory=list)
    new_patterns: list[dict[str, Any]] = field(default_factory=list)
    calendar: dict[str, Any] = field(default_factory=_calendar)
    requests: list[str] = field(default_factory=list)
    most_at_once: int = 0
    _started_s: float = field(default_factory=time.monotonic)
    _revision: int = 1
    _seen: dict[tuple[str, int], tuple[tuple[Any, ...], int]] = field(default_factory=dict)
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
        self.listen_to(list(self.bars))

    def listen_to(self, symbols: list[str]) -> None:
        """Change the universe of the service."""
        universe = self.status["universe"]
        self.status["universe"] = universe | {"symbols": symbols, "changed_at": universe["changed_at"] + 1}

    def asked(self, start: str) -> list[str]:
        """The requests so far whose path starts with ``start``."""
        return [path for path in self.requests if path.startswith(start)]

    def quote(self, symbol: str) -> dict[str, Any]:
        """The contract's quote of a symbol that has bars."""
        bars = self.kept(symbol)
        last = bars[-1]["close"]
        reference = self.references.get(symbol)
        change = None if reference is None else round(last - reference, 4)
        name = {"name": self.names[symbol]} if symbol in self.names else {}
        return name | {
            "symbol": symbol,
            "timestamp": bars[-1]["timestamp"],
            "last": last,
            "tier": bars[-1]["tier"],
            "reference_price": reference,
            "reference": None if reference is None else "previous_close",
            "change": change,
            "change_percent": None if change is None or reference is None else 100 * change / reference,
            "day_volume": self.day_volume(symbol),
            "spark": [bar["close"] for bar in bars[-60:]],
            "recent": [[bar["timestamp"], bar["volume"]] for bar in bars[-20:]],
        }

    def kept(self, symbol: str) -> list[Bar]:
        """The bars of a symbol that are not withdrawn; of those that are, changes alone tell."""
        return [bar for bar in self.bars[symbol] if not bar.get("withdrawn")]

    def day_volume(self, symbol: str) -> float:
        """The shares traded since the day began, added in millionths."""
        day = [bar for bar in self.kept(symbol) if bar["timestamp"] >= self.day_start_ms]
        millionths: int = sum(round(bar["volume"] * 1_000_000) for bar in day)
        return millionths / 1_000_000

    def cursor(self) -> str:
        """The cursor behind all that tests did to the bars up to now."""
        with self._lock:
            self._note_changes()
            return f"{self.database_id}.{self._revision}"

    def changes(self, symbols: list[str], cursor: str, limit: int) -> tuple[list[Bar], bool] | None:
        """The bars of symbols that came or were revised since a cursor, at most ``limit`` of each, and whether there
        are more; None for a cursor of another database."""
        database_id, revision = cursor.split(".")
        if database_id != self.database_id:
            return None
        changed: dict[str, list[Bar]] = {}
        for symbol in symbols:
            bars = self.bars[symbol]
            changed[symbol] = [bar for bar in bars if self._seen[symbol, bar["timestamp"]][1] > int(revision)]
        more = any(len(bars) > limit for bars in changed.values())
        return [bar for bars in changed.values() for bar in bars[:limit]], more

    def recent(self, symbol: str, since_ms: int | None, limit: int) -> list[Bar]:
        """The first ``limit`` bars from ``since_ms`` on, or the newest ones without it."""
        if since_ms is None:
            return self.kept(symbol)[-limit:]
        return [bar for bar in self.kept(symbol) if bar["timestamp"] >= since_ms][:limit]

    def _note_changes(self) -> None:
        """Give what tests changed since the last time a revision."""
        revision = self._revision + 1
        for symbol, bars in self.bars.items():
            for bar in bars:
                key, values = (symbol, bar["timestamp"]), tuple(bar.values())
                if key not in self._seen or self._seen[key][0] != values:
                    self._seen[key] = (values, revision)
                    self._revision = revision

    def trading_day(self, date: dt.date) -> TradingDay | None:
        """The bounds of a date by the scripted calendar."""
        kinds = {DayKind.HOLIDAY: "holidays", DayKind.EARLY_CLOSE: "early_closes"}
        exceptions = {dt.date.fromisoformat(day): kind for kind, name in kinds.items() for day in self.calendar[name]}
        return SessionTable(exceptions, dt.date(2003, 9, 1), dt.date(2028, 12, 31)).trading_day(date)

    def delay(self) -> None:
        """Let an answer wait; a delay that is shortened meanwhile is so for it too."""
        since_s = time.monotonic()
        while time.monotonic() - since_s < self.delay_s:
            time.sleep(0.02)

    def enter(self) -> None:
        """Count an API request as under way."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
        """Count an API request as answered."""
        with self._lock:
            self._at_once -= 1


def create_app(market: ScriptedMarket) -> Flask:
    """Make the Flask app: the real templates and static files, the scripted API, the strict CSP."""
    app = Flask("scripted", template_folder=str(WEB_DIR / "templates"), static_folder=str(WEB_DIR / "static"))

    @app.before_request
    def script() -> ResponseReturnValue | None:
        market.requests.append(request.full_path)
        if request.path.startswith("/api/"):
            market.enter()
            market.delay()
            if market.failure is not None:
                code = {401: "unauthorized", 503: "unavailable"}[market.failure_status]
                return jsonify(error={"code": code, "message": market.failure}), market.failure_status
        return None

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if request.path.startswith("/api/"):
            market.leave()

    @app.get("/")
    def dashboard() -> str:
        simulated = market.status["feed"]["simulated"]
        return render_template("dashboard.html", version="0.1.0", feed_simulated=simulated, poll_interval_ms=1000)

    @app.get("/api/status")
    def status() -> ResponseReturnValue:
        return jsonify(current_status(market))

    @app.get("/api/quotes")
    def quotes() -> ResponseReturnValue:
        cursor = market.cursor()
        known, unknown = asked_symbols(market)
        found = [market.quote(symbol) for symbol in known if market.bars[symbol]]
        return jsonify(quotes=found, unknown=unknown, cursor=cursor, server_time=market.now_ms())

    @app.get("/api/quality")
    def quality() -> ResponseReturnValue:
        return jsonify(market.quality | {"server_time": market.now_ms()})

    @app.get("/api/universes")
    def universes() -> ResponseReturnValue:
        named = {"listening": market.status["universe"]["symbols"], **market.universes}
        told = [{"key": key, "type": "UNIVERSE", "count": len(named[key]), "description": f"Of {key}"} for key in named]
        return jsonify(universes=told, server_time=market.now_ms())

    @app.get("/api/universes/<key>")
    def members(key: str) -> ResponseReturnValue:
        if key not in market.universes:
            message = f"No universe is called '{key}'. Did you mean dow30?"
            return jsonify(error={"code": "unknown_universe", "message": message}), 404
        symbols = market.universes[key]
        offset = request.args.get("offset", default=0, type=int)
        page = symbols[offset : offset + 1000]
        unheard = [symbol for symbol in page if symbol not in market.status["universe"]["symbols"]]
        told = {"key": key, "count": len(symbols), "offset": offset, "symbols": page, "unheard": unheard, "unknown": []}
        return jsonify(told)

    @app.get("/api/ticks/recent")
    def recent() -> ResponseReturnValue:
        return answer_recent(market)

    @app.get("/api/patterns/recent")
    def patterns() -> ResponseReturnValue:
        asked = (request.args["symbol"], request.args["timeframe"])
        told = [event for event in market.patterns if (event["symbol"], event["timeframe"]) == asked]
        return jsonify(patterns=told, count=len(told), server_time=market.now_ms())

    @app.get("/api/calendar")
    def calendar() -> ResponseReturnValue:
        return jsonify(market.calendar)

    @app.get("/api/bars")
    def bars() -> ResponseReturnValue:
        if request.args.get("format") == "csv":
            headers = {"Content-Disposition": 'attachment; filename="AAPL_1m.csv"'}
            return Response("symbol,timestamp\nAAPL,1\n", content_type="text/csv", headers=headers)
        return answer_bars(market)

    return app


def current_status(market: ScriptedMarket) -> dict[str, Any]:
    """What /api/status answers."""
    now_ms = market.now_ms()
    universe = market.status["universe"] | {"count": len(market.status["universe"]["symbols"])}
    times = {"server_time": now_ms, "last_message_time": now_ms - market.message_age_ms}
    return market.status | {"universe": universe} | times


def asked_symbols(market: ScriptedMarket) -> tuple[list[str], list[str]]:
    """The symbols that the current request asks for, as the database spells them, and the names it does not know."""
    named = {"listening": market.status["universe"]["symbols"], **market.universes}
    offset = request.args.get("offset", default=0, type=int)
    members = named.get(request.args.get("universe", ""), [])[offset : offset + 1000]
    names = [*members, *filter(None, request.args.get("symbols", request.args.get("symbol", "")).split(","))]
    spellings = {name: _spelling(market, name) for name in names}
    known = [symbol for symbol in spellings.values() if symbol is not None]
    return known, [name for name, symbol in spellings.items() if symbol is None]


def answer_recent(market: ScriptedMarket) -> ResponseReturnValue:
    """Answer /api/ticks/recent from the current request's parameters."""
    cursor = market.cursor()
    known, unknown = asked_symbols(market)
    if unknown and not known and "universe" not in request.args:
        return jsonify(error={"code": "unknown_symbol", "message": f"No such symbol: {', '.join(unknown)}."}), 404
    limit = request.args.get("limit", default=100, type=int)
    asked_cursor = request.args.get("cursor")
    changes = None if asked_cursor is None else market.changes(known, asked_cursor, limit)
    since = request.args.get("since", type=int)
    ticks, more = changes or ([bar for symbol in known for bar in market.recent(symbol, since, limit)], False)
    answer: dict[str, Any] = {
        "count": len(ticks),
        "cursor": asked_cursor if more else cursor,
        "reset": asked_cursor is not None and changes is None,
        "more": more,
        "server_time": market.now_ms(),
        "ticks": sorted(ticks, key=lambda bar: (bar["timestamp"], bar["symbol"])),
    }
    answer |= {"symbol": known[0]} if "symbol" in request.args else {"unknown": unknown}
    if request.args.get("status") == "true":
        brief = current_status(market)
        del brief["universe"]["symbols"]
        answer["status"] = brief
    if request.args.get("patterns") == "true":
        answer |= {"patterns": market.new_patterns, "patterns_more": False}
    if "market" in request.args:
        answer["market"] = answer_market(market, request.args["market"], request.args.get("market_tag"))
    return jsonify(answer)


def answer_market(market: ScriptedMarket, query: str, tag: str | None) -> dict[str, Any]:
    """What a poll tells of the market beside bars: only the tag when the page has that answer."""
    view, _, parameters = query.partition("?")
    found = market.views[view]
    body = found(parameters) if callable(found) else found
    now_tag = f"{zlib.crc32(f'{query} {body}'.encode()):x}"
    return {"tag": now_tag} if tag == now_tag else {"tag": now_tag, "view": view, **body}


def _spelling(market: ScriptedMarket, symbol: str) -> str | None:
    if symbol in market.bars:
        return symbol
    return next((known for known in market.bars if known.lower() == symbol.lower()), None)


def answer_bars(market: ScriptedMarket) -> ResponseReturnValue:
    """Answer /api/bars from the current request's parameters, by the rules of the real one."""
    known, _unknown = asked_symbols(market)
    if not known:
        return jsonify(error={"code": "unknown_symbol", "message": "No such symbol."}), 404
    timeframe = Timeframe(request.args["timeframe"])
    from_ms, to_ms, limit = (int(request.args[name]) for name in ("from", "to", "limit"))
    if timeframe is Timeframe.DAY:
        told = market.days.get(known[0], [])
    else:
        minutes = [minute_of(bar) for bar in market.kept(known[0])]
        told = json.loads(b"[" + bars_as_json(list(within_sessions(minutes, timeframe, market.trading_day))) + b"]")
    found = [bar for bar in told if from_ms <= bar["timestamp"] <= to_ms]
    bars = found[:limit]
    return jsonify(symbol=known[0], timeframe=timeframe, bars=bars, count=len(bars), more=len(found) > limit)


def minute_of(bar: Bar) -> MinuteBar:
    """A scripted bar as the program's own."""
    names = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "vwap")
    tier = Tier[bar["tier"].upper()]
    return MinuteBar(**{name: bar[name] for name in names}, trade_count=None, tier=tier, observed_at=0)


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
