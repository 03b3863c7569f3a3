"""The read API: the quality of what is stored."""

from src.core.domain.market.coverage import DayState
from src.core.domain.market.reconciliation import RunState
from src.presentation.api.openapi.market import WHOM
from src.presentation.api.openapi.parts import (
    READER,
    Part,
    count,
    errors,
    fields,
    flag,
    items,
    json_answer,
    moment,
    operation,
    or_null,
    ref,
    text,
)

PATHS: dict[str, Part] = {
    "/api/quality": {
        "get": operation(
            "Market data",
            "quality",
            "How fresh and how complete today's minutes are",
            "Of the newest trading day: each symbol's newest bar, its minutes of the regular session against those "
            "that have passed, gaps, and minutes that came or changed late; beside that the days that were compared "
            "with the vendor's settled bars, and how many bars that corrected. Without `symbols` and `universe` it is "
            "what the running feed listens to.",
            {
                "200": json_answer("The quality.", ref("Quality")),
                **errors(
                    400,
                    401,
                    503,
                    _404="None of the symbols is known (`unknown_symbol`), or the universe (`unknown_universe`).",
                ),
            },
            security=READER,
            parameters=WHOM,
            example="?universe=dow30",
        )
    }
}

_SYMBOL = fields(
    {
        "symbol": text(),
        "newest": or_null(moment("The start of its newest bar, of any day; null without one.")),
        "tier": or_null(ref("Tier")),
        "state": text("What is known of its day.", enum=[state.value for state in DayState]),
        "bars": count("Stored minutes of the day."),
        "regular": count("Of these, minutes of the regular session."),
        "late": count("Minutes of the day that came or were changed when bars more than 20 minutes newer were there."),
    }
)
_COMPARED = fields(
    {
        "date": text("The trading day, in New York.", format="date"),
        "state": text(enum=[state.value for state in RunState]),
        "bars": count("Bars compared."),
        "corrected": count("Bars whose values were others."),
        "added": count("Bars that were missing."),
        "withdrawn": count("Bars that the vendor has not."),
        "finished_at": or_null(moment("When it ended.")),
    }
)
SCHEMAS: dict[str, Part] = {
    "Quality": fields(
        {
            "universe": or_null(text("As it was asked for; null for `symbols` alone.")),
            "unknown": items(text(), "What was asked for and the database does not know."),
            "date": text("The newest trading day, in New York.", format="date"),
            "goes_on": flag("That day is not over."),
            "data_time": or_null(moment("The start of the newest bar of all.")),
            "regular_minutes": count("Of the day's regular session."),
            "passed_minutes": count("Of these, those that are over."),
            "members": count("How many symbols."),
            "with_data": count("Of these, those that have a bar of any day."),
            "stored_minutes": count("Minutes of the regular session that are stored, of all symbols."),
            "expected_minutes": count("`passed_minutes` of all symbols: what the former is a part of."),
            "late_minutes": count("The sum of the symbols' `late`."),
            "open_gaps": count("Gaps of any day and symbol that are open or wait to be asked about again."),
            "lost_gaps": count("Gaps of any day and symbol that were given up."),
            "compared": items(_COMPARED, "The newest days that were compared with the vendor's bars, newest first."),
            "symbols": items(_SYMBOL, "In the universe's order."),
            "notes": items(text(), "What the figures do not say."),
            "server_time": moment("The server's clock."),
        },
        description="The quality of today's minutes.",
    )
}
