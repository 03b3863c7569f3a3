"""The page of what is stored, over the real application: the heat map, a day in detail, and asking the vendor."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from src.core.domain.market.bar import Tier
from src.infrastructure.database.engines import read_engine
from tests.accounts import log_in_page, make_admin
from tests.bars import MINUTE, bar
from tests.waiting import wait_for

from .conftest import Open
from .test_admin_page import AXE, serious
from .test_login import WebHalf

_DAY_MS = 86_400_000
PATH = "/admin/history?symbols=AAPL,BRK.B,MSFT&from=2025-11-18&to=2025-11-21"
FINAL_ANSWER = "AAPL will be asked for as soon as the rate allows."


@pytest.fixture
def server(tmp_path: Path, sqlite_database_url: str) -> Iterator[WebHalf]:
    """Three symbols with some bars; nobody ingests."""
    make_admin(sqlite_database_url)
    server = WebHalf(tmp_path, sqlite_database_url)
    final = [bar("AAPL", MINUTE + place * 60_000, tier=Tier.FINAL) for place in range(390)]
    server.database.merge([*final, bar("AAPL", MINUTE + _DAY_MS), bar("BRK.B", MINUTE), bar("MSFT", MINUTE - _DAY_MS)])
    server.start()
    yield server
    server.stop()


def opened(open_page: Open, server: WebHalf, path: str = PATH, **options: object) -> Page:
    """The page, for an administrator who is logged in."""
    page = open_page("/login", expected=("404 (NOT FOUND)",), **options).page
    log_in_page(page, server.url, target="/admin/history")
    page.goto(server.url + path)
    expect(page.locator("#coverage-words")).not_to_have_text("Loading…")
    return page


def jobs(server: WebHalf) -> list[tuple[str, str]]:
    """What was handed in: kinds and arguments."""
    with read_engine(str(server.database._engine.url)).connect() as connection:
        return [(row.kind, row.arguments) for row in connection.execute(text("SELECT kind, arguments FROM jobs"))]


def answer_jobs(server: WebHalf) -> None:
    """As the ingesting half would."""
    server.execute("UPDATE jobs SET state = 'done', answer = :answer", answer=FINAL_ANSWER)


def test_the_keyboard_leads_through_the_map_to_the_minutes(open_page: Open, server: WebHalf) -> None:
    page = opened(open_page, server)
    expect(page.locator("#coverage-words")).to_have_text(
        "3 symbols. Of 12 days: 1 final, 3 not compared with the vendor yet, 8 missing."
    )
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#cell-words")).to_have_text(
        "AAPL, Fri 21 Nov 2025: not compared with the vendor yet, 1 of 1440 regular minutes, 1 in all"
    )
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#cell-words")).to_have_text(
        "AAPL, Thu 20 Nov 2025: final: compared with the vendor, 390 of 1440 regular minutes, 390 in all"
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_focused()
    expect(page.locator("#detail-title")).to_have_text("BRK.B, Thu 20 Nov 2025")
    expect(page.locator("#detail-words")).to_contain_text("1 of 1440 minutes of the regular session have a bar")
    expect(page.locator("#spans li")).to_have_text(["00:00 to 09:29 (570)", "09:31 to 23:59 (869)"])


def test_the_pointer_chooses_a_day(open_page: Open, server: WebHalf) -> None:
    page = opened(open_page, server)
    expect(page.locator("#coverage-words")).to_contain_text("12 days")
    page.locator("#map canvas").nth(1).click(position={"x": 78 + 26 + 3, "y": 40})
    expect(page.locator("#detail-title")).to_have_text("MSFT, Wed 19 Nov 2025")


def test_what_lacks_something_is_listed_and_asked_for(open_page: Open, server: WebHalf) -> None:
    page = opened(open_page, server)
    rows = page.locator("#lacking tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(0)).to_contain_text("AAPLTue 18 Nov 2025 to Wed 19 Nov 2025missing")
    page.get_by_role("button", name="Ask the vendor for AAPL, Tue 18 Nov 2025 to Wed 19 Nov 2025").click()
    dialog = page.get_by_role("dialog", name="Ask the vendor for AAPL?")
    expect(dialog).to_contain_text("Tue 18 Nov 2025 to Wed 19 Nov 2025. One request or more")
    page.get_by_role("button", name="Ask", exact=True).click()
    wait_for(lambda: jobs(server))
    [(_kind, arguments)] = jobs(server)
    answer_jobs(server)
    expect(page.locator("#result")).to_have_text(FINAL_ANSWER)
    told = json.loads(arguments)
    assert told["symbols"] == ["AAPL"]
    assert told["to_ms"] - told["from_ms"] == 2 * _DAY_MS - 60_000


def test_only_symbols_that_lack_something(open_page: Open, server: WebHalf) -> None:
    server.database.merge([bar("MSFT", MINUTE + days * _DAY_MS) for days in (-2, 0, 1)])
    page = opened(open_page, server)
    page.get_by_label("only symbols that lack something").check()
    page.locator("#map").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("PageDown")
    expect(page.locator("#cell-words")).to_contain_text("BRK.B, Fri 21 Nov 2025: missing")


def test_the_address_keeps_what_is_shown(open_page: Open, server: WebHalf) -> None:
    page = opened(open_page, server)
    page.get_by_label("Universe or symbols").fill("MSFT")
    page.get_by_label("From").fill("2025-11-20")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#coverage-words")).to_contain_text("1 symbol. Of 2 days")
    assert page.url.endswith("?symbols=MSFT&from=2025-11-20&to=2025-11-21")
    page.get_by_label("Universe or symbols").fill("no such universe")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#banner")).to_contain_text("No universe is called 'no such universe'")


def test_loads_are_listed_and_ended(open_page: Open, server: WebHalf) -> None:
    row = {
        "id": "a", "kind": "rest", "timespan": "day", "symbols": '["AAPL","MSFT"]', "actor": "flask history",
        "from_date": "2025-01-01", "to_date": "2025-11-20", "state": "running", "asked_ms": 1, "units_total": 24,
        "units_done": 12, "units_empty": 1, "units_failed": 1, "bars": 250, "written": 249,
        "failures": '{"MSFT": "The vendor answered 403."}',
    }  # fmt: skip
    columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    server.execute(f"INSERT INTO history_loads ({columns}) VALUES ({values})", **row)
    page = opened(open_page, server)
    load = page.locator("#loads li")
    expect(load).to_contain_text("Daily bars of 2 symbols, Wed 1 Jan 2025 to Thu 20 Nov 2025")
    expect(load).to_contain_text("MSFT: The vendor answered 403.")
    load.get_by_role("button").click()
    page.get_by_role("dialog", name="End this load?").get_by_role("button", name="End it").click()
    wait_for(lambda: [kind for kind, _arguments in jobs(server)] == ["history.cancel"])
    server.execute("UPDATE jobs SET state = 'done', answer = 'It ends.'")
    expect(page.locator("#loads-result")).to_have_text("It ends.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(open_page: Open, server: WebHalf, scheme: str) -> None:
    page = opened(open_page, server, color_scheme=scheme)
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_visible()
    page.evaluate(AXE)
    assert serious(page) == []
