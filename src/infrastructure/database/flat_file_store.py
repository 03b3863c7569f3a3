"""Where the bars of flat files are stored: merged as all other evidence, and what that changed is counted."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, text

from src.core.domain.market.flat_file import DayBatch, MinuteBatch
from src.core.history_ports import StoredRows
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tickstock_db import Merged, TickStockDatabase

_DAYS_CHANGED = (
    "SELECT count(*) FROM {listed} CROSS JOIN ohlcv_daily AS day WHERE day.symbol = wanted.value"
    " AND day.date >= :first AND day.date <= :last AND day.revision = :revision"
)


class FlatFileStore:
    """Writes by `database` and reads by `read`. DatabaseUnavailableError while the database is away: the same call may
    then be made again."""

    def __init__(self, database: TickStockDatabase, read: Engine) -> None:
        self._database = database
        self._read = read
        self._days_changed = text(_DAYS_CHANGED.format(listed=dialect_of(read).listed))

    def merge_minutes(self, batch: MinuteBatch) -> StoredRows:
        """Commits a batch in one transaction."""
        merged, written = self._database.merge_encoded(batch)
        return StoredRows(batch.count - merged.refused, written, _reasons(merged))

    def tidy(self) -> None:
        """Drops notes of changes that nobody follows any more; to be called now and then."""
        self._database.forget_old_changes()

    def merge_days(self, batch: DayBatch) -> StoredRows:
        """The same of days."""
        if not batch.days:
            return StoredRows(0, 0, ())
        merged = self._database.merge_daily(batch.days)
        bounds = {
            "first": min(day.date for day in batch.days).isoformat(),
            "last": max(day.date for day in batch.days).isoformat(),
        }
        symbols = dialect_of(self._read).bind_list([day.symbol for day in batch.days])
        values = {"wanted": symbols, "revision": merged.revision, **bounds}
        with database_errors(), self._read.connect() as connection:
            written: int = connection.execute(self._days_changed, values).scalar_one()
        return StoredRows(len(batch.days) - merged.refused, written, _reasons(merged))


def _reasons(merged: Merged[Any]) -> Sequence[str]:
    return tuple(reason for _row, reason in merged.refusals)
