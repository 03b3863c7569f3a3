"""The API's documentation in a browser: it needs no script, leads where it says, and axe finds nothing serious."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Open
from .test_admin_page import AXE, serious
from .test_login import WebHalf


@pytest.fixture
def server(tmp_path: Path, sqlite_database_url: str) -> Iterator[WebHalf]:
    server = WebHalf(tmp_path, sqlite_database_url)
    server.start()
    yield server
    server.stop()


# Axe looks at this long page for seconds. Its colours do not depend on its width, nor its order on its colours.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(open_page: Open, scheme: str, width: int) -> None:
    page = open_page("/api/docs", color_scheme=scheme, viewport={"width": width, "height": 844}).page
    page.evaluate(AXE)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_script_the_contents_lead_to_an_endpoint_and_on_to_its_schema(open_page: Open) -> None:
    page = open_page("/api/docs", java_script_enabled=False).page
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Bars of one symbol or several").click()
    endpoint = page.get_by_role("article", name="Bars of one symbol or several")
    expect(endpoint).to_be_in_viewport()
    endpoint.get_by_role("link", name="RecentBars").click()
    expect(page.get_by_role("article", name="RecentBars")).to_be_in_viewport()
    expect(page).to_have_url(f"{page.url.partition('#')[0]}#schema-RecentBars")


def test_it_is_reached_from_the_dashboard(open_page: Open) -> None:
    page = open_page("/", expected=("503",)).page
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The API of TickStock")
