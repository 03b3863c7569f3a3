"""How the feed and its connections are doing, in one word and one sentence for people. Pure: times are arguments,
epoch ms."""

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
_CLOSING = "It is being paused, and closes once other connections have taken over what they can of its tickers."


class Condition(enum.StrEnum):
    """A connection's condition, for people."""

    LIVE = "live"
    LATE = "late"
    MARKET_CLOSED = "market_closed"
    PAUSED = "paused"  # by an administrator
    DISABLED = "disabled"  # by the settings, or because the plan grants fewer connections
    DOWN = "down"


class Health(NamedTuple):
    """A condition and its reason, a sentence."""

    condition: Condition
    reason: str


class Expectation(NamedTuple):
    """What may be expected of a feed now: the market's phase, whether it is simulated (it never closes), and whether
    so many tickers are listened to that one of them is always heard of."""

    phase: Phase
    simulated: bool
    broad: bool


def feed_health(status: Mapping[str, Any] | None, phase: Phase, now_ms: int) -> Health:
    """The feed's condition from the ingesting half's last status (None: it never wrote one)."""
    if trouble := ingest_trouble(status, now_ms):
        return Health(Condition.DOWN, trouble)
    assert status is not None  # noqa: S101  that would have been trouble
    if status.get("trouble"):
        return Health(Condition.DOWN, status["trouble"])
    connection = status["connection"]
    if connection["status"] != "connected":
        return Health(Condition.DOWN, connection["reason"])
    last_ms = status["last_tick_time"]
    size = status.get("universe_size")  # none for the whole market
    expected = Expectation(phase, status["feed"] == "simulated", size is None or size >= _BROAD)
    quiet_ms = now_ms - (last_ms or connection["connected_at"] or now_ms)
    return _connected_health(expected, quiet_ms, last_ms is not None)


def ingest_trouble(status: Mapping[str, Any] | None, now_ms: int) -> str | None:
    """What is wrong with the ingesting half, a sentence; None while it reports."""
    if status is None:
        return "Ingestion has not started yet."
    silent_ms: int = now_ms - status["written_at"]
    return f"The ingesting process has not reported for {silent_ms // 1000} s." if silent_ms > STATUS_STALE_MS else None


def connection_health(
    connection: Mapping[str, Any], phase: Phase, simulated: bool, trouble: str | None, now_ms: int
) -> Health:
    """One connection's condition, from its entry in the status row; `trouble` is that of the ingesting half."""
    name = connection["connection_id"]
    if not connection["enabled"]:
        key = f"WEBSOCKET_{name.upper()}_ENABLED"
        return Health(Condition.DISABLED, f"Switched off by the settings; {key}=true switches it on at the next start.")
    if trouble:
        return Health(Condition.DOWN, trouble)
    if connection["paused"]:
        closing = connection["status"] == "connected"
        return Health(Condition.PAUSED, _CLOSING if closing else connection["reason"])
    if not connection["granted"]:
        return Health(Condition.DISABLED, connection["reason"])
    if connection["status"] != "connected":
        return Health(Condition.DOWN, connection["reason"])
    if connection["wanted_topics"] == 0:
        return Health(Condition.LIVE, "Connected; it carries no tickers now.")
    broad = not connection["movable"] or connection["ticker_count"] >= _BROAD
    quiet_ms = now_ms - (connection["last_message_time"] or connection["connected_at"] or now_ms)
    return _connected_health(Expectation(phase, simulated, broad), quiet_ms, connection["messages"] > 0)


def _connected_health(expected: Expectation, quiet_ms: int, heard: bool) -> Health:
    if expected.phase is Phase.CLOSED and not expected.simulated and quiet_ms > _QUIET_MS[False]:
        return Health(Condition.MARKET_CLOSED, "The market is closed; nothing is expected before the next session.")
    extended = expected.phase is not Phase.REGULAR and not expected.simulated
    if quiet_ms > (_QUIET_EXTENDED_MS if extended else _QUIET_MS[expected.broad]):
        return Health(Condition.LATE, f"The feed is connected, but nothing came for {quiet_ms // 1000} s.")
    return Health(Condition.LIVE, "Bars are arriving." if heard else "Connected; waiting for the first trade.")
