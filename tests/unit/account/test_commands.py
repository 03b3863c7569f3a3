"""`flask admin ...`, and the administrator whom the first start makes."""

import os
import pty
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from src.app import create_app
from src.bootstrap.first_admin import make_first_admin
from src.config.settings import PROJECT_ROOT, parse_settings, settings_keys
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.passwords import Argon2Passwords
from tests.accounts import make_admin
from tests.waiting import wait_for

GIVEN = "given-password"


def has_password(database_url: str, login: str, password: str) -> bool:
    """Whether there is such an account, with this password."""
    accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), lambda: 1)
    found = accounts.find(login)
    accounts.close()
    return found is not None and Argon2Passwords().verify(found[1], password)


def role_of(database_url: str, login: str) -> str | None:
    """The role of an account; None without one."""
    accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), lambda: 1)
    found = accounts.find(login)
    accounts.close()
    return found and found[0].role


@pytest.fixture
def app(tmp_path: Path, sqlite_database_url: str) -> Flask:
    return create_app(parse_settings({"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": sqlite_database_url}))


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(app: Flask) -> Run:
    """Runs a command of `flask admin`; its exit status and all that it prints."""

    def run_(*arguments: str, stdin: str = "") -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["admin", *arguments], input=stdin)
        return result.exit_code, result.output

    return run_


def test_an_account_is_made_with_the_password_of_standard_input(run: Run, sqlite_database_url: str) -> None:
    assert run("create", "Ann", "--role", "user", stdin="first password\n") == (
        0,
        "The account ann was made, with the role user.\n",
    )
    assert has_password(sqlite_database_url, "ann", "first password")
    assert run("create", "bob", stdin="first password") == (0, "The account bob was made, with the role admin.\n")
    assert (role_of(sqlite_database_url, "ann"), role_of(sqlite_database_url, "bob")) == ("user", "admin")


def test_a_new_password_takes_the_place_of_the_old_one(run: Run, sqlite_database_url: str) -> None:
    make_admin(sqlite_database_url)
    status, said = run("passwd", "admin", stdin="  second password  \n")
    assert (status, said) == (0, "The account admin has a new password; its sessions have ended.\n")
    assert has_password(sqlite_database_url, "admin", "  second password  ")


def test_accounts_are_listed_and_deleted(run: Run, sqlite_database_url: str) -> None:
    make_admin(sqlite_database_url)
    make_admin(sqlite_database_url, "ann", role="user")
    assert run("list") == (0, "admin (admin)\nann (user)\n")
    assert run("delete", "ANN") == (0, "The account ann is gone; its sessions have ended.\n")
    status, said = run("delete", "admin")
    assert status == 0
    assert "No administrator is left; the next start makes one" in said
    assert run("list") == (0, "")


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("create", "admin"), "long enough\n", "There is an account admin already; flask admin passwd admin"),
        (("create", "a b"), "long enough\n", "'a b' is no login; allowed are"),
        (("create", "new"), "short\n", "A password has 8 to 1,024 characters."),
        (("create", "new"), "", "A password has 8 to 1,024 characters."),
        (("create", "new", "--role", "root"), "long enough\n", "'root' is not one of 'admin', 'user'"),
        (("create", "new", "secret words"), "", "Got unexpected extra argument"),
        (("delete", "nobody"), "", "There is no account nobody; flask admin list"),
        (("passwd", "nobody"), "long enough\n", "There is no account nobody; flask admin create nobody makes one."),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, sqlite_database_url: str, arguments: tuple[str, ...], stdin: str, words: str
) -> None:
    make_admin(sqlite_database_url)
    status, said = run(*arguments, stdin=stdin)
    assert status != 0
    assert words in said
    assert role_of(sqlite_database_url, "new") is None


def test_a_database_without_its_schema_is_said(tmp_path: Path) -> None:
    app = create_app(parse_settings({"DATA_DIR": str(tmp_path)}))
    result = app.test_cli_runner().invoke(args=["admin", "create", "ann"], input="long enough\n")
    assert result.exit_code == 1
    assert "There is no database" in result.output
    assert list(tmp_path.iterdir()) == [], "a command makes neither a database nor a key"


@pytest.mark.skipif(shutil.which("setsid") is None, reason="no setsid (util-linux) to give it a terminal")
def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path, sqlite_database_url: str) -> None:
    ours = {key: value for key, value in os.environ.items() if key not in settings_keys()}
    environment = {**ours, "DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url}
    terminal, child_side = pty.openpty()
    flask = [sys.executable, "-m", "flask", "--app", "src.app:create_app"]
    command = ["setsid", "-c", "-w", *flask, "admin", "create", "ann"]
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdin=child_side, stdout=child_side, stderr=child_side
    )
    os.close(child_side)
    shown: list[str] = []
    reader = threading.Thread(target=lambda: read_all(terminal, shown))
    reader.start()
    for words, answer in (("Password:", "hidden words\n"), ("The same password again:", "hidden words\n")):
        wait_for(lambda words=words: words in "".join(shown), within_s=60)  # type: ignore[misc]  # bound at once
        os.write(terminal, answer.encode())
    assert process.wait(timeout=60) == 0
    reader.join()
    os.close(terminal)
    assert "The account ann was made, with the role admin." in "".join(shown)
    assert "hidden words" not in "".join(shown)
    assert has_password(sqlite_database_url, "ann", "hidden words")


def read_all(terminal: int, shown: list[str]) -> None:
    """Until the other side is closed, which Linux tells by an error."""
    try:
        while data := os.read(terminal, 1024):
            shown.append(data.decode())
    except OSError:
        return


# -- the first administrator ---------------------------------------------------------------------------------------


def first(database_url: str, password: str = "") -> list[str]:
    """What a start says while it sees to the first administrator."""
    said: list[str] = []
    make_first_admin(database_url, password, lambda: 1, said.append, said.append)
    return said


def test_the_first_start_makes_an_administrator_and_says_the_password_once(database_url: str) -> None:
    said = "\n".join(first(database_url))
    found = re.search(r"Login: admin  Password: ((?:[a-z2-9]{5}-){3}[a-z2-9]{5})\n", said)
    assert found, said
    assert "flask admin passwd admin" in said
    assert has_password(database_url, "admin", found[1])
    assert first(database_url) == []
    assert first(database_url, GIVEN) == []
    assert has_password(database_url, "admin", found[1]), "ADMIN_PASSWORD is for the first one alone"


def test_a_generated_password_is_said_to_no_log(sqlite_database_url: str) -> None:
    logged: list[str] = []
    shown: list[str] = []
    make_first_admin(sqlite_database_url, "", lambda: 1, logged.append, shown.append)
    password = shown[0].rpartition(" ")[2]
    assert has_password(sqlite_database_url, "admin", password)
    assert password not in "".join(logged)


def test_a_password_that_is_given_is_not_said(sqlite_database_url: str) -> None:
    said = first(sqlite_database_url, GIVEN)
    assert said == ["The administrator's account was made: login admin, with the password of ADMIN_PASSWORD."]
    assert has_password(sqlite_database_url, "admin", GIVEN)


def test_any_administrator_is_one(sqlite_database_url: str) -> None:
    make_admin(sqlite_database_url, "ann")
    assert first(sqlite_database_url) == []
    assert role_of(sqlite_database_url, "admin") is None


def test_an_account_admin_that_is_none_is_not_taken_over(sqlite_database_url: str) -> None:
    make_admin(sqlite_database_url, role="user", password=GIVEN)
    (said,) = first(sqlite_database_url)
    assert "make an administrator with .venv/bin/flask admin create <login>" in said
    assert role_of(sqlite_database_url, "admin") == "user"
    assert has_password(sqlite_database_url, "admin", GIVEN)


def test_of_starts_at_once_one_makes_the_account_and_says_its_password(database_url: str) -> None:
    said: list[str] = []
    starts = [
        threading.Thread(target=make_first_admin, args=(database_url, "", lambda: 1, print, said.append))
        for _ in range(4)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    (line,) = said
    assert has_password(database_url, "admin", line.rpartition(" ")[2])
