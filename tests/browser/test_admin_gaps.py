"""What the page says of gaps and their repair, and of a database that takes no bars."""

from playwright.sync_api import expect

from tests import status_rows
from tests.waiting import wait_for

from .conftest import Open
from .scripted_admin import ScriptedAdminServer
from .scripted_server import START_MS
from .test_admin_page import PATH, expect_live, gap_row, script, server

__all__ = ["script", "server"]  # fixtures


def test_gaps_are_shown_and_repaired_by_hand(open_page: Open, server: ScriptedAdminServer) -> None:
    script = server.script
    told = status_rows.gaps_open(START_MS)
    script.repair, script.reconciliation = told["repair"], told["reconciliation"]
    script.happen("connection_2", "disconnected", "The server closed the connection.", duration_ms=8_123_000)
    drop = script.miss("drop")
    trouble = "BAC: The vendor answered 404."
    closed = {"closed_at": START_MS, "due_at": None, "opened_at": START_MS - 600_000}
    script.miss("lost", state="unrepairable", reason="restart", scope="*", symbols=None, trouble=trouble, **closed)
    script.miss("grows", scope="*", symbols=["AAA"], symbols_total=None, to=None)
    page = open_page(PATH).page
    expect_live(page)
    expect(page.locator(".note-text")).to_have_text(
        ["1 gap could not be repaired.", "2 gaps are open: what was missed is asked for again."]
    )
    expect(page.locator(".note-advice").nth(1)).to_have_text("57 tickers wait. The queue will be empty at about 10:43.")
    expect(page.locator("#queue-words")).to_contain_text("liquid ones first. The queue will be empty at about 10:43.")
    expect(page.locator("#compared-words")).to_have_text(
        "2025-11-20 is being compared: 40 of 100 tickers. 2025-11-19 was compared at 09:31:20: 39,000 bars, 3 missing, "
        "12 with other values and 1 withdrawn; all are put right."
    )
    expect(page.locator("#storage-words")).to_have_text("The database takes every bar.")
    expect(page.locator("#retention-words")).to_have_text(
        "The bars take 3.0 GB and grow by 0.1 GB a day. Minutes are kept for 365 days."
    )
    expect(page.locator("#patterns-words")).to_have_text(
        "1,234 patterns found and 5 taken back since the start; 3 tickers still to be looked at. 2 ticks found no "
        "room, so all that changed was looked at."
    )
    expect(gap_row(page, "drop").locator("th, td")).to_have_text(
        [
            "10:27 to 10:31", "tech: BAA, BAB, BAC and 37 others",
            "Connection lostThe server closed the connection (1006).", "Open", "10 of 40 tickers", "31", "at 10:42:20",
            "Repair now…",
        ]
    )  # fmt: skip
    expect(gap_row(page, "lost")).to_contain_text("all tickersNothing listened")
    expect(gap_row(page, "lost")).to_contain_text(f"Not repairable{trouble}")
    expect(gap_row(page, "grows")).to_contain_text("from 10:27 on")
    expect(gap_row(page, "grows").get_by_role("button")).to_have_count(0)
    event = page.locator("#events tr").first.locator(".col-repaired")
    expect(event).to_have_text("5 minutes, being repaired")

    script.job_answer = (200, "30 tickers will be asked about as soon as the rate allows.")
    name = "Repair now: 10:27 to 10:31, tech: BAA, BAB, BAC and 37 others"
    gap_row(page, "drop").get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Repair this gap now?")
    expect(dialog).to_contain_text("10:27 to 10:31, tech: BAA, BAB, BAC and 37 others. What waits is asked for")
    expect(dialog).to_contain_text("as fast as the rate allows: 5 requests a minute.")
    page.keyboard.press("Enter")
    expect(page.locator("#repair-result")).to_have_text(script.job_answer[1])
    expect(dialog).to_be_hidden()
    expect(gap_row(page, "drop").get_by_role("button", name=name)).to_be_focused()

    drop |= {"state": "repaired", "closed_at": START_MS, "due_at": None, "symbols_done": 40, "repaired_bars": 160}
    script.gaps.reverse()
    server.send("gaps_update", script.gap_list())
    expect(gap_row(page, "drop")).to_contain_text("Repaired")
    expect(page.locator("#gaps tr").last).to_have_attribute("data-gap", "drop")
    expect(event).to_have_text("5 minutes, 160 bars repaired")
    expect(page.locator(".note-text").last).to_have_text("1 gap is open: what was missed is asked for again.")

    page.get_by_role("button", name="Repair all now…").click()
    page.get_by_role("dialog", name="Repair all gaps now?").get_by_role("button", name="Repair").click()
    wait_for(lambda: script.jobs == [("repair", "drop"), ("repair", "all")])


def test_a_database_that_takes_no_bars_is_said_with_where_they_wait(
    open_page: Open, server: ScriptedAdminServer
) -> None:
    page = open_page(PATH).page
    expect_live(page)
    server.script.storage = status_rows.database_away(START_MS)["writer"]["storage"]
    server.send_second()
    words = (
        "The database has taken no bars since 10:21:20. The database does not answer (connection refused). "
        "12,345 bars wait, 12,000 of them in the spool; at the present rate there is room for 9 h."
    )
    expect(page.locator("#storage-words")).to_have_text(words)
    expect(page.locator("#verdict-headline")).to_have_text("Bars arrive, but are not stored")
    expect(page.locator(".note-text")).to_have_text(words)
    expect(page.locator("#storage-panel")).to_contain_text("1.9 MB of 1.0 GB")
    server.script.storage = status_rows.storage(spooled_bars=9)
    server.send_second()
    expect(page.locator("#storage-words")).to_have_text("The database takes bars again; 9 bars of the spool follow.")
    expect(page.locator("#verdict-headline")).to_have_text("Every bar arrives")
