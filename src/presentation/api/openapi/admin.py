"""The administrator's API: the connections to the feed, and what can be done to them."""

from src.presentation.api.openapi.parts import (
    ADMINISTRATOR,
    ADMINISTRATOR_ACTING,
    Part,
    errors,
    fields,
    in_path,
    json_answer,
    operation,
    query,
    ref,
    text,
    whole,
)

_TAG = "Administration"
ACTED = {
    "200": json_answer("Done.", ref("ActionDone")),
    "202": json_answer("Handed to the ingesting process, which has not answered within 3 s.", ref("ActionAsked")),
}

PATHS: dict[str, Part] = {
    "/api/admin/websocket-status": {
        "get": operation(
            _TAG,
            "websocket-status",
            "The connections to the feed",
            "Each connection's condition with its reason, its figures, and what they say of the key and the plan.",
            {"200": json_answer("The status.", ref("ConnectionStatus")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
        )
    },
    "/api/admin/connection-events": {
        "get": operation(
            _TAG,
            "connection-events",
            "What happened to the connections",
            "The newest events, newest first. The newest 10,000 are kept.",
            {"200": json_answer("The events.", ref("ConnectionEvents")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
            parameters=[query("limit", "How many, at most.", whole(minimum=1, maximum=1000, default=100))],
        )
    },
    "/api/admin/connection-tickers": {
        "get": operation(
            _TAG,
            "connection-tickers",
            "Which connection carries which tickers",
            "With the newest known price of each; how they go on is told by the Socket.IO namespace `/admin-ws`.",
            {"200": json_answer("The tickers.", ref("ConnectionTickers")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
        )
    },
    "/api/admin/gaps": {
        "get": operation(
            _TAG,
            "gaps",
            "Gaps and their repair",
            "Minutes of which something may be missing: those that are not closed, oldest first, then the closed ones, "
            "newest first.",
            {"200": json_answer("The gaps.", ref("Gaps")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
            parameters=[query("limit", "How many, at most.", whole(minimum=1, maximum=1000, default=100))],
        )
    },
    "/api/admin/reconciliations": {
        "get": operation(
            _TAG,
            "reconciliations",
            "Days that were compared with the vendor's bars",
            "The newest runs, newest first. A day is compared after 11:05 New York on the next calendar day, when its "
            "bars are final, and whenever `flask reconcile` asks for it.",
            {"200": json_answer("The runs.", ref("Reconciliations")), **errors(400, 401, 403, 503)},
            security=ADMINISTRATOR,
            parameters=[query("limit", "How many, at most.", whole(minimum=1, maximum=1000, default=20))],
        )
    },
    "/api/admin/gaps/repair": {
        "post": operation(
            _TAG,
            "repair-gaps",
            "Repair gaps now",
            "Has one gap, also one that was given up, or all that wait asked about before their time, as far as the "
            "rate allows; it does not wait for the repair. Handed to the ingesting process, logged with who asked.",
            {**ACTED, **errors(400, 401, 403, 409, 503)},
            security=ADMINISTRATOR_ACTING,
            body={
                "application/json": {
                    "schema": fields({"gap_id": text("Its id; absent: all of them.")}, optional=["gap_id"]),
                    "example": {},
                }
            },
        )
    },
    "/api/admin/connections/{connection_id}/{action}": {
        "post": operation(
            _TAG,
            "act-on-connection",
            "Pause, resume or reconnect a connection",
            "Handed to the ingesting process, logged with who asked. A pause does not outlive that process.",
            {
                **ACTED,
                **errors(400, 401, 403, 409, 503, _404="There is no such connection, or no such action."),
            },
            security=ADMINISTRATOR_ACTING,
            parameters=[
                in_path("connection_id", "Such as `connection_1`.", text(minLength=1), "connection_1"),
                in_path("action", "What to do.", text(enum=["pause", "resume", "reconnect"]), "reconnect"),
            ],
        )
    },
    "/api/admin/tickers/{ticker}/move": {
        "post": operation(
            _TAG,
            "move-ticker",
            "Move a ticker to another connection",
            "Until ingestion starts again, or that connection is lost.",
            {**ACTED, **errors(400, 401, 403, 409, 503, _404="There is no such address.")},
            security=ADMINISTRATOR_ACTING,
            parameters=[in_path("ticker", "As the feed spells it, or without case.", text(minLength=1), "AAPL")],
            body={
                "application/json": {
                    "schema": fields({"connection_id": text("Where to.")}),
                    "example": {"connection_id": "connection_2"},
                }
            },
        )
    },
}
