"""Runs that compared a day with the vendor's bars, and the symbols that a day is to be compared of."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from src.core.domain.market.bar import Tier
from src.core.domain.market.reconciliation import Run, RunState
from src.core.ports import KeptSymbols
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import reconciliations

_KEPT = 1_000
_WITH_BARS = (
    "SELECT symbol FROM symbols WHERE EXISTS (SELECT 1 FROM ohlcv_1min AS bar WHERE bar.symbol = symbols.symbol"
    " AND bar.timestamp >= {from_ms} AND bar.timestamp <= {to_ms} AND bar.tier < :below)"
)
_GIVEN_UP = text(
    "SELECT 1 FROM data_gaps WHERE state = 'unrepairable' AND from_ms <= :to_ms AND to_ms >= :from_ms LIMIT 1"
)
_ALL = text("SELECT symbol FROM symbols")
_UNIVERSE = text("SELECT value FROM service_state WHERE key = 'universe'")
_OLDEST_FIRST = (reconciliations.c.started_ms, reconciliations.c.id)
_NEWEST_FIRST = select(reconciliations).order_by(*(column.desc() for column in _OLDEST_FIRST))


class DatabaseReconciliations:
    """Reads by `read`, writes rows by `write`. Any thread may call; DatabaseUnavailableError while the database is
    away."""

    def __init__(self, read: Engine, write: Engine) -> None:
        self._read = read
        self._write = write
        bounds = {name: dialect_of(read).moment.format(f":{name}") for name in ("from_ms", "to_ms")}
        self._with_bars = text(_WITH_BARS.format(**bounds))

    def begin(self, run: Run, instead_of: Sequence[str] = ()) -> None:
        """Keeps a new run, in place of those with the ids `instead_of`; of all runs the newest 1,000 are kept."""
        with database_errors(), self._write.begin() as connection:
            connection.execute(delete(reconciliations).where(reconciliations.c.id.in_(instead_of)))
            connection.execute(insert(reconciliations).values(**_row(run)))
            _forget(connection)

    def save(self, run: Run) -> None:
        """Keeps how far a run is."""
        with database_errors(), self._write.begin() as connection:
            row = _row(run)
            connection.execute(update(reconciliations).where(reconciliations.c.id == row.pop("id")).values(**row))

    def find(self, run_id: str) -> Run | None:
        """The run of that id."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(select(reconciliations).where(reconciliations.c.id == run_id)).mappings().first()
        return None if row is None else _run(row)

    def of_date(self, date: dt.date) -> list[Run]:
        """The runs of a day, newest first."""
        query = _NEWEST_FIRST.where(reconciliations.c.date == date.isoformat())
        with database_errors(), self._read.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def unfinished(self) -> list[Run]:
        """The runs that have not ended, oldest first: they wait, run, or were interrupted."""
        unfinished = (RunState.WAITING.value, RunState.RUNNING.value)
        query = select(reconciliations).where(reconciliations.c.state.in_(unfinished)).order_by(*_OLDEST_FIRST)
        with database_errors(), self._read.connect() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def newest(self, limit: int) -> list[Run]:
        """The newest `limit` runs, newest first."""
        with database_errors(), self._read.connect() as connection:
            return [_run(row) for row in connection.execute(_NEWEST_FIRST.limit(limit)).mappings()]

    def kept_symbols(self, from_ms: int, to_ms: int) -> KeptSymbols:
        """What is listened to, and what has bars that start in [from_ms, to_ms] (epoch ms)."""
        bounds = {"from_ms": from_ms, "to_ms": to_ms, "below": Tier.FINAL + 1}
        with database_errors(), self._read.connect() as connection:
            stored = {row[0] for row in connection.execute(self._with_bars, bounds)}
            universe = connection.execute(_UNIVERSE).scalar()
            listened = [] if universe is None else msgspec.json.decode(universe)["symbols"]
            whole_market = list(listened) == ["*"]
            known = {row[0] for row in connection.execute(_ALL)} if whole_market else set(listened)
        return KeptSymbols(tuple(sorted(stored | known)), whole_market)

    def has_unsettled(self, from_ms: int, to_ms: int) -> bool:
        """Whether a bar that starts in [from_ms, to_ms] is not final."""
        query = text(f"{self._with_bars.text} LIMIT 1")
        bounds = {"from_ms": from_ms, "to_ms": to_ms, "below": Tier.FINAL.value}
        with database_errors(), self._read.connect() as connection:
            return connection.execute(query, bounds).first() is not None

    def has_given_up(self, from_ms: int, to_ms: int) -> bool:
        """Whether a gap with a minute in [from_ms, to_ms] was given up."""
        with database_errors(), self._read.connect() as connection:
            return connection.execute(_GIVEN_UP, {"from_ms": from_ms, "to_ms": to_ms}).first() is not None


def _forget(connection: Connection) -> None:
    kept = select(reconciliations.c.id).order_by(*(column.desc() for column in _OLDEST_FIRST)).limit(_KEPT)
    connection.execute(delete(reconciliations).where(reconciliations.c.id.not_in(kept)))


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "date": run.date.isoformat(),
        "symbols": _json(run.symbols),
        "file": run.file,
        "state": run.state.value,
        "started_ms": run.started_ms,
        "finished_ms": run.finished_ms,
        "symbols_total": run.total,
        "symbols_done": run.done_count,
        "bars": run.bars,
        "added": run.added,
        "differed": run.differed,
        "withdrawn": run.withdrawn,
        "done_symbols": None if run.state is RunState.DONE else _json(run.done),
        "failed_symbols": _json(run.failed),
        "detail": run.detail,
    }


def _run(row: Mapping[Any, Any]) -> Run:
    return Run(
        id=row["id"],
        date=dt.date.fromisoformat(row["date"]),
        symbols=_symbols(row["symbols"]),
        file=row["file"],
        state=RunState(row["state"]),
        started_ms=row["started_ms"],
        finished_ms=row["finished_ms"],
        total=row["symbols_total"],
        bars=row["bars"],
        added=row["added"],
        differed=row["differed"],
        withdrawn=row["withdrawn"],
        done=_symbols(row["done_symbols"]) or (),
        done_count=row["symbols_done"],
        failed=msgspec.json.decode(row["failed_symbols"]),
        detail=row["detail"],
    )


def _symbols(listed: str | None) -> tuple[str, ...] | None:
    return None if listed is None else tuple(msgspec.json.decode(listed))
