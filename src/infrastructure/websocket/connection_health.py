"""What the manager says of its connections: each of them, and all as one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from src.core.domain.connection.assignment import WHOLE_MARKET, Assignment
from src.core.domain.connection.state import ConnectionStatus
from src.infrastructure.websocket.feed_line import FeedLine

_SUMMED = (
    "frames", "messages", "messages_per_second", "reconnects", "errors", "wanted_topics", "acknowledged_topics"
)  # fmt: skip
_NAMED_TOPICS = 20


def entry(line: FeedLine, said: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
    """One connection: what its client says, and which tickers are where. To be called with the manager's lock."""
    moved = Counter(assignment.moved().values())
    own, carried = assignment.owned()[line.id], assignment.loads()[line.id]
    lent = moved[line.id]
    return {
        "id": line.number,
        "connection_id": line.id,
        "name": line.spec.name,
        "enabled": line.spec.enabled,
        "paused": line.paused_by is not None,
        "granted": line.rest_until_s is None,
        "movable": assignment.owner(WHOLE_MARKET) != line.id,
        **said,
        "reason": said["reason"] if line.spec.enabled else "This connection is disabled in the settings.",
        "ticker_count": carried,
        "own_ticker_count": own,
        "lent": lent,
        "borrowed": carried - (own - lent),
        "ticker_limit": assignment.ticker_limit,
    }


def overall(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All enabled connections as one: sums, the latest message, and `connected` when at least one is."""
    used = [one for one in entries if one["enabled"]]
    connected = [one for one in used if one["status"] == ConnectionStatus.CONNECTED]
    return {
        "status": _overall_status(used),
        "reason": _overall_reason(used, connected),
        "refusal": next((one["refusal"] for one in used if one["refusal"]), None),
        "url": entries[0]["url"],
        "connected_at": min((one["connected_at"] for one in connected if one["connected_at"]), default=None),
        "last_message_time": max((one["last_message_time"] or 0 for one in used), default=0) or None,
        **{key: sum(one[key] for one in used) for key in _SUMMED},
        "rates": [sum(counts) for counts in zip(*(one["rates"] for one in used), strict=True)],
        "errors_by_kind": _added(one["errors_by_kind"] for one in used),
        "refused_elements": _added(one["refused_elements"] for one in used),
        "missing_topics": [topic for one in used for topic in one["missing_topics"]][:_NAMED_TOPICS],
        "silent_topics": [topic for one in used for topic in one["silent_topics"]][:_NAMED_TOPICS],
    }


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _overall_status(used: Sequence[Mapping[str, Any]]) -> str:
    """The best of all."""
    statuses = {one["status"] for one in used}
    best = (ConnectionStatus.CONNECTED, ConnectionStatus.CONNECTING, ConnectionStatus.ERROR)
    return next((status.value for status in best if status.value in statuses), ConnectionStatus.DISCONNECTED.value)


def _overall_reason(used: Sequence[Mapping[str, Any]], connected: Sequence[Mapping[str, Any]]) -> str:
    if len(used) == 1:
        return str(used[0]["reason"])
    told = f"{len(connected)} of {len(used)} connections are connected."
    return " ".join([told, *(f"{one['connection_id']}: {one['reason']}" for one in used if one not in connected)])
