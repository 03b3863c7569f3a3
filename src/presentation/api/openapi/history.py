"""The administrator's API: loads of history."""

from src.core.domain.market.history import LoadState, Timespan
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
    moment,
    number,
    operation,
    or_null,
    query,
    ref,
    text,
    whole,
)

_TAG = "Administration"

PATHS: dict[str, Part] = {
    "/api/admin/history": {
        "get": operation(
            _TAG,
            "history",
            "Loads of history",
            "The newest loads, newest first, and how far they are. The newest 1,000 are kept.",
            {"200": json_answer("The loads.", ref("History")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
            parameters=[query("limit", "How many, at most.", whole(minimum=1, maximum=200, default=20))],
        )
    },
    "/api/admin/history/{load_id}/cancel": {
        "post": operation(
            _TAG,
            "cancel-load",
            "End a load before it is done",
            "What it has loaded stays. Handed to the ingesting process, logged with who asked.",
            {
                "200": json_answer("Done.", ref("ActionDone")),
                "202": json_answer(
                    "Handed to the ingesting process, which has not answered within 3 s.", ref("ActionAsked")
                ),
                **errors(400, 401, 403, 404, 409, 503),
            },
            security=ADMINISTRATOR_ACTING,
            parameters=[in_path("load_id", "Its id.", text(minLength=1), "load")],
        )
    },
}

SCHEMAS: dict[str, Part] = {
    "History": fields({"loads": items(ref("Load"))}),
    "Load": fields(
        {
            "id": text(),
            "kind": text("From REST by symbol and month, or from flat files.", enum=["rest", "files"]),
            "timespan": text(enum=[one.value for one in Timespan]),
            "symbols": or_null(count("Of how many symbols.")),
            "files": or_null(items(text(), "Their paths.")),
            "from": or_null(text("The first day, New York.", format="date")),
            "to": or_null(text("The last day, New York.", format="date")),
            "actor": text("Who asked for it."),
            "state": text("`failed`: without what `failures` name.", enum=[state.value for state in LoadState]),
            "asked_at": moment("When it was asked for."),
            "finished_at": or_null(moment("When it ended.")),
            "units_total": count("Parts of months of a symbol that were unknown, or files."),
            "units_done": count("Of these, loaded."),
            "units_empty": count("Of these, without a bar."),
            "units_failed": count("Those that could not be loaded."),
            "bars": count("Bars that were read."),
            "written": count("Bars that were not stored like this before."),
            "per_minute": or_null(number("Units a minute, while it runs.", minimum=0)),
            "left_s": or_null(count("Seconds that are left at this rate.")),
            "failures": items(
                fields({"what": text("A symbol, or a file."), "reason": text("A sentence.")}), "20 of them at most."
            ),
            "failures_total": count("How many there are."),
            "detail": text("Why it waits, or why it ended before all was loaded."),
            "words": text("What became of it so far, in sentences."),
        },
        description="A load of history.",
    ),
}
