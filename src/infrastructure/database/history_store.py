"""Loads of history, and which days of each symbol's months are known."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from src.core.domain.market.history import Known, Load, LoadState, Piece, Timespan
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import history_loads, history_months

_KEPT = 1_000
_COLUMNS = history_months.c
_OLDEST_FIRST = (history_loads.c.asked_ms, history_loads.c.id)
_NEWEST_FIRST = select(history_loads).order_by(*(column.desc() for column in _OLDEST_FIRST))
_SET_MONTH = text(
    "INSERT INTO history_months (symbol, timespan, month, since, through, bars, asked_ms)"
    " VALUES (:symbol, :timespan, :month, :since, :through, :bars, :asked_ms)"
    " ON CONFLICT (symbol, timespan, month) DO UPDATE SET since = excluded.since, through = excluded.through,"
    " bars = excluded.bars, asked_ms = excluded.asked_ms"
)


class DatabaseHistory:
    """Reads by `read`, writes rows by `write`. Any thread may call; DatabaseUnavailableError while the database is
    away."""

    def __init__(self, read: Engine, write: Engine) -> None:
        self._read = read
        self._write = write

    def begin(self, load: Load) -> None:
        """Keeps a new load; of all loads the newest 1,000 are kept."""
        with database_errors(), self._write.begin() as connection:
            connection.execute(insert(history_loads).values(**_row(load)))
            kept = select(history_loads.c.id).order_by(*(column.desc() for column in _OLDEST_FIRST)).limit(_KEPT)
            connection.execute(delete(history_loads).where(history_loads.c.id.not_in(kept)))

    def save(self, load: Load) -> None:
        """Keeps how far a load is."""
        with database_errors(), self._write.begin() as connection:
            _save(connection, load)

    def learn(self, load: Load, months: Sequence[tuple[Piece, Known]], asked_ms: int) -> None:
        """Keeps what became known of months, and with it, at once or not at all, how far the load is."""
        rows = [_month_row(load.timespan, piece, known, asked_ms) for piece, known in months]
        with database_errors(), self._write.begin() as connection:
            if rows:
                connection.execute(_SET_MONTH, rows)
            _save(connection, load)

    def find(self, load_id: str) -> Load | None:
        """The load of that id."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(select(history_loads).where(history_loads.c.id == load_id)).mappings().first()
        return None if row is None else _load(row)

    def unfinished(self) -> list[Load]:
        """The loads that have not ended, oldest first: they wait, run, or were interrupted."""
        unfinished = (LoadState.WAITING.value, LoadState.RUNNING.value)
        query = select(history_loads).where(history_loads.c.state.in_(unfinished)).order_by(*_OLDEST_FIRST)
        with database_errors(), self._read.connect() as connection:
            return [_load(row) for row in connection.execute(query).mappings()]

    def newest(self, limit: int) -> list[Load]:
        """The newest `limit` loads, newest first."""
        with database_errors(), self._read.connect() as connection:
            return [_load(row) for row in connection.execute(_NEWEST_FIRST.limit(limit)).mappings()]

    def months(self, symbol: str, timespan: Timespan) -> dict[str, Known]:
        """What is known of a symbol, by month (YYYY-MM)."""
        query = select(_COLUMNS.month, _COLUMNS.since, _COLUMNS.through, _COLUMNS.bars).where(
            _COLUMNS.symbol == symbol, _COLUMNS.timespan == timespan.value
        )
        with database_errors(), self._read.connect() as connection:
            return {month: Known(since, through, bars) for month, since, through, bars in connection.execute(query)}


def _save(connection: Connection, load: Load) -> None:
    row = _row(load)
    connection.execute(update(history_loads).where(history_loads.c.id == row.pop("id")).values(**row))


def _month_row(timespan: Timespan, piece: Piece, known: Known, asked_ms: int) -> dict[str, Any]:
    return {
        "symbol": piece.symbol,
        "timespan": timespan.value,
        "month": piece.month,
        "since": known.since.isoformat(),
        "through": known.through.isoformat(),
        "bars": known.bars,
        "asked_ms": asked_ms,
    }


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _row(load: Load) -> dict[str, Any]:
    row = msgspec.structs.asdict(load)
    return {
        **row,
        "symbols": _json(load.symbols),
        "files": _json(load.files),
        "timespan": load.timespan.value,
        "state": load.state.value,
        "failures": _json(load.failures),
    }


def _load(row: Mapping[Any, Any]) -> Load:
    return Load(
        **{
            **row,
            "timespan": Timespan(row["timespan"]),
            "symbols": _listed(row["symbols"]),
            "files": _listed(row["files"]),
            "state": LoadState(row["state"]),
            "failures": msgspec.json.decode(row["failures"]),
        }
    )


def _listed(names: str | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(msgspec.json.decode(names))
