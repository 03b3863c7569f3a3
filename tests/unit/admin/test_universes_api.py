"""Universes as an administrator changes them by the API, on a real application and database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_site import ApiSite, api_site

LISTED = "/api/admin/universes"
IMPORT = "/api/admin/universe-import"


@pytest.fixture
def site(tmp_path: Path, sqlite_database_url: str) -> Iterator[ApiSite]:
    with api_site(tmp_path, sqlite_database_url) as site:
        yield site


def ask(site: ApiSite, method: str, path: str, status: int = 200, **options: Any) -> Any:
    answer = site.ask("admin", method, path, **options)
    assert answer.status_code == status, answer.text
    return answer.json


def test_what_is_there_is_listed_and_searched(site: ApiSite) -> None:
    body = ask(site, "GET", LISTED)
    assert len(body["universes"]) == 19
    assert body["listening"] == {"key": "SYMBOLS", "size": 5, "changed_at": 1}
    assert body["symbols"]["refreshed_at"] is None
    assert [one["name"] for one in ask(site, "GET", f"{LISTED}?search=jones")["universes"]] == ["DIA", "dow30"]
    assert ask(site, "GET", f"{LISTED}?search=nasdak")["near"] == ["nasdaq100"]


def test_a_file_of_another_form_replaces_a_universe_and_readers_see_it(site: ApiSite) -> None:
    content = "\ufeffTicker;Weight\nbrk-b;6,5\nAAPL;1\n".encode()
    told = ask(site, "POST", f"{IMPORT}?name=mine", data=content, content_type="text/csv")
    assert (told["applied"], told["message"]) == (True, "1 universe changed: 2 symbols added, 0 removed.")
    members = ask(site, "GET", f"{LISTED}/mine")["members"]
    assert [(one["symbol"], one["weight"], one["name"]) for one in members] == [
        ("BRK.B", 6.5, "Berkshire Hathaway Class B"), ("AAPL", 1.0, "Apple Inc."),
    ]  # fmt: skip
    assert ask(site, "GET", "/api/ticks/recent?universe=mine&limit=1")["count"] == 2
    exported = site.ask("admin", "GET", "/api/admin/universe-export?names=mine")
    assert "attachment" in exported.headers["Content-Disposition"]
    again = ask(site, "POST", IMPORT, data=exported.data, content_type="text/csv")
    assert again["message"] == "Nothing was to be changed."


def test_a_file_that_is_half_wrong_is_told_line_by_line_and_changes_nothing(site: ApiSite) -> None:
    content = "\n".join(["AAPL", *["?"] * 1500])
    told = ask(site, "POST", f"{IMPORT}?name=mine", data=content, content_type="text/plain")
    assert (told["applied"], told["problem_count"], len(told["problems"])) == (False, 1500, 1000)
    assert told["problems"][0] == {"where": "line 2", "text": "'?' is not a ticker."}
    assert "Did you mean" not in ask(site, "GET", f"{LISTED}/mine", 404)["error"]["message"]


def test_large_files_are_taken_and_larger_ones_refused(site: ApiSite) -> None:
    rows = "".join(f"{a}{b}{c}Q,{'x' * 60}\n" for a in "ABCDEFGH" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJKLMNOPQRST")
    told = ask(site, "POST", f"{IMPORT}?name=mine&dry_run=true", data=f"ticker,x\n{rows}", content_type="text/csv")
    assert (told["applied"], len(told["changes"][0]["added"])) == (False, 1600)
    assert ask(site, "POST", f"{IMPORT}?name=mine", 413, data=b"A" * 2_100_000)["error"]["code"] == "too_large"
    ask(site, "POST", f"{LISTED}/dow30/members", 413, data=b"A" * 70_000, content_type="application/json")


def test_members_come_and_go_and_what_is_listened_to_stays(site: ApiSite) -> None:
    path = f"{LISTED}/S&P mine/members"
    assert ask(site, "POST", path, json={"add": ["aapl"], "create": True})["applied"]
    assert "already" in ask(site, "POST", path, 400, json={"create": True})["error"]["message"]
    keys = {"key": "S&P mine", "keys": ["S&P mine"], "symbols": ["AAPL"], "unknown": [], "changed_at": 2}
    site.ingestion.database.set_state("universe", keys)
    refused = ask(site, "POST", path, json={"remove": ["AAPL"]})
    assert (refused["applied"], refused["problems"][0]["where"]) == (False, "S&P mine")
    assert ask(site, "DELETE", f"{LISTED}/S&P mine")["applied"] is False
    assert ask(site, "DELETE", f"{LISTED}/S&P mine?force=true")["applied"] is True
