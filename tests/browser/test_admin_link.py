"""How current the administrator's page is, what it says when it is not, and that it recovers by itself."""

import re

from playwright.sync_api import Page, expect

from tests.waiting import wait_for

from .conftest import Open, step_until
from .scripted_admin import ScriptedAdminServer, ScriptedConnections
from .test_admin_page import PATH, card, expect_live, row, script, server

__all__ = ["script", "server"]  # fixtures

OFFLINE = ("net::ERR_", "WebSocket")


def expect_banner(page: Page, headline: str, detail: str, *, stale: bool) -> None:
    """The banner says so in words; what is old is dimmed."""
    expect(page.locator("#banner-headline")).to_have_text(headline)
    expect(page.locator("#banner-detail")).to_have_text(re.compile(detail))
    opacity = float(page.locator("#connections").evaluate("element => getComputedStyle(element).opacity"))
    assert (opacity < 0.7) == stale


def test_a_restart_of_the_server_is_said_and_survived(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH, expected=OFFLINE, own_clock=True).page
    expect_live(page)
    server.stop()
    expect(page.locator("#updates")).to_have_text("connects")
    headline = "The server does not answer; this page keeps trying and recovers by itself."
    step_until(page, 3_100, expect(page.locator("#banner-headline")).to_have_text, headline)
    expect_banner(page, headline, r"^What is shown below is of 10:31:\d\d New York, \d+ s ago\.$", stale=True)
    expect(page.locator("#updates")).to_have_text("not current")

    server.script.connections[0] |= {"condition": "late", "reason": "Nothing came for 31 s."}
    server.script.price("connection_1", "AAA", 777.0)
    server.script.happen("connection_1", "lost_frame", "A frame could not be read.")
    server.start()
    step_until(page, 5_000, expect(page.locator("#updates")).to_have_text, "live")
    expect_live(page)
    expect(card(page, 1)).to_have_attribute("data-condition", "late")
    expect(row(page, 1, "AAA").locator(".col-price")).to_have_text("777.00▲up")
    expect(page.locator("#events tr").first).to_contain_text("Frame lost")
    assert float(page.locator("#connections").evaluate("element => getComputedStyle(element).opacity")) == 1


def test_without_live_messages_it_asks_every_two_seconds(open_page: Open, script: ScriptedConnections) -> None:
    script.refusal = "40 administrators watch already; close a page first"
    page = open_page(PATH, own_clock=True).page
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
    headline = "Live messages do not come: the page asks every 2 s instead."
    step_until(page, 3_100, expect(page.locator("#banner-headline")).to_have_text, headline)
    expect_banner(page, headline, "^40 administrators watch already; close a page first.$", stale=False)
    expect(page.locator("#updates")).to_have_text("asks every 2 s")

    script.price("connection_1", "AAA", 777.0)
    script.connections[0] |= {"messages_per_second": 99.9}
    script.happen("connection_1", "lost_frame", "A frame could not be read.")
    step_until(page, 2_000, expect(row(page, 1, "AAA").locator(".col-price")).to_have_text, "777.00▲up")
    expect(card(page, 1).locator(".rate-number")).to_have_text("99.9")
    expect(page.locator("#events tr").first).to_contain_text("Frame lost")

    script.refusal = None
    step_until(page, 10_000, expect(page.locator("#updates")).to_have_text, "live")
    expect_live(page)


def test_a_session_that_ends_is_said_and_a_new_one_noticed(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH, expected=("401 (UNAUTHORIZED)",), own_clock=True).page
    expect_live(page)
    server.end_sessions()
    expect_banner(page, "Your session has ended.", r"^What is shown below is of 10:31:", stale=True)
    expect(page).to_have_title("✗ Your session has ended · TickStock")
    expect(page.get_by_role("link", name="Log in again")).to_have_attribute("href", "/login?next=/admin/websockets")
    card(page, 1).get_by_role("button", name="Pause…").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("Your session has ended: log in again.")

    server.script.access = 200
    step_until(page, 5_000, expect(page.locator("#banner")).to_be_hidden)
    expect_live(page)
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_title("✓ Every bar arrives · TickStock")


def test_who_is_no_administrator_any_more_is_told(open_page: Open, script: ScriptedConnections) -> None:
    script.access = 403
    page = open_page(PATH, expected=("403 (FORBIDDEN)",)).page
    expect(page.locator("#banner-headline")).to_have_text("Your account is not an administrator's any more.")


def test_a_server_that_answers_with_errors_is_said(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH, expected=("503 (SERVICE UNAVAILABLE)",), own_clock=True).page
    expect_live(page)
    server.script.access = 503
    headline = "The server answers with an error; this page keeps trying."
    step_until(page, 10_000, expect(page.locator("#banner-headline")).to_have_text, headline)
    expect_banner(page, headline, r"^The database does not answer\. What is shown below is of 10:31:", stale=True)
    expect(page).to_have_title("✗ The server answers with an error · TickStock")
    server.script.access = 200
    step_until(page, 5_000, expect(page.locator("#banner")).to_be_hidden)
    expect_live(page)


def test_silence_is_said_with_its_age(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH, own_clock=True).page
    expect_live(page)
    page.clock.fast_forward(6_000)
    expect_banner(page, "Nothing new comes from the server.", r"10:31:\d\d New York, ([6-9]|1\d) s ago\.$", stale=True)
    server.send_second()
    expect(page.locator("#banner")).to_be_hidden()


def test_an_ingesting_half_that_stopped_is_no_good_news(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
    expect_live(page)
    server.script.ingest_age_ms = 41_000
    server.send_second()
    expect(page.locator("#verdict-headline")).to_have_text("No bars arrive: ingestion does not report")
    expect(page.locator(".note-text")).to_have_text(
        re.compile(r"^The last report came at 10:30:\d\d; what is shown below is of then\.$")
    )
    expect(page).to_have_title("✗ No bars arrive: ingestion does not report · TickStock")


def test_a_page_that_nobody_sees_leaves_the_messages(open_page: Open, server: ScriptedAdminServer) -> None:
    script = server.script
    page = open_page(PATH, own_clock=True).page
    expect_live(page)
    show(page, "hidden")
    page.clock.fast_forward(10_100)
    wait_for(lambda: server.watchers() == [])
    script.connections[0] |= {"condition": "late"}
    step_until(page, 20_000, expect(page).to_have_title, "! Bars are late for 40 of 120 tickers · TickStock")
    asked = len(script.requests)
    page.clock.run_for(5_000)
    assert len(script.requests) == asked
    show(page, "visible")
    expect_live(page)
    assert len(server.watchers()) == 1


def show(page: Page, state: str) -> None:
    """Have the page believe that its tab is seen, or not."""
    page.evaluate(
        """(state) => {
          Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )
