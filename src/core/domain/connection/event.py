"""What happens to connections, for the administrator's log."""

import enum
from typing import NamedTuple


class EventKind(enum.StrEnum):
    """As the log names it."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REFUSED = "refused"  # the key, or one connection more than the plan grants
    LOST_FRAME = "lost_frame"
    PAUSED = "paused"
    RESUMED = "resumed"
    RECONNECT_ASKED = "reconnect_asked"
    TICKERS_MOVED = "tickers_moved"
    TICKERS_RETURNED = "tickers_returned"
    FEWER_GRANTED = "fewer_granted"


class ConnectionEvent(NamedTuple):
    """One event; `at_ms` is epoch ms, `duration_ms` how long the state lasted that ended with it, `actor` a login.

    `id` is its number in the log, ascending; None before it is in there.
    """

    connection_id: str
    at_ms: int
    event: EventKind
    reason: str
    close_code: int | None = None
    duration_ms: int | None = None
    actor: str | None = None
    id: int | None = None
