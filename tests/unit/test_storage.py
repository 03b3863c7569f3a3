"""The storing of bars in words, and how long the room for those that wait lasts."""

from typing import Any

import pytest

from src.core.domain.market.storage import storage_health
from src.infrastructure.database.write_outage import WriteOutage
from tests.bars import MINUTE
from tests.status_rows import storage

_NOW = MINUTE + 600_000
_AWAY = {"since": MINUTE, "reason": "It is gone.", "memory_bars": 345, "spooled_bars": 12_000}


@pytest.mark.parametrize(
    ("changes", "ok", "words"),
    [
        ({}, True, "The database takes bars as they come."),
        ({"spooled_bars": 1}, True, "The database takes bars; 1 bar of before still waits on disk to be stored."),
        (
            {"lost_bars": 2, "damaged_rows": 1},
            True,
            "The database takes bars as they come. 3 bars could not be kept since the start; they are listed as gaps.",
        ),
        (
            {**_AWAY, "lasts_s": 7_300},
            False,
            "The database has taken no bars since 2025-11-20 14:30 UTC (It is gone): 12,345 bars wait, 12,000 of them"
            " on disk; at the present rate there is room for 2 hours.",
        ),
        (
            {**_AWAY, "memory_bars": 1, "spooled_bars": 0, "since": _NOW - 10_000},
            True,
            "The database has taken no bars since 2025-11-20 14:39 UTC (It is gone): 1 bar waits, 0 of them on disk.",
        ),
    ],
)
def test_the_words(changes: dict[str, Any], ok: bool, words: str) -> None:
    assert storage_health({"writer": {"storage": {**storage(), **changes}}}, _NOW) == (ok, words)


@pytest.mark.parametrize("status", [None, {}, {"writer": {"failing_for_s": None}}])
def test_a_row_of_an_older_version_says_nothing_of_it(status: Any) -> None:
    assert storage_health(status, _NOW) is None


def test_the_waits_between_attempts_double_up_to_five_seconds() -> None:
    outage = WriteOutage()
    waits = []
    for now_s in range(8):
        outage.failed("It is gone.", now_s, 1_000 * now_s)
        waits.append(round(outage.retry_due_s - now_s, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert (outage.since_ms, outage.lasted_s(9)) == (0, 9)


def test_the_room_lasts_by_the_rate_of_the_last_five_minutes() -> None:
    outage = WriteOutage()
    for now_s in range(0, 400, 5):
        outage.note(1_000 if now_s < 100 else 1_000 + 20 * (now_s - 100), now_s)
    assert outage.lasts_s(40_000) == 2_034  # 295 of the 300 seconds brought 5,900 bars
    outage.note(0, 401)
    assert outage.lasts_s(40_000) is None


def test_how_long_it_lasts_is_not_said_before_ten_seconds() -> None:
    outage = WriteOutage()
    assert outage.lasts_s(1_000) is None
    for now_s in (0, 9):
        outage.note(now_s * 10, now_s)
    assert outage.lasts_s(1_000) is None
    outage.note(100, 10)
    assert outage.lasts_s(1_000) == 100
