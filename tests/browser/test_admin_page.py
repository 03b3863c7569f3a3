"""The administrator's page with answers and messages that come as they should: what it shows, and how it is used."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests import status_rows

from .conftest import Open
from .measure_admin_page import change_all
from .measure_page import thread_ms
from .scripted_admin import ScriptedAdminServer, ScriptedConnections, one_connection, three_connections
from .scripted_server import START_MS
from .test_vendor import TESTS_VENDOR_DIR

PATH = "/admin/websockets"
HOSTILE = "<img src=x onerror=alert(1)>"
AXE = (TESTS_VENDOR_DIR / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def script(request: pytest.FixtureRequest) -> ScriptedConnections:
    """Three live connections with 40 tickers each, or what a test's parameter makes."""
    make: Callable[[], ScriptedConnections] = getattr(request, "param", three_connections)
    return make()


alone = pytest.mark.parametrize("script", [one_connection], indirect=True, ids=["alone"])


@pytest.fixture
def server(script: ScriptedConnections) -> Iterator[ScriptedAdminServer]:
    """Their server, listening."""
    server = ScriptedAdminServer(script)
    server.start()
    yield server
    server.stop()


def card(page: Page, number: int) -> Locator:
    """A connection's column."""
    return page.locator(f'.connection[data-connection="connection_{number}"]')


def row(page: Page, number: int, ticker: str) -> Locator:
    """A ticker's row in a connection's column."""
    return card(page, number).locator(f'tbody tr[data-ticker="{ticker}"]')


def gap_row(page: Page, gap_id: str) -> Locator:
    """A gap's row."""
    return page.locator(f'#gaps tr[data-gap="{gap_id}"]')


def figure(card: Locator, name: str) -> Locator:
    """The value beside a name, in a column's list of names and values."""
    term = card.page.locator("dt", has_text=re.compile(f"^{name}$"))
    return card.locator(".figures > div", has=term).locator("dd")


def expect_live(page: Page) -> None:
    """The page is connected and current, and has loaded what it shows."""
    expect(page.locator(".connection").first).to_be_visible()
    expect(page.locator("#updates")).to_have_text("live")
    expect(page.locator("#banner")).to_be_hidden()


def go_down(server: ScriptedAdminServer) -> None:
    """The second connection falls, and the others take its tickers."""
    script = server.script
    script.happen(
        "connection_2", "disconnected", "The server closed the connection.", close_code=1006, duration_ms=8_123_000
    )
    script.fail(2, (1, 3))
    script.happen("connection_2", "tickers_moved", "40 tickers moved to connection_1 and connection_3.")
    server.send("event_update", script.events[:2])
    server.send_status()


def test_all_is_well_at_a_glance(open_page: Open) -> None:
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
    expect(page.locator("#verdict")).to_have_attribute("data-level", "ok")
    expect(page.locator(".note")).to_have_count(0)
    expect_live(page)
    expect(page).to_have_title("✓ Every bar arrives · TickStock")
    for number, name in enumerate(("primary", "tech", "etfs"), 1):
        expect(card(page, number).locator("h3")).to_have_text(f"{name} connection_{number}")
        expect(card(page, number).locator(".connection-state")).to_have_text("Live Bars are arriving.")
        expect(card(page, number)).to_have_accessible_name(name)
    second = card(page, 2)
    for name, text in {
        "Tickers": "40 40 of its own; room for 500",
        "Connected for": "3 h",
        "Reconnects": "1",
        "Messages": "24,690",
        "Errors": "2",
        "Errors by kind": "1 × dropped, 1 × status error",
        "Topics confirmed": "80 of 80",
        "Address": "wss://socket.massive.com/stocks",
    }.items():
        expect(figure(second, name)).to_have_text(text)
    expect(second.locator(".rate")).to_contain_text("41.0 messages a second")
    expect(second.locator(".rate")).to_contain_text("40 to 46 in each of the last 60 s")
    expect(second.locator("polyline")).to_have_attribute("points", re.compile(r"^(\S+ ){59}\S+$"))
    for id_, text in {
        "total-connections": "3 of 3 connected",
        "total-tickers": "120",
        "total-rate": "123",
        "latency-p50": "24 ms",
        "latency-p99": "61 ms",
        "waiting-bars": "3",
        "session": "Regular session",
    }.items():
        expect(page.locator(f"#{id_}")).to_have_text(text)
    expect(page.locator("#answers dt")).to_have_text(
        [
            "✓yes: Is the key right?",
            "✓yes: Does the plan grant these connections and real-time data?",
            "✓yes: Is this data delayed?",
        ]
    )
    expect(page.locator("#answers dd").first).to_have_text("Yes: the feed accepted it.")
    expect(page.locator("#clock")).to_have_text(re.compile("^10:31:"))


def test_one_down_says_who_carries_its_tickers(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    go_down(server)
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives, over 2 of 3 connections")
    expect(page.locator(".note-text")).to_have_text(
        re.compile(
            r"^tech \(connection_2\) is down since 10:31:\d\d; "
            r"its 40 tickers are carried by primary \(connection_1\) and etfs \(connection_3\)\.$"
        )
    )
    expect(page.locator(".note-advice")).to_have_text(
        "The server closed the connection (1006). Reconnect tries at once."
    )
    expect(card(page, 2)).to_have_attribute("data-condition", "down")
    expect(card(page, 2).locator(".connection-state")).to_have_text("Down The server closed the connection (1006).")
    expect(figure(card(page, 2), "Tickers")).to_have_text(
        "0 40 of its own, 40 lent to primary (connection_1) and etfs (connection_3); room for 500"
    )
    expect(card(page, 2).locator(".ticker-scroll")).to_contain_text("It carries nothing now.")
    expect(row(page, 1, "BAA")).to_have_class(re.compile("moved"))
    expect(row(page, 1, "BAA").locator("th")).to_have_text("BAAof tech")
    expect(row(page, 1, "AAA").locator("th")).to_have_text("AAA")
    expect(card(page, 1).locator("h4")).to_have_text("Tickers carried by primary 60 tickers, 20 of others")
    cells = page.locator("#events tr").nth(1).locator("th, td")
    expect(cells).to_have_text(
        [
            re.compile(r"^10:31:\d\d$"),
            "tech",
            "Disconnected",
            "The server closed the connection.",
            "1006 broke off without a close frame",
            "connected for 2 h 15 min",
            "–",
            "–",
        ]
    )
    utc = re.compile(r"^2026-11-20T15:31:\d\d\.\d{3}Z$")
    expect(cells.first.locator("time")).to_have_attribute("title", utc)

    server.script.happen("connection_2", "connected", "The key was accepted.", duration_ms=12_000)
    server.script.recover(2)
    server.send("event_update", server.script.events[:1])
    server.send_status()
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
    expect(page.locator(".note")).to_have_count(0)
    expect(row(page, 2, "BAA").locator("th")).to_have_text("BAA")
    expect(row(page, 1, "BAA")).to_have_count(0)
    expect(page.locator("#events tr").first).to_contain_text("away for 12 s")


def test_a_second_s_figures_come_by_message(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    server.script.connections[0] |= {"messages_per_second": 77.7, "rates": [0] * 59 + [300], "error_count": 9}
    server.script.pipeline = {"event_to_commit_ms": {"p50": 3.14, "p99": 2_345.0, "count": 10}, "waiting_bars": 1200}
    server.send_second()
    expect(card(page, 1).locator(".rate-number")).to_have_text("77.7")
    expect(card(page, 1).locator(".rate-range")).to_have_text("0 to 300 in each of the last 60 s")
    expect(figure(card(page, 1), "Errors")).to_have_text("9")
    expect(figure(card(page, 1), "Messages")).to_have_text("12,423")
    expect(page.locator("#latency-p50")).to_have_text("3.1 ms")
    expect(page.locator("#latency-p99")).to_have_text("2.3 s")
    expect(page.locator("#waiting-bars")).to_have_text("1,200")


def test_a_message_that_overtakes_an_older_answer_stays(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        server.script.ingest_age_ms = 41_000
        server.send_second()
        expect(page.locator("#verdict-headline")).to_have_text("No bars arrive: ingestion does not report")
        route.fulfill(response=answer)

    page.route("**/api/admin/websocket-status", answer_late, times=1)
    with page.expect_response("**/api/admin/websocket-status"):
        server.send_status()  # after which the page asks for the whole
    page.wait_for_timeout(200)
    expect(page.locator("#verdict-headline")).to_have_text("No bars arrive: ingestion does not report")


def test_the_age_of_the_last_message_counts_up(open_page: Open, script: ScriptedConnections) -> None:
    script.connections[1]["last_message_time"] = START_MS - 21_000
    page = open_page(PATH, own_clock=True).page
    expect_live(page)
    age = figure(card(page, 2), "Last message")
    expect(age).to_have_text(re.compile(r"^[2-5]\d s ago$"))
    before = age.inner_text()
    page.clock.run_for(1_500)  # nothing is sent meanwhile
    expect(age).not_to_have_text(before)


def test_prices_move_and_flash(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    price = row(page, 1, "AAC").locator(".col-price")
    expect(price).to_have_text("56.34")
    expect_live(page)
    server.send("tick_update", [server.script.price("connection_1", "AAC", 57.0, 12_345)])
    expect(price).to_have_class(re.compile("flash-up"))
    expect(price).to_have_text("57.00▲up")
    expect(row(page, 1, "AAC").locator(".col-volume")).to_have_text("12.3K")
    expect(row(page, 1, "AAC").locator(".col-minute")).to_have_text("10:31")
    expect(price).not_to_have_class(re.compile("flash"))
    server.send("tick_update", [server.script.price("connection_1", "AAC", 56.9)])
    expect(price).to_have_text("56.90▼down")
    expect(row(page, 1, "AAC")).to_have_attribute("data-direction", "down")


@pytest.mark.parametrize("script", [partial(one_connection, 500)], indirect=True, ids=["500"])
def test_500_tickers_that_change_each_second_leave_the_page_idle(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    expect(card(page, 1).locator("tbody tr")).to_have_count(500)
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = thread_ms(cdp)["task"]
    for turn in range(2):
        change_all(server, 10, turn)
    expect(row(page, 1, "AAB").locator(".col-price")).to_have_text("58.00▲up")
    # Processor time of the page's thread, of 2 s; measured are 0.3 s.
    assert thread_ms(cdp)["task"] - before < 1_000


def test_typing_finds_a_ticker(open_page: Open) -> None:
    page = open_page(PATH).page
    page.get_by_label("Find a ticker").fill("aad")
    expect(page.locator(".ticker-table tbody tr")).to_have_count(1)
    expect(card(page, 1).locator("h4")).to_have_text("Tickers carried by primary 1 of 40")
    expect(card(page, 2).locator(".ticker-scroll")).to_contain_text("No ticker here begins with “aad”.")
    page.get_by_label("Find a ticker").fill("")
    expect(page.locator(".ticker-table tbody tr")).to_have_count(120)


def test_the_other_conditions_have_their_words(open_page: Open, script: ScriptedConnections) -> None:
    one, two, three = script.connections
    one |= {"condition": "late", "reason": "The feed is connected, but nothing came for 41 s."}
    two |= {"condition": "disabled", "enabled": False, "reason": "Switched off by the settings.", "ticker_count": 0}
    two |= {"own_ticker_count": 0, "status": "disconnected", "url": None, "connected_at": None}
    three |= {"missing_topics": ["AM.XX1", "AM.XX2"], "acknowledged_topics": 78}
    three |= {"silent_topics": ["A.BRK.B", "A.ZZZZ"]}
    script.carried["connection_2"] = []
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("Bars are late for 40 of 80 tickers")
    expect(page.locator("#verdict")).to_have_attribute("data-level", "warn")
    expect(page.locator(".note-text")).to_have_text(
        [
            "primary (connection_1) is late: The feed is connected, but nothing came for 41 s.",
            "etfs (connection_3) asked for 40 tickers, but the feed did not confirm AM.XX1, AM.XX2.",
        ]
    )
    expect(card(page, 2).locator(".connection-state")).to_have_text("Disabled Switched off by the settings.")
    expect(card(page, 2).locator("button:visible")).to_have_count(0)
    expect(figure(card(page, 3), "Topics not confirmed")).to_have_text("AM.XX1, AM.XX2")
    expect(figure(card(page, 1), "Topics not confirmed")).to_be_hidden()
    expect(figure(card(page, 3), "Tickers that never sent")).to_have_text("BRK.B, ZZZZ")
    expect(figure(card(page, 1), "Tickers that never sent")).to_be_hidden()


@alone
def test_one_connection_has_one_column_and_nothing_to_move(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
    expect(page.locator(".connection")).to_have_count(1)
    expect(card(page, 1).locator("button[data-action]:visible")).to_have_text(["Reconnect…", "Pause…"])
    expect(row(page, 1, "AAA").locator("button")).to_be_disabled()
    server.script.connections[0] |= {"condition": "down", "status": "disconnected", "reason": "The key was refused"}
    server.script.happen("connection_1", "refused", "The key was refused.")
    server.send("event_update", server.script.events[:1])
    server.send_status()
    expect(page.locator("#verdict-headline")).to_have_text("No bars arrive")
    expect(page.locator(".note-text")).to_have_text(
        re.compile(r"^primary \(connection_1\) is down since 10:31:\d\d; its 40 tickers are carried by nobody\.$")
    )
    expect(page.locator("#verdict")).to_have_attribute("data-level", "bad")


@alone
def test_the_whole_market_cannot_be_moved(open_page: Open, server: ScriptedAdminServer) -> None:
    server.script.carried = {"connection_1": ["*"]}
    server.script.connections[0] |= {"movable": False, "ticker_count": 1, "own_ticker_count": 1}
    page = open_page(PATH).page
    expect(figure(card(page, 1), "Tickers")).to_have_text("The whole market cannot be moved")
    expect(card(page, 1).locator(".fixed")).to_have_text(
        "It listens to the whole market, so its tickers cannot be moved."
    )
    expect(page.locator("#total-tickers")).to_have_text("the whole market")
    expect_live(page)
    server.send("tick_update", [server.script.price("connection_1", "NEWCO", 3.5)])
    expect(row(page, 1, "NEWCO").locator(".col-price")).to_have_text("3.50")
    expect(card(page, 1).locator("tbody tr")).to_have_count(41)


def test_before_the_first_start_it_says_so(open_page: Open, script: ScriptedConnections) -> None:
    script.connections, script.carried, script.events, script.ticks = [], {}, [], {}
    script.ingest_age_ms = None
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("No bars arrive: ingestion has not started")
    expect(page.locator("#no-connections")).to_be_visible()
    expect(page.locator("#no-events")).to_be_visible()


@pytest.mark.parametrize("kind", ["ticker", "name", "reason", "event", "gap"])
def test_what_looks_like_a_script_is_shown_as_text(open_page: Open, server: ScriptedAdminServer, kind: str) -> None:
    script = server.script
    if kind == "ticker":
        script.carried["connection_1"].append(HOSTILE)
    if kind == "name":
        script.connections[0]["name"] = HOSTILE
        script.moved["BAA"] = "connection_1"
    if kind == "reason":
        script.connections[0] |= {"reason": HOSTILE, "condition": "late", "missing_topics": [HOSTILE], "url": HOSTILE}
        script.connections[0]["errors_by_kind"] = {HOSTILE: 1}
        script.answers[0]["answer"] = HOSTILE
    if kind == "event":
        script.happen("connection_1", HOSTILE, HOSTILE, actor=HOSTILE)
    if kind == "gap":
        hostile = dict.fromkeys(("reason", "detail", "trouble", "state"), HOSTILE)
        script.miss(HOSTILE, scope=HOSTILE, symbols=[HOSTILE], **hostile)
        script.repair = status_rows.repair(words=HOSTILE, last_error=HOSTILE)
    page = open_page(PATH).page
    expect_live(page)
    expect(page.get_by_text(HOSTILE).first).to_be_attached()
    expect(page.locator("img")).to_have_count(0)


def test_fewer_connections_than_configured_are_said(open_page: Open, script: ScriptedConnections) -> None:
    script.fail(3, (1, 2))
    reason = "The plan grants 2 connections, 3 are configured: this one rests, and the others carry its tickers."
    script.connections[2] |= {"granted": False, "condition": "disabled", "reason": reason}
    script.answers[1] |= {"ok": False, "answer": "Not all of them: 3 are configured, and the plan grants 2."}
    page = open_page(PATH).page
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives, over 2 of 3 connections")
    expect(page.locator(".note-text")).to_have_text(
        "etfs (connection_3) rests, as the plan grants fewer connections than are configured; "
        "its 40 tickers are carried by primary (connection_1) and tech (connection_2)."
    )
    expect(page.locator("#answers dt").nth(1)).to_contain_text("no: Does the plan")


@pytest.mark.parametrize("script", [partial(three_connections, 4)], indirect=True, ids=["three"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: Open, server: ScriptedAdminServer, scheme: str) -> None:
    script = server.script
    script.fail(2, (1,))
    script.connections[2] |= {"condition": "market_closed", "missing_topics": ["AM.X"]}
    script.answers[0]["ok"], script.answers[1]["ok"] = False, None
    script.happen("connection_2", "disconnected", "Gone.", close_code=1006)
    script.storage = status_rows.database_away(START_MS)["writer"]["storage"]
    script.miss("one")
    script.miss("two", state="unrepairable", closed_at=START_MS, trouble="BAC: It is not known.")
    script.job_answer = (409, "It is not connected.")
    page = open_page(
        PATH, color_scheme=scheme, viewport={"width": 1280, "height": 900}, expected=("409 (CONFLICT)",)
    ).page
    expect_live(page)
    server.send("tick_update", [script.price("connection_1", "AAA", 1), script.price("connection_1", "AAB", 999)])
    expect(row(page, 1, "AAB")).to_have_attribute("data-direction", "up")
    # A flash would be over before all is looked at, so two rows are made to look as in one.
    for ticker, way in (("AAC", "up"), ("AAD", "down")):
        flash = "(row, way) => { row.dataset.direction = way; row.cells[1].classList.add(`flash-${way}`); }"
        row(page, 1, ticker).evaluate(flash, way)
    page.evaluate(AXE)
    assert serious(page) == []
    server.send_second()
    card(page, 1).get_by_role("button", name="Move a ticker…").click()
    page.get_by_role("dialog").get_by_label("Ticker").fill("AAA")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("It is not connected.")
    expect_live(page)
    assert serious(page) == []
    page.keyboard.press("Escape")
    script.connections[0]["condition"] = "late"
    script.storage, script.repair = None, status_rows.repair_refused(START_MS)["repair"]
    server.send_status()
    expect(page.locator("#verdict")).to_have_attribute("data-level", "warn")
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious(page) == []


def serious(page: Page) -> list[Any]:
    """What axe finds that is serious or critical, with where."""
    found: list[dict[str, Any]] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (finding["id"], [(node["target"], node["failureSummary"]) for node in finding["nodes"][:3]])
        for finding in found
        if finding["impact"] in {"serious", "critical"}
    ]


def test_a_phone_has_the_columns_one_below_the_other(open_page: Open, script: ScriptedConnections) -> None:
    script.miss("drop", trouble="BAC: The vendor answered 404 (Ticker not found), and asks for nothing more.")
    page = open_page(PATH, viewport={"width": 390, "height": 844}).page
    expect_live(page)
    boxes = [card(page, number).bounding_box() for number in (1, 2, 3)]
    assert [box["x"] for box in boxes if box] == [8.0] * 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
