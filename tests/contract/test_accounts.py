"""Accounts in each database: made once, found, changed; which sessions go on."""

import threading
from collections.abc import Iterator

import pytest

from src.core.domain.account.account import Account
from src.core.domain.account.session import LONGEST_MS, SessionMark
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from tests.waiting import insist

_HOUR_MS = 3_600_000


class Clock:
    """A wall clock that the test moves."""

    now_ms = 1_795_188_680_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(database_url: str, clock: Clock) -> Iterator[DatabaseAccounts]:
    accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), lambda: clock.now_ms)
    yield accounts
    accounts.close()


def mark(identity: str = "a" * 32, version: int = 1, role: str = "admin", login: str = "admin") -> SessionMark:
    return SessionMark(identity, login, role, version, Clock.now_ms, Clock.now_ms)


def test_an_account_is_found_as_it_was_made(accounts: DatabaseAccounts) -> None:
    assert accounts.find("ann") is None
    assert accounts.create("ann", "hash", "user")
    assert accounts.find("ann") == (Account("ann", "user", 1), "hash")
    assert not accounts.create("ann", "another", "admin")
    assert accounts.find("ann") == (Account("ann", "user", 1), "hash")


def test_the_first_administrator_is_made_only_while_there_is_none(accounts: DatabaseAccounts) -> None:
    accounts.create("ann", "hash", "user")
    assert not accounts.has_admin()
    assert accounts.create_first("admin", "first")
    assert accounts.has_admin()
    assert not accounts.create_first("admin", "second")
    assert not accounts.create_first("other", "second")
    assert accounts.find("admin") == (Account("admin", "admin", 1), "first")
    assert accounts.find("other") is None


def test_of_many_that_make_the_first_at_once_one_does(database_url: str) -> None:
    barrier = threading.Barrier(6)
    made: list[bool] = []

    def start() -> None:
        accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), lambda: 1)
        barrier.wait()
        made.append(insist(lambda: accounts.create_first("admin", "hash")))
        accounts.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 5 + [True]


def test_a_new_password_ends_sessions_and_a_new_hash_does_not(accounts: DatabaseAccounts) -> None:
    accounts.create("admin", "old", "admin")
    accounts.rehash("admin", "old", "renewed")
    assert accounts.of_session(mark()) == Account("admin", "admin", 1)
    assert accounts.set_password("admin", "new")
    assert accounts.of_session(mark()) is None
    assert accounts.of_session(mark(version=2)) == Account("admin", "admin", 2)
    accounts.rehash("admin", "renewed", "of the old password")
    assert accounts.find("admin") == (Account("admin", "admin", 2), "new")
    assert not accounts.set_password("nobody", "new")


def test_a_session_ends_with_its_role_and_with_its_account(accounts: DatabaseAccounts) -> None:
    accounts.create("ann", "hash", "user")
    assert accounts.of_session(mark(login="ann", role="user")) == Account("ann", "user", 1)
    assert accounts.of_session(mark(login="ann", role="admin")) is None
    assert accounts.of_session(mark(login="bob", role="user")) is None


def test_a_session_that_was_logged_out_ends_and_the_others_go_on(accounts: DatabaseAccounts, clock: Clock) -> None:
    accounts.create("admin", "hash", "admin")
    accounts.end_session(mark("a" * 32))
    accounts.end_session(mark("a" * 32))
    assert accounts.of_session(mark("a" * 32)) is None
    assert accounts.of_session(mark("b" * 32)) == Account("admin", "admin", 1)
    clock.now_ms += LONGEST_MS - _HOUR_MS
    accounts.end_session(mark("c" * 32)._replace(began_ms=clock.now_ms))
    assert accounts.of_session(mark("a" * 32)) is None
    clock.now_ms += 2 * _HOUR_MS
    accounts.end_session(mark("d" * 32)._replace(began_ms=clock.now_ms))
    assert accounts.of_session(mark("a" * 32)) is not None, "forgotten, as its cookie is too old by then"
    assert accounts.of_session(mark("c" * 32)) is None


def test_an_account_that_is_deleted_is_gone_with_its_sessions(accounts: DatabaseAccounts) -> None:
    accounts.create("bob", "hash", "user")
    accounts.create("ann", "hash", "admin")
    assert accounts.all() == [Account("ann", "admin", 1), Account("bob", "user", 1)]
    assert accounts.delete("ann")
    assert not accounts.delete("ann")
    assert accounts.all() == [Account("bob", "user", 1)]
    assert accounts.of_session(mark(login="ann")) is None


@pytest.mark.parametrize("login", ["' OR '1'='1", "admin'--", "%", "_dmin", "\\", "ädmin"])
def test_a_login_is_a_value_and_not_a_part_of_a_statement(accounts: DatabaseAccounts, login: str) -> None:
    accounts.create("admin", "hash", "admin")
    assert accounts.find(login) is None
    assert accounts.of_session(mark(login=login)) is None
    assert not accounts.set_password(login, "new")
    assert accounts.create(login, "hash", "user")
    assert accounts.find(login) == (Account(login, "user", 1), "hash")


def test_a_database_that_is_away_is_said(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/none.db"
    accounts = DatabaseAccounts(read_engine(url), row_engine(url), lambda: 1)
    for ask in (lambda: accounts.find("ann"), lambda: accounts.create("ann", "hash", "user"), accounts.has_admin):
        with pytest.raises(DatabaseUnavailableError):
            ask()
