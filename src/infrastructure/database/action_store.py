"""Corporate actions as they are kept. Whoever may write rows writes them: they are no bars."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine, delete, insert, select, text

from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.infrastructure.database.bar_archive import known_symbols
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import corporate_actions

# Readers of many symbols look for changes of actions by how often some were stored.
_COUNT = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES ('actions', '1', :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(service_state.value AS bigint) + 1 AS text),"
    " updated_ms = excluded.updated_ms"
)
_AT_ONCE = 500  # rows, and names in a condition
_COLUMNS = corporate_actions.c


class Scope(NamedTuple):
    """What REST was asked for: one kind, and dates from the first to the last."""

    kind: ActionKind
    from_date: dt.date
    to_date: dt.date


class DatabaseActions:
    """Writes by `write`; `now_ms` is the wall clock. DatabaseUnavailableError while the database is away."""

    def __init__(self, write: Engine, now_ms: Callable[[], int]) -> None:
        self._write = write
        self._now_ms = now_ms

    def replace(self, scope: Scope, actions: Sequence[CorporateAction], kept: Collection[str]) -> tuple[int, int]:
        """Keeps what REST answered about the symbols `kept` in the place of what it answered before about the same; how
        many are new, and how many are gone."""
        known = {action.id for action in actions}
        with database_errors(), self._write.begin() as connection:
            query = select(_COLUMNS.id, _COLUMNS.symbol).where(
                _COLUMNS.source == ActionSource.REST.value,
                _COLUMNS.kind == scope.kind.value,
                _COLUMNS.date.between(scope.from_date, scope.to_date),
            )
            before = {row.id for row in connection.execute(query) if row.symbol in kept}
            _delete(connection.execute, before | known)
            _insert(connection.execute, actions, self._now_ms())
            connection.execute(_COUNT, {"now_ms": self._now_ms()})
        return len(known - before), len(before - known)

    def keep_splits(self, from_date: dt.date, to_date: dt.date, splits: Iterable[CorporateAction]) -> None:
        """The same with the splits of the whole market from one date to the other, both included: of the symbols that
        the database knows."""
        known = known_symbols(self._write)
        kept = {split.id: split for split in splits if split.symbol in known}
        self.replace(Scope(ActionKind.SPLIT, from_date, to_date), list(kept.values()), known)

    def add(self, actions: Sequence[CorporateAction]) -> int:
        """Keeps what a file says in the place of what files said before of the same symbol, day and kind: one that was
        corrected counts once. How many of it are new."""
        known = {action.id: action for action in actions}
        told = {(action.symbol, action.date, action.kind.value) for action in actions}
        query = select(_COLUMNS.id, _COLUMNS.symbol, _COLUMNS.date, _COLUMNS.kind).where(
            _COLUMNS.source == ActionSource.CSV.value
        )
        with database_errors(), self._write.begin() as connection:
            before = {row.id for row in connection.execute(query) if (row.symbol, row.date, row.kind) in told}
            _delete(connection.execute, before)
            _insert(connection.execute, list(known.values()), self._now_ms())
            connection.execute(_COUNT, {"now_ms": self._now_ms()})
        return len(known.keys() - before)


_Execute = Callable[..., object]


def _delete(execute: _Execute, ids: Collection[str]) -> None:
    listed = list(ids)
    for start in range(0, len(listed), _AT_ONCE):
        execute(delete(corporate_actions).where(_COLUMNS.id.in_(listed[start : start + _AT_ONCE])))


def _insert(execute: _Execute, actions: Sequence[CorporateAction], now_ms: int) -> None:
    rows = [{**action._asdict(), "loaded_ms": now_ms} for action in actions]
    for start in range(0, len(rows), _AT_ONCE):
        execute(insert(corporate_actions), rows[start : start + _AT_ONCE])
