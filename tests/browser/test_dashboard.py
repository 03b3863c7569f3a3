"""The dashboard with answers that come as they should: table, chart, choice of a symbol, what is live."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import Open, candles_changed, remember_candles, step_until
from .scripted_server import MINUTE_MS, START_MS, ScriptedMarket

HOSTILE = "<img src=x onerror=alert(1)>"


def row(page: Page, symbol: str) -> str:
    """The selector of a symbol's row."""
    return f'#watchlist tbody tr[data-symbol="{symbol}"]'


def symbols(page: Page) -> list[str]:
    """The watch list's symbols from top to bottom."""
    return [text.strip() for text in page.locator("#watchlist tbody th").all_text_contents()]


def test_table_and_chart_appear(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page().page
    cells = page.locator(row(page, "AAPL"))
    quote = market.quote("AAPL")
    expect(cells.locator(".col-last")).to_have_text(f"{quote['last']:.2f}")
    assert symbols(page) == ["AAPL", "AMZN", "BRK.B", "MSFT", "NVDA", "TSLA"]
    sign = "+" if quote["change"] > 0 else "−"
    expect(cells.locator(".col-change")).to_have_text(f"{sign}{abs(quote['change']):.2f}")
    expect(cells.locator(".col-percent")).to_have_text(f"{sign}{abs(quote['change_percent']):.2f}%")
    expect(cells.locator(".col-percent")).to_have_attribute(
        "title", f"Against the previous close, {quote['reference_price']:.2f}"
    )
    expect(cells.locator(".col-volume")).to_have_attribute("title", f"{quote['day_volume']:,.0f} shares")
    expect(cells.locator(".col-spark").locator("polyline")).to_have_attribute("points", re.compile(r"^(\S+ ){59}\S+$"))
    expect(page.locator("#chart-title")).to_have_text("AAPL")
    expect(page.locator("#chart canvas").first).to_be_visible()
    expect(page.locator("#chart-message")).to_have_text("")
    expect(page.locator("#condition-word")).to_have_text("Live")
    expect(page.locator("#clock")).to_have_text(re.compile("^10:31:"))
    expect(page.locator("#session")).to_have_text("Regular session")
    expect(page.get_by_text("TradingView Lightweight Charts™ Copyright (c) 2025 TradingView, Inc.")).to_be_visible()


def test_the_live_bar_is_told_apart_in_words_and_on_the_chart(open_page: Open, market: ScriptedMarket) -> None:
    market.bars["AAPL"][-1].update(open=229.0, low=228.9, high=231.1, close=231.0)
    page = open_page(own_clock=True).page
    legend = page.locator("#chart-legend")
    expect(legend).to_contain_text(re.compile(r"Fri 20 Nov 10:31 New York.*C 231\.00.*live, not yet official"))
    expect(page.locator(".chart-key")).to_contain_text("Live: forming, not yet official")
    page.wait_for_timeout(300)
    remember_candles(page)
    page.clock.fast_forward(1_200)
    page.wait_for_timeout(300)
    assert not candles_changed(page)

    market.bars["AAPL"][-1]["tier"] = "official"
    expect(legend).to_contain_text("official")
    expect(legend).not_to_contain_text("live")
    page.wait_for_timeout(300)
    assert candles_changed(page)


def test_new_values_arrive_and_flash(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page().page
    last = page.locator(f"{row(page, 'TSLA')} td").first
    expect(last).not_to_have_text("–")
    market.bars["TSLA"][-1].update(close=999.5, high=999.5)
    expect(last).to_have_class(re.compile("flash-up"))
    expect(last).to_have_text("999.50")
    expect(page.locator(f"{row(page, 'TSLA')} td").nth(1)).to_have_text(f"+{999.5 - market.references['TSLA']:.2f}")
    expect(last).not_to_have_class(re.compile("flash"))


def test_a_symbol_is_chosen_by_keyboard_and_stands_in_the_url(open_page: Open) -> None:
    page = open_page().page
    expect(page.locator(row(page, "AAPL"))).to_have_attribute("aria-current", "true")
    page.locator(row(page, "AAPL")).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(row(page, "BRK.B"))).to_be_focused()
    expect(page.locator("#chart-title")).to_have_text("AAPL")
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text("BRK.B")
    expect(page.locator(row(page, "BRK.B"))).to_have_attribute("aria-current", "true")
    expect(page.locator("#watchlist [aria-current]")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"#symbol=BRK\.B$"))
    expect(page).to_have_title(re.compile(r"^BRK\.B \d+\.\d\d · TickStock$"))
    page.go_back()
    expect(page.locator("#chart-title")).to_have_text("AAPL")


@pytest.mark.parametrize("spelling", ["MSFT", "msft"])
def test_a_url_with_a_symbol_opens_its_chart(open_page: Open, market: ScriptedMarket, spelling: str) -> None:
    page = open_page(f"/#symbol={spelling}", expected=("404 (NOT FOUND)",)).page
    expect(page.locator("#chart-title")).to_have_text("MSFT")
    expect(page.locator("#chart-legend")).to_contain_text(f"C {market.bars['MSFT'][-1]['close']:.2f}")
    expect(page.locator(row(page, "MSFT"))).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("#symbol=MSFT$"))


def test_a_click_on_a_header_sorts(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page().page
    expect(page.locator(f"{row(page, 'AAPL')} .col-percent")).not_to_have_text("–")
    header = page.locator("th.col-percent")
    changes = {symbol: market.quote(symbol)["change_percent"] for symbol in market.bars}
    by_change = sorted(changes, key=lambda symbol: changes[symbol])
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    assert symbols(page) == by_change[::-1]
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("th.col-symbol").first).to_have_attribute("aria-sort", "none")
    assert symbols(page) == by_change


def test_the_age_of_a_bar_goes_on_by_itself(open_page: Open, market: ScriptedMarket) -> None:
    market.bars["NVDA"][-1]["timestamp"] -= MINUTE_MS
    page = open_page(own_clock=True, expected=("503 (SERVICE UNAVAILABLE)",)).page
    age = page.locator(f"{row(page, 'NVDA')} .col-age")
    expect(age).to_have_text(re.compile(r"^[2-5]\d s$"))
    expect(page.locator(f"{row(page, 'AAPL')} .col-age")).to_have_text("live")
    before = int(age.inner_text().split()[0])
    market.failure = "Nothing new is to be had."  # what goes on, goes on without the server
    page.clock.fast_forward(4_000)
    assert before + 4 <= int(age.inner_text().split()[0]) <= before + 30


def test_a_hostile_symbol_is_text(open_page: Open, market: ScriptedMarket) -> None:
    market.list_symbols({HOSTILE: 10.0})
    market.status["reason"] = f"Says {HOSTILE}"
    page = open_page().page
    page.get_by_role("rowheader", name=HOSTILE).click()
    expect(page.locator("#chart-title")).to_have_text(HOSTILE)
    expect(page.locator("#chart-legend")).to_contain_text("live, not yet official")
    expect(page.locator("#condition-reason")).to_have_text(f"Says {HOSTILE}")
    expect(page.locator("img")).to_have_count(0)


def test_what_is_not_there_yet_is_said(open_page: Open, market: ScriptedMarket) -> None:
    market.bars["AAPL"].clear()
    page = open_page().page
    expect(page.locator("#chart-message")).to_have_text("Waiting for the first bar of AAPL.")
    expect(page.locator(f"{row(page, 'AAPL')} td").first).to_have_text("–")
    market.list_symbols({"AAPL": 231.4}, bars_per_symbol=1)
    expect(page.locator("#chart-message")).to_have_text("")
    expect(page.locator("#chart-legend")).to_contain_text("10:31 New York")


def test_an_unknown_symbol_and_an_empty_universe_are_said(open_page: Open, market: ScriptedMarket) -> None:
    market.bars.clear()
    market.status["universe"] = {"key": "market_leaders:top_100", "symbols": [], "unknown": []}
    page = open_page("/#symbol=NOPE", expected=("404 (NOT FOUND)",)).page
    expect(page.locator("#chart-message")).to_have_text(
        "TickStock does not know the symbol NOPE. Choose one of the watch list."
    )
    expect(page.locator("#list-message")).to_contain_text("The universe market_leaders:top_100 has no symbols.")
    unchosen = open_page().page
    expect(unchosen.locator("#chart-message")).to_have_text("Choose a symbol of the watch list to see its chart.")


def test_a_simulated_feed_is_labelled_and_a_real_one_is_not(open_page: Open, market: ScriptedMarket) -> None:
    real = open_page().page
    expect(real.locator("#condition-word")).to_have_text("Live")
    expect(real.locator("#simulated")).to_be_hidden()
    expect(real).not_to_have_title(re.compile("Simulated"))
    market.status["feed"] = {"name": "simulated", "simulated": True}
    page = open_page().page
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator("#simulated")).to_have_text("Simulated data - not real prices")
    expect(page.locator("#chart-quote")).not_to_have_text("")
    expect(page).to_have_title(re.compile("^Simulated data - not real prices · AAPL"))


def test_a_feed_that_has_not_reported_yet_changes_no_label(open_page: Open, market: ScriptedMarket) -> None:
    market.status["feed"] = {"name": "simulated", "simulated": True}
    market.status["gaps"] = {"open": 3, "empty_at": START_MS + 720_000}
    market.bars.clear()
    page = open_page(own_clock=True, expected=("404 (NOT FOUND)",)).page
    expect(page.locator("#feed-facts")).to_contain_text("Feed simulated: connected, 12,345 messages, 1 reconnect")
    expect(page.locator("#gaps-notice")).to_have_text("3 gaps are being repaired, until about 10:43")
    market.status |= {
        "feed": {"name": None, "simulated": False},
        "connection": None,
        "gaps": None,
        "ingest_age_ms": None,
        "universe": {"key": None, "symbols": [], "unknown": []},
    }
    step_until(page, 5_000, expect(page.locator("#feed-facts")).to_have_text, "No feed has reported yet")
    expect(page.locator("#gaps-notice")).to_be_hidden()
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator("#list-message")).to_have_text("Waiting for the watch list.")


def test_without_scripts_the_label_still_stands_and_the_page_says_what_it_needs(
    open_page: Open, market: ScriptedMarket
) -> None:
    market.status["feed"] = {"name": "simulated", "simulated": True}
    page = open_page(java_script_enabled=False).page
    expect(page.locator("#simulated")).to_be_visible()
    expect(page).to_have_title("Simulated data - not real prices · TickStock")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator("noscript p")).to_contain_text("This page needs JavaScript")


def test_a_wide_screen_shows_list_and_chart_side_by_side_without_scrolling(open_page: Open) -> None:
    page = open_page().page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    table, chart = (page.locator(selector).bounding_box() for selector in ("#watchlist", "#chart"))
    assert chart is not None
    assert table is not None
    assert table["x"] + table["width"] <= chart["x"]
    assert chart["height"] > 350
    root = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert root == [1280, 720]


def test_a_phone_shows_the_chart_above_the_list_without_scrolling_sideways(open_page: Open) -> None:
    page = open_page(viewport={"width": 360, "height": 740}).page
    expect(page.locator(row(page, "TSLA"))).to_be_attached()
    expect(page.locator("#chart-legend")).to_contain_text("live")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for selector in ("#watchlist", "#chart", ".top", ".bottom"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert box["x"] >= 0, selector
        assert box["x"] + box["width"] <= 360, selector
    chart, table = (page.locator(selector).bounding_box() for selector in ("#chart", "#watchlist"))
    assert chart is not None
    assert table is not None
    assert chart["y"] + chart["height"] <= table["y"]
    expect(page.locator("th.col-volume")).to_be_hidden()
    expect(page.locator("th.col-percent")).to_be_visible()


def test_a_refused_style_would_be_noticed(open_page: Open) -> None:
    watch = open_page()
    watch.page.evaluate("document.body.setAttribute('style', 'color: red')")
    watch.page.wait_for_timeout(100)
    assert [text for text in watch.unexpected() if text.startswith("CSP: style-src-attr refused inline")]
    watch.expected = ("style-src", "inline style")
