"""What an administrator does on the page: reconnect, pause, resume, move; by mouse and by keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.waiting import wait_for

from .conftest import Open
from .scripted_admin import ScriptedAdminServer
from .test_admin_page import PATH, card, expect_live, row, script, server

__all__ = ["script", "server"]  # fixtures


def test_a_button_asks_before_it_does_anything(open_page: Open, server: ScriptedAdminServer) -> None:
    script = server.script
    page = open_page(PATH).page
    expect_live(page)
    pause = card(page, 2).get_by_role("button", name="Pause…")
    pause.click()
    dialog = page.get_by_role("dialog", name="Pause tech (connection_2)?")
    expect(dialog).to_contain_text("The other connections take its 40 tickers, as far as they have room.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(pause).to_be_focused()
    assert script.jobs == []

    script.job_answer = (200, "connection_2 is paused.")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, 2).get_by_role("status")).to_have_text("connection_2 is paused.")
    expect(dialog).to_be_hidden()
    expect(pause).to_be_focused()
    assert script.jobs == [("pause", "connection_2")]


def test_a_paused_connection_can_be_resumed(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    server.script.happen("connection_2", "paused", "Paused by anna.", actor="anna")
    server.script.fail(2, (1, 3))
    server.script.connections[1] |= {"paused": True, "condition": "paused", "reason": "Paused by anna."}
    server.send("event_update", server.script.events[:1])
    server.send_status()
    expect(page.locator(".note-text")).to_have_text(
        re.compile(
            r"^tech \(connection_2\) is paused by anna since 10:31:\d\d; "
            r"its 40 tickers are carried by primary \(connection_1\) and etfs \(connection_3\)\.$"
        )
    )
    expect(card(page, 2).locator("button[data-action]:visible")).to_have_text(["Resume…"])
    card(page, 2).get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    wait_for(lambda: server.script.jobs == [("resume", "connection_2")])


@pytest.mark.parametrize("is_status_first", [True, False], ids=["status first", "answer first"])
def test_the_focus_stays_where_a_pause_took_its_button_away(
    open_page: Open, server: ScriptedAdminServer, is_status_first: bool
) -> None:
    page = open_page(PATH).page
    expect_live(page)
    card(page, 2).get_by_role("button", name="Pause…").focus()
    page.keyboard.press("Enter")
    server.script.connections[1] |= {"paused": True, "condition": "paused", "reason": "Paused by anna."}
    if is_status_first:
        server.send_status()
        expect(card(page, 2).get_by_text("Paused by anna.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    if not is_status_first:
        server.send_status()
    expect(card(page, 2).get_by_role("button", name="Resume…")).to_be_focused()


def test_the_focus_goes_to_the_next_ticker_when_one_moves_away(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    row(page, 1, "AAC").locator("button").focus()
    page.keyboard.press("Enter")
    server.script.carried["connection_1"].remove("AAC")
    server.script.carried["connection_2"].append("AAC")
    server.script.moved["AAC"] = "connection_1"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_role("button", name="Move")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, 1, "AAC")).to_have_count(0)
    expect(row(page, 1, "AAD").locator("button")).to_be_focused()


def test_a_ticker_is_moved_by_keyboard(open_page: Open, server: ScriptedAdminServer) -> None:
    script = server.script
    page = open_page(PATH, expected=("409 (CONFLICT)",)).page
    expect_live(page)
    first = row(page, 1, "AAA").locator("button")
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(row(page, 1, "AAC").locator("button")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Move AAC?")
    expect(dialog.get_by_label("Ticker")).to_have_value("AAC")
    target = dialog.get_by_label("To connection")
    expect(target).to_be_focused()
    expect(target.locator("option")).to_have_text(
        ["tech (connection_2): 40 of 500 tickers", "etfs (connection_3): 40 of 500 tickers"]
    )
    target.select_option("connection_3")
    script.job_answer = (409, "connection_3 has no room: it carries 500 of 500 tickers.")
    dialog.get_by_role("button", name="Move").click()
    expect(dialog.get_by_role("alert")).to_have_text(script.job_answer[1])
    expect(dialog).to_be_visible()

    script.job_answer = (202, "Asked; ingestion has not answered yet.")
    dialog.get_by_role("button", name="Move").click()
    expect(card(page, 1).get_by_role("status")).to_have_text(script.job_answer[1])
    expect(row(page, 1, "AAC").locator("button")).to_be_focused()
    assert script.jobs == [("move", "AAC", "connection_3")] * 2


def test_the_button_for_a_move_asks_which_ticker(open_page: Open, server: ScriptedAdminServer) -> None:
    page = open_page(PATH).page
    expect_live(page)
    card(page, 3).get_by_role("button", name="Move a ticker…").click()
    dialog = page.get_by_role("dialog", name="Move a ticker from etfs (connection_3)")
    expect(dialog.get_by_label("Ticker")).to_be_focused()
    page.keyboard.type("CAB")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert server.script.jobs == [("move", "CAB", "connection_1")]
    expect(card(page, 3).get_by_role("status")).to_have_text("Done.")
