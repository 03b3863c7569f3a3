"""Logging in: the password, how often it may be tried, and how many may try at once."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from src.core.domain.account.account import MAX_PASSWORD, Account, login_of
from src.core.domain.account.attempts import Attempts
from src.core.errors import TickStockError, TooManyAttemptsError
from src.core.ports import Accounts, Passwords

logger = logging.getLogger(__name__)

# Each hash takes 64 MiB and, for some hundredths of a second, a processor: this many at once, and so many in line.
_HASHES_AT_ONCE = 2
_MOST_IN_LINE = 16


class LoginService:
    """Checks logins. `monotonic_ms` is a clock that is never set. Any thread may call."""

    def __init__(self, accounts: Accounts, passwords: Passwords, monotonic_ms: Callable[[], int]) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._monotonic_ms = monotonic_ms
        self._attempts = Attempts()
        self._lock = threading.Lock()
        self._line = threading.BoundedSemaphore(_MOST_IN_LINE)
        self._slots = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def log_in(self, typed_login: str, password: str, address: str) -> Account | None:
        """Whose login and password these are; None when they do not belong together.

        `address` is the network address of who asks. TooManyAttemptsError when that may not be tried now.
        """
        login = login_of(typed_login) or ""
        self._refuse_too_many(login, address)
        with self._slot():
            # Once more, as those before in the line may have failed meanwhile.
            self._refuse_too_many(login, address)
            account = self._check(login, password, address)
            if account is None:
                with self._lock:
                    self._attempts.note_failure(login, address, self._monotonic_ms())
        return account

    def _refuse_too_many(self, login: str, address: str) -> None:
        with self._lock:
            wait_ms = self._attempts.wait_ms(login, address, self._monotonic_ms())
        if wait_ms:
            minutes = -(-wait_ms // 60_000)
            raise TooManyAttemptsError(
                "Too many attempts to log in failed; try again in "
                f"{'a minute' if minutes == 1 else f'{minutes} minutes'}.",
                -(-wait_ms // 1000),
            )

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise TooManyAttemptsError("Too many log in at this moment; try again in some seconds.", 5)
        try:
            with self._slots:
                yield
        finally:
            self._line.release()

    def _check(self, login: str, password: str, address: str) -> Account | None:
        """Takes as long for an unknown login as for a wrong password."""
        password = password[: MAX_PASSWORD + 1]
        found = self._accounts.find(login) if login else None
        if found is None:
            self._passwords.hash(password)
            # Not what was typed: it may be a password.
            logger.warning("A login from %s failed: there is no such account.", address)
            return None
        account, password_hash = found
        if not self._passwords.verify(password_hash, password):
            logger.warning("A login as %s from %s failed: the password is wrong.", login, address)
            return None
        if self._passwords.is_outdated(password_hash):
            self._rehash(login, password_hash, password)
        logger.info("%s (%s) logged in from %s.", login, account.role, address)
        return account

    def _rehash(self, login: str, old_hash: str, password: str) -> None:
        try:
            self._accounts.rehash(login, old_hash, self._passwords.hash(password))
        except TickStockError as error:
            logger.warning("The hash of a password was not renewed; the next login tries again. %s", error)
