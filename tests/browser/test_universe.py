"""The watch list as its user wants it: which universe, which columns, in which order, and all of it by keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.waiting import wait_for

from .conftest import Open
from .scripted_server import ScriptedMarket
from .test_admin_page import AXE, serious

HEADERS = "#watchlist thead th:visible"


def symbols(page: Page) -> list[str]:
    """The symbols that are listed, from top to bottom."""
    return [text.split()[0] for text in page.locator("#watchlist tbody th").all_text_contents()]


@pytest.fixture
def market() -> ScriptedMarket:
    """Four symbols, of which the feed listens to three; a universe of three, and one that is too long for a page."""
    market = ScriptedMarket()
    market.list_symbols({"AAPL": 231.4, "IBM": 300.0, "MSFT": 501.0, "TSLA": 402.6})
    market.listen_to(["AAPL", "MSFT", "TSLA"])
    market.universes = {"blue": ["MSFT", "IBM", "NEVER"], "long": [f"S{i:04}" for i in range(1003)]}
    return market


def test_any_universe_is_listed_and_what_nobody_listens_to_is_said(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page("/#sort=-last").page
    chooser = page.get_by_label("Universe")
    expect(chooser.locator("option")).to_have_text(["Listened to (3)", "blue (3)", "long (1,003)"])
    expect(page.locator("#list-notes")).to_be_hidden()
    chooser.select_option("blue")
    expect(page.locator("#list-notes")).to_have_text(
        "The feed does not listen to 2 of these symbols: their last stored bars are shown, dimmed."
    )
    expect(page.locator('tr[data-symbol="IBM"] .col-last')).not_to_have_text("–")
    wait_for(lambda: symbols(page) == ["MSFT", "IBM", "NEVER"])
    expect(page.locator("tr.unheard")).to_have_count(2)
    # The chart's symbol, which is not listed now, comes with the same request.
    market.bars["IBM"][-1].update(close=321.0, high=321.0)
    market.bars["AAPL"][-1].update(close=222.0, low=222.0)
    expect(page.locator('tr[data-symbol="IBM"] .col-last')).to_have_text("321.00")
    expect(page.locator("#chart-legend")).to_contain_text("C 222.00")
    assert "universe=blue&offset=0&symbols=AAPL" in market.asked("/api/ticks/recent?universe=blue")[-1]
    assert market.most_at_once == 1

    chooser.select_option("long")
    expect(page.locator("#list-notes")).to_contain_text(
        "Symbols 1 to 1,000 of 1,003. The feed listens to none of these"
    )
    page.get_by_role("button", name="Symbols after").click()
    expect(page.locator("#watchlist tbody tr")).to_have_count(3)
    expect(page.get_by_role("button", name="Symbols after")).to_be_disabled()
    expect(page).to_have_url(re.compile("#sort=-last&symbol=AAPL&universe=long&page=2$"))
    for count in (1000, 3, 3):
        page.go_back()
        expect(page.locator("#watchlist tbody tr")).to_have_count(count)
    expect(chooser).to_have_value("listening")

    other = open_page("/#universe=dow", expected=("404 (NOT FOUND)",)).page
    expect(other.locator("#list-notes")).to_have_text("No universe is called 'dow'. Did you mean dow30?")
    expect(other.locator('tr[data-symbol="AAPL"] .col-last')).not_to_have_text("–")
    expect(other).to_have_url(re.compile("#symbol=AAPL$"))


def test_order_search_and_columns_are_kept_and_shared(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page("/#filter=t&sort=-symbol").page
    expect(page.get_by_role("searchbox")).to_have_value("t")
    expect(page.locator("#watchlist tbody th")).to_have_text(["TSLA"])
    market.names = {"MSFT": "Sorts"}
    page.reload()
    expect(page.locator("#watchlist tbody tr")).to_have_count(2)
    assert symbols(page) == ["TSLA", "MSFT"]
    page.get_by_role("searchbox").fill("ts")
    expect(page).to_have_url(re.compile("filter=ts&"))
    page.locator("th.col-last").get_by_role("button").click()
    expect(page).to_have_url(re.compile("sort=-last"))
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Previous close").check()
    page.get_by_label("Age", exact=True).uncheck()
    shown = ["Symbol", "Last", "Change", "Chg %", "Prev close", "Volume", "Trend"]
    expect(page.locator(HEADERS)).to_have_text(shown)
    expect(page.locator('tr[data-symbol="TSLA"] .col-previous')).to_have_text(f"{market.references['TSLA']:.2f}")
    page.reload()
    expect(page.locator(HEADERS)).to_have_text(shown)


def test_the_list_is_used_by_keyboard_and_axe_finds_nothing_serious(open_page: Open, market: ScriptedMarket) -> None:
    market.listen_to(["AAPL", "IBM", "MSFT", "TSLA"])
    market.universes = {"blue": ["AAPL", "IBM", "NEVER"]}
    page = open_page(color_scheme="light", viewport={"width": 1280, "height": 720}).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    page.keyboard.press("j")
    expect(page.locator('tr[data-symbol="AAPL"]')).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text("IBM")
    page.keyboard.press("/")
    page.keyboard.type("j?")
    expect(page.get_by_role("searchbox")).to_have_value("j?")
    page.keyboard.press("Escape")
    page.locator('tr[data-symbol="IBM"]').focus()
    page.evaluate(AXE)
    assert serious(page) == []
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_).to_be_visible()
    assert serious(page) == []
    help_.get_by_label("Keys of a single letter or mark are on").uncheck()
    help_.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    page.keyboard.press("j")
    expect(help_).to_be_hidden()
    page.get_by_label("Universe").select_option("blue")
    expect(page.locator("tr.unheard")).to_have_count(1)
    page.get_by_text("Columns", exact=True).click()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator(HEADERS)).to_have_text(["Symbol", "Last", "Chg %", "Age", "Trend"])
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
