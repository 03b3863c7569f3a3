"""How the storing of bars is doing, in a sentence for people. Pure: times are arguments, epoch ms."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

# A database that hesitates is no trouble yet.
_HESITATION_MS = 10_000


class StorageHealth(NamedTuple):
    """Whether bars reach the database, and how it stands with those that wait: sentences."""

    ok: bool
    words: str


def storage_health(status: Mapping[str, Any] | None, now_ms: int) -> StorageHealth | None:
    """From the ingesting half's status; None where it says nothing of it (an older version's, or there is none)."""
    storage: Mapping[str, Any] | None = (status or {}).get("writer", {}).get("storage")
    if storage is None:
        return None
    since_ms = storage["since"]
    sentences = [_present(storage) if since_ms is None else _away(storage)]
    sentences += [_lost(storage["lost_bars"] + storage["damaged_rows"])]
    return StorageHealth(since_ms is None or now_ms - since_ms <= _HESITATION_MS, " ".join(filter(None, sentences)))


def _present(storage: Mapping[str, Any]) -> str:
    if waiting := storage["spooled_bars"]:
        said = f"The database takes bars; {_bars(waiting)} of before still {_wait(waiting)} on disk to be stored."
        return " ".join(filter(None, [said, storage["reason"]]))
    return "The database takes bars as they come."


def _away(storage: Mapping[str, Any]) -> str:
    since = dt.datetime.fromtimestamp(storage["since"] / 1000, dt.UTC)
    spooled = storage["spooled_bars"]
    waiting = spooled + storage["memory_bars"]
    said = f"The database has taken no bars since {since:%Y-%m-%d %H:%M} UTC ({storage['reason'].rstrip('.')}): "
    said += f"{_bars(waiting)} {_wait(waiting)}, {spooled:,} of them on disk"
    lasts_s = storage["lasts_s"]
    return said + ("." if lasts_s is None else f"; at the present rate there is room for {_span(lasts_s)}.")


def _lost(count: int) -> str:
    return f"{_bars(count)} could not be kept since the start; they are listed as gaps." if count else ""


def _bars(count: int) -> str:
    return f"{count:,} bar" if count == 1 else f"{count:,} bars"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _span(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:,} {name}"
    return f"{seconds} seconds"
