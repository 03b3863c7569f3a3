"""The database as its writer sees it: bars merged by evidence, small facts of the service."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, text

from src.core.domain.market.bar import MINUTE_MS, Bar, EvidenceClock, Tier, check_bar, merge_evidence
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.flat_file import MinuteBatch
from src.core.errors import BadBarError, BadSymbolError, FeedMismatchError, HistoryLostError, RowRefusedError
from src.infrastructure.database import migrate
from src.infrastructure.database.batch_changes import BatchChanges
from src.infrastructure.database.day_notes import DayNote, keep_note
from src.infrastructure.database.dialects import Range, add_symbols, dialect_of, log_changes
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.file_batches import decode_batch, merge_batch

logger = logging.getLogger(__name__)

# A transaction holds at most this many rows, so that readers and other writers never wait long for one.
MAX_ROWS_A_TRANSACTION = 5_000

# Readers look through the last 20 minutes by primary key; changes of older bars are noted in `bar_changes`.
RECENT_MS = 20 * MINUTE_MS
_CHANGES_KEPT_MS = 86_400_000
_CHANGES_PRUNED_EVERY_MS = 600_000
_MOST_CHANGES_KEPT = 200_000

_STATE = text("SELECT value FROM service_state WHERE key = :key")
_SET_STATE = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES (:key, :value, :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
)
_NEXT_REVISION = (
    "UPDATE write_state SET revision = revision + 1, newest_stamp_us = {greatest}(newest_stamp_us, :stamp),"
    " newest_bar_ms = {greatest}(newest_bar_ms, :newest_ms),"
    " symbols_revision = CASE WHEN :added > 0 THEN revision + 1 ELSE symbols_revision END"
    " WHERE id = 1 RETURNING revision, newest_bar_ms, database_id"
)
_GIVE_BACK_REVISION = text("UPDATE write_state SET revision = revision - 1 WHERE id = 1")
_IDENTITY = text("SELECT database_id, revision FROM write_state WHERE id = 1")
_EXPIRED_CHANGES = text(
    "SELECT max(revision) FROM (SELECT max(revision) AS revision FROM bar_changes WHERE changed_ms < :before_ms"
    " UNION ALL SELECT * FROM (SELECT revision FROM bar_changes ORDER BY revision DESC LIMIT 1 OFFSET :most) AS many)"
    " AS expired"
)
_FORGET_CHANGES = text("DELETE FROM bar_changes WHERE revision <= :floor")
_RAISE_FLOOR = text("UPDATE write_state SET changes_floor = :floor WHERE changes_floor < :floor")


_Row = TypeVar("_Row", Bar, DailyBar)


class Merged(NamedTuple, Generic[_Row]):
    """What became of a batch: the last revision used (None for no bars), and what the database refused, each with the
    reason, a sentence."""

    revision: int | None
    refusals: tuple[tuple[_Row, str], ...]

    @property
    def refused(self) -> int:
        """How many rows were refused."""
        return len(self.refusals)


class TickStockDatabase:
    """Writes bars and state. One transaction at a time; any thread may call.

    `now_us` is the wall clock in microseconds. Methods that reach the database raise DatabaseUnavailableError when
    it is away or locked; the same call may then be made again, since merging twice changes nothing.
    """

    def __init__(self, engine: Engine, now_us: Callable[[], int]) -> None:
        self._engine = engine
        self._now_us = now_us
        self.clock = EvidenceClock(now_us, threading.Lock())
        self.database_id = ""  # known once the clock is loaded
        self._kept_revision = 0  # the newest that was durably committed here
        self._history_lost = False
        self._known_symbols: set[str] = set()
        self._changes_pruned_ms = 0
        self._lock = threading.Lock()
        self._dialect = dialect_of(engine)
        self._next_revision = text(_NEXT_REVISION.format(greatest=self._dialect.greatest))

    def check_schema(self) -> None:
        """Raises SchemaError unless the database has this program's schema. One without any is away: it is being made,
        or restored."""
        with database_errors(), self._engine.connect() as connection:
            migrate.check_connection(connection)

    def load_clock(self) -> None:
        """Makes the stamps of `clock` newer than every one committed. To be called before the first is taken."""
        if not self.database_id:
            with database_errors(), self._engine.connect() as connection:
                row = connection.execute(text("SELECT newest_stamp_us, database_id FROM write_state")).one()
            self.clock.raise_floor(row.newest_stamp_us)
            self.database_id = row.database_id

    def check_kept(self) -> None:
        """Raises HistoryLostError once a write has found that the database is not the one of before, or lacks what was
        committed last: it was restored from a backup, or failed over to a standby that lagged."""
        if self._history_lost:
            raise HistoryLostError("The database lacks what was committed to it: it was restored, or failed over.")

    def _check_identity(self, database_id: str, revision: int) -> None:
        """Takes what the database tells within a transaction; HistoryLostError, so that nothing of it is committed."""
        is_same = self.database_id in ("", database_id)
        self._history_lost |= not is_same or revision < self._kept_revision
        self.check_kept()

    def merge(self, bars: Iterable[Bar]) -> Merged[Bar]:
        """Commits checked bars, at most 5,000 a transaction, ordered by key.

        Several accounts of one minute are merged first. A row that the database refuses fails alone and is logged.
        """
        merged: dict[tuple[str, int], Bar] = {}
        for bar in bars:
            key = (bar.symbol, bar.timestamp)
            merged[key] = merge_evidence(merged[key], bar) if key in merged else bar
        return self._merge_in_pieces([merged[key] for key in sorted(merged)], self._commit)

    def merge_encoded(self, batch: MinuteBatch) -> tuple[Merged[Bar], int]:
        """Commits bars that another process checked and encoded, in one transaction; and how many were not stored like
        this before. Where the database refuses some, all others count as such."""
        if not batch.count:
            return Merged(None, ()), 0
        try:
            revision, written = self._commit_encoded(batch)
        except RowRefusedError:
            merged = self._merge_rows(decode_batch(self._dialect.name, batch), self._commit)
            return merged, batch.count - merged.refused
        return Merged(revision, ()), written

    def merge_daily(self, bars: Iterable[DailyBar]) -> Merged[DailyBar]:
        """The same for checked daily bars."""
        merged: dict[tuple[str, date], DailyBar] = {}
        for bar in bars:
            key = (bar.symbol, bar.date)
            merged[key] = merge_evidence(merged[key], bar) if key in merged else bar
        return self._merge_in_pieces([merged[key] for key in sorted(merged)], self._commit_daily)

    def _merge_in_pieces(self, rows: Sequence[_Row], commit: Callable[[Sequence[_Row]], int]) -> Merged[_Row]:
        result = Merged[_Row](None, ())
        for start in range(0, len(rows), MAX_ROWS_A_TRANSACTION):
            result = _joined(result, self._merge_rows(rows[start : start + MAX_ROWS_A_TRANSACTION], commit))
        return result

    def _merge_rows(self, rows: Sequence[_Row], commit: Callable[[Sequence[_Row]], int]) -> Merged[_Row]:
        """One transaction; when it is refused, one for each half, down to the row that is at fault."""
        try:
            return Merged(commit(rows), ())
        except RowRefusedError as error:
            self._known_symbols.clear()  # one of them may have been deleted
            if len(rows) == 1:
                logger.error("%s The bar is lost: %s.", error, rows[0])  # noqa: TRY400  the sentence says it all
                return Merged(None, ((rows[0], str(error)),))
        middle = len(rows) // 2
        return _joined(self._merge_rows(rows[:middle], commit), self._merge_rows(rows[middle:], commit))

    def _commit(self, rows: Sequence[Bar]) -> int:
        new = sorted({bar.symbol for bar in rows} - self._known_symbols)
        now_ms = self._now_us() // 1000
        with self._lock, database_errors(), self._engine.begin() as connection:
            added = add_symbols(connection, new, now_ms) if new else 0
            # Live stamps are event time, which a replay takes from any year; only received evidence moves the clock.
            stamp = max((bar.observed_at for bar in rows if bar.tier != Tier.LIVE), default=0)
            newest_ms = max(bar.timestamp for bar in rows)
            revision, newest_ms = self._take_revision(connection, stamp, newest_ms, now_ms, added)
            self._dialect.merge(connection, rows, revision)
            if older := _older_ranges(rows, newest_ms - RECENT_MS):
                log_changes(connection, older, revision, now_ms)
        if not self._is_relaxed(rows):
            self._kept_revision = max(self._kept_revision, revision)
        self._known_symbols.update(new)
        return revision

    def _commit_encoded(self, batch: MinuteBatch) -> tuple[int, int]:
        """The transaction's number, which is the one before it where nothing changed, and how many bars were not stored
        like this before."""
        new = sorted({*batch.symbols} - self._known_symbols)
        now_ms = self._now_us() // 1000
        with self._lock, database_errors(), self._engine.begin() as connection:
            added = add_symbols(connection, new, now_ms) if new else 0
            revision, newest_ms = self._take_revision(connection, batch.stamp, max(batch.tos), now_ms, added)
            changes = BatchChanges(connection, batch)
            merge_batch(connection, batch, revision, is_new=changes.is_new)
            written = changes.count(revision)
            if written and (older := changes.ranges_before(newest_ms - RECENT_MS)):
                log_changes(connection, older, revision, now_ms)
            if not written and not added:  # nobody sees a change, so nobody need look for one
                connection.execute(_GIVE_BACK_REVISION)
                revision -= 1
        self._kept_revision = max(self._kept_revision, revision)
        self._known_symbols.update(new)
        return revision, written

    def _commit_daily(self, rows: Sequence[DailyBar]) -> int:
        new = sorted({bar.symbol for bar in rows} - self._known_symbols)
        now_ms = self._now_us() // 1000
        dates = [bar.date.isoformat() for bar in rows]
        with self._lock, database_errors(), self._engine.begin() as connection:
            added = add_symbols(connection, new, now_ms) if new else 0
            values = {"stamp": max(bar.observed_at for bar in rows), "newest_ms": 0, "added": added}
            row = connection.execute(self._next_revision, values).one()
            self._check_identity(row.database_id, row.revision - 1)
            revision: int = row.revision
            self._dialect.merge_days(connection, rows, revision)
            keep_note(connection, DayNote(revision, min(dates), max(dates)), now_ms)
        self._kept_revision = max(self._kept_revision, revision)
        self._known_symbols.update(new)
        return revision

    @contextmanager
    def numbered(self) -> Iterator[tuple[Connection, int]]:
        """A transaction of what is told to readers beside bars, and its number, in one order with those of bars."""
        with self._lock, database_errors(), self._engine.begin() as connection:
            row = connection.execute(self._next_revision, {"stamp": 0, "newest_ms": 0, "added": 0}).one()
            self._check_identity(row.database_id, row.revision - 1)
            yield connection, row.revision
        self._kept_revision = max(self._kept_revision, row.revision)

    def _is_relaxed(self, rows: Sequence[Bar]) -> bool:
        """Whether a crash of the server may take the commit back."""
        return self._dialect.relax_commit != "" and all(bar.tier == Tier.LIVE for bar in rows)

    def _take_revision(
        self, connection: Connection, stamp: int, newest_ms: int, now_ms: int, added_symbols: int
    ) -> tuple[int, int]:
        """The transaction's number, and the newest minute committed with it; from here to the commit others wait.

        `stamp` is the newest of received evidence, 0 for live bars alone; `newest_ms` the newest minute of the rows.
        """
        if not stamp and self._dialect.relax_commit:
            connection.exec_driver_sql(self._dialect.relax_commit)
        values = {"stamp": stamp, "newest_ms": min(newest_ms, now_ms), "added": added_symbols}
        row = connection.execute(self._next_revision, values).one()
        self._check_identity(row.database_id, row.revision - 1)
        return row.revision, row.newest_bar_ms

    def forget_old_changes(self) -> None:
        """Drops notes of changes older than a day, every ten minutes at most; cursors from before then are expired.

        So are those from before the newest 200,000: imports of years note more than anybody will read in a day.
        """
        now_ms = self._now_us() // 1000
        if now_ms - self._changes_pruned_ms < _CHANGES_PRUNED_EVERY_MS:
            return
        with self._lock, database_errors(), self._engine.begin() as connection:
            bounds = {"before_ms": now_ms - _CHANGES_KEPT_MS, "most": _MOST_CHANGES_KEPT}
            floor = connection.execute(_EXPIRED_CHANGES, bounds).scalar()
            if floor is not None:
                connection.execute(_RAISE_FLOOR, {"floor": floor})
                connection.execute(_FORGET_CHANGES, {"floor": floor})
        self._changes_pruned_ms = now_ms

    def write_ohlcv_1min(
        self,
        symbol: str,
        timestamp: datetime | int,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        *,
        tier: str = "official",
        vwap: float | None = None,
        trade_count: int | None = None,
    ) -> bool:
        """Stores one bar as evidence received now; False when the bar cannot be right (the reason is logged).

        `timestamp` is the start of the minute: an aware datetime or epoch ms. True means committed: the stored row
        is this bar, or what outranks it.
        """
        record = {
            "symbol": symbol, "timestamp": timestamp, "open": open, "high": high, "low": low, "close": close,
            "volume": volume, "tier": tier, "vwap": vwap, "trade_count": trade_count,
        }  # fmt: skip
        return self.write_ohlcv_1min_batch([record]) == (1, 0)

    def write_ohlcv_1min_batch(self, records: Iterable[dict[str, Any]]) -> tuple[int, int]:
        """Stores many, each a mapping with the arguments of `write_ohlcv_1min`; gives (written, failed).

        A record that cannot be right fails alone, with its reason logged; of two for one minute the later wins.
        """
        self.load_clock()
        bars: list[Bar] = []
        failed = 0
        for record in records:
            try:
                bars.append(bar_from_record(record, self.clock.stamp()))
            except (BadBarError, BadSymbolError) as error:
                failed += 1
                logger.warning("A bar was refused. %s", error)
        refused = self.merge(bars).refused
        return len(bars) - refused, failed + refused

    def set_state(self, key: str, value: Any) -> None:
        """Keeps a small fact (anything JSON can say) under `key`."""
        row = {"key": key, "value": msgspec.json.encode(value).decode(), "now_ms": self._now_us() // 1000}
        with self._lock, database_errors(), self._engine.begin() as connection:
            self._check_identity(*connection.execute(_IDENTITY).one())
            connection.execute(_SET_STATE, row)

    def claim_feed(self, feed: str) -> None:
        """Records that `feed` fills this database; FeedMismatchError when the other one did before."""
        with self._lock, database_errors(), self._engine.begin() as connection:
            stored = connection.execute(text("SELECT value FROM service_state WHERE key = 'feed'")).scalar()
            if stored is None:
                row = {"key": "feed", "value": f'"{feed}"', "now_ms": self._now_us() // 1000}
                connection.execute(_SET_STATE, row)
        if stored is not None and msgspec.json.decode(stored) != feed:
            where = self._engine.url.set(drivername=self._dialect.name).render_as_string()
            raise FeedMismatchError(
                f"The database {where} holds bars of the feed {stored}, and this start "
                f'would add bars of "{feed}"; set DATABASE_URL to another database, or go back to the feed it holds.'
            )

    def add_symbols(self, symbols: Sequence[str]) -> None:
        """Makes symbols known before their first bar."""
        with self._lock, database_errors(), self._engine.begin() as connection:
            if added := add_symbols(connection, symbols, self._now_us() // 1000):
                connection.execute(self._next_revision, {"stamp": 0, "newest_ms": 0, "added": added})
        self._known_symbols.update(symbols)

    def state(self, key: str) -> Any:
        """The small fact kept under `key`; None when there is none."""
        with database_errors(), self._engine.connect() as connection:
            stored = connection.execute(_STATE, {"key": key}).scalar()
        return None if stored is None else msgspec.json.decode(stored)

    def open_live_bars(self) -> list[Bar]:
        """Each symbol's live bars of its newest three minutes: what a restart seeds its open minutes with.

        Newest by the bars themselves, not by the clock, so that a replay behaves as live.
        """
        query = text(self._dialect.open_live_bars.format(columns=self._dialect.columns()))
        with database_errors(), self._engine.connect() as connection:
            return [Bar(*row) for row in connection.execute(query)]

    def close(self) -> None:
        """Lets go of all connections."""
        self._engine.dispose()


def _joined(one: Merged[_Row], other: Merged[_Row]) -> Merged[_Row]:
    revisions = [revision for revision in (one.revision, other.revision) if revision is not None]
    return Merged(max(revisions, default=None), one.refusals + other.refusals)


def _older_ranges(rows: Sequence[Bar], before_ms: int) -> list[Range]:
    """For each symbol from its first to its last row before `before_ms`; `rows` are ordered by symbol and time."""
    ranges: dict[str, Range] = {}
    for bar in rows:
        if bar.timestamp < before_ms:
            known = ranges.get(bar.symbol)
            first_ms = bar.timestamp if known is None else known.from_ms
            ranges[bar.symbol] = Range(bar.symbol, first_ms, bar.timestamp)
    return list(ranges.values())


def bar_from_record(record: dict[str, Any], observed_at: int) -> Bar:
    """A checked bar from the arguments of `write_ohlcv_1min`; BadBarError or BadSymbolError says what is wrong."""
    tier = str(record.get("tier", "official")).upper()
    if tier not in Tier.__members__:
        raise BadBarError(f"{tier.lower()!r} is not a tier; allowed are live, early, official and final.")
    try:
        numbers = {name: float(record[name]) for name in ("open", "high", "low", "close", "volume")}
        vwap, count = record.get("vwap"), record.get("trade_count")
        bar = Bar(
            symbol=record["symbol"],
            timestamp=_epoch_ms(record["timestamp"]),
            open=numbers["open"],
            high=numbers["high"],
            low=numbers["low"],
            close=numbers["close"],
            volume=numbers["volume"],
            vwap=None if vwap is None else float(vwap),
            trade_count=None if count is None else int(count),
            tier=Tier[tier].value,
            observed_at=observed_at,
        )
    except KeyError as error:
        raise BadBarError(f"A bar needs {error.args[0]}; it was not given.") from error
    except (TypeError, ValueError) as error:
        raise BadBarError(f"The bar {record.get('symbol')!r:.60} has a value of the wrong type: {error}.") from error
    return check_bar(bar)


def _epoch_ms(moment: datetime | int) -> int:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise BadBarError(f"The time {moment} has no time zone; give an aware datetime, or epoch milliseconds.")
        return round(moment.timestamp() * 1000)
    if isinstance(moment, bool) or not isinstance(moment, int):
        raise BadBarError(f"The time {moment!r:.60} is neither a datetime nor whole epoch milliseconds.")
    return moment
