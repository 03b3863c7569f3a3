"""Turns changes of status into the events that an administrator's log keeps. Pure: time is an argument."""

from dataclasses import dataclass

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.state import ConnectionStatus, StatusChange

# Lost frames are noted at most so often for each connection: a broken feed can send thousands.
_LOST_FRAMES_EVERY_MS = 60_000


@dataclass
class _Connection:
    connected_ms: int | None = None
    failed: EventKind | None = None  # what was noted last, while it never came up again
    lost_frames: int = 0  # since the last event that told of them
    lost_noted_ms: int | None = None


class Chronicle:
    """One event for what happened once: of attempts that fail in a row, the first of each kind.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self) -> None:
        self._connections: dict[str, _Connection] = {}

    def event_of(self, change: StatusChange, now_ms: int) -> ConnectionEvent | None:
        """The event that a change makes, None for one that is no news; `now_ms` is epoch ms."""
        connection = self._connections.setdefault(change.connection_id, _Connection())
        if change.lost_frame:
            return _lost_frame(connection, change, now_ms)
        match change.status:
            case ConnectionStatus.CONNECTED:
                connection.connected_ms, connection.failed = now_ms, None
                return ConnectionEvent(change.connection_id, now_ms, EventKind.CONNECTED, change.reason)
            case ConnectionStatus.DISCONNECTED:
                return _ended(connection, change, EventKind.DISCONNECTED, now_ms)
            case ConnectionStatus.ERROR:
                return _ended(connection, change, EventKind.REFUSED, now_ms)
        return None


def _ended(connection: _Connection, change: StatusChange, kind: EventKind, now_ms: int) -> ConnectionEvent | None:
    connected_ms, connection.connected_ms = connection.connected_ms, None
    failed, connection.failed = connection.failed, kind
    if connected_ms is None and failed is kind:
        return None
    lived_ms = None if connected_ms is None else max(0, now_ms - connected_ms)
    return ConnectionEvent(change.connection_id, now_ms, kind, change.reason, change.close_code, lived_ms)


def _lost_frame(connection: _Connection, change: StatusChange, now_ms: int) -> ConnectionEvent | None:
    connection.lost_frames += 1
    noted_ms = connection.lost_noted_ms
    if noted_ms is not None and now_ms - noted_ms < _LOST_FRAMES_EVERY_MS:
        return None
    count, connection.lost_frames, connection.lost_noted_ms = connection.lost_frames, 0, now_ms
    reason = change.reason if count == 1 else f"{count} frames could not be read since the last one that is told of."
    return ConnectionEvent(change.connection_id, now_ms, EventKind.LOST_FRAME, reason)
