"""What the program says of itself: to people as a status, to machines as readiness."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from src.core.domain.connection.health import Condition, feed_health, ingest_trouble
from src.core.domain.market.session import CalendarRangeError, Phase, SessionTable
from src.core.domain.market.storage import storage_health
from src.core.errors import DatabaseUnavailableError, SchemaError
from src.core.ports import BarReader
from src.core.services.measurement_service import Connection, connections_of

# A page lists this many symbols at most.
_MAX_SYMBOLS = 1000


class Check(NamedTuple):
    """One thing that should hold, with a sentence that says how it is.

    Without what is `required` the program is of no use; the rest is named, and it works on.
    """

    name: str
    ok: bool
    message: str
    required: bool = True


class HealthService:
    """Answers from the database alone, so that it is right in every process. `now_ms` reads the wall clock.

    `check_schema` raises SchemaError when the database has not this program's schema; `write_trouble` says in a
    sentence why the database cannot be written to, as far as that can be told from here, else None.
    """

    def __init__(
        self,
        reader: BarReader,
        sessions: SessionTable,
        check_schema: Callable[[], None],
        now_ms: Callable[[], int],
        version: str,
        write_trouble: Callable[[], str | None],
    ) -> None:
        self._reader = reader
        self._sessions = sessions
        self._check_schema = check_schema
        self._now_ms = now_ms
        self._version = version
        self._write_trouble = write_trouble

    def status(self) -> dict[str, Any]:
        """The status for people and their pages; times are epoch ms. While the database is away it is made of what the
        ingesting half tells on this machine; DatabaseUnavailableError where it tells nothing."""
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
            "gaps": _gaps(written),
            "storage": None if (storage := storage_health(written, now_ms)) is None else storage._asdict(),
            "ingest_age_ms": now_ms - written["written_at"] if written else None,
        }

    def readiness(self) -> Sequence[Check]:
        """What has to hold, each with how it is; the first that fails hides those that depend on it."""
        try:
            self._check_schema()
            written = self._reader.state("status")
        except (DatabaseUnavailableError, SchemaError) as error:
            return [Check("database", False, str(error)), *self._storage_while_away()]
        now_ms = self._now_ms()
        phase = self._session(now_ms)[1]
        database = Check("database", True, "The database answers and has this program's schema.")
        if trouble := ingest_trouble(written, now_ms):
            # A database that takes no bars takes no report either.
            return [database, Check("ingest", False, " ".join(filter(None, [trouble, self._write_trouble()])))]
        health = feed_health(written, phase, now_ms)
        enabled = [each for each in connections_of(written, phase, now_ms) if each.entry["enabled"]]
        return [
            database,
            Check("ingest", True, "The ingesting process reports each second."),
            *_storage_checks(written, now_ms),
            Check("feed", health.condition is not Condition.DOWN, health.reason),
            *map(_check, enabled),
            *_gap_checks(written),
        ]

    def _storage_while_away(self) -> list[Check]:
        """What the ingesting half tells on this machine of a database that does not answer."""
        try:
            written, now_ms = self._reader.state("status"), self._now_ms()
        except DatabaseUnavailableError:
            return []
        return [] if ingest_trouble(written, now_ms) else _storage_checks(written, now_ms)

    def _session(self, now_ms: int) -> tuple[date | None, Phase]:
        try:
            return self._sessions.trading_date(now_ms), self._sessions.phase(now_ms)
        except CalendarRangeError:
            return None, Phase.CLOSED


def _gaps(written: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How many gaps are open, and when the queue of their repair is empty; None where the row does not tell."""
    repair = (written or {}).get("repair")
    return None if repair is None else {"open": repair["open_gaps"], "empty_at": repair["empty_at"]}


def _gap_checks(written: Mapping[str, Any] | None) -> list[Check]:
    """What is not repaired yet: minutes of before, so the program is of use meanwhile."""
    repair = (written or {}).get("repair")
    if repair is None:
        return []
    if not repair["open_gaps"]:
        return [Check("gaps", True, "No gap is open.", required=False)]
    return [Check("gaps", False, f"{repair['open_gaps']:,} open: {repair['words']}", required=False)]


def _storage_checks(written: Mapping[str, Any] | None, now_ms: int) -> list[Check]:
    health = storage_health(written, now_ms)
    return [] if health is None else [Check("storage", health.ok, health.words)]


def _check(connection: Connection) -> Check:
    """One connection: while the others live, the program is of use without it."""
    entry, health = connection
    words = f"{entry['name']}: {health.reason}"
    return Check(entry["connection_id"], health.condition is not Condition.DOWN, words, required=False)
