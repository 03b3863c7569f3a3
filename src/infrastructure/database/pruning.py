"""Drops minutes that are older than what is kept, a little at a time."""

import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, Engine, text

from src.core.domain.market.history import Timespan
from src.core.domain.market.session import new_york_date
from src.core.history_ports import Pruned
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

# A transaction holds SQLite's write lock for some milliseconds; whoever writes bars comes in between.
_ROWS_A_TRANSACTION = 2_000
_SYMBOLS = text("SELECT symbol FROM symbols ORDER BY symbol")
_COUNT = "SELECT count(*) FROM ohlcv_1min WHERE symbol = :symbol AND timestamp < {before}"
_LAST_OF_SLICE = (
    "SELECT {epoch} FROM ohlcv_1min WHERE symbol = :symbol AND timestamp < {before} ORDER BY timestamp"
    " LIMIT 1 OFFSET :rows"
)
_DROP = "DELETE FROM ohlcv_1min WHERE symbol = :symbol AND timestamp < {before}"
# What REST told of these days is not there any more: a load asks for it again.
_FORGET = text("DELETE FROM history_months WHERE timespan = :timespan AND through < :first")
_SHORTEN = text("UPDATE history_months SET since = :first WHERE timespan = :timespan AND since < :first")
# What was given up of minutes that are not kept any more is nobody's loss.
_GIVEN_UP = "SELECT id FROM data_gaps WHERE state = 'unrepairable' AND to_ms < :before_ms"
_FORGET_GAPS = tuple(
    text(f"DELETE FROM {table} WHERE {key} IN ({_GIVEN_UP})")  # noqa: S608  of constants
    for table, key in (("data_gap_symbols", "gap_id"), ("data_gaps", "id"))
)
_READ = text("SELECT value FROM service_state WHERE key = 'pruned'")
_HEARD = text("SELECT value FROM service_state WHERE key = 'heard'")
_KEEP = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES ('pruned', :value, :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
)


class DatabasePruner:
    """Drops bars by `engine`, which may write; `now_ms` is the wall clock. One thread at a time.

    Methods raise DatabaseUnavailableError. What was dropped can be loaded again, if the vendor still has it.
    """

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms
        dialect = dialect_of(engine)
        before = dialect.moment.format(":before_ms")
        self._count = text(_COUNT.format(before=before))
        self._last_of_slice = text(_LAST_OF_SLICE.format(before=before, epoch=dialect.epoch_ms.format("timestamp")))
        self._drop = text(_DROP.format(before=before))

    def pruned(self) -> Pruned:
        """What was dropped so far."""
        with database_errors(), self._engine.connect() as connection:
            return _read(connection)

    def heard_ms(self) -> int:
        """Of when the newest is that the feed ever sent, epoch ms; 0 where it sent nothing yet."""
        with database_errors(), self._engine.connect() as connection:
            value = connection.execute(_HEARD).scalar()
        return 0 if value is None else int(msgspec.json.decode(value)["event_ms"])

    def count(self, before_ms: int) -> int:
        """How many bars there are before `before_ms` (epoch ms)."""
        return sum(self._count_of(symbol, before_ms) for symbol in self._symbols())

    def prune(self, before_ms: int, go_on: Callable[[int, float], bool]) -> int:
        """Drops all minutes before `before_ms`, at most 2,000 a transaction, and says how many that were.

        `go_on` is told after each one how many it dropped and how many seconds it took; it may wait, so that others
        write meanwhile, and ends the whole by False. A later call does the rest.
        """
        dropped = 0
        self._forget(before_ms)
        for symbol in self._symbols():
            while True:
                started_s = time.monotonic()
                rows, is_last = self._drop_some(symbol, before_ms)
                dropped += rows
                if rows and not go_on(rows, time.monotonic() - started_s):
                    return dropped
                if is_last:
                    break
        with database_errors(), self._engine.begin() as connection:
            self._keep(connection, before_ms, 0)
        return dropped

    def _forget(self, before_ms: int) -> None:
        """What is known of minutes before `before_ms`, and what was given up of them."""
        values = {"timespan": Timespan.MINUTE.value, "first": new_york_date(before_ms).isoformat()}
        with database_errors(), self._engine.begin() as connection:
            connection.execute(_FORGET, values)
            connection.execute(_SHORTEN, values)
            for statement in _FORGET_GAPS:
                connection.execute(statement, {"before_ms": before_ms})

    def _symbols(self) -> list[str]:
        with database_errors(), self._engine.connect() as connection:
            return list(connection.execute(_SYMBOLS).scalars())

    def _count_of(self, symbol: str, before_ms: int) -> int:
        with database_errors(), self._engine.connect() as connection:
            return int(connection.execute(self._count, {"symbol": symbol, "before_ms": before_ms}).scalar_one())

    def _drop_some(self, symbol: str, before_ms: int) -> tuple[int, bool]:
        """How many bars were dropped, and whether these were the last ones."""
        values = {"symbol": symbol, "before_ms": before_ms}
        with database_errors(), self._engine.connect() as connection:
            if connection.execute(self._last_of_slice, {**values, "rows": 0}).scalar() is None:
                return 0, True
            last_ms = connection.execute(self._last_of_slice, {**values, "rows": _ROWS_A_TRANSACTION}).scalar()
        until_ms = before_ms if last_ms is None else last_ms
        with database_errors(), self._engine.begin() as connection:
            rows = connection.execute(self._drop, {"symbol": symbol, "before_ms": until_ms}).rowcount
            self._keep(connection, 0, rows)
        return rows, last_ms is None

    def _keep(self, connection: Connection, before_ms: int, rows: int) -> None:
        known = _read(connection)
        new = Pruned(max(known.before_ms, before_ms), known.bars + rows)
        connection.execute(_KEEP, {"value": msgspec.json.encode(new._asdict()).decode(), "now_ms": self._now_ms()})


def _read(connection: Connection) -> Pruned:
    value = connection.execute(_READ).scalar()
    return Pruned(0, 0) if value is None else Pruned(**msgspec.json.decode(value))
