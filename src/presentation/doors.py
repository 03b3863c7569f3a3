"""What is refused before a request comes to a view: foreign hosts, large bodies, and readers without the token."""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from src.core.domain.account.account import Account
from src.presentation.api.errors import ApiError, ask_to_log_in

LARGEST_BODY_BYTES = 65_536
# A file of universes: tens of thousands of tickers with their names.
LARGEST_FILE_BYTES = 2_097_152
_TAKES_FILES = "/api/admin/universe-import"
_MOST_FIELDS = 50
# What stays open when a token is set: whether the program lives, and what a login takes.
_OPEN = {"static", "operations.healthz", "operations.readyz", "login.form", "login.log_in", "login.log_out"}


def limit_sizes(app: Flask) -> None:
    """Larger bodies are answered with 413: nothing that is asked of this program comes near, but for files."""
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES, MAX_FORM_MEMORY_SIZE=LARGEST_BODY_BYTES, MAX_FORM_PARTS=_MOST_FIELDS
    )

    @app.before_request
    def allow_files() -> None:
        if request.path == _TAKES_FILES:
            request.max_content_length = LARGEST_FILE_BYTES


def refuse_foreign_hosts(app: Flask, host: str) -> None:
    """Of a server that listens on this machine alone: a page from elsewhere may have its own name resolve to here.

    A browser would then let that page read the answers, as if they were its own.
    """
    own = {host.lower(), "localhost", "127.0.0.1", "::1"}

    @app.before_request
    def check_host() -> None:
        if urlsplit(f"//{request.host}").hostname not in own:
            raise ApiError(
                400,
                "bad_parameter",
                "This server listens on this machine alone and answers to its own names, such as localhost; before it "
                "stands a reverse proxy? Then set BEHIND_PROXY=true.",
            )


def trust_proxy(app: Flask) -> None:
    """Believes one proxy's X-Forwarded-For, -Proto and -Host; called last, so that all that serves sees the same."""
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]  # Flask's way


def ask_for_token(app: Flask, token: str, account: Callable[[], Account | None]) -> None:
    """What is read takes `Authorization: Bearer <token>` or an account's session; a page leads to the login."""
    expected = token.encode()

    @app.before_request
    def check_token() -> ResponseReturnValue | None:
        if request.endpoint is None or request.endpoint in _OPEN or _bears(expected) or account() is not None:
            return None
        answer = ask_to_log_in("This takes the header Authorization: Bearer <API_TOKEN>, or an account's session.")
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def _bears(expected: bytes) -> bool:
    given = request.authorization
    return bool(
        given and given.type == "bearer" and given.token and hmac.compare_digest(given.token.encode(), expected)
    )
