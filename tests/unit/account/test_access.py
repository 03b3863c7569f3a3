"""Logging in and out, what a session opens, and what it takes to change something: the real application, a real
database."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse

from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.presentation.admin.access import admin_required
from tests.accounts import PASSWORD, csrf_token, log_in, make_admin

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Clock:
    """The wall clock of sessions, which the test moves on."""

    def __init__(self) -> None:
        self.ahead_ms = 0


class House:
    """The web half over a database of its own, with what an administrator alone may see and do."""

    def __init__(self, folder: Path, database_url: str, **keys: str) -> None:
        self.settings = parse_settings(
            {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "SIMULATOR_PORT": "1", **keys}
        )
        self.app: Flask = create_app(self.settings)
        self.done = 0

        @self.app.get("/admin/probe")
        @admin_required
        def page() -> ResponseReturnValue:
            return "<p>inside</p>"

        @self.app.route("/api/admin/probe", methods=["GET", "POST"])
        @admin_required
        def api() -> ResponseReturnValue:
            self.done += 1
            return {"done": self.done}

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def accounts(self) -> DatabaseAccounts:
        url = self.settings.database_url
        return DatabaseAccounts(read_engine(url), row_engine(url), lambda: 1)


@pytest.fixture
def house(tmp_path: Path, sqlite_database_url: str) -> House:
    make_admin(sqlite_database_url)
    make_admin(sqlite_database_url, "ann", role="user")
    return House(tmp_path, sqlite_database_url)


def error(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["error"]["code"]


def attempt(client: FlaskClient, login: str = "admin", password: str = PASSWORD, **form: str) -> TestResponse:
    token = csrf_token(client)
    return client.post("/login", data={"login": login, "password": password, "csrf_token": token, **form})


def test_without_a_session_the_api_answers_401_and_a_page_leads_to_the_login_and_back(house: House) -> None:
    client = house.client()
    assert error(client.get("/api/admin/probe")) == (401, "unauthorized")
    assert error(client.post("/api/admin/probe")) == (401, "unauthorized")
    answer = client.get("/admin/probe?of=1&to=2")
    assert (answer.status_code, answer.location) == (303, "/login?next=/admin/probe%3Fof%3D1%26to%3D2")
    form = client.get(answer.location).text
    target = re.search(r'name="next" value="([^"]+)"', form)
    assert target
    assert target[1] == "/admin/probe?of=1&amp;to=2"
    answer = attempt(client, next="/admin/probe?of=1&to=2")
    assert (answer.status_code, answer.location) == (303, "/admin/probe?of=1&to=2")
    assert client.get(answer.location).text == "<p>inside</p>"


def test_a_wrong_role_is_403(house: House) -> None:
    client = house.client()
    token = log_in(client, "ann")
    assert error(client.get("/api/admin/probe")) == (403, "forbidden")
    assert error(client.post("/api/admin/probe", headers={"X-CSRFToken": token})) == (403, "forbidden")
    page = client.get("/admin/probe", headers=HTML)
    assert (page.status_code, page.mimetype) == (403, "text/html")
    assert "ann is none" in page.text
    assert house.done == 0
