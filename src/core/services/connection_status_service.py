"""What administrators are told of the feed's connections: from the database alone, so right in every process."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from src.core.domain.connection.answers import Arrivals, answers
from src.core.domain.connection.health import Health, connection_health, ingest_trouble
from src.core.domain.market.session import CalendarRangeError, Phase, SessionTable
from src.core.domain.market.storage import storage_health
from src.core.errors import DatabaseUnavailableError
from src.core.ports import BarReader, EventLog

Fields = dict[str, Any]

# Of an entry of the status row, what is told as it stands there.
_AS_WRITTEN = (
    "id", "connection_id", "name", "enabled", "ticker_count", "paused", "granted", "movable", "own_ticker_count",
    "lent", "borrowed", "ticker_limit", "errors_by_kind", "rates", "wanted_topics", "acknowledged_topics",
    "missing_topics", "url", "last_message_time",
)  # fmt: skip
_NO_PIPELINE = {"event_to_commit_ms": {"p50": None, "p99": None, "count": 0}, "waiting_bars": 0}


class ConnectionStatusService:
    """Any thread may call. `now_ms` reads the wall clock. Methods raise DatabaseUnavailableError; of a status that the
    ingesting half tells on this machine, `status` and `metrics` are made all the same."""

    def __init__(self, reader: BarReader, sessions: SessionTable, events: EventLog, now_ms: Callable[[], int]) -> None:
        self._reader = reader
        self._sessions = sessions
        self._events = events
        self._now_ms = now_ms

    def status(self) -> Fields:
        """Everything of the connections, as `GET /api/admin/websocket-status` answers; times are epoch ms.

        While the ingesting half does not report, nothing is connected and nothing comes; its counts are the last known.
        `repair`, `reconciliation`, `storage`, `retention` and `patterns` are None where the row of an older version
        lacks them.
        """
        now_ms = self._now_ms()
        written = self._reader.state("status")
        feed = written["feed"] if written else self._reader.state("feed")
        day, phase = self._session(now_ms)
        connections = self._connections(written, phase, now_ms)
        return {
            "mode": written.get("mode", "single") if written else "single",
            "connections": connections,
            "summary": _summary(connections),
            "answers": [answer._asdict() for answer in self._answers(written, phase, now_ms)],
            "pipeline": written.get("pipeline", _NO_PIPELINE) if written else _NO_PIPELINE,
            "repair": written.get("repair") if written else None,
            "reconciliation": written.get("reconciliation") if written else None,
            "storage": written["writer"].get("storage") if written else None,
            "retention": written.get("retention") if written else None,
            "patterns": written.get("patterns") if written else None,
            "feed": {"name": feed, "simulated": feed == "simulated"},
            "session": {"date": None if day is None else day.isoformat(), "phase": phase},
            "ingest_age_ms": now_ms - written["written_at"] if written else None,
            "timestamp": now_ms,
        }

    def storage_words(self) -> str:
        """Where bars wait while the database takes none, in sentences, as far as the ingesting half tells that on this
        machine; else empty. Raises nothing."""
        try:
            written, now_ms = self._reader.state("status"), self._now_ms()
        except DatabaseUnavailableError:
            return ""
        health = storage_health(written, now_ms)
        return "" if health is None or ingest_trouble(written, now_ms) else health.words

    def metrics(self) -> dict[str, Fields]:
        """What moves all the time, by connection: the message `metrics_update`."""
        names = ("messages_per_second", "rates", "uptime_seconds", "error_count", "message_count", "last_message_time")
        now_ms = self._now_ms()
        connections = self._connections(self._reader.state("status"), self._session(now_ms)[1], now_ms)
        return {
            connection["connection_id"]: {name: connection[name] for name in (*names, "condition")}
            for connection in connections
        }

    def events(self, limit: int) -> list[Fields]:
        """The newest `limit` events of the connections, newest first; `time` is epoch ms, `id` ascends with it."""
        return [
            {
                "id": event.id,
                "connection_id": event.connection_id,
                "time": event.at_ms,
                "event": event.event,
                "reason": event.reason,
                "close_code": event.close_code,
                "duration_ms": event.duration_ms,
                "actor": event.actor,
            }
            for event in self._events.newest(limit)
        ]

    def tickers(self) -> dict[str, list[str]]:
        """The tickers that each connection carries now; `*` is the whole market."""
        return dict((self._reader.state("assignment") or {"tickers": {}})["tickers"])

    def moved(self) -> dict[str, str]:
        """The tickers that are with another connection than their own, each with its own one's id."""
        return dict((self._reader.state("assignment") or {"moved": {}})["moved"])

    def _connections(self, written: Fields | None, phase: Phase, now_ms: int) -> list[Fields]:
        if written is None:
            return []
        trouble, simulated = ingest_trouble(written, now_ms), written["feed"] == "simulated"
        entries = written.get("connections", [])  # a row of an older version has none
        healths = [connection_health(entry, phase, simulated, trouble, now_ms) for entry in entries]
        return [
            _told(entry, health, now_ms if trouble is None else None)
            for entry, health in zip(entries, healths, strict=True)
        ]

    def _answers(self, written: Fields | None, phase: Phase, now_ms: int) -> list[Any]:
        if written is None or ingest_trouble(written, now_ms):
            return answers([], False, Arrivals(None, None), phase, now_ms)
        arrivals = Arrivals(written["last_tick_time"], written["book"]["watermark"])
        return answers(written.get("connections", []), written["feed"] == "simulated", arrivals, phase, now_ms)

    def _session(self, now_ms: int) -> tuple[date | None, Phase]:
        try:
            return self._sessions.trading_date(now_ms), self._sessions.phase(now_ms)
        except CalendarRangeError:
            return None, Phase.CLOSED


def _told(entry: Mapping[str, Any], health: Health, now_ms: int | None) -> Fields:
    """One connection as it is told; `now_ms` is None while the ingesting half does not report."""
    reports = now_ms is not None
    connected_ms = entry["connected_at"] if reports else None
    return {
        **{name: entry[name] for name in _AS_WRITTEN},
        "silent_topics": entry.get("silent_topics", []),  # a row of an older version has none
        "status": entry["status"] if reports else "disconnected",
        "condition": health.condition,
        "reason": health.reason,
        "message_count": entry["messages"],
        "messages_per_second": entry["messages_per_second"] if reports else 0.0,
        "error_count": entry["errors"],
        "reconnect_count": entry["reconnects"],
        "connected_at": connected_ms,
        "uptime_seconds": 0 if now_ms is None or connected_ms is None else max(0, now_ms - connected_ms) // 1000,
    }


def _summary(connections: list[Fields]) -> dict[str, int]:
    """Over all connections, those switched off too: `enabled_count` of the `total_connections` are used."""
    return {
        "total_connections": len(connections),
        "enabled_count": sum(connection["enabled"] for connection in connections),
        "connected_count": sum(connection["status"] == "connected" for connection in connections),
        "total_tickers": sum(connection["ticker_count"] for connection in connections),
        "total_ticks_received": sum(connection["message_count"] for connection in connections),
        "total_errors": sum(connection["error_count"] for connection in connections),
    }
