"""For supervisors and monitors, and the API's own description."""

from src.presentation.api.openapi.parts import (
    ADMINISTRATOR,
    EVERYBODY,
    READER,
    Part,
    errors,
    fields,
    flag,
    items,
    json_answer,
    operation,
    page_answer,
    page_errors,
    redirect,
    ref,
    text,
)

_TAG = "Operations"

SCHEMAS: dict[str, Part] = {
    "Health": fields({"status": text(enum=["ok"]), "version": text("TickStock's.", examples=["0.1.0"])}),
    "Readiness": fields(
        {
            "ready": flag("All checks hold."),
            "checks": items(
                fields(
                    {
                        "name": text("What is checked, such as `database`, `ingest` or `feed`."),
                        "ok": flag(),
                        "message": text("A sentence that says how it is."),
                        "required": flag("Without it the program is not ready."),
                    }
                )
            ),
        }
    ),
}

PATHS: dict[str, Part] = {
    "/healthz": {
        "get": operation(
            _TAG,
            "health",
            "Whether the web server answers",
            "For supervisors: it asks nothing else of the program.",
            {"200": json_answer("It does.", ref("Health"), {"status": "ok", "version": "0.1.0"})},
            security=EVERYBODY,
        )
    },
    "/readyz": {
        "get": operation(
            _TAG,
            "readiness",
            "Whether the program is of use",
            "The database answers and has this program's schema, ingestion reports, the feed is connected. The first "
            "check that fails hides those that depend on it.",
            {
                "200": json_answer("Everything holds.", ref("Readiness")),
                "503": json_answer("Something does not; `checks` names it.", ref("Readiness")),
            },
            security=EVERYBODY,
        )
    },
    "/metrics": {
        "get": operation(
            _TAG,
            "metrics",
            "Figures for Prometheus",
            "Made from what ingestion reported last. They are labelled by connection, never by symbol. OpenMetrics is "
            "sent to who names it in `Accept`.",
            {
                "200": {
                    "description": "The figures.",
                    "content": {
                        "text/plain": {"schema": {"type": "string"}},
                        "application/openmetrics-text": {"schema": {"type": "string"}},
                    },
                },
                **errors(401),
            },
            security=READER,
        )
    },
    "/api/openapi.json": {
        "get": operation(
            "Documentation",
            "openapi",
            "This description",
            "OpenAPI 3.1. Programs can make clients and tests of it.",
            {"200": json_answer("The description.", {"type": "object"}), **errors(401)},
            security=READER,
        )
    },
    "/api/docs": {
        "get": operation(
            "Documentation",
            "docs",
            "This description for people",
            "A page made of the same description; it loads nothing from other hosts.",
            {"200": page_answer("The page."), **page_errors(401)},
            security=READER,
        )
    },
    "/": {
        "get": operation(
            "Pages",
            "dashboard",
            "The dashboard",
            "A watch list and a chart, which follow the read API.",
            {
                "200": page_answer("The page."),
                "303": redirect("There is an `API_TOKEN`; the page for logging in follows."),
                **page_errors(503),
            },
            security=READER,
        )
    },
    "/admin/websockets": {
        "get": operation(
            "Pages",
            "connections-page",
            "The page of the connections",
            "For administrators: how each connection does, live, and what can be done to it.",
            {
                "200": page_answer("The page."),
                "303": redirect("Nobody is logged in; the page for logging in follows."),
                **page_errors(403, 503),
            },
            security=ADMINISTRATOR,
        )
    },
    "/admin/universes": {
        "get": operation(
            "Pages",
            "universes-page",
            "The page of the universes",
            "For administrators: lists of symbols, to look at and to change.",
            {
                "200": page_answer("The page."),
                "303": redirect("Nobody is logged in; the page for logging in follows."),
                **page_errors(403, 503),
            },
            security=ADMINISTRATOR,
        )
    },
    "/admin/history": {
        "get": operation(
            "Pages",
            "history-page",
            "The page of what is stored",
            "For administrators: which days of which symbols are whole, and asking the vendor for those that are not.",
            {
                "200": page_answer("The page."),
                "303": redirect("Nobody is logged in; the page for logging in follows."),
                **page_errors(403, 503),
            },
            security=ADMINISTRATOR,
        )
    },
}
