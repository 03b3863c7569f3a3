"""Accounts for tests, and logging in: with a Flask test client, or in a browser's page."""

import re
import time

from flask.testing import FlaskClient
from playwright.sync_api import Page

from src.core.domain.account.account import Role
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.passwords import Argon2Passwords

PASSWORD = "correct horse battery"
_TOKEN = re.compile(r'name="csrf[_-]token" (?:value|content)="([^"]+)"')


def make_admin(database_url: str, login: str = "admin", password: str = PASSWORD, role: Role = "admin") -> None:
    """Makes an account in a migrated database; `database_url` is as settings give it."""
    accounts = DatabaseAccounts(
        read_engine(database_url), row_engine(database_url), lambda: time.time_ns() // 1_000_000
    )
    assert accounts.create(login, Argon2Passwords().hash(password), role), f"{login} is there already"
    accounts.close()


def csrf_token(client: FlaskClient, path: str = "/login") -> str:
    """The token of the client's session, from a page: `/login` before a login, any other after it.

    Forms send it as `csrf_token`, the API wants it in the header `X-CSRFToken`.
    """
    found = _TOKEN.search(client.get(path).text)
    assert found, f"{path} has no token"
    return found[1]


def log_in(client: FlaskClient, login: str = "admin", password: str = PASSWORD) -> str:
    """Logs a test client in; the CSRF token for what it asks for from then on."""
    form = {"login": login, "password": password, "csrf_token": csrf_token(client)}
    answer = client.post("/login", data=form)
    assert answer.status_code == 303, answer.text
    return csrf_token(client, "/")


def log_in_page(page: Page, url: str, login: str = "admin", password: str = PASSWORD, target: str = "/") -> None:
    """Logs a browser in through the form; ends on the page `target` of the server at `url`."""
    page.goto(f"{url}/login?next={target}")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}{target}")
