"""Accounts as rows of `users`, and the sessions that were logged out as rows of `ended_sessions`."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, text

from src.core.domain.account.account import Account, Role
from src.core.domain.account.session import LONGEST_MS, SessionMark
from src.infrastructure.database.engines import database_errors

_FIND = text("SELECT login, role, session_version, password_hash FROM users WHERE login = :login")
_INSERT = (
    "INSERT INTO users (login, password_hash, role, created_ms) SELECT :login, :password_hash, :role, :now_ms"
    "{condition} ON CONFLICT (login) DO NOTHING"
)
_CREATE = text(_INSERT.format(condition=" WHERE true"))
_CREATE_FIRST = text(_INSERT.format(condition=" WHERE NOT EXISTS (SELECT 1 FROM users WHERE role = 'admin')"))
_ALL = text("SELECT login, role, session_version FROM users ORDER BY login")
_DELETE = text("DELETE FROM users WHERE login = :login")
_HAS_ADMIN = text("SELECT count(*) FROM users WHERE role = 'admin'")
_SET_PASSWORD = text(
    "UPDATE users SET password_hash = :password_hash, session_version = session_version + 1 WHERE login = :login"
)
_REHASH = text("UPDATE users SET password_hash = :new_hash WHERE login = :login AND password_hash = :old_hash")
_OF_SESSION = text(
    "SELECT login, role, session_version FROM users WHERE login = :login AND role = :role"
    " AND session_version = :version AND NOT EXISTS (SELECT 1 FROM ended_sessions WHERE id = :id)"
)
_END_SESSION = text("INSERT INTO ended_sessions (id, forget_ms) VALUES (:id, :forget_ms) ON CONFLICT (id) DO NOTHING")
_FORGET = text("DELETE FROM ended_sessions WHERE forget_ms < :now_ms")


class DatabaseAccounts:
    """The port `Accounts`. `read` and `write` are engines; `now_ms` is the wall clock. Any thread may call."""

    def __init__(self, read: Engine, write: Engine, now_ms: Callable[[], int]) -> None:
        self._read = read
        self._write = write
        self._now_ms = now_ms

    def find(self, login: str) -> tuple[Account, str] | None:
        """An account and the hash of its password."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(_FIND, {"login": login}).one_or_none()
        return (Account(*row[:3]), row.password_hash) if row else None

    def all(self) -> list[Account]:
        """All accounts, by login."""
        with database_errors(), self._read.connect() as connection:
            return [Account(*row) for row in connection.execute(_ALL)]

    def delete(self, login: str) -> bool:
        """False when there is no such account."""
        return self._changed(_DELETE, {"login": login})

    def has_admin(self) -> bool:
        """Whether anybody may administer."""
        with database_errors(), self._read.connect() as connection:
            return bool(connection.execute(_HAS_ADMIN).scalar_one())

    def create(self, login: str, password_hash: str, role: Role) -> bool:
        """False when there is an account of that login."""
        return self._insert(_CREATE, login, password_hash, role)

    def create_first(self, login: str, password_hash: str) -> bool:
        """Makes an administrator unless there is one; of two processes that do so at once, one gets True."""
        return self._insert(_CREATE_FIRST, login, password_hash, "admin")

    def _insert(self, statement: Any, login: str, password_hash: str, role: Role) -> bool:
        values = {"login": login, "password_hash": password_hash, "role": role, "now_ms": self._now_ms()}
        return self._changed(statement, values)

    def set_password(self, login: str, password_hash: str) -> bool:
        """Ends the account's sessions, too. False when there is no such account."""
        return self._changed(_SET_PASSWORD, {"login": login, "password_hash": password_hash})

    def rehash(self, login: str, old_hash: str, new_hash: str) -> None:
        """Another hash of the same password; without effect when the password was changed meanwhile."""
        self._changed(_REHASH, {"login": login, "old_hash": old_hash, "new_hash": new_hash})

    def of_session(self, mark: SessionMark) -> Account | None:
        """Whose session it is, unless it was logged out or the account is gone, or is not what it was then."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(_OF_SESSION, mark._asdict()).one_or_none()
        return Account(*row) if row else None

    def end_session(self, mark: SessionMark) -> None:
        """Logs a session out, in all processes and for good."""
        with database_errors(), self._write.begin() as connection:
            self._forget_old(connection)
            connection.execute(_END_SESSION, {"id": mark.id, "forget_ms": mark.began_ms + LONGEST_MS})

    def _forget_old(self, connection: Connection) -> None:
        connection.execute(_FORGET, {"now_ms": self._now_ms()})

    def _changed(self, statement: Any, values: dict[str, Any]) -> bool:
        with database_errors(), self._write.begin() as connection:
            return connection.execute(statement, values).rowcount > 0

    def close(self) -> None:
        """Closes its connections."""
        self._read.dispose()
        self._write.dispose()
