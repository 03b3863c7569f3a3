"""What a connection to the feed is doing, and how it ended."""

import enum
from typing import NamedTuple


class ConnectionStatus(enum.StrEnum):
    """As the status endpoint names it."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    ERROR = "error"


class StatusChange(NamedTuple):
    """A change of status with its reason, a sentence for people.

    `lost_frame` tells of a frame that could not be read, while the status stays: what it held is missing from now on.
    `close_code` is the WebSocket's, where the server closed with one; `ending` tells how a session ended, if one did.
    """

    status: ConnectionStatus
    reason: str
    lost_frame: bool = False
    connection_id: str = "connection_1"
    close_code: int | None = None
    ending: "Ending | None" = None


class Ending(enum.Enum):
    """How a session with the server ended, as far as the next attempt depends on it."""

    DROPPED = "dropped"  # any drop, refusal to connect or time-out: may be tried again
    REFUSED_KEY = "refused_key"  # terminal for this key
    NOT_REAL_TIME = "not_real_time"  # the key is for the delayed address
    TOO_MANY = "too_many"  # the account's connections are in use, perhaps by another process
    SILENT = "silent"  # ended by us: no data came where some should have, or no answer; may be tried again

    @property
    def is_refusal(self) -> bool:
        """Whether the feed refused, which another attempt at once would only repeat."""
        return self in (Ending.REFUSED_KEY, Ending.NOT_REAL_TIME, Ending.TOO_MANY)
