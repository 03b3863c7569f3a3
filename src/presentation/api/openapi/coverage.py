"""The administrator's API: which days of which symbols are whole."""

from src.core.domain.market.coverage import DayState
from src.presentation.api.openapi.parts import (
    ADMINISTRATOR,
    ADMINISTRATOR_ACTING,
    Part,
    count,
    errors,
    fields,
    in_path,
    items,
    json_answer,
    mapping,
    moment,
    operation,
    or_null,
    query,
    ref,
    text,
    whole,
)

_TAG = "Administration"
_STATES = [state.value for state in DayState]
_DATE = text("New York.", format="date")
_SPAN = fields(
    {"from": moment("The first minute."), "to": moment("The last minute."), "minutes": count("How many there are.")}
)

PATHS: dict[str, Part] = {
    "/api/admin/coverage": {
        "get": operation(
            _TAG,
            "coverage",
            "Which days of which symbols are whole",
            "By the trading calendar and by what the vendor was asked for; it asks the vendor for nothing. A minute in "
            "which nothing traded has no bar, so only the vendor can say that a day is whole. At most 3,000 cells an "
            "answer: `offset` goes on.",
            {
                "200": json_answer("The days.", ref("Coverage")),
                **errors(400, 401, 403, 503, _404="There is no such symbol, or no such universe."),
            },
            security=ADMINISTRATOR,
            parameters=[
                query("symbol", "One ticker.", text()),
                query("symbols", "Tickers, with commas between.", text()),
                query("universe", "All of a universe; without any, what is listened to.", text()),
                query("from", "The first day; 20 trading days by default.", _DATE),
                query("to", "The last day; today by default.", _DATE),
                query("offset", "How many symbols to pass over.", whole(minimum=0, maximum=1_000_000, default=0)),
                query("limit", "How many symbols, at most.", whole(minimum=1, maximum=100, default=25)),
            ],
        )
    },
    "/api/admin/coverage/{symbol}/{date}": {
        "get": operation(
            _TAG,
            "coverage-of-a-day",
            "A symbol's day in detail",
            "With the minutes that have no bar.",
            {
                "200": json_answer("The day.", ref("SymbolDay")),
                **errors(400, 401, 403, 503, _404="There is no such symbol, or nothing trades on that day."),
            },
            security=ADMINISTRATOR,
            parameters=[
                in_path("symbol", "As the feed spells it, or without case.", text(minLength=1), "AAPL"),
                in_path("date", "New York.", text(format="date"), "2025-11-20"),
            ],
        )
    },
    "/api/admin/coverage/repair": {
        "post": operation(
            _TAG,
            "repair-days",
            "Ask the vendor for days of symbols",
            "Opens a gap of these minutes, which is repaired as all others are, as far as the rate allows; it does not "
            "wait for that. Handed to the ingesting process, logged with who asked.",
            {
                "200": json_answer("Done.", ref("ActionDone")),
                "202": json_answer(
                    "Handed to the ingesting process, which has not answered within 3 s.", ref("ActionAsked")
                ),
                **errors(400, 401, 403, 404, 409, 503),
            },
            security=ADMINISTRATOR_ACTING,
            body={
                "application/json": {
                    "schema": fields(
                        {
                            "symbols": items(text(), "At most 1,000.", minItems=1, maxItems=1000),
                            "from": text("The first day, New York.", format="date"),
                            "to": text("The last day, New York.", format="date"),
                        }
                    ),
                    "example": {"symbols": ["AAPL"], "from": "2025-11-20", "to": "2025-11-20"},
                }
            },
        )
    },
}

SCHEMAS: dict[str, Part] = {
    "Day": fields(
        {
            "date": text("New York.", format="date"),
            "from": moment("The first minute of the day."),
            "to": moment("The last minute of the day."),
            "open": moment("The first minute of the regular session."),
            "close": moment("The last minute of the regular session."),
            "regular_minutes": count("Minutes of the regular session."),
        }
    ),
    "Coverage": fields(
        {
            "total": count("Symbols that were asked for."),
            "offset": count("So many were passed over."),
            "unknown": items(text(), "What is not known of what was asked for."),
            "legend": mapping(text(enum=_STATES), "What the letters of `states` mean."),
            "days": items(ref("Day"), "Oldest first."),
            "symbols": items(
                fields(
                    {
                        "symbol": text(),
                        "states": text("A letter for each day."),
                        "bars": items(count(), "Stored minutes of each day, withdrawn ones among them."),
                        "regular": items(count(), "Of these, those of the regular session."),
                    }
                )
            ),
        }
    ),
    "SymbolDay": fields(
        {
            "symbol": text(),
            "day": ref("Day"),
            "state": text(enum=_STATES),
            "bars": count("Stored minutes, withdrawn ones among them."),
            "regular": count("Of these, those of the regular session."),
            "tiers": mapping(count(), "Bars by tier."),
            "withdrawn": count("Bars that the vendor has no more."),
            "missing": items(_SPAN, "Minutes of the regular session that passed without a bar."),
            "missing_outside": items(_SPAN, "The same of the minutes before and after it."),
            "gaps": items(
                fields(
                    {"from": moment("The first minute."), "to": or_null(moment("The last minute; null: it grows."))}
                ),
                "What is known to be missing, and not repaired yet.",
            ),
        }
    ),
}
