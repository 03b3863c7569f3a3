"""Who may log in, and as what."""

import re
import unicodedata
from typing import Literal, NamedTuple

from src.core.errors import BadAccountError

Role = Literal["admin", "user"]
MAX_PASSWORD = 1024
_MIN_PASSWORD = 8
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Account(NamedTuple):
    """One account. A new password raises `session_version`, which ends the sessions that began before."""

    login: str
    role: Role
    session_version: int


def login_of(typed: str) -> str | None:
    """The login that a person means by what was typed; None for what can be no login."""
    login = typed.strip().lower()
    return login if _LOGIN.fullmatch(login) else None


def check_login(typed: str) -> str:
    """The login as it is kept; raises BadAccountError."""
    login = login_of(typed)
    if login is None:
        raise BadAccountError(
            f"{typed!r:.80} is no login; allowed are up to 64 letters from a to z, digits, dots, dashes, underscores "
            "and @, a letter or a digit first."
        )
    return login


def check_password(password: str) -> str:
    """The same password; raises BadAccountError."""
    if not _MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadAccountError(f"A password has {_MIN_PASSWORD} to {MAX_PASSWORD:,} characters.")
    return password


def password_bytes(password: str) -> bytes:
    """What is hashed: keyboards differ in how they compose an accented letter (Unicode's NFKC makes one of them)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
