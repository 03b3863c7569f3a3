"""The tab of the rankings, fed with calculated figures of 120 symbols, forty of which lack a year of days."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.waiting import wait_for

from .conftest import PRICES, Open
from .market_bodies import rankings_body
from .pure_calls import call
from .scripted_server import ScriptedMarket

ASKED = "sort={}&order={}&limit=50&offset={}"


def ranked(sort: str, order: str = "desc", offset: int = 0, sector: str = "") -> list[dict[str, Any]]:
    """The rows that the endpoint gives."""
    chosen = f"&sector={sector}" if sector else ""
    rows: list[dict[str, Any]] = rankings_body(ASKED.format(sort, order, offset) + chosen)["rows"]
    return rows


def expect_symbols(page: Page, rows: list[dict[str, Any]]) -> None:
    expect(page.locator(".rankings-table tbody button")).to_have_text([row["symbol"] for row in rows])


def test_the_rankings_are_sorted_narrowed_paged_and_say_what_is_absent(open_page: Open, market: ScriptedMarket) -> None:
    first = ranked("change_1d")
    market.list_symbols(PRICES | {first[1]["symbol"]: 42.9})
    market.views["rankings"] = rankings_body
    page = open_page("/#tab=rankings").page
    panel = page.get_by_role("tabpanel", name="Rankings")
    expect_symbols(page, first)
    expect(panel).to_contain_text("118 of 120 symbols of sp120 have data")
    expect(panel).to_contain_text("Fri 20 Nov 2026, 10:31 New York, not settled yet")
    expect(panel).to_contain_text("Chg 1 d is known of 118 of 120. Percentiles are among 78 symbols")
    expect(panel).to_contain_text("1–50 of 120")
    change = panel.locator("tbody .figure-change_1d").first
    expect(change).to_have_text(f"+{100 * first[0]['figures']['change_1d']:.2f}%")
    expect(change).to_have_attribute("data-direction", "up")

    # Each percentile is drawn and tells what it is a share of; what is absent tells why, in the cell and below.
    place = next(i for i, row in enumerate(first) if row["lower"] is not None)
    percentile = panel.locator("tbody .figure-strength_percentile").nth(place)
    expect(percentile).to_have_text(f"{100 * first[place]['lower'] / 78:.1f}")
    expect(percentile).to_have_attribute("title", re.compile(rf"^{first[place]['lower']:g} of 78 are weaker"))
    width = percentile.locator("rect").get_attribute("width")
    assert width is not None
    assert abs(float(width) - 100 * first[place]["lower"] / 78) < 1e-9
    empty = next(i for i, row in enumerate(first) if row["lower"] is None)
    expect(panel.locator("tbody .figure-change_252d").nth(empty)).to_have_text("–")
    why = "Needs 253 days; 120 are stored."
    expect(panel.locator("tbody .figure-change_252d").nth(empty)).to_have_attribute("title", why)
    high = panel.locator("tbody .figure-from_high").nth(empty)
    expect(high).to_have_attribute("title", "Needs 252 days; 120 are stored.")
    panel.get_by_text(re.compile(r"^Why \d+ figures are absent$")).click()
    expect(panel.get_by_role("listitem").first).to_contain_text(f"{why} Chg 252 d, Percentile: ")

    panel.get_by_role("button", name="Percentile").click()
    by_strength = ranked("strength_percentile")
    expect_symbols(page, by_strength)
    expect(panel.locator("th[aria-sort=descending]")).to_have_text("Percentile")
    panel.get_by_role("button", name="Next").click()
    expect_symbols(page, ranked("strength_percentile", offset=50))
    expect(panel.locator("tbody .place").first).to_have_text("51")
    panel.get_by_role("button", name="Next").click()
    expect(panel.get_by_role("button", name="Next")).to_be_disabled()
    expect_symbols(page, ranked("strength_percentile", offset=100))
    # The other way round begins at the first page, and those without come last again.
    panel.get_by_role("button", name="Percentile").click()
    expect_symbols(page, ranked("strength_percentile", "asc"))
    page.go_back()
    expect_symbols(page, ranked("strength_percentile", offset=100))
    panel.get_by_label("Sector").select_option("Energy")
    expect_symbols(page, ranked("strength_percentile", sector="Energy"))
    expect(page).to_have_url(re.compile("rankings.sector=Energy"))

    panel.get_by_text("Columns").first.click()
    panel.get_by_label("Gap").check()
    panel.get_by_label("Price").uncheck()
    expect(panel.locator("thead th")).to_have_count(12)
    expect(panel.locator("thead .figure-price")).to_have_count(0)
    expect(panel.locator("thead .figure-gap")).to_have_text("Gap")
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # A link leads to the same; keys lead through the symbols, and Enter to the chart.
    page.evaluate("location.hash = 'tab=rankings&as_of=2026-11-18&rankings.columns=price,nonsense'")
    expect_symbols(page, first)
    wait_for(lambda: any("as_of%3D2026-11-18" in path for path in market.requests))
    expect(panel.get_by_label("As of")).to_have_value("2026-11-18")
    panel.get_by_role("button", name="Now").click()
    expect(page).to_have_url(re.compile("#tab=rankings&rankings.columns=price%2Cnonsense$"))
    expect(panel.locator("thead th")).to_have_text(["Symbol", "Price"])
    panel.get_by_role("button", name=first[0]["symbol"]).focus()
    page.keyboard.press("j")
    expect(panel.get_by_role("button", name=first[1]["symbol"])).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chart-title")).to_have_text(first[1]["symbol"])
    page.go_back()

    expect_symbols(page, first)
    market.views["rankings"] = {"pending": "Being calculated."}
    expect(panel.get_by_text("Being calculated.")).to_be_visible()
    expect(panel.locator(".rankings-content")).to_have_class(re.compile("waiting"))
    market.views["rankings"] = {"error": {"code": "unknown_universe", "message": "There is no universe sp120."}}
    expect(panel.get_by_text("There is no universe sp120.")).to_be_visible()
    expect(panel.locator("table")).to_be_hidden()
    expect(panel.get_by_text("have data")).to_be_hidden()
    assert market.most_at_once == 1


def test_figures_are_written_by_their_units(page: Page) -> None:
    written = {
        ("price", "dollars", 12.3456789): "12.3457",
        ("dollar_volume", "dollars", 1_234_567_890): "1.2B",
        ("volume", "shares", 950): "950",
        ("gap", "fraction", -0.01234): "−1.23%",
        ("relative_63d", "ratio", 1.005): "1.01",
        ("strength_percentile", "percentile", 99.96): "100.0",
        ("strength", "fraction", None): "–",
    }
    for (name, unit, value), text in written.items():
        column = {"name": name, "unit": unit}
        assert call(page, "views/rankings_words", "figureText", column, value) == text


def test_reasons_are_gathered_and_long_lists_cut(page: Page) -> None:
    columns = [{"name": "gap", "label": "Gap"}, {"name": "price", "label": "Price"}]
    none = {"gap": None, "price": None}
    rows = [{"symbol": f"S{i}", "figures": none, "absent": {"gap": 1, "price": 1}} for i in range(8)]
    rows.insert(0, {"symbol": "T", "figures": {"gap": None, "price": 1}, "absent": {"gap": 0}})
    answer = {"rows": rows, "columns": columns, "reasons": ["Too young.", "Not traded."]}
    texts = page.evaluate(
        """async (answer) => {
          const { absences, absenceText } = await import("/static/js/views/rankings_words.js");
          return absences(answer).map(absenceText);
        }""",
        answer,
    )
    assert texts == ["Not traded. Gap, Price: S0, S1, S2, S3, S4, S5 and 2 more.", "Too young. Gap: T."]
