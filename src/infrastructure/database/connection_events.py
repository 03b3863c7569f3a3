"""The log of what happened to connections: its newest 10,000 events."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.infrastructure.database.engines import database_errors

_KEPT = 10_000
_INSERT = text(
    "INSERT INTO connection_events (connection_id, at_ms, event, reason, close_code, duration_ms, actor)"
    " VALUES (:connection_id, :at_ms, :event, :reason, :close_code, :duration_ms, :actor)"
)
_FORGET = text(
    "DELETE FROM connection_events WHERE id <= (SELECT id FROM connection_events ORDER BY id DESC LIMIT 1 OFFSET :kept)"
)
_NEWEST = text(
    "SELECT connection_id, at_ms, event, reason, close_code, duration_ms, actor, id FROM connection_events"
    " ORDER BY id DESC LIMIT :limit"
)


class DatabaseEventRecorder:
    """Writes the log, in short transactions of its own. `engine` may write; one thread calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, events: Sequence[ConnectionEvent]) -> None:
        """Keeps events, the oldest first, in one transaction; what is beyond 10,000 is forgotten."""
        rows = [{**event._asdict(), "event": event.event.value} for event in events]
        with database_errors(), self._engine.begin() as connection:
            connection.execute(_INSERT, rows)
            connection.execute(_FORGET, {"kept": _KEPT})


class DatabaseEventLog:
    """Reads the log. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, limit: int) -> list[ConnectionEvent]:
        """The newest `limit` events, newest first."""
        with database_errors(), self._engine.connect() as connection:
            events = [ConnectionEvent(*row) for row in connection.execute(_NEWEST, {"limit": limit})]
        return [event._replace(event=EventKind(event.event)) for event in events]
