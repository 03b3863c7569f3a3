"""`/login` and `/logout`."""

import logging
from collections.abc import Callable

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from src.core.domain.account.account import Account
from src.core.errors import TooManyAttemptsError
from src.core.ports import Accounts
from src.core.services.login_service import LoginService
from src.presentation.admin.redirects import safe_next
from src.presentation.admin.sessions import LoggedIn, begin_session, current_mark, forget_session

logger = logging.getLogger(__name__)

_WRONG = "This login and this password do not belong together."


def login_blueprint(service: LoginService, accounts: Accounts, now_ms: Callable[[], int]) -> Blueprint:
    """The endpoints."""
    blueprint = Blueprint("login", __name__)

    @blueprint.get("/login")
    def form() -> ResponseReturnValue:
        user = current_user._get_current_object()
        if isinstance(user, LoggedIn):
            return _go_on(user.account, request.args.get("next"))
        return _page()

    @blueprint.post("/login")
    def log_in() -> ResponseReturnValue:
        login, password = request.form.get("login", ""), request.form.get("password", "")
        try:
            account = service.log_in(login, password, request.remote_addr or "")
        except TooManyAttemptsError as error:
            answer = _page(str(error), 429)
            answer.headers["Retry-After"] = str(error.retry_after_s)
            return answer
        if account is None:
            return _page(_WRONG, 401)
        begin_session(account, now_ms())
        return _go_on(account, request.form.get("next"))

    @blueprint.post("/logout")
    def log_out() -> ResponseReturnValue:
        mark = current_mark()
        if mark:
            accounts.end_session(mark)
            logger.info("%s logged out.", mark.login)
        forget_session()
        return redirect("/login", 303)

    return blueprint


def _page(message: str | None = None, status: int = 200) -> Response:
    values = {"message": message, "next": request.values.get("next", ""), "login": request.form.get("login", "")}
    return make_response(render_template("login.html", **values), status)


def _go_on(account: Account, target: str | None) -> ResponseReturnValue:
    default = "/admin/websockets" if account.role == "admin" else "/"
    return redirect(safe_next(target, default), 303)
