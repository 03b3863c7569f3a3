"""Logging in and out in a browser, over the real application; and names that would be script."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import text
from werkzeug.serving import make_server

from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.accounts import PASSWORD, log_in_page, make_admin
from tests.bars import bar

from .conftest import Open, Watch
from .test_admin_page import AXE, serious

TOKEN = "0123456789abcdef-token"
REFUSED = ("401 (UNAUTHORIZED)",)
# What a feed or a universe's file might hold: each would run in a page that did not take it as text.
HOSTILE_SYMBOL = "<b onclick=pwn()>"
HOSTILE_NAME = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{{7*7}}'


class WebHalf:
    """The web half alone, over a database of its own."""

    def __init__(self, folder: Path, database_url: str, **keys: str) -> None:
        settings = parse_settings(
            {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "SIMULATOR_PORT": "1", **keys}
        )
        self.database = TickStockDatabase(write_engine(database_url), lambda: 1_795_188_680_000_000)
        self._server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def execute(self, statement: str, **values: object) -> None:
        """Changes the database by SQL."""
        with self.database._engine.begin() as connection:
            connection.execute(text(statement), values)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.database.close()


@pytest.fixture
def keys() -> dict[str, str]:
    """The settings that differ from the defaults."""
    return {"API_TOKEN": TOKEN}


@pytest.fixture
def server(tmp_path: Path, sqlite_database_url: str, keys: dict[str, str]) -> Iterator[WebHalf]:
    """In the place of the scripted one."""
    make_admin(sqlite_database_url)
    make_admin(sqlite_database_url, "ann", role="user")
    server = WebHalf(tmp_path, sqlite_database_url, **keys)
    server.start()
    yield server
    server.stop()


def fresh(open_page: Open, path: str, *expected: str) -> Watch:
    """A page in a browser that knows no cookie yet."""
    return open_page(path, expected=(*REFUSED, *expected), color_scheme="light")


def test_a_guarded_dashboard_leads_to_the_login_and_back(open_page: Open, server: WebHalf) -> None:
    page = fresh(open_page, "/").page
    expect(page).to_have_url(f"{server.url}/login?next=/")
    expect(page.get_by_label("Login")).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong words")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This login and this password do not belong together.")
    expect(page.get_by_label("Login")).to_have_value("ann")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/")
    expect(page.get_by_role("button", name="Log out ann")).to_be_visible()
    expect(page.get_by_role("link", name="Administration")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, server: WebHalf, scheme: str) -> None:
    page = open_page("/login", expected=(*REFUSED, "403 (FORBIDDEN)"), color_scheme=scheme).page
    page.get_by_label("Login").fill("ann")
    page.get_by_label("Password").fill("wrong words")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.evaluate(AXE)
    assert serious(page) == []
    log_in_page(page, server.url, "ann")
    page.goto(f"{server.url}/admin/websockets")
    expect(page.get_by_text("This is for administrators; ann is none.")).to_be_visible()
    page.evaluate(AXE)
    assert serious(page) == []


def test_logging_out_closes_the_dashboard_in_all_its_tabs(open_page: Open, server: WebHalf) -> None:
    page = fresh(open_page, "/").page
    log_in_page(page, server.url, "ann")
    other = page.context.new_page()
    other.goto(server.url)
    expect(other.locator("#condition-word")).not_to_have_text("Connecting")
    page.get_by_role("button", name="Log out ann").click()
    expect(page).to_have_url(f"{server.url}/login")
    expect(other.locator("#condition-word")).to_have_text("Logged out")
    other.locator("#banner").get_by_role("link", name="Log in").click()
    expect(other).to_have_url(f"{server.url}/login?next=/")
    other.close()


def test_a_wrong_role_is_told_so_on_a_page_with_a_way_out(open_page: Open, server: WebHalf) -> None:
    page = fresh(open_page, "/login", "404 (NOT FOUND)").page
    log_in_page(page, server.url)
    page.goto(f"{server.url}/nowhere")
    expect(page.get_by_role("heading")).to_have_text("404 Not Found")
    page.get_by_role("button", name="Log out admin").click()
    expect(page).to_have_url(f"{server.url}/login")


class TestHostileNames:
    """Symbols and companies' names that come from the database are text, whatever they hold."""

    @pytest.fixture
    def keys(self) -> dict[str, str]:
        """Without a token."""
        return {}

    @pytest.fixture
    def hostile(self, server: WebHalf) -> WebHalf:
        """With a symbol and a name that would be script."""
        server.database.merge([bar("AAPL"), bar(HOSTILE_SYMBOL)])
        server.execute("UPDATE symbols SET name = :name", name=HOSTILE_NAME)
        listened = {
            "key": HOSTILE_SYMBOL,
            "symbols": ["AAPL", HOSTILE_SYMBOL],
            "unknown": [HOSTILE_NAME],
            "changed_at": 1,
        }
        server.database.set_state("universe", listened)
        return server

    def test_they_are_shown_as_they_are_and_run_nothing(self, open_page: Open, hostile: WebHalf) -> None:
        page = fresh(open_page, "/").page
        row = page.locator("#watchlist tbody tr", has_text=HOSTILE_SYMBOL)
        expect(row).to_be_visible()
        row.click()
        expect(page.locator("#chart-title")).to_have_text(HOSTILE_SYMBOL)
        expect(page.locator("#chart-name")).to_contain_text("<script>window.pwned=1</script>{{7*7}}")
        expect(page.locator("#chart-legend")).to_contain_text("New York")
        page.locator("#filter").fill(HOSTILE_SYMBOL[:4])
        expect(page.locator("#watchlist tbody tr:visible")).to_have_count(1)
        expect(page).to_have_title(re.compile(re.escape(HOSTILE_SYMBOL)))
        assert page.evaluate("window.pwned") is None
        assert page.locator("main img, main b[onclick], main script").count() == 0

    def test_nor_do_they_in_an_address(self, open_page: Open, hostile: WebHalf) -> None:
        page = fresh(open_page, f"/#symbol={HOSTILE_NAME}", "404 (NOT FOUND)").page
        expect(page.locator("#chart-message")).to_be_visible()
        expect(page.locator("#chart-title")).to_have_text(HOSTILE_NAME)
        assert page.evaluate("window.pwned") is None
        assert page.locator("main img, main script").count() == 0
