"""What is measured of the program: from the database alone, so that it is right in every process."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from src.core.domain.connection.health import Health, connection_health, feed_health, ingest_trouble
from src.core.domain.market.session import Phase, SessionTable
from src.core.errors import DatabaseUnavailableError
from src.core.ports import BarReader

# The hours in which bars are expected.
OPEN_PHASES = (Phase.PRE, Phase.REGULAR, Phase.POST)


class Connection(NamedTuple):
    """One connection of the status row, and how it is."""

    entry: Mapping[str, Any]
    health: Health


class Measurement(NamedTuple):
    """The program at `at_ms` (epoch ms).

    `row` is the ingesting half's last status, None when it never wrote one or nobody tells it; `reports` says whether
    it tells of now, `bars_expected` whether the calendar, or a simulated feed, promises bars now.
    """

    at_ms: int
    database_up: bool
    feed: str | None
    phase: Phase
    bars_expected: bool
    row: Mapping[str, Any] | None
    reports: bool
    health: Health
    connections: tuple[Connection, ...]


class MeasurementService:
    """Any thread may call. `now_ms` reads the wall clock."""

    def __init__(self, reader: BarReader, sessions: SessionTable, now_ms: Callable[[], int]) -> None:
        self._reader = reader
        self._sessions = sessions
        self._now_ms = now_ms

    def measure(self) -> Measurement:
        """How things are now. With the database away too: it then says so, and knows the calendar and what the
        ingesting half tells on this machine."""
        now_ms = self._now_ms()
        phase = self._sessions.phase_or_closed(now_ms)
        try:
            self._reader.check()
            feed, database_up = self._reader.state("feed"), True
        except DatabaseUnavailableError:
            feed, database_up = None, False
        row = self._row()
        return self._measured(now_ms, phase, row, row["feed"] if row else feed, database_up)

    def _row(self) -> Mapping[str, Any] | None:
        try:
            row: Mapping[str, Any] | None = self._reader.state("status")
        except DatabaseUnavailableError:
            return None
        return row

    def _measured(
        self, now_ms: int, phase: Phase, row: Mapping[str, Any] | None, feed: str | None, database_up: bool
    ) -> Measurement:
        return Measurement(
            at_ms=now_ms,
            database_up=database_up,
            feed=feed,
            phase=phase,
            bars_expected=feed == "simulated" or phase in OPEN_PHASES,
            row=row,
            reports=ingest_trouble(row, now_ms) is None,
            health=feed_health(row, phase, now_ms),
            connections=connections_of(row, phase, now_ms),
        )


def connections_of(row: Mapping[str, Any] | None, phase: Phase, now_ms: int) -> tuple[Connection, ...]:
    """The connections of a status row with their conditions; a row of an older version has none."""
    if row is None:
        return ()
    trouble, simulated = ingest_trouble(row, now_ms), row["feed"] == "simulated"
    return tuple(
        Connection(entry, connection_health(entry, phase, simulated, trouble, now_ms))
        for entry in row.get("connections", [])
    )
