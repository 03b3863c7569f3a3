"""What changed since a cursor. One small query each 100 ms tells whether anything did, however many ask."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine, text

from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.cursor import Changes, Cursor, cut
from src.core.errors import DatabaseUnavailableError
from src.core.ports import Seen
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tickstock_db import MAX_ROWS_A_TRANSACTION, RECENT_MS

_LOOK_INTERVAL_S = 0.1
# The watch ends when nobody asked for so long; the next to ask starts it again.
_IDLE_S = 30.0
# Notes of changes are kept a day, so a cursor from before the newest minute of a day ago leads nowhere.
_OLDEST_MS = 86_400_000
_MOST_BARS = 20_000  # in one answer
# Who is further behind than about so many bars is to begin anew: to sort them would take longer than a reader may.
_FURTHEST_BARS = 200_000
_END_OF_REVISION = (253_402_300_799_999, "")

_LOOK = text(
    "SELECT database_id, revision, newest_bar_ms, symbols_revision, changes_floor,"
    " (SELECT updated_ms FROM service_state WHERE key = 'feed'),"
    " (SELECT updated_ms FROM service_state WHERE key = 'universe'),"
    " (SELECT updated_ms FROM service_state WHERE key = 'status'),"
    " (SELECT updated_ms FROM service_state WHERE key = 'assignment') FROM write_state"
)
_UNSEEN = (
    "(bar.revision > :revision OR (bar.revision = :revision AND (bar.timestamp, bar.symbol) > ({after_time}, :after)))"
)
_RECENT = "SELECT {columns}, bar.revision AS revision FROM {listed} {nested} WHERE {unseen}"
_NOTED = (
    "SELECT {columns}, bar.revision AS revision FROM (SELECT * FROM bar_changes WHERE revision >= :revision"
    " AND symbol IN (SELECT value FROM {listed})) AS change {nested} WHERE {unseen}"
)
_NOTED_BARS = (
    "SELECT CAST(sum((to_ms - from_ms) / 60000 + 1) AS bigint) FROM bar_changes"
    " WHERE revision >= :revision AND symbol IN (SELECT value FROM {listed})"
)


class DatabaseChangeReader:
    """Any thread may call. `monotonic` reads seconds that never step back.

    Methods raise DatabaseUnavailableError while the database is away.
    """

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._query = text(_changes_query(dialect_of(engine)))
        self._noted_query = text(_NOTED_BARS.format(listed=dialect_of(engine).listed))
        self._bind_list = dialect_of(engine).bind_list
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None
        self._asked_s = 0.0
        self._seen: Seen | DatabaseUnavailableError | None = None

    def seen(self, at_least: int = 0) -> Seen:
        """The state of the database, at most some 100 ms old. Costs no query while others ask too.

        `at_least` is a revision that another process is known to have seen.
        """
        self._asked_s = self._monotonic()
        if self._watch is None or not self._watch.is_alive():
            self._start_watch()
        seen = self._seen  # once: the watch replaces it at any time
        if isinstance(seen, DatabaseUnavailableError):
            raise seen
        assert seen is not None  # noqa: S101  the watch is started with a look
        return self._look() if seen.revision < at_least else seen

    def changes(self, symbols: Sequence[str], cursor: Cursor, limit: int, seen: Seen) -> Changes | None:
        """Bars of `symbols` created or revised since `cursor`, at most `limit` of each and 20,000 together.

        Up to `seen`, which is not to be newer than what told that these are all of the symbols asked for. None for a
        cursor that is foreign, expired or too far behind: from it, nothing leads on.
        """
        if not _leads_on(cursor, seen):
            return None
        end = Cursor(seen.database_id, seen.revision, seen.newest_ms)
        if cursor.revision == seen.revision and cursor.after is None:
            return Changes([], end, False)
        if self._is_far_behind(symbols, cursor, seen):
            return None
        found = self._read(symbols, cursor, min(_MOST_BARS, limit * len(symbols)) + 1)
        changes = cut(found, cursor, end, limit, _MOST_BARS)
        # What was committed after `seen` may be told, but not passed: a symbol may have come with it.
        return changes._replace(cursor=end) if changes.cursor.revision > seen.revision else changes

    def _is_far_behind(self, symbols: Sequence[str], cursor: Cursor, seen: Seen) -> bool:
        """Whether more bars may have changed since `cursor` than can be looked through in one question."""
        recent = len(symbols) * (seen.newest_ms - cursor.newest_ms) // MINUTE_MS
        if seen.revision - cursor.revision <= _FURTHEST_BARS // MAX_ROWS_A_TRANSACTION:
            return False
        values = {"wanted": self._bind_list(symbols), "revision": cursor.revision}
        with database_errors(), self._engine.connect() as connection:
            noted = connection.execute(self._noted_query, values).scalar() or 0
        return recent + noted > _FURTHEST_BARS

    def _read(self, symbols: Sequence[str], cursor: Cursor, most: int) -> list[tuple[int, Bar]]:
        after_ms, after = cursor.after or _END_OF_REVISION
        values: dict[str, Any] = {
            "wanted": self._bind_list(symbols),
            "revision": cursor.revision,
            "since": cursor.newest_ms - RECENT_MS,
            "after_ms": after_ms,
            "after": after,
            "most": most,
        }
        with database_errors(), self._engine.connect() as connection:
            return [(row[-1], Bar(*row[:-1])) for row in connection.execute(self._query, values)]

    def _start_watch(self) -> None:
        with self._lock:
            if self._watch is None or not self._watch.is_alive():
                self._look_or_note_failure()  # once for all who wait here, even if the database takes long to fail
                self._watch = threading.Thread(target=self._run_watch, name="revision-watch", daemon=True)
                self._watch.start()

    def _run_watch(self) -> None:
        while self._monotonic() - self._asked_s < _IDLE_S:
            time.sleep(_LOOK_INTERVAL_S)
            self._look_or_note_failure()

    def _look_or_note_failure(self) -> None:
        try:
            self._look()
        except DatabaseUnavailableError as error:
            self._seen = error

    def _look(self) -> Seen:
        with database_errors(), self._engine.connect() as connection:
            seen = Seen(*connection.execute(_LOOK).one())
        self._seen = seen = seen._replace(database_id=seen.database_id.replace("-", ""))
        return seen


def _leads_on(cursor: Cursor, seen: Seen) -> bool:
    return (
        cursor.database_id == seen.database_id
        and seen.changes_floor <= cursor.revision <= seen.revision
        and cursor.newest_ms >= seen.newest_ms - _OLDEST_MS
    )


def _changes_query(dialect: Dialect) -> str:
    words = {
        "columns": dialect.columns(),
        "listed": dialect.listed,
        "since": dialect.moment.format(":since"),
        "unseen": _UNSEEN.format(after_time=dialect.moment.format(":after_ms")),
    }
    first, last = dialect.moment.format("change.from_ms"), dialect.moment.format("change.to_ms")
    newest = dialect.nested.format(f"bar.symbol = wanted.value AND bar.timestamp >= {words['since']}")
    older = dialect.nested.format(
        f"bar.symbol = change.symbol AND bar.timestamp BETWEEN {first} AND {last} AND bar.timestamp < {words['since']}"
    )
    recent, noted = _RECENT.format(nested=newest, **words), _NOTED.format(nested=older, **words)
    return f"{recent} UNION {noted} ORDER BY revision, timestamp, symbol LIMIT :most"
