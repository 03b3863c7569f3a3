"""What a batch of a flat file's bars changes, found out for less than it takes to store them."""

from sqlalchemy import Connection, text

from src.core.domain.market.flat_file import MinuteBatch
from src.infrastructure.database.dialects import Dialect, Range, dialect_of

_COUNT = "SELECT count(*) FROM {ranges} {nested}"


class BatchChanges:
    """To be made within the transaction that merges `batch`, before it does, and once others wait for it."""

    def __init__(self, connection: Connection, batch: MinuteBatch) -> None:
        self._connection = connection
        self._batch = batch
        dialect = dialect_of(connection)
        bind = dialect.bind_list
        self._bounds = {"symbols": bind(batch.symbols), "froms": bind(batch.froms), "tos": bind(batch.tos)}
        self._changed = text(_count(dialect, " AND bar.revision = :revision"))
        found = connection.execute(text(_count(dialect)), self._bounds).scalar_one()
        self.is_new = found == 0  # between the first and the last minute of each symbol nothing is stored

    def count(self, revision: int) -> int:
        """How many of the bars were not stored like this before, once they were merged as `revision`."""
        if self.is_new:  # most often: then all of them are new, without a look at each
            return self._batch.count
        changed: int = self._connection.execute(self._changed, {**self._bounds, "revision": revision}).scalar_one()
        return changed

    def ranges_before(self, before_ms: int) -> list[Range]:
        """Of each symbol that has bars from before `before_ms` the range of these."""
        bounds = zip(self._batch.symbols, self._batch.froms, self._batch.tos, strict=True)
        return [Range(symbol, first, min(last, before_ms - 1)) for symbol, first, last in bounds if first < before_ms]


def _count(dialect: Dialect, condition: str = "") -> str:
    from_ms, to_ms = (dialect.moment.format(f"ranges.{name}") for name in ("from_ms", "to_ms"))
    joined = f"bar.symbol = ranges.symbol AND bar.timestamp >= {from_ms} AND bar.timestamp <= {to_ms}{condition}"
    return _COUNT.format(ranges=dialect.ranges, nested=dialect.nested.format(joined))
