"""Universes: what readers may know of them, and the administrator's API."""

from src.core.domain.market.universe import GROUP_TYPES
from src.presentation.api.openapi.admin import ACTED
from src.presentation.api.openapi.parts import (
    ADMINISTRATOR,
    ADMINISTRATOR_ACTING,
    READER,
    Part,
    count,
    errors,
    fields,
    flag,
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
from src.presentation.api.parameters import MAX_SYMBOLS
from src.presentation.api.whom import LAST_OFFSET

_TAG = "Universes"
_READ_TAG = "Market data"
_NAME = in_path("name", "A universe's name, or several with colons between.", text(minLength=1), "dow30")
_TYPE = text(enum=list(GROUP_TYPES))
_BOOLEAN = text(enum=["true", "false"])
_DRY_RUN = query("dry_run", "Only say what would change.", _BOOLEAN)
_FORCE = query("force", "Also empty or remove what is listened to.", _BOOLEAN)
_OUTCOME = json_answer(
    "What came of it; `applied` is false where problems kept it from being done.", ref("UniverseOutcome")
)
_WRONG = errors(400, 401, 403, 503)

PATHS: dict[str, Part] = {
    "/api/universes": {
        "get": operation(
            _READ_TAG,
            "universe-keys",
            "Which universes there are",
            "What the `universe` of other endpoints may be: first `listening`, what the running feed listens to, then "
            "the named ones.",
            {"200": json_answer("The universes.", ref("UniverseKeys")), **errors(400, 401, 503)},
            security=READER,
        )
    },
    "/api/universes/{key}": {
        "get": operation(
            _READ_TAG,
            "universe-symbols",
            "The symbols of a universe",
            f"Of one, of several together (`SPY:nasdaq100`), or of `listening`: {MAX_SYMBOLS} from `offset` on, and "
            "which of these the feed does not listen to.",
            {
                "200": json_answer("The symbols.", ref("UniverseSymbols")),
                **errors(400, 401, 503),
                **errors(_404="Nothing of it exists; the message names what may be meant."),
            },
            security=READER,
            parameters=[
                in_path("key", "A universe's key, or several with colons between.", text(minLength=1), "dow30"),
                query("offset", "Where to begin.", whole(minimum=0, maximum=LAST_OFFSET, default=0)),
            ],
        )
    },
    "/api/admin/universes": {
        "get": operation(
            _TAG,
            "list-universes",
            "The universes",
            "All, or those whose name or description has what is searched for, or that have that ticker; where none "
            "matches, names that may be meant.",
            {"200": json_answer("The universes.", ref("Universes")), **_WRONG},
            security=ADMINISTRATOR,
            parameters=[query("search", "A part of a name, or a ticker.", text(), "AAPL")],
        )
    },
    "/api/admin/universes/{name}": {
        "get": operation(
            _TAG,
            "show-universe",
            "The members of a universe",
            "Or of the union of several: `SPY:nasdaq100`.",
            {
                "200": json_answer("The universe.", ref("Universe")),
                **_WRONG,
                **errors(_404="Nothing of it exists; the message names what may be meant."),
            },
            security=ADMINISTRATOR,
            parameters=[_NAME],
        ),
        "delete": operation(
            _TAG,
            "delete-universe",
            "Remove a universe",
            "What is listened to is removed with `force=true` alone.",
            {"200": _OUTCOME, **_WRONG, **errors(_404="There is no such universe.")},
            security=ADMINISTRATOR_ACTING,
            parameters=[_NAME, _DRY_RUN, _FORCE],
            example="?dry_run=true",
        ),
    },
    "/api/admin/universes/{name}/members": {
        "post": operation(
            _TAG,
            "change-universe",
            "Add or remove members",
            "Tickers are taken as people type them. New ones come at the end. A universe that is listened to is "
            "subscribed to anew within seconds.",
            {"200": _OUTCOME, **_WRONG, **errors(_404="There is no such universe.")},
            security=ADMINISTRATOR_ACTING,
            parameters=[_NAME],
            body={
                "application/json": {
                    "schema": ref("UniverseChange"),
                    "example": {"add": ["AAPL", "BRK-B"], "dry_run": True},
                }
            },
        )
    },
    "/api/admin/universe-import": {
        "post": operation(
            _TAG,
            "import-universes",
            "Make universes what a file says",
            "The body is the file: a list of tickers, CSV or JSON, up to 2 MiB. With a problem in it nothing is done, "
            "unless `skip_bad=true`.",
            {"200": _OUTCOME, **_WRONG, **errors(_404="There is no such universe.")},
            security=ADMINISTRATOR_ACTING,
            parameters=[
                query("name", "What it is called, where the file does not say so.", text()),
                query("type", "Of a file that says none.", _TYPE),
                query("description", "Of a file that says none.", text()),
                query("add", "Add to what it has, in the place of replacing it.", _BOOLEAN),
                query("skip_bad", "Leave out what is wrong, and do the rest.", _BOOLEAN),
                query("allow_unknown", "Also take tickers that the vendor's list lacks.", _BOOLEAN),
                _DRY_RUN,
                _FORCE,
            ],
            body={
                "application/json": {"schema": {}, "example": ["AAPL", "MSFT"]},
                "text/csv": {"schema": {"type": "string"}},
                "text/plain": {"schema": {"type": "string"}},
            },
            example="?name=mine&dry_run=true",
        )
    },
    "/api/admin/universe-export": {
        "get": operation(
            _TAG,
            "export-universes",
            "Universes as a file",
            "In a form that the import reads back exactly.",
            {
                "200": {
                    "description": "The file.",
                    "content": {
                        "text/csv": {"schema": {"type": "string"}},
                        "application/json": {"schema": ref("UniverseFile")},
                    },
                },
                **_WRONG,
                **errors(_404="There is no such universe."),
            },
            security=ADMINISTRATOR,
            parameters=[
                query("names", "Their names, with commas between; without, all of them.", text(), "dow30"),
                query("format", "How.", text(enum=["csv", "json"], default="csv")),
            ],
        )
    },
    "/api/admin/symbols/refresh": {
        "post": operation(
            _TAG,
            "refresh-symbols",
            "Load the vendor's list of symbols",
            "Names, types, exchanges, and what is traded no more, by the ingesting process, after all that is missing. "
            "With a key it does so once a day by itself.",
            {**ACTED, **errors(400, 401, 403, 409, 503)},
            security=ADMINISTRATOR_ACTING,
        )
    },
    "/api/admin/universe-diff": {
        "get": operation(
            _TAG,
            "compare-universes",
            "What makes the second universe of the first",
            "Each is a key.",
            {
                "200": json_answer("The difference.", ref("UniverseDiff")),
                **_WRONG,
                **errors(_404="There is no such universe."),
            },
            security=ADMINISTRATOR,
            parameters=[
                query("before", "The first.", text(minLength=1), "dow30"),
                query("after", "The second.", text(minLength=1), "sp100"),
            ],
            example="?before=dow30&after=sp100",
        )
    },
}

_DIFFERENCE = {
    "added": items(text(), "Symbols that come, in order."),
    "removed": items(text(), "Symbols that go."),
    "reweighted": items(text(), "Symbols whose weight differs."),
    "reordered": flag("Those that stay have another order."),
}
_SOURCE = text(
    "`group`; `entry` of an older installation, which cannot be changed; `union` of several.",
    enum=["group", "entry", "union"],
)

SCHEMAS: dict[str, Part] = {
    "UniverseKeys": fields(
        {
            "universes": items(
                fields(
                    {
                        "key": text(),
                        "type": or_null(text("Null for `listening`.")),
                        "description": text(),
                        "count": count("How many symbols."),
                        "listened": flag("The ingesting process listens to it, or did when it ran last."),
                    }
                )
            ),
            "server_time": moment("The server's clock."),
        },
        description="Which universes there are.",
    ),
    "UniverseSymbols": fields(
        {
            "key": text("As it was asked for."),
            "count": count("How many symbols it has in all."),
            "offset": count("Where `symbols` begin in it."),
            "symbols": items(text(), "In order.", maxItems=MAX_SYMBOLS),
            "unheard": items(text(), "Those of `symbols` that the feed does not listen to: their bars are of before."),
            "unknown": items(text(), "Parts of the key that do not exist."),
            "server_time": moment("The server's clock."),
        },
        description="The symbols of a universe.",
    ),
    "Universes": fields(
        {
            "universes": items(
                fields(
                    {
                        "name": text(),
                        "type": text(),
                        "description": text(),
                        "size": count("How many members."),
                        "source": _SOURCE,
                        "listened": flag("The ingesting process listens to it, or did when it ran last."),
                    }
                )
            ),
            "near": items(text(), "Where nothing matches, names that may be meant."),
            "listening": or_null(ref("UniverseListening")),
            "symbols": fields(
                {
                    "known": count("Symbols that this database knows."),
                    "refreshed_at": or_null(moment("When the vendor's list was last loaded.")),
                }
            ),
        },
        description="Universes.",
    ),
    "UniverseListening": fields(
        {
            "key": text("`SYMBOLS`, a universe's key, several, or `fallback`."),
            "size": or_null(count("How many symbols; null for the whole market.")),
            "changed_at": moment("Since when."),
        },
        description="What the ingesting process listens to.",
    ),
    "Universe": fields(
        {
            "name": text("The key that was asked for."),
            "type": or_null(text("One of the types; null for a union.")),
            "description": text(),
            "source": _SOURCE,
            "listened": flag("The ingesting process listens to it, or did when it ran last."),
            "parts": items(text(), "The universes that it is made of."),
            "unknown": items(text(), "Parts of the key that do not exist."),
            "size": count("How many members."),
            "members": items(
                fields(
                    {
                        "symbol": text(),
                        "weight": or_null(number("As its source says.")),
                        "name": or_null(text("Of the company or fund.")),
                        "type": or_null(text("As the vendor spells it: CS, ETF.")),
                        "exchange": or_null(text()),
                        "sector": or_null(text("GICS.")),
                        "active": flag("It is traded, as far as is known."),
                    }
                ),
                "In order.",
            ),
        },
        description="A universe and its members.",
    ),
    "UniverseChange": fields(
        {
            "add": items(text(), "Tickers to add.", maxItems=1000),
            "remove": items(text(), "Tickers to take out; not beside `add`.", maxItems=1000),
            "create": flag("Make the universe."),
            "type": or_null(text("One of the types, of a new one.")),
            "description": or_null(text("Of a new one.")),
            "skip_bad": flag("Leave out what is wrong, and do the rest."),
            "dry_run": flag("Only say what would change."),
            "allow_unknown": flag("Also take tickers that the vendor's list lacks."),
            "force": flag("Also empty what is listened to."),
        },
        optional=[
            "add",
            "remove",
            "create",
            "type",
            "description",
            "skip_bad",
            "dry_run",
            "allow_unknown",
            "force",
        ],
        description="A change of members.",
    ),
    "UniverseOutcome": fields(
        {
            "applied": flag("It is done, or there was nothing to do."),
            "message": text("A sentence for people."),
            "problem_count": count("How many problems there are."),
            "problems": items(
                fields({"where": text("Such as `line 3`."), "text": text("A sentence for people.")}),
                "The first 1,000 of them.",
                maxItems=1000,
            ),
            "notes": items(text(), "What else is to be known."),
            "changes": items(
                fields(
                    {
                        "name": text(),
                        "is_new": flag(),
                        "is_gone": flag(),
                        "described": flag("Type or description differ."),
                        **_DIFFERENCE,
                        "words": text("The same as a sentence."),
                    }
                ),
                "What changed, or would.",
            ),
        },
        description="What came of a change.",
    ),
    "UniverseDiff": fields({"same": flag(), **_DIFFERENCE}, description="How two universes differ."),
    "UniverseFile": fields(
        {
            "universes": items(
                fields(
                    {
                        "name": text(),
                        "type": text(),
                        "description": text(),
                        "members": items(fields({"symbol": text(), "weight": or_null(number())})),
                    }
                )
            )
        },
        description="Universes as a file.",
    ),
}
