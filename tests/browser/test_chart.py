"""The chart as one uses it: timeframes, lines, older bars, the keyboard, and bars that form while one looks."""

import itertools
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from src.core.domain.market.aggregation import Timeframe, period_at, within_sessions
from tests.waiting import wait_for

from .axe import complaints
from .conftest import Open, candles_changed, remember_candles, step_until
from .scripted_server import DAY_START_MS, MINUTE_MS, ScriptedMarket, make_bars, minute_of

DAY_MS = 24 * 60 * MINUTE_MS


def pressed(page: Page, group: str) -> list[str]:
    """The labels of a group's buttons that are pressed."""
    return page.locator(f'#{group} button[aria-pressed="true"]').all_text_contents()


def forming(market: ScriptedMarket, timeframe: Timeframe) -> dict[str, Any]:
    """The newest bar of AAPL as the server would make it."""
    minutes = [minute_of(bar) for bar in market.kept("AAPL")]
    *_, last = within_sessions(minutes, timeframe, market.trading_day)
    return {"O": last.open, "H": last.high, "L": last.low, "C": last.close, "V": last.volume}


def in_legend(values: dict[str, Any]) -> re.Pattern[str]:
    """What the legend says of a bar."""
    told = {name: f"{value:,.2f}" if name != "V" else f"{value:,.0f}" for name, value in values.items()}
    return re.compile(".*".join(re.escape(f"{name} {text}") for name, text in told.items()))


def asked_for_bars(market: ScriptedMarket) -> list[dict[str, str]]:
    """What was asked of /api/bars."""
    queries = [parse_qs(urlsplit(path).query) for path in market.asked("/api/bars")]
    return [{name: values[0] for name, values in query.items()} for query in queries]


@pytest.fixture
def days(market: ScriptedMarket) -> ScriptedMarket:
    """The market with 30 days of AAPL: some minutes of each, and the running day whole."""
    (last,) = market.bars["AAPL"][-1:]
    starts = [DAY_START_MS + 6 * 60 * MINUTE_MS - day * DAY_MS for day in range(30, 0, -1)]
    traded = [start for start in starts if period_at(start, Timeframe.DAY, market.trading_day) and _trades(start)]
    older = [bar for start in traded for bar in make_bars("AAPL", start, 90, last["close"])]
    market.bars["AAPL"] = [bar | {"tier": "official"} for bar in older] + market.bars["AAPL"]
    return market


def _trades(start_ms: int) -> bool:
    # 1 January 1970 was a Thursday.
    return bool((start_ms // DAY_MS + 3) % 7 < 5)


def test_a_timeframe_is_chosen_by_hand_or_key_and_its_last_bar_goes_on_forming(
    open_page: Open, days: ScriptedMarket
) -> None:
    page = open_page("/#symbol=AAPL", own_clock=True).page
    legend = page.locator("#chart-legend")
    expect(legend).to_contain_text("10:31 New York")
    assert pressed(page, "chart-timeframes") == ["1m"]
    page.get_by_role("group", name="Timeframe").get_by_role("button", name="5m", exact=True).click()
    expect(legend).to_contain_text("Fri 20 Nov 10:30 to 10:35 New York")
    expect(page).to_have_url(re.compile("#symbol=AAPL&tf=5m$"))
    expect(page.get_by_role("application", name=re.compile("^Chart of AAPL: five-minute bars"))).to_be_visible()
    expect(legend).to_have_text(in_legend(forming(days, Timeframe.FIVE_MINUTES)))

    # The forming bar follows its minutes, those of today that are revised too.
    days.bars["AAPL"][-1].update(high=999.0, close=998.5, volume=12_345)
    days.bars["AAPL"][-2].update(low=1.25, volume=days.bars["AAPL"][-2]["volume"] + 1000)
    now = forming(days, Timeframe.FIVE_MINUTES)
    assert (now["H"], now["C"]) == (999.0, 998.5)
    step_until(page, 1_000, expect(legend).to_have_text, in_legend(now))
    page.keyboard.press("4")
    expect(legend).to_contain_text("10:30 to 11:30 New York")
    assert pressed(page, "chart-timeframes") == ["1h"]
    page.go_back()
    expect(legend).to_contain_text("10:30 to 10:35 New York")
    expect(legend).to_have_text(in_legend(now))
    page.get_by_role("searchbox").press("4")
    assert pressed(page, "chart-timeframes") == ["5m"], "what is typed is text"

    # What changed among bars of earlier days the server tells, some seconds later.
    *_, old = (bar for bar in days.bars["AAPL"] if bar["timestamp"] < DAY_START_MS)
    old["volume"] += 1
    midnight = DAY_START_MS - DAY_MS - 4 * 60 * MINUTE_MS
    reread = {"timeframe": "5m", "from": str(midnight), "to": str(midnight + DAY_MS - 1)}
    wait_for(lambda: any(reread.items() <= asked.items() for asked in asked_for_bars(days)))
    with page.expect_download():
        page.get_by_role("button", name="Save CSV").click()
    assert asked_for_bars(days)[-1]["timeframe"] == "5m"


def test_patterns_are_marked_and_named(open_page: Open, market: ScriptedMarket) -> None:
    newest = market.bars["AAPL"][-1]["timestamp"]
    words = {"symbol": "AAPL", "timeframe": "1m", "direction": "bullish", "confidence": 0.8}
    market.patterns = [words | {"timestamp": newest, "pattern": "hammer"}]
    page = open_page("/#symbol=AAPL", own_clock=True).page
    legend = page.locator("#chart-legend")
    expect(legend).to_contain_text("Patterns bullish hammer (80 %)")
    page.wait_for_timeout(300)
    remember_candles(page)
    market.new_patterns = [
        words | {"timestamp": newest, "pattern": "hammer", "withdrawn": True},
        words | {"timestamp": newest, "pattern": "volume_surge", "direction": "neutral"},
        words | {"timestamp": newest, "pattern": "doji", "symbol": "MSFT"},
        words | {"timestamp": newest, "pattern": "engulfing", "timeframe": "5m"},
    ]
    step_until(page, 1_000, expect(legend).to_contain_text, re.compile(r"Patterns volume surge \(80 %\)live"))
    wait_for(lambda: candles_changed(page))
    # In hours and days nobody looks for patterns.
    page.keyboard.press("5")
    expect(legend).to_contain_text("Fri 20 Nov 2026")
    asked = len(market.asked("/api/patterns"))
    step_until(page, 1_000, expect(legend).not_to_contain_text, "Patterns")
    wait_for(lambda: "patterns" not in market.asked("/api/ticks/recent")[-1])
    assert len(market.asked("/api/patterns")) == asked


def test_lines_are_chosen_and_stand_in_the_url(open_page: Open, days: ScriptedMarket) -> None:
    page = open_page("/#symbol=AAPL").page
    legend = page.locator("#chart-legend")
    mean = sum(bar["close"] for bar in days.bars["AAPL"][-20:]) / 20
    expect(legend).to_contain_text(f"SMA 20 {mean:,.2f}")
    expect(legend).to_contain_text(re.compile(r"SMA 50 \d.*Session VWAP \d"))
    assert pressed(page, "chart-lines") == ["SMA 20", "SMA 50", "VWAP"]
    lines = page.get_by_role("group", name="Lines over the bars")
    lines.get_by_role("button", name="SMA 50").click()
    lines.get_by_role("button", name="EMA 9").click()
    expect(page).to_have_url(re.compile("#symbol=AAPL&lines=sma20.ema9.vwap$"))
    expect(legend).not_to_contain_text("SMA 50")
    expect(legend).to_contain_text(re.compile(r"SMA 20 \d.*EMA 9 \d.*Session VWAP"))
    assert complaints(page) == []
    dark = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}
    other = open_page("/#symbol=AAPL&lines=none", **dark).page
    expect(other.locator("#chart-legend")).to_contain_text("live, not yet official")
    assert pressed(other, "chart-lines") == []
    expect(other.locator("#chart-legend")).not_to_contain_text("SMA")
    other.get_by_role("button", name="SMA 200").click()
    assert complaints(other) == []
    assert other.evaluate("document.documentElement.scrollWidth") == 390


def test_older_bars_come_as_one_goes_back_and_the_keyboard_reads_them_out(
    open_page: Open, days: ScriptedMarket
) -> None:
    page = open_page("/#symbol=AAPL").page
    expect(page.locator("#chart-legend")).to_contain_text("10:31 New York")
    spoken = page.locator("#chart-spoken")
    chart = page.get_by_role("application")
    chart.focus()
    chart.press("ArrowLeft")
    expect(spoken).to_contain_text("10:31 New York")
    chart.press("ArrowLeft")
    expect(spoken).to_contain_text(re.compile(r"10:30 New York.*C \d"))

    def has_come_to_the_first() -> bool:
        chart.press("Home")
        return "Wed 21 Oct" in spoken.inner_text()

    wait_for(has_come_to_the_first)
    stretches = [(int(asked["from"]), int(asked["to"])) for asked in asked_for_bars(days)]
    # Each goes on where the one before began, or goes further back in its place where that was empty.
    assert all(later[1] in (earlier[0] - 1, earlier[1]) for earlier, later in itertools.pairwise(stretches))
    # There is no more before, and nobody goes on asking.
    wait_for(lambda: asked_for_bars(days)[-1]["from"] == "0")
    count = len(stretches)
    chart.press("End")
    chart.press("Home")
    expect(spoken).to_contain_text("Wed 21 Oct")
    assert len(asked_for_bars(days)) <= count + 8
    chart.press("Escape")
    expect(page.locator("#chart-legend")).to_contain_text("10:31 New York")
