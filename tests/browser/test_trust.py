"""What the page says when what it shows cannot be trusted, and that it recovers by itself."""

import re

from playwright.sync_api import Page, expect

from .conftest import Open, step_until
from .scripted_server import MINUTE_MS, ScriptedMarket, ScriptedServer

NO_CONNECTION = ("net::ERR_",)
STALE = re.compile(r"\bstale\b")


def expect_trusted(page: Page) -> None:
    """All is well: no banner, nothing dimmed."""
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#board")).not_to_have_class(STALE)


def expect_stale(page: Page, headline: str, detail: str) -> None:
    """The banner says so in words, and table and chart are dimmed."""
    expect(page.locator("#banner-headline")).to_have_text(headline)
    expect(page.locator("#banner-detail")).to_contain_text(detail)
    expect(page.locator("#banner")).to_be_visible()
    assert float(page.locator("#watchlist").evaluate("element => getComputedStyle(element).opacity")) < 0.7
    assert float(page.locator("#chart").evaluate("element => getComputedStyle(element).opacity")) < 0.7


def test_a_server_that_went_away_is_said_and_its_return_is_noticed(
    open_page: Open, market: ScriptedMarket, server: ScriptedServer
) -> None:
    page = open_page(expected=NO_CONNECTION, own_clock=True).page
    expect(page.locator("#condition-word")).to_have_text("Live")
    expect_trusted(page)
    server.stop()
    step_until(page, 3_000, expect(page.locator("#condition-word")).to_have_text, "No answer")
    headline = "The server does not answer: what is shown below is old. This page keeps trying and recovers by itself."
    expect_stale(page, headline, "The last good answer came at 10:31:")
    expect(page.locator("#watchlist .col-age >> text=live")).to_have_count(0)

    market.bars["AAPL"][-1].update(close=777.0, high=777.0)
    server.start()
    step_until(page, 15_000, expect(page.locator("#condition-word")).to_have_text, "Live")
    expect_trusted(page)
    expect(page.locator("#chart-quote")).to_contain_text("777.00")
    expect(page.locator("#chart-legend")).to_contain_text("C 777.00")


def test_a_server_that_answers_with_errors_is_said(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(expected=("503 (SERVICE UNAVAILABLE)",), own_clock=True).page
    expect(page.locator("#condition-word")).to_have_text("Live")
    market.failure = "The database does not answer; see the log."
    step_until(page, 3_000, expect(page.locator("#banner")).to_be_visible)
    headline = (
        "The server answers with an error: what is shown below is old. This page keeps trying and recovers by itself."
    )
    expect_stale(page, headline, "The database does not answer; see the log.")
    market.failure = None
    step_until(page, 15_000, expect(page.locator("#condition-word")).to_have_text, "Live")
    expect_trusted(page)


def test_a_session_that_ended_is_said_with_the_way_to_the_login(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(expected=("401 (UNAUTHORIZED)",), own_clock=True).page
    expect(page.locator("#condition-word")).to_have_text("Live")
    expect(page.locator("#banner-login")).to_be_hidden()
    market.failure, market.failure_status = "This takes an account's session.", 401
    step_until(page, 3_000, expect(page.locator("#condition-word")).to_have_text, "Logged out")
    expect_stale(page, "Your session has ended: what is shown below is old. Log in again to go on.", "")
    login = page.locator("#banner").get_by_role("link", name="Log in")
    expect(login).to_have_attribute("href", "/login?next=/")
    market.failure = None
    step_until(page, 15_000, expect(page.locator("#banner")).to_be_hidden)
    expect_trusted(page)
    expect(login).to_be_hidden()


def test_a_server_that_hangs_is_said(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#chart-legend")).to_contain_text("live")
    market.delay_s = 60.0  # a poll may be under way already, then it is the one that hangs
    page.clock.fast_forward(1_100)
    expect_trusted(page)
    step_until(page, 5_500, expect(page.locator("#condition-word")).to_have_text, "No answer")
    market.delay_s = 0.0
    expect(page.locator("#condition-word")).to_have_text("Live")
    expect_trusted(page)


def test_a_feed_in_trouble_is_said_in_a_banner(open_page: Open, market: ScriptedMarket) -> None:
    page = open_page(own_clock=True).page
    expect(page.locator("#condition-word")).to_have_text("Live")
    for condition, word, headline in [
        ("late", "Late", "Data is late: what is shown below is not current."),
        ("down", "Down", "The feed is down: what is shown below is not current."),
        ("disabled", "Disabled", "The feed is switched off: what is shown below is not current."),
    ]:
        market.status |= {"condition": condition, "reason": f"The reason for {condition}."}
        step_until(page, 5_000, expect(page.locator("#condition-word")).to_have_text, word)
        expect(page.locator("#condition-reason")).to_have_text(f"The reason for {condition}.")
        expect_stale(page, headline, f"The reason for {condition}.")
    market.status |= {"condition": "live"}
    step_until(page, 5_000, expect(page.locator("#condition-word")).to_have_text, "Live")
    expect_trusted(page)


def test_a_closed_market_is_no_alarm(open_page: Open, market: ScriptedMarket) -> None:
    market.status |= {
        "condition": "market_closed",
        "reason": "The next session begins on Monday 04:00 New York.",
        "session": {"date": "2026-11-21", "phase": "closed"},
    }
    market.message_age_ms = 16 * 60 * MINUTE_MS
    page = open_page().page
    expect(page.locator("#condition-word")).to_have_text("Market closed")
    expect(page.locator("#session")).to_have_text("Closed")
    expect(page.locator("#data-age")).to_have_text("16 h ago")
    expect_trusted(page)


def test_old_bars_contradict_a_feed_that_reports_to_be_live(open_page: Open, market: ScriptedMarket) -> None:
    for bars in market.bars.values():
        del bars[-7:]
    page = open_page().page
    detail = "No symbol of the watch list has had a new bar for 6 min, although the feed reports to be live."
    expect_stale(page, "Data is late: what is shown below is not current.", detail)


def test_an_ingesting_half_that_stopped_reporting_is_said(open_page: Open, market: ScriptedMarket) -> None:
    market.status["ingest_age_ms"] = 90_000
    page = open_page().page
    detail = "The ingesting half of TickStock has stopped reporting; see that it is running."
    expect_stale(page, "Data is late: what is shown below is not current.", detail)
