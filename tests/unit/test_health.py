"""The feed's condition in one word, and why."""

from typing import Any

import pytest

from src.core.domain.connection.health import Condition, feed_health
from src.core.domain.market.session import Phase

_NOW = 1_763_650_000_000


def status(
    last_tick_s: float | None = 1,
    feed: str = "massive",
    connection: str = "connected",
    symbols: int | None = 8,
    written_s: float = 0.5,
) -> dict[str, Any]:
    return {
        "written_at": _NOW - round(written_s * 1000),
        "feed": feed,
        "universe_size": symbols,
        "last_tick_time": None if last_tick_s is None else _NOW - round(last_tick_s * 1000),
        "connection": {"status": connection, "reason": "Because.", "connected_at": _NOW - 10_000},
    }


@pytest.mark.parametrize(
    ("written", "phase", "condition"),
    [
        (status(), Phase.REGULAR, Condition.LIVE),
        (status(last_tick_s=None), Phase.REGULAR, Condition.LIVE),
        (status(last_tick_s=31), Phase.REGULAR, Condition.LATE),
        (status(last_tick_s=31, symbols=4), Phase.REGULAR, Condition.LIVE),
        (status(last_tick_s=31, symbols=None), Phase.REGULAR, Condition.LATE),
        (status(last_tick_s=301, symbols=4), Phase.REGULAR, Condition.LATE),
        (status(last_tick_s=600), Phase.PRE, Condition.LIVE),
        (status(last_tick_s=901), Phase.POST, Condition.LATE),
        (status(last_tick_s=7200), Phase.CLOSED, Condition.MARKET_CLOSED),
        (status(last_tick_s=31, feed="simulated"), Phase.CLOSED, Condition.LATE),
        (status(feed="simulated"), Phase.CLOSED, Condition.LIVE),
        (status(connection="connecting"), Phase.REGULAR, Condition.DOWN),
        (status(connection="error"), Phase.CLOSED, Condition.DOWN),
        (status(written_s=11), Phase.REGULAR, Condition.DOWN),
        (None, Phase.REGULAR, Condition.DOWN),
    ],
)
def test_the_condition(written: dict[str, Any] | None, phase: Phase, condition: Condition) -> None:
    health = feed_health(written, phase, _NOW)
    assert health.condition is condition
    assert health.reason.endswith(".")


def test_a_connection_that_is_down_says_why() -> None:
    assert feed_health(status(connection="error"), Phase.REGULAR, _NOW).reason == "Because."
