"""Bars of any period, read out."""

from src.presentation.api.bars import DEFAULT_LIMIT, MAX_LIMIT
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
from src.presentation.api.parameters import LAST_MS

_DOLLARS = "Dollars, adjusted as asked for."
_TIMEFRAMES = ["1m", "5m", "15m", "1h", "1d", "1w"]
_ADJUSTED = ["false", "true", "all"]
_SESSIONS = ["all", "regular"]

SCHEMAS: dict[str, Part] = {
    "PeriodBar": fields(
        {
            "symbol": text("As the feed spells it; case matters."),
            "timestamp": moment("The start of the period; of a day or a week New York's midnight."),
            "date": text("The New York date of the start; of a week its Monday.", format="date"),
            "open": number(_DOLLARS),
            "high": number(_DOLLARS),
            "low": number(_DOLLARS),
            "close": number(_DOLLARS),
            "volume": number("Shares; can be fractional. Adjusted for splits as asked for.", minimum=0),
            "vwap": or_null(number("Volume-weighted average price; null where a part of the period has none.")),
            "trade_count": or_null(count("Trades; null where a part of the period does not tell them.")),
            "tier": ref("Tier"),
            "partial": flag("The period still trades, or something of it may be missing."),
        },
        description="One period of one symbol. `tier` is the lowest of its parts.",
    ),
    "TradingCalendar": fields(
        {
            "covered_from": text("The first date that the calendar knows.", format="date"),
            "covered_to": text("The last one.", format="date"),
            "trading_weekdays": items(
                whole(minimum=1, maximum=7), "The days of a week that trade, as ISO 8601 counts them: Monday is 1."
            ),
            "holidays": items(text(format="date"), "The dates among those that do not trade."),
            "early_closes": items(
                text(format="date"), "The dates whose regular session ends at 13:00 and whose post-market at 17:00."
            ),
        },
        description="Trading days have a pre-market from 04:00, a regular session from 09:30 to 16:00 and a "
        "post-market to 20:00, New York time.",
    ),
    "Bars": fields(
        {
            "symbol": text(),
            "timeframe": text(enum=_TIMEFRAMES),
            "adjusted": text(enum=_ADJUSTED),
            "session": text(enum=_SESSIONS),
            "not_applied": items(
                fields(
                    {"date": text("The ex-date.", format="date"), "kind": text(enum=["dividend"]), "reason": text()}
                ),
                "Dividends that prices could not be adjusted for, each with the reason.",
            ),
            "bars": items(
                ref("PeriodBar"), "Ascending by time; a period without a trade has none.", maxItems=MAX_LIMIT
            ),
            "count": count("How many bars there are in `bars`."),
            "more": flag("The answer was cut at `limit`."),
            "cursor": or_null(text("Where the answer was cut: send it back as `cursor` for what follows.")),
        }
    ),
}

_EXAMPLE = {
    "symbol": "AAPL",
    "timeframe": "1d",
    "adjusted": "true",
    "session": "all",
    "not_applied": [],
    "bars": [
        {
            "symbol": "AAPL",
            "timestamp": 1598587200000,
            "date": "2020-08-28",
            "open": 126.0125,
            "high": 126.4425,
            "low": 124.5775,
            "close": 124.8075,
            "volume": 187629916,
            "vwap": None,
            "trade_count": None,
            "tier": "final",
            "partial": False,
        }
    ],
    "count": 1,
    "more": True,
    "cursor": "1598587200000",
}
_CALENDAR = {
    "covered_from": "2003-09-01",
    "covered_to": "2028-12-31",
    "trading_weekdays": [1, 2, 3, 4, 5],
    "holidays": ["2026-11-26", "2026-12-25"],
    "early_closes": ["2026-11-27", "2026-12-24"],
}
_TIME = either(text(format="date"), number(minimum=0, maximum=LAST_MS), text(format="date-time"))

PATHS: dict[str, Part] = {
    "/api/bars": {
        "get": operation(
            "Market data",
            "bars",
            "Bars of the past, of any period",
            "Minutes, minutes put together within a session, days or weeks, ascending, as a stream; with "
            "`Accept-Encoding: gzip` packed. Periods are counted from the start of each session (04:00, 09:30 and "
            "16:00 New York; 13:00 on an early close), so that no bar mixes two. Days are the vendor's, or until those "
            "come provisional ones of the regular session's minutes (tier `live`); weeks are made of days. Every "
            "period that holds an instant from `from` to `to` is told, and whole. As CSV, what follows a cut answer is "
            "asked for with the `timestamp` of its last row as `cursor`. An answer that breaks off is not complete: "
            "its last chunk does not come.",
            {
                "200": {
                    "description": "The bars.",
                    "content": {
                        "application/json": {"schema": ref("Bars"), "example": _EXAMPLE},
                        "text/csv": {"schema": {"type": "string"}},
                    },
                },
                **errors(401, 503, _404="The symbol is not known (`unknown_symbol`)."),
            },
            security=READER,
            parameters=[
                {**query("symbol", "One ticker.", text(pattern="^[^,]+$"), "AAPL"), "required": True},
                query("timeframe", "The period of a bar.", text(enum=_TIMEFRAMES, default="1m"), "1d"),
                query(
                    "from",
                    "The first instant: a New York date, epoch seconds (below 10^11), epoch milliseconds, or ISO 8601 "
                    "(UTC where it names no zone). Without it about as many bars before `to` as an answer has unless "
                    "told otherwise: a week of minutes, five years of days.",
                    _TIME,
                    "2020-08-28",
                ),
                query("to", "The last instant, included; a date to its end. Now, if it is not given.", _TIME),
                query(
                    "adjusted",
                    "`true`: for splits up to today, as the vendor does; `all`: for splits and dividends; `false`: as "
                    "it traded.",
                    text(enum=_ADJUSTED, default="false"),
                ),
                query(
                    "session",
                    "`regular` leaves out what is not of the regular session. Days and weeks are the same in both.",
                    text(enum=_SESSIONS, default="all"),
                ),
                query("format", "How the bars are written.", text(enum=["json", "csv"], default="json")),
                query("limit", "Bars, at most.", whole(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT), 1),
                query("cursor", "Where an earlier answer was cut.", text(pattern="^[0-9]{1,14}$")),
            ],
            example="?symbol=AAPL&timeframe=1d&from=2020-08-28&adjusted=true&limit=1",
        )
    },
    "/api/calendar": {
        "get": operation(
            "Market data",
            "calendar",
            "Which days trade",
            "The trading days and early closes of the US market, by which periods, sessions and days are told. The "
            "simulated market trades every day.",
            {"200": json_answer("The calendar.", ref("TradingCalendar"), _CALENDAR), **errors(401)},
            security=READER,
        )
    },
}
