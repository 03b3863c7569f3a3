"""Patterns of bars, read out."""

from src.core.analytics.patterns import PATTERNS, TIMEFRAMES
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
    query,
    ref,
    text,
    whole,
)
from src.presentation.api.parameters import LAST_MS
from src.presentation.api.patterns import DEFAULT_LIMIT, MAX_LIMIT

_TIMEFRAMES = [timeframe.value for timeframe in TIMEFRAMES]

SCHEMAS: dict[str, Part] = {
    "Pattern": fields(
        {
            "symbol": text("As the feed spells it; case matters."),
            "timestamp": moment("The start of the pattern's last bar."),
            "timeframe": text("The period of its bars.", enum=_TIMEFRAMES),
            "pattern": text("Its name.", enum=list(PATTERNS)),
            "direction": text("What the form is taken for.", enum=["bullish", "bearish", "neutral"]),
            "confidence": number(
                "How plainly the bars show the form. No probability of what prices do next.", minimum=0, maximum=1
            ),
            "found_at": moment("When it was found, or found changed."),
            "withdrawn": flag("There, and true, where the bars, as they were corrected, show it no more: remove it."),
        },
        optional=["withdrawn"],
        description="A pattern of completed, official bars. There is one of a symbol, time, timeframe and name.",
    ),
    "RecentPatterns": fields(
        {
            "count": count("How many there are in `patterns`."),
            "cursor": text("Send it back as `cursor` to get what was found, changed or taken back since."),
            "reset": flag("The cursor that was sent is foreign: what you have is to be read anew."),
            "more": flag(
                "The answer had to be cut: ask again with the new cursor, or with `since` from the last one's time."
            ),
            "server_time": moment("The server's clock."),
            "patterns": items(ref("Pattern"), "By time, symbol, timeframe and name."),
            "unknown": items(text(), "What was asked for and the database does not know."),
        },
        optional=["unknown"],
    ),
}

_EXAMPLE = {
    "count": 1,
    "cursor": "0123456789abcdef0123456789abcdef.4711.1763649600000",
    "reset": False,
    "more": False,
    "server_time": 1763649662000,
    "patterns": [
        {
            "symbol": "AAPL",
            "timestamp": 1763649600000,
            "timeframe": "1m",
            "pattern": "engulfing",
            "direction": "bullish",
            "confidence": 0.8,
            "found_at": 1763649661500,
        }
    ],
}

PATHS: dict[str, Part] = {
    "/api/patterns/recent": {
        "get": operation(
            "Market data",
            "recentPatterns",
            "Patterns of the last seven days, and what becomes of them",
            "Candlestick forms, volume surges, price gaps and dojis in completed, official bars. Without `since` and "
            "`cursor` the newest that hold; with `since` the first from then on. With a `cursor`, of this endpoint or "
            "of `/api/ticks/recent`, what was found, changed or taken back since; what was committed together is told "
            "together, so there can be up to 500 more than `limit`.",
            {"200": json_answer("The patterns.", ref("RecentPatterns"), _EXAMPLE), **errors(401, 404, 503)},
            security=READER,
            parameters=[
                query("symbol", "One ticker.", text(pattern="^[^,]+$"), "AAPL"),
                query("symbols", "Tickers with commas between.", text()),
                query("universe", "A universe's key. What is listened to, where nobody is named.", text()),
                query("timeframe", "The period; all without it.", text(enum=_TIMEFRAMES), "1m"),
                query("pattern", f"Names with commas between, of {', '.join(PATTERNS)}.", text()),
                query(
                    "since",
                    "Of bars that start then or later: epoch seconds (below 10^11), epoch milliseconds, or ISO 8601 "
                    "(UTC where it names no zone). Not together with `cursor`.",
                    either(number(minimum=0, maximum=LAST_MS), text(format="date-time")),
                ),
                query("cursor", "The cursor of an earlier answer. Any other text is answered with `reset`.", text()),
                query("limit", "Patterns, at most.", whole(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT), 1),
            ],
            example="?symbol=AAPL&timeframe=1m&limit=1",
        )
    },
}
