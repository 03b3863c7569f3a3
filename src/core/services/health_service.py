"""What the program says of itself: to people as a status, to machines as readiness."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple

from src.core.domain.connection.health import STATUS_STALE_MS, Condition, Health, feed_health
from src.core.domain.market.session import CalendarRangeError, Phase, SessionTable
from src.core.errors import DatabaseUnavailableError, SchemaError
from src.core.ports import BarReader

# A page lists this many symbols at most.
_MAX_SYMBOLS = 1000


class Check(NamedTuple):
    """One thing that has to hold before the program is of use, with a sentence that says how it is."""

    name: str
    ok: bool
    message: str


class HealthService:
    """Answers from the database alone, so that it is right in every process. `now_ms` reads the wall clock.

    `check_schema` raises SchemaError when the database has not this program's schema.
    """

    def __init__(
        self,
        reader: BarReader,
        sessions: SessionTable,
        check_schema: Callable[[], None],
        now_ms: Callable[[], int],
        version: str,
    ) -> None:
        self._reader = reader
        self._sessions = sessions
        self._check_schema = check_schema
        self._now_ms = now_ms
        self._version = version

    def status(self) -> dict[str, Any]:
        """The status for people and their pages; times are epoch ms."""
        status = self.brief_status()
        status["universe"]["symbols"] = self._reader.universe(_MAX_SYMBOLS)
        return status

    def brief_status(self) -> dict[str, Any]:
        """The same without the universe's symbols, of which `changed_at` says when to ask for them again."""
        now_ms = self._now_ms()
        written = self._reader.state("status")
        feed = written["feed"] if written else self._reader.state("feed")
        universe = self._reader.state("universe") or {"key": None, "symbols": [], "unknown": [], "changed_at": None}
        day, phase = self._session(now_ms)
        health = feed_health(written, phase, now_ms)
        return {
            "version": self._version,
            "server_time": now_ms,
            "feed": {"name": feed, "simulated": feed == "simulated"},
            "condition": health.condition,
            "reason": health.reason,
            "session": {"date": None if day is None else day.isoformat(), "phase": phase},
            "universe": {
                "key": universe["key"],
                "count": len(universe["symbols"]),
                "unknown": universe["unknown"],
                "changed_at": universe["changed_at"],
            },
            "last_message_time": written["last_tick_time"] if written else None,
            "connection": written["connection"] if written else None,
            "lost_frames": written.get("lost_frames") if written else None,  # a row of an older version has none
            "last_lost_frame_time": written.get("last_lost_frame_time") if written else None,
            "ingest_age_ms": now_ms - written["written_at"] if written else None,
        }

    def readiness(self) -> Sequence[Check]:
        """What has to hold, each with how it is; the first that fails hides those that depend on it."""
        try:
            self._check_schema()
            written = self._reader.state("status")
        except (DatabaseUnavailableError, SchemaError) as error:
            return [Check("database", False, str(error))]
        now_ms = self._now_ms()
        health = feed_health(written, self._session(now_ms)[1], now_ms)
        return [
            Check("database", True, "The database answers and has this program's schema."),
            *_ingest(written, health, now_ms),
        ]

    def _session(self, now_ms: int) -> tuple[date | None, Phase]:
        try:
            return self._sessions.trading_date(now_ms), self._sessions.phase(now_ms)
        except CalendarRangeError:
            return None, Phase.CLOSED


def _ingest(written: dict[str, Any] | None, health: Health, now_ms: int) -> list[Check]:
    running = written is not None and now_ms - written["written_at"] <= STATUS_STALE_MS
    if not running:
        return [Check("ingest", False, health.reason)]
    connected = health.condition is not Condition.DOWN
    return [
        Check("ingest", True, "The ingesting process reports each second."),
        Check("feed", connected, health.reason),
    ]
