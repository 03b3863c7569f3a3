"""A gap: minutes of symbols of which something may be missing, as a fact that is kept until it is repaired.

Times are event time, epoch ms UTC: the minutes' own, whatever the machine's clock says, so that replays behave as live.
"""

import enum
from typing import NamedTuple


class GapReason(enum.StrEnum):
    """Why something may be missing."""

    DROP = "drop"  # a connection was lost, or went mute
    RESTART = "restart"  # nothing listened between two lives of the ingesting half, or of two owners
    MOVE = "move"  # a ticker changed its connection, or its subscription was not acknowledged
    FRAME = "unreadable_frame"
    WRITE = "failed_write"  # a bar that the database refused, or that there was no room for
    UNOFFICIAL = "no_official_bar"  # seconds came, but no minute aggregate
    SUSPECT = "suspect"  # the day's volume grew by more than the minutes that came
    LATE = "late_second"  # a second came after its minute was sealed
    HISTORY = "history"  # a symbol that is listened to for the first time
    ASKED = "asked"  # by a person


# The lower, the sooner it is repaired.
PRIORITY = {
    GapReason.DROP: 0, GapReason.RESTART: 0, GapReason.MOVE: 0, GapReason.FRAME: 0, GapReason.WRITE: 0,
    GapReason.ASKED: 0, GapReason.UNOFFICIAL: 1, GapReason.HISTORY: 2, GapReason.SUSPECT: 3, GapReason.LATE: 3,
}  # fmt: skip


class GapState(enum.StrEnum):
    """How far its repair is."""

    OPEN = "open"  # something may be missing; without an end while it still grows
    WAITING = "waiting"  # filled from REST; asked once more when the vendor's answers have settled
    REPAIRED = "repaired"
    UNREPAIRABLE = "unrepairable"


class Gap(NamedTuple):
    """One gap: the minutes from `from_ms` to `to_ms`, both included and starts of minutes, of `symbols`.

    `symbols` None means all that are listened to; `to_ms` None that it still grows. `scope` says for people what was
    hit: a connection's id, a symbol, or `*`. `detail` is a sentence. `opened_ms` is the wall clock, epoch ms.
    """

    id: str
    scope: str
    symbols: tuple[str, ...] | None
    from_ms: int
    to_ms: int | None
    reason: GapReason
    detail: str
    opened_ms: int
    state: GapState = GapState.OPEN
