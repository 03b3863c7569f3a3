"""Errors with the right status: the API's as `{"error": {"code", "message"}}`, those of pages as a page for people."""

import logging
from typing import cast
from urllib.parse import quote

from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from src.core.errors import DatabaseUnavailableError
from src.presentation.api.json_answer import json_answer

logger = logging.getLogger(__name__)

_CODES = {
    400: "bad_parameter", 401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "too_large",
    429: "rate_limited", 503: "unavailable",
}  # fmt: skip
_FOR_PROGRAMS = ("/healthz", "/readyz", "/metrics")


class ApiError(Exception):
    """An answer that is an error: a status, a code of the API's list and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def is_api() -> bool:
    """Whether programs ask here, and not people."""
    return request.path.startswith("/api/") or request.path in _FOR_PROGRAMS


def ask_to_log_in(message: str) -> Response:
    """For a request without a session: the API's 401, or the way to the login page, which leads back."""
    if is_api() or request.method != "GET":
        return _answer(401, "unauthorized", message)
    target = request.full_path if request.query_string else request.path
    return cast(Response, redirect(f"/login?next={quote(target, safe='/')}", 303))


def bad_parameter(message: str) -> ApiError:
    """The error of a parameter that is missing, malformed or out of range."""
    return ApiError(400, "bad_parameter", message)


def register_errors(app: Flask) -> None:
    """Makes every error of the application a JSON answer."""
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(DatabaseUnavailableError, unavailable)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal)


def _answer(status: int, code: str, message: str) -> Response:
    # A program that names no type takes any; a browser names HTML.
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if not is_api() and best == "text/html":
        page = render_template("error.html", status=status, title=HTTP_STATUS_CODES[status], message=message)
        return make_response(page, status)
    return json_answer({"error": {"code": code, "message": message}}, status)


def _api_error(error: ApiError) -> Response:
    return _answer(error.status, error.code, error.message)


def unavailable(error: DatabaseUnavailableError, more: str = "") -> Response:
    """The answer while the database is away; `more` is a sentence that helps."""
    logger.warning("A request could not be answered. %s", error)
    return _answer(503, "unavailable", f"The database does not answer at the moment; try again. {more}".strip())


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = _CODES.get(status, "bad_parameter" if status < 500 else "internal")
    answer = _answer(status, code, error.description or error.name)
    if status == 405 and getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]  # set by werkzeug for 405
    return answer


def _internal(error: Exception) -> Response:
    logger.error("A request failed by an error in the program.", exc_info=error)
    return _answer(500, "internal", "The server failed to answer; the reason is in its log.")
