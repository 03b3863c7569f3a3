"""The first administrator's account, made at a start while there is none."""

import secrets
from collections.abc import Callable

from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.passwords import Argon2Passwords

FIRST_LOGIN = "admin"
# Without those that look alike. Four groups of five are 98 random bits.
_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def make_first_admin(
    database_url: str,
    password: str,
    now_ms: Callable[[], int],
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> None:
    """With `password`, or with one that is generated when that is empty: that is shown once, here, and nowhere kept.

    `say` may go to a log, `show` is for a person's eyes alone.
    Does nothing while there is an administrator. DatabaseUnavailableError when the database is away.
    """
    accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), now_ms)
    try:
        if accounts.has_admin():
            return
        chosen = password or _generated()
        if accounts.create_first(FIRST_LOGIN, Argon2Passwords().hash(chosen)):
            if not password:
                show(f"Login: {FIRST_LOGIN}  Password: {chosen}")
            say(_words(bool(password)))
        elif not accounts.has_admin():
            say(
                f"There is no administrator, and the account {FIRST_LOGIN} has the role user; make an administrator "
                "with .venv/bin/flask admin create <login>."
            )
    finally:
        accounts.close()


def _generated() -> str:
    return "-".join("".join(secrets.choice(_CHARACTERS) for _ in range(5)) for _ in range(4))


def _words(is_given: bool) -> str:
    if is_given:
        return f"The administrator's account was made: login {FIRST_LOGIN}, with the password of ADMIN_PASSWORD."
    return (
        "The administrator's account was made. Its password is shown this once; to change it: "
        f".venv/bin/flask admin passwd {FIRST_LOGIN}"
    )
