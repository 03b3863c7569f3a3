"""Who may see what: the account of a request, and views for administrators alone."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec

from flask import Flask, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect

from src.core.domain.account.account import Account
from src.core.errors import DatabaseUnavailableError
from src.core.ports import Accounts
from src.core.services.login_service import LoginService
from src.presentation.admin.login import login_blueprint
from src.presentation.admin.sessions import LoggedIn, cookie_name, register_sessions
from src.presentation.api.errors import ApiError, ask_to_log_in, is_api

P = ParamSpec("P")
_FOR_ADMINISTRATORS = "This is for administrators; log in at /login."


class AccessDeps(NamedTuple):
    """`secret_key` gives what sessions are signed with; with `is_tls` every browser is sent to by TLS; `port` is what
    tells this program's cookie from that of another one on the same machine; `now_ms` is the wall clock."""

    accounts: Accounts
    login: LoginService
    secret_key: Callable[[], str]
    is_tls: bool
    port: int
    now_ms: Callable[[], int]


def register_access(app: Flask, deps: AccessDeps) -> None:
    """Sessions, the login page, and protection of what changes something against forged requests."""
    register_sessions(app, deps.accounts, deps.secret_key, deps.now_ms)
    app.config.update(SESSION_COOKIE_SECURE=deps.is_tls, SESSION_COOKIE_NAME=cookie_name(deps.is_tls, deps.port))
    _register_csrf(app)
    app.register_blueprint(login_blueprint(deps.login, deps.accounts, deps.now_ms))
    app.context_processor(lambda: {"account": _account_to_show()})


def current_account() -> Account | None:
    """Whose session the request has, as the database says now; also that of a socket's handshake."""
    return current_user.account if isinstance(current_user._get_current_object(), LoggedIn) else None


def admin_required(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Lets administrators alone reach a view: the API answers 401 or 403, a page goes to the login or says 403."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if current_account() is None:
            return ask_to_log_in(_FOR_ADMINISTRATORS)
        current_administrator()
        return view(*args, **kwargs)

    return guarded


def current_administrator() -> Account:
    """The administrator whose session the request has; ApiError: 401 without a session, 403 for another role."""
    account = current_account()
    if account is None:
        raise ApiError(401, "unauthorized", _FOR_ADMINISTRATORS)
    if account.role != "admin":
        raise ApiError(403, "forbidden", f"This is for administrators; {account.login} is none.")
    return account


def _account_to_show() -> Account | None:
    """For the pages that everybody sees: without the database they still say what they can."""
    try:
        return current_account()
    except DatabaseUnavailableError:
        return None


def _register_csrf(app: Flask) -> None:
    # A token is as good as the session that it belongs to, which has a life of its own.
    app.config.update(WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_CHECK_DEFAULT=False)
    protection = CSRFProtect(app)

    @app.before_request
    def protect() -> ResponseReturnValue | None:
        if request.endpoint is None or request.method not in app.config["WTF_CSRF_METHODS"]:
            return None
        # Who has no session is told so: the token would only come with one.
        if is_api() and current_account() is None:
            return ask_to_log_in("This takes an account's session; log in at /login.")
        try:
            protection.protect()
        except CSRFError as error:
            raise ApiError(403, "forbidden", _forged_words()) from error
        return None


def _forged_words() -> str:
    if is_api():
        return "The request does not carry the token of this session (X-CSRFToken); load the page again."
    return "This page was open for too long, or the browser keeps no cookies; load it again and try once more."
