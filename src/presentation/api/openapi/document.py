"""The description of the whole API, in the words of OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html)."""

from src.presentation.api.openapi import (
    accounts,
    admin,
    admin_schemas,
    bars,
    coverage,
    history,
    market,
    market_state,
    operations,
    patterns,
    quality,
    universes,
)
from src.presentation.api.openapi.parts import Part, fields, text

_DESCRIPTION = (
    "One-minute OHLCV bars of US stocks, as they form and as they become official. Times are integer epoch "
    "milliseconds, UTC; a bar's time is the start of its minute. Prices are dollars, unadjusted unless asked for "
    "otherwise. An error is "
    '`{"error": {"code", "message"}}` with the right status, where the message is a sentence for people.'
)
_ERROR = fields(
    {
        "error": fields(
            {
                "code": text(
                    enum=[
                        "bad_parameter", "unknown_symbol", "unknown_universe", "unauthorized", "forbidden", "not_found",
                        "too_large", "rate_limited", "unavailable", "internal",
                    ]
                ),
                "message": text("A sentence for people."),
            }
        )
    },
    description="What went wrong.",
)  # fmt: skip
_TAGS = {
    "Market data": "Bars, quotes and the state of the feed. With the setting `API_TOKEN` they want the token or a "
    "session, else they are open to whoever reaches the port.",
    "Market state": "What the bars come to, of any universe: recalculated while somebody asks, at most once a second. "
    "What there is too little for is null, and says why. Prices are adjusted for splits, changes and shares are "
    "fractions.",
    "Administration": "For accounts of the role `admin`. What changes is told live by Socket.IO: `/admin-ws`.",
    "Universes": "Named lists of symbols, for accounts of the role `admin`.",
    "Accounts": "Who administers, and whoever has an account, logs in with a browser.",
    "Pages": "For people, in a browser.",
    "Operations": "For supervisors and monitors.",
    "Documentation": "This description.",
}


def openapi_document(version: str, cookie: str) -> Part:
    """The description of every endpoint, as JSON can say it; `cookie` is the name of the session's."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "TickStock", "version": version, "description": _DESCRIPTION},
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": {
            **market.PATHS,
            **bars.PATHS,
            **quality.PATHS,
            **patterns.PATHS,
            **market_state.PATHS,
            **admin.PATHS,
            **coverage.PATHS,
            **universes.PATHS,
            **history.PATHS,
            **accounts.PATHS,
            **operations.PATHS,
        },
        "components": {
            "securitySchemes": _security(cookie),
            "schemas": {
                "Error": _ERROR,
                **market.SCHEMAS,
                **bars.SCHEMAS,
                **quality.SCHEMAS,
                **patterns.SCHEMAS,
                **market_state.SCHEMAS,
                **admin_schemas.SCHEMAS,
                **coverage.SCHEMAS,
                **universes.SCHEMAS,
                **history.SCHEMAS,
                **operations.SCHEMAS,
            },
        },
    }


def _security(cookie: str) -> Part:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "The setting `API_TOKEN`. While it is empty, the read API asks for nothing.",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "The cookie of an account that logged in at `/login`.",
        },
        "csrf": {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRFToken",
            "description": "Beside the cookie, for whatever changes something: the token that stands in the page's "
            '`<meta name="csrf-token">`.',
        },
    }
