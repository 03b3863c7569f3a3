"""The chart's button that saves the bars in sight."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.waiting import wait_for

from .conftest import Open
from .scripted_server import MINUTE_MS, ScriptedMarket


def saved(page: Page, market: ScriptedMarket) -> dict[str, str]:
    """What is asked for when the button is pressed, after the file came."""
    button = page.get_by_role("button", name="Save CSV")
    expect(button).to_be_enabled()
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "AAPL_1m.csv"
    assert Path(download.value.path()).read_text() == "symbol,timestamp\nAAPL,1\n"
    query = parse_qs(urlsplit(market.asked("/api/bars")[-1]).query)
    return {name: values[0] for name, values in query.items()}


def test_the_minutes_in_sight_are_saved_as_csv(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page().page
    expect(page.locator("#chart-legend")).to_contain_text("VWAP")
    asked = saved(page, market)
    times = [bar["timestamp"] for bar in market.bars["AAPL"]]
    first, last = int(asked.pop("from")), int(asked.pop("to"))
    assert asked == {"symbol": "AAPL", "timeframe": "1m", "adjusted": "true", "format": "csv", "limit": "50000"}
    assert first in times
    assert last - times[-1] in (0, MINUTE_MS)
    # A narrower view has fewer bars.
    page.locator("#chart").hover()

    def is_narrower() -> bool:
        page.mouse.wheel(0, -400)
        return int(saved(page, market)["from"]) > first

    wait_for(is_narrower)


def test_without_bars_there_is_nothing_to_save(open_page: Open, market: ScriptedMarket) -> None:
    market.bars["AAPL"] = []
    page = open_page("?symbol=AAPL").page
    expect(page.locator("#chart-title")).to_have_text("AAPL")
    expect(page.get_by_role("button", name="Save CSV")).to_be_disabled()
