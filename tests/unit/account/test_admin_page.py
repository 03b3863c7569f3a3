"""Who gets the administrator's page, and what it comes with: the real application, a real database."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from src.app import create_app
from src.config.settings import parse_settings
from tests.accounts import log_in, make_admin

PAGE = "/admin/websockets"


@pytest.fixture
def client(tmp_path: Path, sqlite_database_url: str) -> FlaskClient:
    make_admin(sqlite_database_url)
    make_admin(sqlite_database_url, "ann", role="user")
    keys = {"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url, "SIMULATOR_PORT": "1"}
    return create_app(parse_settings(keys)).test_client()


def test_an_administrator_gets_it_with_the_token_for_actions_and_a_way_out(client: FlaskClient) -> None:
    log_in(client)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert re.search(r'<meta name="csrf-token" content="[^"]{20,}">', page.text)
    assert "Log out admin" in page.text
    assert "Simulated data - not real prices" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_it_holds_no_inline_script_and_no_inline_style(client: FlaskClient) -> None:
    log_in(client)
    page = client.get(PAGE).text
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert re.findall(r"<style| style=| on[a-z]+=", page) == []


def test_others_do_not(client: FlaskClient) -> None:
    answer = client.get(PAGE)
    assert (answer.status_code, answer.location) == (303, f"/login?next={PAGE}")
    log_in(client, "ann")
    assert client.get(PAGE).status_code == 403
