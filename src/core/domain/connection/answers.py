"""Is my key right, is my plan right, is this delayed data? In words, from what the connections said. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from src.core.domain.market.session import Phase

Connection = Mapping[str, Any]

# Data of a delayed plan are 15 minutes old. A minute's bar of real-time data is at most some 64 s behind its start.
_DELAYED_MS = 600_000
# The age of data tells of a delay only while they come.
_FLOWING_MS = 120_000
_QUESTIONS = (
    "Is the key right?",
    "Does the plan grant these connections and real-time data?",
    "Is this data delayed?",
)
_SIMULATED = (
    "The feed is simulated: no key is needed.",
    "The feed is simulated: no plan is needed.",
    "The feed is simulated: its data are made up, none of them delayed.",
)


class Answer(NamedTuple):
    """`ok` is True for what should be, False for what should not, None while it cannot be known."""

    question: str
    answer: str
    ok: bool | None


class Arrivals(NamedTuple):
    """When the newest aggregate came, and the newest event time of all; None before the first. Epoch ms."""

    came_ms: int | None
    newest_event_ms: int | None


def answers(
    connections: Sequence[Connection], simulated: bool, arrivals: Arrivals, phase: Phase, now_ms: int
) -> list[Answer]:
    """The three questions of who has just set a key, answered from the entries of the status row."""
    used = [connection for connection in connections if connection["enabled"] and not connection["paused"]]
    if simulated:
        return [Answer(question, text, None) for question, text in zip(_QUESTIONS, _SIMULATED, strict=True)]
    found = (_key(used), _plan(used), _delay(used, arrivals, phase, now_ms))
    return [Answer(question, *sentence) for question, sentence in zip(_QUESTIONS, found, strict=True)]


def _key(used: Sequence[Connection]) -> tuple[str, bool | None]:
    for connection in used:
        if connection["refusal"] == "refused_key":
            return f"No. {connection['reason']}", False
    if any(connection["status"] == "connected" or connection["refusal"] == "not_real_time" for connection in used):
        return "Yes: the feed accepted it.", True
    if any(connection["messages"] for connection in used):
        return "Yes, when it was last asked; at present no connection is up.", True
    return "Not known yet: no connection has been answered so far.", None


def _plan(used: Sequence[Connection]) -> tuple[str, bool | None]:
    if any(connection["errors_by_kind"].get("not_real_time") for connection in used):
        return (
            "Not real-time data: the feed said that this key has no access to them."
            " Set MASSIVE_WS_URL to the delayed address, or choose a plan with real-time data.",
            False,
        )
    resting = [connection for connection in used if not connection["granted"]]
    if resting:
        granted = len(used) - len(resting)
        return f"Not all of them: {len(used)} connections are configured, and the plan grants {granted}.", False
    for connection in used:
        if connection["refusal"] == "too_many":
            return f"No. {connection['reason']}", False
    refused = sum(connection["errors_by_kind"].get("topic_refused", 0) for connection in used)
    missing = sum(connection["wanted_topics"] - connection["acknowledged_topics"] for connection in used)
    if refused and missing:
        return f"Not all of it: the feed refused, or did not acknowledge, {missing} of the subscriptions.", False
    if used and not missing and all(connection["status"] == "connected" for connection in used):
        return "Yes: every connection is up, and every subscription was acknowledged.", True
    return "Not known yet: not every connection is up with all its subscriptions acknowledged.", None


def _delay(used: Sequence[Connection], arrivals: Arrivals, phase: Phase, now_ms: int) -> tuple[str, bool | None]:
    for connection in used:
        host = urlsplit(connection["url"]).hostname or ""
        if host.startswith("delayed."):
            return f"Yes, by 15 minutes: {host} is the address of delayed data.", False
    if phase is Phase.CLOSED:
        return "Not known while the market is closed.", None
    if arrivals.came_ms is None or arrivals.newest_event_ms is None or now_ms - arrivals.came_ms > _FLOWING_MS:
        return "Not known while no data come.", None
    behind_ms = now_ms - arrivals.newest_event_ms
    if behind_ms > _DELAYED_MS:
        return f"Yes: the newest data are {behind_ms // 60_000} minutes behind this machine's clock.", False
    return f"No: the newest data are {max(0, behind_ms) // 1000} s behind this machine's clock.", True
