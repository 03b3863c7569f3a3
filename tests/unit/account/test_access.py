"""Logging in and out, what a session opens, and what it takes to change something: the real application, a real
database."""

import json
import re
import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from werkzeug.test import TestResponse

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.account.session import IDLE_MS, LONGEST_MS
from src.infrastructure.database.engines import write_engine
from src.presentation.admin.access import admin_required
from tests.accounts import PASSWORD, csrf_token, log_in, make_admin

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


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

    def execute(self, statement: str) -> None:
        """Changes the database as a person with SQL would."""
        engine = write_engine(self.settings.database_url)
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()


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


def inside(client: FlaskClient) -> bool:
    """Whether the client's session is an administrator's."""
    return client.get("/api/admin/probe").status_code == 200


def test_logging_in_leads_to_where_the_role_works_unless_a_local_path_is_asked_for(house: House) -> None:
    assert attempt(house.client()).location == "/admin/websockets"
    assert attempt(house.client(), "ann").location == "/"
    assert attempt(house.client(), " ADMIN ").location == "/admin/websockets"
    assert attempt(house.client(), next="/?symbol=AAPL").location == "/?symbol=AAPL"
    for foreign in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:x",
        "",
    ):
        assert attempt(house.client(), next=foreign).location == "/admin/websockets", foreign
    client = house.client()
    log_in(client)
    assert client.get("/login").location == "/admin/websockets"
    assert client.get("/login?next=//evil.example").location == "/admin/websockets"


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("admin", "wrong password"),
        ("admin", ""),
        ("", ""),
        ("nobody", PASSWORD),
        ("admin' --", PASSWORD),
        ("' OR '1'='1", "' OR '1'='1"),
        ("admin\x00", PASSWORD),
        ("x" * 5000, "y" * 5000),
        ("😀", "😀"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_the_same_words(house: House, login: str, password: str) -> None:
    client = house.client()
    answer = attempt(client, login, password)
    assert answer.status_code == 401
    assert "This login and this password do not belong together." in answer.text
    assert PASSWORD not in answer.text
    assert not inside(client)


def test_what_was_typed_is_shown_again_as_text(house: House) -> None:
    answer = attempt(house.client(), '"><script>alert(1)</script>', "x", next='"><img src=x>')
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_session_is_a_cookie_of_its_own_kind(house: House) -> None:
    cookie = attempt(house.client()).headers["Set-Cookie"]
    assert cookie.startswith("tickstock_5000=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Path=/" in cookie
    assert "Secure" not in cookie
    assert "Domain" not in cookie


def test_behind_a_proxy_the_cookie_is_for_tls_alone(tmp_path: Path, sqlite_database_url: str) -> None:
    make_admin(sqlite_database_url)
    house = House(tmp_path, sqlite_database_url, BEHIND_PROXY="true")
    client = house.client()
    by_tls = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "bars.example"}
    client.environ_base.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in by_tls.items()})
    page = client.get("/login", base_url="https://bars.example")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-tickstock=")
    assert "; Secure" in cookie


def test_without_tls_nobody_is_told_to_use_it(house: House) -> None:
    assert "Strict-Transport-Security" not in house.client().get("/login").headers


def test_logging_in_begins_a_session_anew(house: House) -> None:
    client = house.client()
    before = csrf_token(client)
    cookie = client.get_cookie("tickstock_5000")
    assert cookie
    planted = cookie.value
    log_in(client)
    assert error(client.post("/api/admin/probe", headers={"X-CSRFToken": before})) == (403, "forbidden")
    client.set_cookie("tickstock_5000", planted)
    assert not inside(client), "what was there before the login is worth nothing after it"


def test_logging_out_ends_this_session_also_for_who_kept_its_cookie(house: House) -> None:
    client, other = house.client(), house.client()
    token = log_in(client)
    log_in(other)
    cookie = client.get_cookie("tickstock_5000")
    assert cookie
    assert inside(client)
    answer = client.post("/logout", data={"csrf_token": token})
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not inside(client)
    client.set_cookie("tickstock_5000", cookie.value)
    assert not inside(client), "a copy of the cookie is worth nothing"
    assert inside(other), "another session of the account goes on"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET role = 'user' WHERE login = 'admin'",
        "UPDATE users SET session_version = session_version + 1 WHERE login = 'admin'",
        "DELETE FROM users WHERE login = 'admin'",
    ],
)
def test_a_session_ends_at_once_when_the_account_is_not_what_it_was(house: House, statement: str) -> None:
    client = house.client()
    log_in(client)
    assert inside(client)
    house.execute(statement)
    assert error(client.get("/api/admin/probe")) == (401, "unauthorized")


def test_a_session_slides_with_its_use_and_ends_without_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead_ms = 0
    house = House(Path(house.settings.data_dir), house.settings.database_url)
    began = time.time()
    clock = lambda: began + ahead_ms / 1000  # noqa: E731  both what we and what the cookie's signer read
    monkeypatch.setattr("time.time_ns", lambda: round(clock() * 1e9))
    monkeypatch.setattr("itsdangerous.timed.time.time", clock)
    client = house.client()
    log_in(client)
    for _ in range(LONGEST_MS // IDLE_MS):
        ahead_ms += IDLE_MS - 60_000
        assert inside(client), ahead_ms
    ahead_ms = LONGEST_MS + 60_000
    assert not inside(client), "after a week one logs in again"
    log_in(client)
    ahead_ms += IDLE_MS + 60_000
    assert not inside(client)


def test_what_changes_something_wants_the_sessions_token(house: House) -> None:
    client, other = house.client(), house.client()
    token, foreign = log_in(client), log_in(other)
    assert error(client.post("/api/admin/probe")) == (403, "forbidden")
    assert error(client.post("/api/admin/probe", headers={"X-CSRFToken": "made up"})) == (403, "forbidden")
    assert error(client.post("/api/admin/probe", headers={"X-CSRFToken": foreign})) == (403, "forbidden")
    assert error(client.post("/logout")) == (403, "forbidden")
    assert house.done == 0
    assert inside(client)
    assert client.post("/api/admin/probe", headers={"X-CSRFToken": token}).json == {"done": 2}


def test_a_login_without_its_token_is_refused_before_the_password_is_looked_at(house: House) -> None:
    client = house.client()
    answer = client.post("/login", data={"login": "admin", "password": PASSWORD}, headers=HTML)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "load it again" in answer.text
    assert not inside(client)


def test_the_pages_show_who_is_logged_in_and_the_way_out(house: House) -> None:
    client = house.client()
    assert "Log out" not in client.get("/").text
    assert 'name="csrf-token"' not in client.get("/").text
    assert "tickstock_5000" not in client.get("/").headers.get("Set-Cookie", "")
    log_in(client, "ann")
    assert "Log out ann" in client.get("/").text
    assert "Administration" not in client.get("/").text
    client = house.client()
    log_in(client)
    page = client.get("/")
    assert "Log out admin" in page.text
    assert 'href="/admin/websockets"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_errors_are_pages_for_people_and_json_for_programs(house: House) -> None:
    client = house.client()
    assert error(client.get("/nowhere")) == (404, "not_found")
    assert error(client.get("/api/nowhere", headers=HTML)) == (404, "not_found")
    page = client.get("/nowhere", headers=HTML)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "404 Not Found" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_without_the_database_nobody_is_let_in_and_the_dashboard_still_opens(house: House) -> None:
    client = house.client()
    token = log_in(client)
    house.execute("ALTER TABLE users RENAME TO gone")
    assert error(client.get("/api/admin/probe")) == (503, "unavailable")
    assert client.get("/").status_code == 200
    form = {"login": "admin", "password": PASSWORD, "csrf_token": token}
    assert error(client.post("/login", data=form)) == (503, "unavailable")
    assert client.post("/login", data=form, headers=HTML).mimetype == "text/html"
