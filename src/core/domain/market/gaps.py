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


class GapEntry(NamedTuple):
    """One symbol's part of a gap, as its repair sees it: `due_ms` is when to ask next, by the wall clock, epoch ms."""

    gap_id: str
    symbol: str
    from_ms: int
    to_ms: int
    reason: GapReason
    state: GapState
    due_ms: int
    attempts: int


class GapCounts(NamedTuple):
    """What is not repaired yet: gaps, their entries, the different symbols among these, and when the first is due."""

    open_gaps: int
    entries: int
    symbols: int
    next_due_ms: int | None


class GapRow(NamedTuple):
    """A gap for people. Of its symbols the first 20, None for all; `symbols_total` is None until its repair begins.

    `attempts` counts requests, `repaired_bars` bars that were not as they should be. `trouble` says of one symbol why
    it could not be repaired so far. `checked_ms` (asked last), `due_ms` (asked next) and `closed_ms` are wall clock.
    """

    id: str
    scope: str
    symbols: tuple[str, ...] | None
    symbols_total: int | None
    symbols_done: int
    from_ms: int
    to_ms: int | None
    reason: GapReason
    detail: str
    state: GapState
    attempts: int
    repaired_bars: int
    opened_ms: int
    checked_ms: int | None
    closed_ms: int | None
    due_ms: int | None
    trouble: str | None


class GapTotals(NamedTuple):
    """All gaps that are kept, by state; the bars they repaired; the symbols that wait, and when the first is due."""

    open: int
    waiting: int
    repaired: int
    unrepairable: int
    repaired_bars: int
    waiting_symbols: int
    next_due_ms: int | None
