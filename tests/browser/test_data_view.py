"""The tab of data quality: what is fresh, whole and corrected, asked for in the place of a poll."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.waiting import wait_for

from .conftest import Open
from .scripted_server import MINUTE_MS, START_MS, ScriptedMarket
from .test_admin_page import AXE, serious

NEWEST_MS = START_MS // MINUTE_MS * MINUTE_MS - MINUTE_MS


def symbol(
    name: str, regular: int, state: str = "today", late: int = 0, newest: int | None = NEWEST_MS
) -> dict[str, Any]:
    """A symbol's part of the answer."""
    tier = None if newest is None else "official"
    return {
        "symbol": name, "newest": newest, "tier": tier, "state": state, "bars": regular, "regular": regular,
        "late": late,
    }  # fmt: skip


@pytest.fixture
def quality() -> dict[str, Any]:
    """An hour of the session is over; of three symbols one has all of it, one some, one never had a bar."""
    return {
        "universe": "listening", "unknown": [], "date": "2026-11-20", "goes_on": True, "data_time": NEWEST_MS,
        "regular_minutes": 390, "passed_minutes": 60, "members": 3, "with_data": 2, "stored_minutes": 100,
        "expected_minutes": 180, "late_minutes": 12, "open_gaps": 2, "lost_gaps": 1, "compared": [],
        "symbols": [
            symbol("AAPL", 60, "today", 0), symbol("BRK.B", 40, "open", 12), symbol("NEW", 0, "missing", 0, None),
        ],
        "notes": ["A minute in which nothing traded has no bar."],
    }  # fmt: skip


def rows(page: Page) -> list[str]:
    """The symbols from top to bottom."""
    return page.get_by_role("table", name="Symbols").locator("tbody th").all_inner_texts()


def test_what_is_known_of_the_data_is_shown_with_what_it_is_of(
    open_page: Open, market: ScriptedMarket, quality: dict[str, Any]
) -> None:
    market.quality = quality
    page = open_page("/#tab=data", color_scheme="light", viewport={"width": 1280, "height": 720}).page
    panel = page.get_by_role("tabpanel", name="Data")
    expect(panel.locator(".data-facts")).to_contain_text("55.5%100 of 180 minutes are stored")
    expect(panel.locator(".data-facts")).to_contain_text("60 of 390 minutes of the regular session are over")
    expect(panel.locator(".data-facts")).to_contain_text("2of any day; 1 given up")
    expect(panel).to_contain_text("A minute in which nothing traded has no bar.")
    expect(panel).to_contain_text("None yet: a day is compared on the day after.")
    assert rows(page) == ["NEW", "BRK.B", "AAPL"]  # what lacks most comes first
    cells = panel.locator("tr", has_text="BRK.B").locator("td")
    newest = [re.compile(r"^\d+ (s|min)$"), "Fri 20 Nov 10:30"]
    expect(cells).to_have_text([*newest, "40 of 60", "66.6%", "12", "a gap is being repaired"])
    expect(panel.locator("tr", has_text="NEW").locator("td").first).to_have_text("–")
    page.evaluate(AXE)
    assert serious(page) == []
    panel.get_by_role("button", name="Late").click()
    expect(page).to_have_url(re.compile("data.sort=-late"))
    wait_for(lambda: rows(page)[0] == "BRK.B")
    panel.get_by_role("button", name="Age").click()
    wait_for(lambda: rows(page) == ["AAPL", "BRK.B", "NEW"])  # what is not known comes last

    run = {"date": "2026-11-19", "state": "done", "bars": 78_000, "corrected": 39, "added": 4, "withdrawn": 1}
    market.quality |= {"compared": [run | {"finished_at": START_MS}]}
    page.reload()
    compared = page.get_by_role("table", name="Days compared").locator("tbody td")
    expect(compared).to_have_text(["2026-11-19", "78,000", "39", "0.05%", "4", "1", "compared"])
    assert set(market.asked("/api/quality")) == {"/api/quality?universe=listening&offset=0"}
    assert market.most_at_once == 1
    page.evaluate(AXE)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert serious(page) == []
    page.get_by_role("button", name="AAPL").click()
    expect(page.locator("#chart-title")).to_have_text("AAPL")
    expect(page.locator("#panel-watch")).to_be_visible()
