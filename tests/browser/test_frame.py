"""The frame of the dashboard: tabs, the state in the URL, and views that are fed by the page's one poll."""

import re

from playwright.sync_api import Route, expect

from tests.waiting import wait_for

from .conftest import Open
from .scripted_server import ScriptedMarket

# Two views in the place of the page's own: one shows what the market answers, one asks for nothing.
VIEWS = """
let panel, context;
const told = {
  mount(element, given) { [panel, context] = [element, given]; panel.append("Waiting."); },
  query: () => `told?sort=${context.url.get("told.sort") ?? "name"}&universe=${context.universe()}`,
  show(body) {
    window.shown = (window.shown ?? 0) + 1;
    const button = document.createElement("button");
    button.textContent = "Open MSFT";
    button.onclick = () => context.chooseSymbol("MSFT");
    panel.replaceChildren(body.text, button);
  },
  unmount() { window.unmounted = true; },
};
const mute = { mount(element) { element.append("Nothing to ask."); }, query: () => null, show() {}, unmount() {} };
export const VIEWS = [
  { key: "told", label: "Told", load: async () => told },
  { key: "mute", label: "Mute", load: async () => mute },
];
"""


def test_tabs_are_walked_by_keyboard_stand_in_the_url_and_share_the_poll(
    open_page: Open, market: ScriptedMarket
) -> None:
    market.views = {"told": {"text": "Two rose."}}
    page = open_page("/static/js/format.js").page
    page.route("**/views/index.js", _answer)
    page.goto(page.url.replace("/static/js/format.js", "/#symbol=TSLA"))
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["Watch list", "Told", "Mute"])
    expect(page.get_by_role("tabpanel", name="Watch list")).to_be_visible()

    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    panel = page.get_by_role("tabpanel", name="Told")
    expect(panel).to_contain_text("Two rose.")
    expect(tabs.nth(1)).to_be_focused()
    expect(page.locator("#panel-watch")).to_be_hidden()
    expect(page).to_have_url(re.compile("#symbol=TSLA&tab=told$"))
    # What did not change is not sent and not shown again; what did is.
    wait_for(lambda: any("market_tag=" in path for path in market.asked("/api/")))
    market.views["told"] = {"text": "Three rose."}
    expect(panel).to_contain_text("Three rose.")
    assert page.evaluate("window.shown") == 2
    page.evaluate("location.hash += '&told.sort=size'")
    wait_for(lambda: page.evaluate("window.shown") == 3)
    page.go_back()

    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Mute")).to_have_text("Nothing to ask.")
    assert page.evaluate("window.unmounted") is True
    page.go_back()
    page.get_by_role("button", name="Open MSFT").click()
    expect(page.get_by_role("tabpanel", name="Watch list")).to_be_visible()
    expect(page.locator("#chart-title")).to_have_text("MSFT")
    page.go_back()
    expect(panel).to_contain_text("Three rose.")
    asked = [path for path in market.asked("/api/") if "market=" in path]
    assert "market=told%3Fsort%3Dsize%26universe%3Dlistening" in " ".join(asked)
    assert market.most_at_once == 1


def _answer(route: Route) -> None:
    route.fulfill(body=VIEWS, content_type="text/javascript")
