"""The page of universes in Chromium, before the real application and database."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.api_site import ApiSite, api_site

from .conftest import Open
from .test_admin_page import AXE

PATH = "/admin/universes"


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_arguments: object) -> None:
        """Requests of a test are no news."""


class Served:
    """The application at an address, and an administrator's session."""

    def __init__(self, site: ApiSite, url: str) -> None:
        self.site = site
        self.url = url

    def session(self) -> dict[str, Any]:
        """What a browser's context keeps of it."""
        name, _, value = self.site.cookie("admin").partition("=")
        place = {
            "domain": "127.0.0.1",
            "path": "/",
            "expires": -1,
            "httpOnly": True,
            "secure": False,
            "sameSite": "Lax",
        }
        return {"cookies": [{"name": name, "value": value, **place}], "origins": []}


@pytest.fixture
def server(tmp_path: Path, sqlite_database_url: str) -> Iterator[Served]:
    with api_site(tmp_path, sqlite_database_url) as site:
        server = make_server("127.0.0.1", 0, site.app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Served(site, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join(60)
        server.server_close()


def opened(open_page: Open, server: Served, path: str = PATH, **options: Any) -> Page:
    """The page, logged in, with its list loaded."""
    page = open_page(path, storage_state=server.session(), **options).page
    expect(page.locator("#names li").first).to_be_visible()
    return page


def test_universes_are_searched_and_looked_at(open_page: Open, server: Served) -> None:
    page = opened(open_page, server)
    expect(page.locator("#listening")).to_have_text("Listened to: SYMBOLS, 5 symbols.")
    expect(page.locator("#names li")).to_have_count(19)
    page.locator("#search").fill("nasdak")
    expect(page.locator("#found")).to_have_text("Nothing found. Did you mean nasdaq100?")
    page.locator("#search").fill("mmm")
    expect(page.locator("#found")).to_have_text("7 found")
    page.get_by_role("link", name="dow30").click()
    expect(page.locator("#universe-name")).to_have_text("dow30")
    expect(page.locator("#shown")).to_have_text("30 members")
    expect(page.locator("#names [aria-current=true]")).to_contain_text("dow30")
    expect(page.locator("#members tr").first).to_contain_text("MMM")
    page.locator("#filter").fill("health")
    expect(page.locator("#shown")).to_have_text("4 of 30 members")


def test_members_are_added_and_taken_out(open_page: Open, server: Served) -> None:
    page = opened(open_page, server, f"{PATH}#dow30")
    page.locator("#add").fill("brk-b, ???")
    page.locator("#add-form button").click()
    expect(page.locator("#outcome")).to_contain_text("1 problem. Nothing was changed.")
    expect(page.locator("#outcome")).to_contain_text("'???' is not a ticker.")
    page.locator("#add").fill("brk-b")
    page.locator("#add-form button").click()
    expect(page.locator("#shown")).to_have_text("31 members")
    page.get_by_role("button", name="Take out BRK.B").click()
    expect(page.locator("#outcome")).to_contain_text("dow30 loses BRK.B.")
    expect(page.locator("#shown")).to_have_text("30 members")


def test_a_file_is_checked_imported_and_its_universe_removed(open_page: Open, server: Served) -> None:
    page = opened(open_page, server)
    page.locator("#open-import").click()
    content = b"Ticker;Name\naapl;Apple\n?;\n"
    page.locator("#import-file").set_input_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": content})
    page.locator("#import-name").fill("mine")
    page.locator("#import-check").click()
    outcome = page.locator("#import-outcome")
    expect(outcome).to_contain_text("1 problem. This would change:")
    expect(outcome).to_contain_text("line 3: '?' is not a ticker.")
    page.locator("#import-skip").check()
    page.locator("#import-do").click()
    expect(outcome).to_contain_text("1 universe changed: 1 symbol added, 0 removed.")
    page.locator("#import-close").click()
    expect(page.locator("#universe-name")).to_have_text("mine")
    page.locator("#delete").click()
    page.locator("#delete-form button[type=submit]").click()
    expect(page.locator("#universe-name")).to_have_text("Choose a universe")
    expect(page.locator("#names li")).to_have_count(19)


def test_hostile_words_are_text_and_a_universe_that_is_gone_is_said_to_be(open_page: Open, server: Served) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    server.site.ask("admin", "POST", "/api/admin/universes/mine/members", json={"create": True, "description": hostile})
    page = opened(open_page, server, f"{PATH}#min", expected=("404",))
    expect(page.locator("#trouble")).to_have_text("There is no universe 'min'. Did you mean mine?")
    page.get_by_role("link", name="mine").click()
    expect(page.locator("#universe-facts")).to_contain_text(hostile)
    expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_anybody(open_page: Open, server: Served, scheme: str) -> None:
    page = opened(open_page, server, f"{PATH}#market_leaders:top_100", color_scheme=scheme, bypass_csp=True)
    expect(page.locator("#shown")).to_have_text("100 members")
    page.add_script_tag(content=AXE)
    found = page.evaluate("async () => (await axe.run()).violations")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
