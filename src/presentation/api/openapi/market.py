"""The read API: bars, quotes and the state of the feed."""

from src.presentation.api.openapi.parts import (
    READER,
    Part,
    count,
    either,
    errors,
    fields,
    flag,
    items,
    json_answer,
    moment,
    number,
    operation,
    or_null,
    query,
    ref,
    text,
    whole,
)
from src.presentation.api.parameters import LAST_MS, MAX_SYMBOLS
from src.presentation.api.whom import LAST_OFFSET

_TAG = "Market data"
_SYMBOL = text("As the feed spells it; case matters.", examples=["AAPL", "BRK.B", "BACpL"])
_DOLLARS = "Dollars, unadjusted."
_CURSOR = text("Send it back as `cursor` to get what was created or revised since.")
_UNKNOWN = items(text(), "What was asked for and the database does not know.")

SCHEMAS: dict[str, Part] = {
    "Tier": text(
        "How official a bar is. `live`: forming, merged from second aggregates. `early`: from the vendor's history, "
        "asked for within 20 minutes. `official`: the feed's own minute, or the history later than that. `final`: the "
        "history of the next day.",
        enum=["live", "early", "official", "final"],
    ),
    "Bar": fields(
        {
            "symbol": _SYMBOL,
            "timestamp": moment("The start of the minute."),
            "open": number(_DOLLARS),
            "high": number(_DOLLARS),
            "low": number(_DOLLARS),
            "close": number(_DOLLARS),
            "volume": number("Shares; can be fractional.", minimum=0),
            "vwap": or_null(number("Volume-weighted average price; may lie outside low and high.")),
            "tier": ref("Tier"),
            "withdrawn": flag("There, and true, where the vendor has no such bar any more: remove it."),
        },
        optional=["withdrawn"],
        description="One minute of one symbol.",
    ),
    "RecentBars": fields(
        {
            "symbol": text("The symbol as the feed spells it; only when `symbol` was asked for."),
            "count": count("How many bars there are in `ticks`."),
            "cursor": _CURSOR,
            "reset": flag("The cursor that was sent is foreign or too old: what you have is to be read anew."),
            "more": flag("The answer had to be cut: ask again at once, with the new cursor."),
            "server_time": moment("The server's clock."),
            "ticks": items(ref("Bar"), "By time, then symbol."),
            "unknown": _UNKNOWN,
            "status": ref("BriefStatus"),
            "patterns": items(
                ref("Pattern"),
                "With `patterns=true`: those found, changed or taken back since the cursor; without one the newest "
                "that hold, at most 1,000.",
            ),
            "patterns_more": flag("More of them changed: `patterns` are the newest that hold, to begin anew with."),
            "market": ref("MarketInPoll"),
        },
        optional=["symbol", "unknown", "status", "patterns", "patterns_more", "market"],
        description="Bars. `symbol` is there when one was asked for with `symbol`, else `unknown` is.",
    ),
    "Quote": fields(
        {
            "symbol": _SYMBOL,
            "name": or_null(text("The company's or the fund's.")),
            "timestamp": moment("The start of the newest bar."),
            "last": number("The newest bar's close. Dollars."),
            "tier": ref("Tier"),
            "reference_price": or_null(number("What `change` is measured from. Dollars.")),
            "reference": or_null(text("What that price is.", enum=["previous_close", None])),
            "change": or_null(number("Dollars.")),
            "change_percent": or_null(number()),
            "day_volume": number("Shares of the trading day's stored bars.", minimum=0),
            "spark": items(number(), "The closes of the newest bars, oldest first.", maxItems=60),
            "recent": items(
                items(number(), "Start (epoch milliseconds) and volume of a bar.", minItems=2, maxItems=2),
                "The newest bars, so that who follows changes can keep the day's volume.",
                maxItems=20,
            ),
        },
        description="One symbol's line in a watch list. Symbols without bars have none.",
    ),
    "Quotes": fields(
        {
            "quotes": items(ref("Quote")),
            "unknown": _UNKNOWN,
            "cursor": _CURSOR,
            "server_time": moment("The server's clock."),
        }
    ),
    "Feed": fields(
        {
            "name": or_null(text("None before anything was stored.", enum=["massive", "simulated", None])),
            "simulated": flag("The prices are invented."),
        }
    ),
    "Session": fields(
        {
            "date": or_null(text("The trading day, in New York; none outside the calendar.", format="date")),
            "phase": text(enum=["pre", "regular", "post", "closed"]),
        }
    ),
}

_UNIVERSE = {
    "key": or_null(text("Where the symbols come from: `SYMBOLS`, a universe's key, or `fallback`.")),
    "count": count("How many symbols are listened to; 1 for the whole market."),
    "symbols": items(text(), f"The symbols, at most {MAX_SYMBOLS}.", maxItems=MAX_SYMBOLS),
    "unknown": items(text(), "Parts of the key that do not exist."),
    "changed_at": or_null(moment("When ingestion decided it.")),
}
_CONDITIONS = ["live", "late", "market_closed", "paused", "disabled", "down"]
_STATUS = {
    "version": text("TickStock's.", examples=["0.1.0"]),
    "server_time": moment("The server's clock."),
    "feed": ref("Feed"),
    "condition": text("How the feed does, in a word.", enum=_CONDITIONS),
    "reason": text("The same in a sentence."),
    "session": ref("Session"),
    "last_message_time": or_null(moment("When the last aggregate came.")),
    "connection": or_null({"type": "object", "description": "Figures of the connection to the feed; they may grow."}),
    "lost_frames": or_null(count("Frames of the feed that could not be read.")),
    "last_lost_frame_time": or_null(moment("When the last of them came.")),
    "gaps": or_null(
        fields(
            {
                "open": count("Gaps that are not repaired yet."),
                "empty_at": or_null(moment("When nothing will wait for its repair any more.")),
            },
            description="Minutes of which something may be missing.",
        )
    ),
    "storage": or_null(
        fields(
            {
                "ok": flag("Whether bars reach the database."),
                "words": text("The same in sentences: since when not, how many wait, how long there is room for them."),
            },
            description="How it stands with the storing of bars.",
        )
    ),
    "ingest_age_ms": or_null(whole("How long ago ingestion reported; it does so each second.")),
}
SCHEMAS |= {
    "Condition": text("How a connection does, in a word.", enum=_CONDITIONS),
    "BriefStatus": fields(
        {**_STATUS, "universe": fields({key: part for key, part in _UNIVERSE.items() if key != "symbols"})},
        description="The state of the feed in words, without the universe's symbols.",
    ),
    "Status": fields({**_STATUS, "universe": fields(_UNIVERSE)}, description="The state of the feed in words."),
}

_SYMBOLS = query(
    "symbols",
    f"Several tickers with commas between, at most {MAX_SYMBOLS}. What you type is matched exactly first, then without "
    "case, then with `-` for `.`.",
    text(minLength=1),
    "AAPL,BRK.B",
)
_UNIVERSE_KEY = query(
    "universe",
    "A universe of the database (`dow30`), several with colons between (`SPY:nasdaq100`), or `listening`: what the "
    "running feed listens to. May stand beside `symbols`.",
    text(),
)
_OFFSET = query(
    "offset",
    f"Beside `universe`: the {MAX_SYMBOLS} symbols of it from this place on. A universe of more is refused without.",
    whole(minimum=0, maximum=LAST_OFFSET, default=0),
)
# Whom a question is about that takes several symbols.
WHOM = [_SYMBOLS, _UNIVERSE_KEY, _OFFSET]

PATHS: dict[str, Part] = {
    "/api/ticks/recent": {
        "get": operation(
            _TAG,
            "recent-bars",
            "Bars of one symbol or several",
            "Minute bars, ascending by time, then symbol. Name `symbol`, `symbols`, or a `universe`. Without `since` "
            "and `cursor` they are the newest `limit` bars of each symbol. To follow what happens, send the answer's "
            "`cursor` back: the next answer has what was created **or revised** since, whatever its age. The header "
            "`If-None-Match` with an answer's `ETag` gets 304 while nothing changed.",
            {
                "200": json_answer(
                    "The bars.",
                    ref("RecentBars"),
                    {
                        "symbol": "AAPL",
                        "count": 1,
                        "cursor": "5f0c7a4d3e9b41f08a6c2d1e7b9f3a50.42.1763649000000",
                        "reset": False,
                        "more": False,
                        "server_time": 1763649001123,
                        "ticks": [
                            {
                                "symbol": "AAPL",
                                "timestamp": 1763649000000,
                                "open": 150.25,
                                "high": 150.5,
                                "low": 150.2,
                                "close": 150.45,
                                "volume": 12500,
                                "vwap": 150.31,
                                "tier": "official",
                            }
                        ],
                    },
                ),
                "304": {"description": "Nothing changed since the answer that `If-None-Match` names."},
                **errors(
                    400,
                    401,
                    503,
                    _404="None of the symbols is known (`unknown_symbol`), or the universe (`unknown_universe`).",
                    _413="Symbols times `limit` are more than 100,000 bars.",
                ),
            },
            security=READER,
            parameters=[
                query("symbol", "One ticker; the answer then names it.", text(pattern="^[^,]+$"), "AAPL"),
                _SYMBOLS,
                _UNIVERSE_KEY,
                _OFFSET,
                query(
                    "since",
                    "The first bars from this time on, inclusive: epoch seconds (below 10^11), epoch milliseconds, or "
                    "ISO 8601 (UTC where it names no zone). Not together with `cursor`.",
                    either(number(minimum=0, maximum=LAST_MS), text(format="date-time")),
                    "2025-11-20T14:30:00Z",
                ),
                query("cursor", "The cursor of an earlier answer. Any other text is answered with `reset`.", text()),
                query("limit", "Bars of each symbol, at most.", whole(minimum=1, maximum=1000, default=100), 3),
                query("status", "With `true` the answer has the status, too.", flag(default=False)),
                query("patterns", "With `true` it has the patterns of these symbols, too.", flag(default=False)),
                query(
                    "market",
                    "A question about market state, URL-encoded: what follows `/api/market/`, such as "
                    "`rankings?sort=gap&limit=10`. Its answer stands beside the bars, so that a page needs one "
                    "request; what is wrong with the question is told there, too.",
                    text(minLength=1),
                ),
                query("market_tag", "The `tag` of the answer that was given to it before, if there is one.", text()),
                {
                    "name": "If-None-Match",
                    "in": "header",
                    "description": "The `ETag` of an earlier answer to the same address.",
                    "schema": {"type": "string"},
                },
            ],
            example="?symbol=AAPL&since=2025-11-20T14:30:00Z&limit=1",
        )
    },
    "/api/quotes": {
        "get": operation(
            _TAG,
            "quotes",
            "The lines of a watch list",
            "The newest price of each symbol and how it changed since the close of the regular session before. Without "
            "`symbols` and `universe` they are those that the running feed listens to.",
            {
                "200": json_answer("The quotes.", ref("Quotes")),
                **errors(
                    400,
                    401,
                    503,
                    _404="None of the symbols is known (`unknown_symbol`), or the universe (`unknown_universe`).",
                ),
            },
            security=READER,
            parameters=WHOM,
            example="?symbols=AAPL,BRK.B",
        )
    },
    "/api/status": {
        "get": operation(
            _TAG,
            "status",
            "The state of the feed in words",
            "What pages show of the feed: its condition with the reason, the session of the exchange, what is listened "
            "to.",
            {"200": json_answer("The status.", ref("Status")), **errors(401, 503)},
            security=READER,
        )
    },
}
