"""Closed doors: the token, foreign hosts, sizes, headers, and input that looks like SQL or script."""

import json
import re
from itertools import product
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from src.app import create_app
from src.config.settings import exposure_warning, parse_settings
from src.infrastructure.database.engines import write_engine
from tests.accounts import csrf_token, log_in, make_admin

TOKEN = "0123456789abcdef-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HTML = {"Accept": "text/html,*/*;q=0.8"}
READ_API = ("/api/status", "/api/quotes?symbols=AAPL", "/api/ticks/recent?symbol=AAPL")


def site(folder: Path, database_url: str, **keys: str) -> FlaskClient:
    settings = parse_settings({"DATA_DIR": str(folder), "DATABASE_URL": database_url, "SIMULATOR_PORT": "1", **keys})
    return create_app(settings).test_client()


@pytest.fixture
def client(tmp_path: Path, sqlite_database_url: str) -> FlaskClient:
    """Of a site without a token."""
    return site(tmp_path, sqlite_database_url)


@pytest.fixture
def guarded(tmp_path: Path, sqlite_database_url: str) -> FlaskClient:
    """Of a site that asks for the token."""
    make_admin(sqlite_database_url, "ann", role="user")
    return site(tmp_path, sqlite_database_url, API_TOKEN=TOKEN)


# -- the token -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", READ_API)
def test_readers_need_the_token_or_a_session(guarded: FlaskClient, path: str) -> None:
    answer = guarded.get(path)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert json.loads(answer.data)["error"]["code"] == "unauthorized"
    for wrong in ("Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer \xe9"):
        assert guarded.get(path, headers={"Authorization": wrong}).status_code == 401, wrong
    assert guarded.get(path, headers=BEARER).status_code != 401
    log_in(guarded, "ann")
    assert guarded.get(path).status_code != 401


def test_the_dashboard_leads_to_the_login_and_back(guarded: FlaskClient) -> None:
    answer = guarded.get("/", headers=HTML)
    assert (answer.status_code, answer.location) == (303, "/login?next=/")
    assert guarded.get("/", headers=BEARER).status_code == 200
    log_in(guarded, "ann")
    assert guarded.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login", "/static/css/base.css"])
def test_what_a_supervisor_and_a_login_take_stays_open(guarded: FlaskClient, path: str) -> None:
    with guarded.get(path) as answer:
        assert answer.status_code in (200, 503)


def test_the_token_opens_no_administration(guarded: FlaskClient) -> None:
    assert guarded.post("/logout", headers=BEARER).status_code == 403
    assert guarded.post("/api/status", headers=BEARER).status_code in (401, 405)


def test_without_a_token_everybody_reads(client: FlaskClient) -> None:
    assert [client.get(path).status_code for path in ("/", "/api/status", "/api/quotes")] == [200, 200, 200]


def test_the_ingesting_half_has_no_login_and_keeps_its_doors(tmp_path: Path, sqlite_database_url: str) -> None:
    client = site(tmp_path, sqlite_database_url, ROLE="ingest", API_TOKEN=TOKEN)
    assert client.get("/healthz").status_code == 200
    assert client.get("/login").status_code == 404
    assert client.get("/").status_code == 404


# -- hosts, sizes, headers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5000", "[::1]:5000", "LOCALHOST:80"])
def test_a_server_on_this_machine_answers_to_its_own_names(client: FlaskClient, host: str) -> None:
    assert client.get("/api/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5000", "localhost.evil.example", "127.0.0.1.evil", "x y"]
)
def test_and_to_no_other(client: FlaskClient, host: str) -> None:
    for path, accept in product(("/api/status", "/", "/login"), ({}, HTML)):
        answer = client.get(path, headers={"Host": host, **accept})
        assert answer.status_code == 400, (path, accept)
        assert "evil" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("keys", [{"HOST": "0.0.0.0"}, {"BEHIND_PROXY": "true"}])  # noqa: S104  not listened on
def test_elsewhere_any_name_is_answered_and_none_is_repeated(
    tmp_path: Path, sqlite_database_url: str, keys: dict[str, str]
) -> None:
    client = site(tmp_path, sqlite_database_url, API_TOKEN=TOKEN, **keys)
    answer = client.get("/", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example", **HTML})
    assert (answer.status_code, answer.location) == (303, "/login?next=/")
    assert "evil" not in client.get("/login", headers={"Host": "evil.example"}).text


def test_large_bodies_are_refused(client: FlaskClient) -> None:
    token = csrf_token(client)
    large = {"login": "x", "password": "y" * 70_000, "csrf_token": token}
    answer = client.post("/login", data=large)
    assert (answer.status_code, json.loads(answer.data)["error"]["code"]) == (413, "too_large")
    assert client.post("/login", data=large, headers=HTML).mimetype == "text/html"
    in_parts = {**{f"field{place}": "x" for place in range(60)}, "csrf_token": token}
    assert client.post("/login", data=in_parts, content_type="multipart/form-data").status_code == 413


def test_every_answer_carries_the_headers(client: FlaskClient) -> None:
    for path in ("/", "/login", "/api/status", "/nowhere", "/static/css/base.css", "/healthz"):
        answer = client.get(path, headers=HTML, buffered=True)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]
        if answer.mimetype == "text/html":
            assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text), path


# -- where it listens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, {"HOST": "::1"}, {"HOST": "localhost"}, {"HOST": "127.9.9.9"}])
def test_on_this_machine_alone_nothing_is_warned_of(keys: dict[str, str]) -> None:
    assert exposure_warning(parse_settings(keys)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "bars.example"])  # noqa: S104  not listened on
def test_elsewhere_it_is_said_what_is_open_to_whom(host: str) -> None:
    warning = exposure_warning(parse_settings({"HOST": host})) or ""
    assert warning.startswith(f"HOST is {host}, without TLS: whoever reaches this machine can read everything")
    assert "BEHIND_PROXY=true" in warning
    assert "API_TOKEN" in warning
    with_token = exposure_warning(parse_settings({"HOST": host, "API_TOKEN": TOKEN})) or ""
    assert "can read" not in with_token
    assert "passwords cross the network" in with_token
    assert TOKEN not in with_token
    assert exposure_warning(parse_settings({"HOST": host, "BEHIND_PROXY": "true"})) is None
    assert exposure_warning(parse_settings({"HOST": host, "ROLE": "ingest"})) is None


# -- input that would be something else ----------------------------------------------------------------------------

HOSTILE = (
    "' OR '1'='1", "'; DROP TABLE users; --", '" OR ""="', "1; SELECT pg_sleep(9)", "AAPL') UNION SELECT 1 --",
    "%27%20OR", "\\", "\x00", "%", "_", "{{7*7}}", "${7*7}", "<script>alert(1)</script>",
    "../../etc/passwd", "\r\nSet-Cookie: a=b",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "9" * 400,
)  # fmt: skip
PARAMETERS = {
    "/api/ticks/recent": ("symbol", "symbols", "universe", "since", "cursor", "limit", "status", "' OR 1=1"),
    "/api/quotes": ("symbols", "universe", "' OR 1=1"),
    "/api/status": ("x",),
    "/login": ("next", "x"),
    "/": ("x",),
}


def test_no_parameter_is_a_part_of_a_statement_or_of_a_page(tmp_path: Path, database_url: str) -> None:
    client = site(tmp_path, database_url)
    engine = write_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (login, password_hash, role, created_ms) VALUES ('a', 'b', 'c', 1)"))
        before = connection.execute(text("SELECT count(*) FROM symbols")).scalar_one()
    for path, names in PARAMETERS.items():
        for name, value in product(names, HOSTILE):
            others = {"symbol": "AAPL"} if name in ("since", "cursor", "limit", "status") else {}
            answer = client.get(path, query_string={**others, name: value}, headers=HTML)
            assert answer.status_code < 500, (path, name, value)
            assert "<script>alert" not in answer.text or answer.mimetype == "application/json"
            assert "Set-Cookie: a" not in str(answer.headers)
            if path == "/api/ticks/recent" and name in ("symbol", "symbols"):
                assert answer.status_code in (400, 404), "no symbol is found by it"
    for field, value in product(("login", "password", "next"), HOSTILE):
        form = {"login": "a", "password": "b", "csrf_token": csrf_token(client)} | {field: value}
        # Each from an address of its own: the tenth failure of one would be refused.
        address = f"10.0.{len(field)}.{HOSTILE.index(value)}"
        answer = client.post("/login", data=form, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == 401, (field, value)
        assert "<script>alert" not in answer.text
    with engine.begin() as connection:
        assert connection.execute(text("SELECT login, password_hash, role FROM users")).all() == [("a", "b", "c")]
        assert connection.execute(text("SELECT count(*) FROM symbols")).scalar_one() == before
    engine.dispose()
