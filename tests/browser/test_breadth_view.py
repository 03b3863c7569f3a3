"""The tabs of breadth and of sentiment, fed with calculated figures of 400 symbols."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from .axe import complaints
from .breadth_bodies import breadth_body, days_of_market, sentiment_body
from .conftest import Open
from .scripted_server import ScriptedMarket

WHOLE, SHORT = days_of_market(280), days_of_market(100)


def answer(page: Page, market: ScriptedMarket, view: str, found: Callable[[str], dict[str, Any]]) -> None:
    """Another answer from now on; the page asks at once."""
    market.views[view] = found
    page.evaluate("dispatchEvent(new Event('online'))")


def test_breadth_shows_the_last_day_its_charts_and_the_day_itself(open_page: Open, market: ScriptedMarket) -> None:
    market.views["breadth"] = lambda query: breadth_body(WHOLE, query)
    page = open_page("/#tab=breadth").page
    panel = page.get_by_role("tabpanel", name="Breadth")
    daily = breadth_body(WHOLE, "days=90")["daily"]
    advancers, counted = daily["advancers"][-1], daily["counted"][-1]
    expect(panel.get_by_role("row", name=re.compile("^Advancers "))).to_contain_text(
        f"{advancers}{100 * advancers / counted:.1f}% of {counted} symbols"
    )
    above = daily["above_average"]["200"]
    expect(panel.get_by_role("row", name="Above 200-day")).to_contain_text(
        f"{100 * above['share'][-1]:.1f}%{above['above'][-1]} of {above['counted'][-1]} symbols"
    )
    plots = panel.locator(".plots:visible").get_by_role("slider")
    expect(plots).to_have_count(9)
    trin = panel.locator(".plots:visible").get_by_role("slider", name="TRIN")
    expect(trin).to_have_attribute("aria-valuetext", f"Fri 20 Nov: {daily['trin'][-1]:.2f}")
    assert (trin.locator(".plot-line").get_attribute("d") or "").count("L") == 89

    # A key, as the pointer, goes through the days of all plots at once.
    trin.focus()
    page.keyboard.press("ArrowLeft")
    expect(trin).to_have_attribute("aria-valuetext", re.compile("^Thu 19 Nov"))
    expect(plots.first).to_have_attribute("aria-valuetext", re.compile("^Thu 19 Nov"))
    page.keyboard.press("Escape")
    plots.first.hover(position={"x": 8, "y": 60})
    expect(trin).to_have_attribute("aria-valuenow", "0")

    assert complaints(page) == []

    panel.get_by_text("The days as a table").click()
    newest = panel.locator(".breadth-days tbody tr").first
    expect(newest).to_contain_text(f"Fri 20 Nov 2026{advancers}{daily['decliners'][-1]}")
    expect(panel.locator(".breadth-days tbody tr")).to_have_count(90)

    panel.get_by_label("Charts of").select_option("Within the day")
    expect(page).to_have_url(re.compile("breadth.span=day"))
    expect(panel.locator(".plots:visible").get_by_role("slider")).to_have_count(7)
    last_point = panel.get_by_role("slider", name="Symbols")
    expect(last_point).to_have_attribute("aria-valuetext", re.compile(rf"^10:35: Advancers {advancers}, Decliners"))
    nothing = {"intraday": None, "intraday_absent": 0, "reasons": ["No minute of this day is stored."]}
    answer(page, market, "breadth", lambda query: breadth_body(WHOLE, query) | nothing)
    expect(panel.get_by_text("No minute of this day is stored.")).to_be_visible()

    # Days too few for a figure: a dash, and why; and the plot says so too.
    answer(page, market, "breadth", lambda query: breadth_body(SHORT, query))
    expect(panel.get_by_role("row", name="New 52-week highs")).to_contain_text("–Needs 253 days; 100 are stored.")
    page.go_back()
    expect(panel.get_by_role("slider")).to_have_count(9)
    expect(panel.get_by_role("slider", name="New 52-week")).to_have_attribute("aria-valuetext", re.compile("Highs –"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert market.most_at_once == 1


def test_the_gauge_shows_its_parts_their_weights_and_which_are_absent(open_page: Open, market: ScriptedMarket) -> None:
    market.views["sentiment"] = lambda query: sentiment_body(WHOLE, query)
    page = open_page("/#tab=sentiment", color_scheme="dark", viewport={"width": 1280, "height": 720}).page
    panel = page.get_by_role("tabpanel", name="Sentiment")
    body = sentiment_body(WHOLE, "days=90")
    expect(panel.locator(".gauge-words")).to_have_text(f"Sentiment: {round(body['gauge'])} of 100")
    expect(panel.get_by_text("The mean of its 5 parts, by their weights.")).to_be_visible()
    for part in body["parts"]:
        row = panel.get_by_role("row", name=part["label"])
        expect(row.get_by_role("cell").nth(0)).to_have_text(str(round(part["score"])))
        expect(row.get_by_role("cell").nth(1)).to_have_text("20%")
        expect(row).to_contain_text(part["meaning"])
    breadth = body["parts"][0]
    told = f"{100 * breadth['ratio']:.1f}%: {breadth['numerator']:.0f} / {breadth['denominator']:,.0f}"
    expect(panel.get_by_role("row", name="Breadth")).to_contain_text(told)
    # The needle points to where the number stands on the scale.
    tip = panel.locator(".gauge-needle").evaluate(
        "path => { const p = path.getPointAtLength(1e9); return [p.x, p.y]; }"
    )
    angle = panel.page.evaluate("([x, y]) => 100 * (1 - Math.atan2(108 - y, x - 110) / Math.PI)", tip)
    assert abs(angle - body["gauge"]) < 0.5
    history = panel.get_by_role("slider", name="Gauge by day")
    expect(history).to_have_attribute("aria-valuetext", f"Fri 20 Nov: {round(body['gauge'])}")
    assert complaints(page) == []

    answer(page, market, "sentiment", lambda query: sentiment_body(SHORT, query))
    expect(panel.get_by_text("The mean of 3 of its 5 parts")).to_be_visible()
    expect(panel.get_by_role("row", name="New highs")).to_contain_text("Needs 257 days; 100 are stored.")
    expect(panel.get_by_role("row", name="Volatility")).to_contain_text("20%, here 33%")
    few = days_of_market(30)
    answer(page, market, "sentiment", lambda query: sentiment_body(few, query))
    expect(panel.get_by_text("Needs 3 of its 5 parts; 2 can be told.")).to_be_visible()
    expect(panel.locator(".gauge-number")).to_have_text("–")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
