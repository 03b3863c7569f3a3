"""How the feed is doing, in one word and one sentence for people. Pure: times are arguments, epoch ms."""

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from src.core.domain.market.session import Phase

# The ingesting half writes its status each second; older than this, it is not running (or its database is away).
STATUS_STALE_MS = 10_000
# How long quiet is normal, by breadth of the subscription: a few tickers can rest, a hundred cannot.
_BROAD = 5
_QUIET_MS = {True: 30_000, False: 300_000}
_QUIET_EXTENDED_MS = 900_000


class Condition(enum.StrEnum):
    """A connection's condition, for people."""

    LIVE = "live"
    LATE = "late"
    MARKET_CLOSED = "market_closed"
    DOWN = "down"


class Health(NamedTuple):
    """A condition and its reason, a sentence."""

    condition: Condition
    reason: str


def feed_health(status: Mapping[str, Any] | None, phase: Phase, now_ms: int) -> Health:
    """The feed's condition from the ingesting half's last status (None: it never wrote one)."""
    if status is None:
        return Health(Condition.DOWN, "Ingestion has not started yet.")
    if now_ms - status["written_at"] > STATUS_STALE_MS:
        seconds = (now_ms - status["written_at"]) // 1000
        return Health(Condition.DOWN, f"The ingesting process has not reported for {seconds} s.")
    connection = status["connection"]
    if connection["status"] != "connected":
        return Health(Condition.DOWN, connection["reason"])
    return _connected_health(status, phase, now_ms)


def _connected_health(status: Mapping[str, Any], phase: Phase, now_ms: int) -> Health:
    simulated = status["feed"] == "simulated"
    last_ms = status["last_tick_time"]
    quiet_ms = now_ms - (last_ms or status["connection"]["connected_at"] or now_ms)
    if phase is Phase.CLOSED and not simulated and quiet_ms > _QUIET_MS[False]:
        return Health(Condition.MARKET_CLOSED, "The market is closed; nothing is expected before the next session.")
    size = status.get("universe_size")  # none for the whole market
    broad = size is None or size >= _BROAD
    extended = phase is not Phase.REGULAR and not simulated
    if quiet_ms > (_QUIET_EXTENDED_MS if extended else _QUIET_MS[broad]):
        return Health(Condition.LATE, f"The feed is connected, but nothing came for {quiet_ms // 1000} s.")
    return Health(Condition.LIVE, "Bars are arriving." if last_ms else "Connected; waiting for the first trade.")
