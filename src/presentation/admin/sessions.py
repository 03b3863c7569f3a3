"""Sessions as signed cookies; what a cookie may say is decided by `SessionMark` and the table of accounts."""

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, login_user, logout_user

from src.core.domain.account.account import Account
from src.core.domain.account.session import IDLE_MS, SessionMark, is_over, renewed
from src.core.errors import SecretKeyError
from src.core.ports import Accounts

logger = logging.getLogger(__name__)

_MARK = "mark"
_WARN_INTERVAL_MS = 60_000


class LoggedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """An account, as Flask-Login sees it."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        """What Flask-Login puts into the session."""
        return self.account.login


class SignedSessions(SecureCookieSessionInterface):
    """Flask's own, with a key that is asked for when the first request comes: commands need none."""

    def __init__(self, secret_key: Callable[[], str], now_ms: Callable[[], int]) -> None:
        self._secret_key = secret_key
        self._now_ms = now_ms
        self._warned_ms = 0

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a request; None while there is no key for it, so that what needs none is answered."""
        if not app.secret_key:
            try:
                app.secret_key = self._secret_key()
            except SecretKeyError as error:
                self._warn(error)
                return None
        return super().open_session(app, request)

    def _warn(self, error: SecretKeyError) -> None:
        if self._now_ms() - self._warned_ms >= _WARN_INTERVAL_MS:
            self._warned_ms = self._now_ms()
            logger.warning("Nobody can log in. %s", error)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Always behind TLS, and for any request that came by it."""
        return super().get_cookie_secure(app) or request.is_secure


def cookie_name(is_tls: bool, port: int) -> str:
    """Cookies do not tell ports apart. With the prefix, browsers take it from no other host and by TLS alone."""
    return "__Host-tickstock" if is_tls else f"tickstock_{port}"


def register_sessions(app: Flask, accounts: Accounts, secret_key: Callable[[], str], now_ms: Callable[[], int]) -> None:
    """Makes the application know whose session a request has."""
    app.session_interface = SignedSessions(secret_key, now_ms)
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(milliseconds=IDLE_MS),
    )
    manager = LoginManager(app, add_context_processor=False)  # templates get `account`, with or without a database
    # An address that changes, as on a train, is no reason to log somebody out.
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(_login: str) -> LoggedIn | None:
        mark = current_mark()
        if mark is None or is_over(mark, now_ms()):
            return None
        account = accounts.of_session(mark)
        if account and (renewal := renewed(mark, now_ms())) != mark:
            session[_MARK] = renewal
        return account and LoggedIn(account)


def current_mark() -> SessionMark | None:
    """What the cookie of this request says; its account may have ended the session since."""
    values = session.get(_MARK)
    return SessionMark(*values) if values else None


def begin_session(account: Account, now_ms: int) -> None:
    """A session of an account, in the place of whatever the browser had: what somebody planted there is gone."""
    session.clear()
    session.permanent = True
    session[_MARK] = SessionMark(
        secrets.token_hex(16), account.login, account.role, account.session_version, now_ms, now_ms
    )
    login_user(LoggedIn(account))


def forget_session() -> None:
    """Takes the session out of the browser's cookie."""
    logout_user()
    session.clear()
