"""The watch list with as many rows as a service listens to: narrowed by typing, and light however long it is."""

import random
import re
from string import ascii_uppercase

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open
from .scripted_server import MINUTE_MS, ScriptedMarket

NAMES = {"AAPL": "Apple Inc.", "AMZN": "Amazon.com Inc.", "BRK.B": "Berkshire Hathaway Inc.", "MSFT": "Microsoft Corp"}
ROWS = 517
DRAWN = '#watchlist polyline[points]:not([points=""])'


def symbols(page: Page) -> list[str]:
    """The symbols that are listed, from top to bottom."""
    return [text.split()[0] for text in page.locator("#watchlist tbody th").all_text_contents()]


@pytest.fixture
def many(market: ScriptedMarket) -> ScriptedMarket:
    """The market with 517 symbols."""
    letters = random.Random(517)
    prices = {"".join(letters.choices(ascii_uppercase, k=4)): letters.uniform(5, 900) for _ in range(ROWS + 50)}
    kept = dict(list(prices.items())[: ROWS - len(market.bars)])
    market.list_symbols(kept, bars_per_symbol=30)
    assert len(market.bars) == ROWS
    return market


def test_typing_narrows_the_list_by_symbol_or_company(open_page: Open, market: ScriptedMarket) -> None:
    market.names = NAMES
    page = open_page().page
    field = page.get_by_role("searchbox")
    expect(page.locator("#list-count")).to_have_text("6 symbols")
    for typed, listed in [("a", ["AAPL", "AMZN", "BRK.B"]), ("AA", ["AAPL"]), ("brk-b", ["BRK.B"]), ("corp", ["MSFT"])]:
        field.fill(typed)
        assert symbols(page) == listed, typed
        expect(page.locator("#list-count")).to_have_text(f"{len(listed)} of 6")
    field.fill("NOSUCH")
    expect(page.locator("#list-message")).to_have_text("No symbol or company matches “NOSUCH”.")
    field.press("Escape")
    expect(page.locator("#list-message")).to_be_hidden()
    assert len(symbols(page)) == 6


def test_a_narrowed_list_goes_on(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    page.get_by_role("searchbox").fill("TS")
    market.bars["TSLA"][-1].update(close=999.5, high=999.5)
    market.bars["MSFT"][-1].update(close=888.5, high=888.5)
    page.clock.run_for(6_000)  # over a poll, and over the moment at which the list is sorted again
    expect(page.locator("#watchlist .col-last").nth(1)).to_have_text("999.50")
    assert symbols(page) == ["TSLA"]
    page.get_by_role("searchbox").fill("")
    expect(page.locator('tr[data-symbol="MSFT"] .col-last')).to_have_text("888.50")


def test_from_the_field_the_keyboard_leads_to_the_chart(open_page: Open, market: ScriptedMarket) -> None:
    market.names = NAMES
    page = open_page().page
    field = page.get_by_role("searchbox")
    expect(page.locator("#chart-name")).to_have_text("Apple Inc.")
    field.fill("berk")
    field.press("Enter")
    expect(page.locator("#chart-title")).to_have_text("BRK.B")
    expect(page.locator("#chart-name")).to_have_text("Berkshire Hathaway Inc.")
    field.fill("A")
    field.press("ArrowDown")
    expect(page.locator('tr[data-symbol="AAPL"]')).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text("AMZN")


def test_an_order_chosen_before_the_quotes_came_is_kept_by_them(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    market.delay_s = 0.5
    page.reload()
    expect(page.locator("#watchlist tbody tr")).to_have_count(6)
    page.locator("th.col-last").get_by_role("button").click()
    expect(page.locator("#chart-legend")).to_contain_text("live")
    assert symbols(page) == sorted(market.bars, key=lambda symbol: -market.quote(symbol)["last"])


def test_names_are_shown_when_there_are_some(open_page: Open, market: ScriptedMarket) -> None:
    market.names = {"MSFT": NAMES["MSFT"]}
    page = open_page().page
    expect(page.get_by_role("rowheader", name="MSFT Microsoft Corp")).to_be_visible()
    expect(page.get_by_role("rowheader", name="AAPL", exact=True)).to_be_visible()
    expect(page.locator("#chart-name")).to_have_text("")


def test_readers_are_told_of_a_table(open_page: Open) -> None:
    page = open_page().page
    table = page.get_by_role("table", name="Watch list")
    expect(table.get_by_role("row")).to_have_count(7)
    expect(table.get_by_role("columnheader")).to_have_count(7)
    expect(table.get_by_role("row", name=re.compile("^AAPL")).get_by_role("cell")).to_have_count(6)


def test_rows_out_of_sight_are_right_but_not_drawn(open_page: Open, many: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#watchlist tbody tr")).to_have_count(ROWS)
    expect(page.locator("#chart-legend")).to_contain_text("live")
    far = sorted(many.bars)[400]
    row = page.locator(f'tr[data-symbol="{far}"]')
    many.bars[far][-1].update(close=1234.5, high=1234.5)
    page.clock.run_for(1_500)
    expect(row.locator(".col-last")).to_have_text("1,234.50")
    assert 20 < page.locator(DRAWN).count() < 200
    expect(row.locator(DRAWN)).to_have_count(0)
    row.scroll_into_view_if_needed()
    expect(row.locator("polyline")).to_have_attribute("points", re.compile(r"^(\S+ ){29}\S+$"))
    expect(row.locator(".col-change")).to_have_attribute("title", re.compile("^Against the previous close"))


def test_the_chosen_row_is_in_sight(open_page: Open, many: ScriptedMarket) -> None:
    first, *_, last = sorted(many.bars)
    page = open_page(f"/#symbol={last}").page
    expect(page.locator(f'tr[data-symbol="{last}"]')).to_be_in_viewport()
    page.goto(f"{page.url.split('#')[0]}#symbol={first}")
    header = page.locator("#watchlist thead").bounding_box()
    expect(page.locator(f'tr[data-symbol="{first}"]')).to_be_in_viewport()
    row = page.locator(f'tr[data-symbol="{first}"]').bounding_box()
    assert header is not None
    assert row is not None
    assert row["y"] >= header["y"] + header["height"] - 1
    narrow = open_page(f"/#symbol={last}", viewport={"width": 360, "height": 740}).page
    expect(narrow.locator("#chart-legend")).to_contain_text("live")
    expect(narrow.locator("#chart")).to_be_in_viewport()


def test_what_would_not_fit_a_url_is_asked_for_as_a_whole(open_page: Open, many: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    for bars in many.bars.values():
        bars[-25]["volume"] += 1
    before = len(many.asked("/api/quotes"))
    page.clock.run_for(32_000)
    expect(page.locator('tr[data-symbol="AAPL"] .col-volume')).to_have_attribute(
        "title", f"{many.day_volume('AAPL'):,.0f} shares"
    )
    assert many.asked("/api/quotes")[before:] == ["/api/quotes?universe=listening"]


def test_the_chosen_row_can_be_scrolled_to_the_end_by_keyboard(open_page: Open, many: ScriptedMarket) -> None:
    page = open_page().page
    expect(page.locator("#watchlist tbody tr")).to_have_count(ROWS)
    page.locator("#watchlist tbody tr").first.focus()
    page.keyboard.press("End")
    last = page.locator("#watchlist tbody tr").last
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollHeight") == 720


def test_a_minute_that_ends_for_all_is_followed_by_all(open_page: Open, many: ScriptedMarket) -> None:
    # Of a symbol with fewer bars than the chart has room for, older ones would be looked for besides.
    page = open_page("/#symbol=AAPL", own_clock=True).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    for bars in many.bars.values():
        bars[-1]["tier"] = "official"
        bars.append(bars[-1] | {"timestamp": bars[-1]["timestamp"] + MINUTE_MS, "tier": "live", "volume": 7})
    before = len(many.asked("/api/"))
    page.clock.run_for(1_500)
    expect(page.locator("#chart-legend")).to_contain_text("10:32 New York")
    volume = page.locator("#watchlist tbody tr").first.locator(".col-volume")
    expect(volume).to_have_attribute("title", f"{many.day_volume(sorted(many.bars)[0]):,.0f} shares")
    # By polls alone, however many there were time for.
    assert {path.split("?")[0] for path in many.asked("/api/")[before:]} == {"/api/ticks/recent"}
