"""Which dates of daily bars a revision may have changed: what spares readers to look for changes where there are none.

No index holds `revision`, so the changes of years of days could only be found by reading them all. Each transaction
that merges days notes from which date to which it did, in one row of `service_state`; a note that came later about the
same dates takes the earlier one's place, and of too many the oldest two become one that spans both. So a note may tell
of more dates than were changed, and never of fewer.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, text

_READ = text("SELECT value FROM service_state WHERE key = 'day_notes'")
_KEEP = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES ('day_notes', :value, :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
)
_MOST = 40


class DayNote(NamedTuple):
    """Up to which revision days from the first to the last date (YYYY-MM-DD, both included) may have changed."""

    revision: int
    first: str
    last: str


def noted(notes: Sequence[DayNote], new: DayNote) -> list[DayNote]:
    """The notes with another one, which is the newest: by revision, and not too many."""
    kept = [note for note in notes if note[1:] != new[1:]]
    while len(kept) >= _MOST:
        one, other, *rest = kept
        kept = [DayNote(other.revision, min(one.first, other.first), max(one.last, other.last)), *rest]
    return [*kept, new]


def span_since(notes: Sequence[DayNote], revision: int) -> tuple[str, str] | None:
    """The first and the last date that may have changed after a revision; None when none did."""
    newer = [note for note in notes if note.revision > revision]
    return (min(note.first for note in newer), max(note.last for note in newer)) if newer else None


def read_notes(connection: Connection) -> list[DayNote]:
    """The notes as they are stored, by revision."""
    stored: Any = connection.execute(_READ).scalar()
    return [] if stored is None else msgspec.json.decode(stored, type=list[DayNote])


def keep_note(connection: Connection, new: DayNote, now_ms: int) -> None:
    """Notes what the transaction merges."""
    value = msgspec.json.encode(noted(read_notes(connection), new)).decode()
    connection.execute(_KEEP, {"value": value, "now_ms": now_ms})
