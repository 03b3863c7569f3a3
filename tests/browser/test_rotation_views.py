"""The tabs of the sectors and of the stages, fed with calculated figures of 110 made-up symbols."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import PRICES, Open
from .pure_calls import call
from .rotation_bodies import FUNDS, SECTOR_OF, found_stages, rotations, sectors_body, stages_body
from .scripted_server import ScriptedMarket
from .test_admin_page import AXE, serious

NEWEST = "sort=since&order=desc&limit=1000"


def test_sectors_stand_on_the_chart_with_their_tails_and_in_the_table(open_page: Open, market: ScriptedMarket) -> None:
    market.views |= {"sectors": sectors_body, "rankings": {"error": {"code": "internal", "message": "None here."}}}
    page = open_page("/#tab=sectors", color_scheme="dark").page
    panel = page.get_by_role("tabpanel", name="Sectors")
    groups = {group["sector"]: group for group in sectors_body("tail=8")["groups"]}
    heads = panel.locator(".track-head")
    expect(heads).to_have_count(len(FUNDS))
    expect(panel.locator(".track-dot")).to_have_count(7 * len(FUNDS))
    by_ratio = sorted(groups, key=lambda sector: -groups[sector]["by_members"]["ratio"])
    expect(panel.locator("tbody [data-sector]")).to_have_text(by_ratio)
    row = panel.get_by_role("row", name=re.compile("Energy"))
    energy = groups["Energy"]["by_members"]
    expect(row).to_contain_text(f"{energy['quadrant'].title()}{energy['ratio']:.2f}{energy['momentum']:.2f}")
    change = row.locator("td").nth(5)
    expect(change).to_have_text(f"{100 * energy['changes']['21']['change']:+.2f}%".replace("-", "\N{MINUS SIGN}"))
    expect(change).to_have_attribute("title", "Average of 10 of 10 members")
    young = panel.get_by_role("row", name=re.compile("Communication")).locator("td").nth(8)
    expect(young).to_have_attribute("title", "Average of 4 of 6 members")
    expect(panel).to_contain_text("(106 members; of 4 no sector is known)")
    expect(panel).to_contain_text("Open circles: this week is not over")
    page.evaluate(AXE)
    assert serious(page) == []
    # Each mark stands in the quadrant that the table names.
    for sector, group in groups.items():
        spot = panel.locator(f".track[data-sector='{sector}'] .track-head").bounding_box()
        area = panel.locator(f".quadrant-{group['by_members']['quadrant']}").bounding_box()
        assert spot is not None
        assert area is not None
        assert area["x"] <= spot["x"] + spot["width"] / 2 <= area["x"] + area["width"]
        assert area["y"] <= spot["y"] + spot["height"] / 2 <= area["y"] + area["height"]

    panel.get_by_role("button", name="By ETFs").click()
    funds = rotations()[1]
    expect(row).to_contain_text(f"{funds.ratio[list(FUNDS).index('Energy'), -1]:.2f}")
    panel.get_by_role("button", name="63 d").click()
    by_change = sorted(groups, key=lambda sector: -groups[sector]["by_etf"]["changes"]["63"]["change"])
    expect(panel.locator("tbody [data-sector]")).to_have_text(by_change)
    panel.get_by_label("Tail").select_option("none")
    expect(panel.locator(".track-dot")).to_have_count(0)
    row.get_by_role("button", name="Energy", exact=True).click()
    expect(panel.locator(".track.other")).to_have_count(len(FUNDS) - 1)
    expect(row.get_by_role("button", name="Energy", exact=True)).to_be_focused()
    page.go_back()
    expect(panel.locator(".track.other")).to_have_count(0)
    panel.locator(".track-label", has_text="XLU").click()
    expect(panel.locator("tr.chosen")).to_contain_text("Utilities")
    page.go_back()
    expect(page).to_have_url(re.compile(r"sectors\.basis=funds&sectors\.sort=63&sectors\.tail=1$"))
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    row.get_by_role("button", name=re.compile("their rankings")).click()
    expect(page).to_have_url(re.compile(r"tab=rankings&.*rankings\.sector=Energy"))
    assert market.most_at_once == 1


def test_stages_are_a_map_with_transitions_and_a_distribution(open_page: Open, market: ScriptedMarket) -> None:
    found, body = found_stages(), stages_body(NEWEST)
    market.list_symbols(PRICES | {body["rows"][0]["symbol"]: 42.9})
    market.views["stages"] = stages_body
    page = open_page("/#tab=stages").page
    panel = page.get_by_role("tabpanel", name="Stages")
    columns = panel.locator(".stage-column")
    for stage in range(1, 5):
        here = [row for row in body["rows"] if row["stage"] == stage]
        tiles = columns.nth(stage - 1).locator("li button")
        expect(tiles).to_have_text(
            [f"{row['symbol']}{row['weeks']}{'' if row['since_known'] else '+'}" for row in here]
        )
        share = f"{len(here)} of 104 ({100 * len(here) / 104:.1f}%)"
        expect(columns.nth(stage - 1)).to_contain_text(share)
    assert sum(body["counts"].values()) == 104
    first = body["rows"][0]
    title = panel.get_by_role("button", name=re.compile(f"^{first['symbol']}")).last
    expect(title).to_have_attribute("title", re.compile(r"since the week of 16 Nov 2026: 1 week\n.* from its 30-week"))

    moved = found.transitions()
    expect(panel).to_contain_text(
        f"{len(moved)} of 104 changed their stage in the week of 16 Nov 2026, which is not over"
    )
    tops = [one.symbol for one in moved if (one.before, one.after) == (2, 3)]
    group = panel.locator(".stages-transitions section", has_text="2 Advance → 3 Top")
    expect(group.locator("button")).to_have_text(tops)
    expect(panel.locator(".stage-area")).to_have_count(4)
    expect(panel.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"in the last one 1 Base \d+ of 104"))
    panel.get_by_text("In numbers").click()
    newest = panel.locator(".stages-numbers tbody tr").first
    expect(newest).to_contain_text(f"16 Nov 2026{body['counts']['1']} of 104")
    expect(panel.locator(".stages-numbers tbody tr")).to_have_count(sum(map(bool, body["distribution"]["counted"])))
    panel.get_by_text("Why 6 figures are absent").click()
    expect(panel.get_by_text(re.compile(r"^Needs 34 weeks; 21 are stored\. Stage: "))).to_be_visible()

    page.evaluate(AXE)
    assert serious(page) == []

    panel.get_by_label("Sector").select_option("Utilities")
    expect(columns.locator("li")).to_have_count(list(SECTOR_OF.values()).count("Utilities"))
    panel.get_by_role("button", name="2 Advance").click()
    expect(columns.nth(1).locator("li")).to_have_count(stages_body(f"{NEWEST}&stage=2&sector=Utilities")["total"])
    expect(columns.nth(0).locator("li")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"stages\.sector=Utilities&stages\.stage=2$"))
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("location.hash = 'tab=stages'")
    panel.locator(".stages-map").get_by_role("button", name=re.compile(f"^{first['symbol']}")).click()
    expect(page.locator("#chart-title")).to_have_text(first["symbol"])
    assert market.most_at_once == 1


def test_ticks_are_round_and_labels_do_not_cover_each_other(page: Page) -> None:
    assert call(page, "views/quadrant_layout", "ticks", 6.2) == [95, 100, 105]
    assert call(page, "views/quadrant_layout", "ticks", 0.56) == [99.6, 99.8, 100, 100.2, 100.4]
    labels = [{"x": 100, "y": 100, "text": "Energy"}] * 3 + [{"x": 290, "y": 100, "text": "Utilities"}]
    frame = {"left": 0, "right": 300, "top": 0, "bottom": 200}
    places = call(page, "views/quadrant_layout", "placeLabels", labels, frame)
    assert [place["y"] for place in places] == [100, 113, 87, 100]
    assert [place["anchor"] for place in places] == ["start", "start", "start", "end"]


@pytest.mark.parametrize(("weeks", "is_known", "text"), [(1, True, "1"), (23, False, "23+")])
def test_weeks_whose_begin_is_not_known_say_so(page: Page, weeks: int, is_known: bool, text: str) -> None:
    assert call(page, "views/stages_words", "weeksText", {"weeks": weeks, "since_known": is_known}) == text
