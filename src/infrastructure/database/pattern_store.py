"""Events of patterns: what the search for them reads and writes, and what pages read."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, text

from src.core.domain.market.adjustment import ActionKind
from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.pattern_event import PatternChanges, PatternEvent, Span, Wanted
from src.core.pattern_ports import ChangedMinutes, Position, Split
from src.infrastructure.database.day_maker import DatabaseDayMaker
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tickstock_db import RECENT_MS, TickStockDatabase

_STATE = "patterns"
# What is committed together is told together, so it is not much.
EVENTS_A_TRANSACTION = 500
_PRUNED_A_TRANSACTION = 2_000
_FEW_SYMBOLS = 20
_PRESENT = text("SELECT revision, newest_bar_ms, changes_floor FROM write_state")
_SYMBOLS = text("SELECT symbol FROM symbols")
_RECENT = (
    "SELECT bar.symbol, min({time}) AS first, max({time}) AS last, max(bar.revision) AS revision FROM {listed} {nested}"
    " WHERE bar.revision > :revision AND bar.tier > :live GROUP BY bar.symbol"
)
_NOTED = (
    "SELECT symbol, min(from_ms), max(to_ms), max(revision) FROM bar_changes WHERE revision > :revision"
    " AND symbol IN (SELECT value FROM {listed}) GROUP BY symbol"
)
_MINUTES = "SELECT {columns} FROM {ranges} {nested} ORDER BY bar.symbol, bar.timestamp"
_OF_RANGE = (
    "bar.symbol = ranges.symbol AND bar.timestamp >= {from_ms} AND bar.timestamp < {to_ms} AND NOT bar.withdrawn"
)
_COLUMNS = (
    "event.symbol, {time}, event.timeframe, event.pattern, event.direction, event.confidence, event.found_ms,"
    " event.withdrawn"
)
_EVENTS = (
    "SELECT {columns} FROM {ranges} JOIN pattern_events AS event ON event.symbol = ranges.symbol"
    " AND event.timestamp >= {from_ms} AND event.timestamp < {to_ms}"
)
_WRITE = (
    "INSERT INTO pattern_events (symbol, timestamp, timeframe, pattern, direction, confidence, found_ms, withdrawn,"
    " revision) VALUES (:symbol, {time}, :timeframe, :pattern, :direction, :confidence, :found_ms, :withdrawn,"
    " :revision) ON CONFLICT (symbol, timestamp, timeframe, pattern) DO UPDATE SET direction = excluded.direction,"
    " confidence = excluded.confidence, found_ms = excluded.found_ms, withdrawn = excluded.withdrawn,"
    " revision = excluded.revision"
)
_SPLITS = text(
    "SELECT symbol, date, split_from, split_to FROM corporate_actions WHERE kind = :kind AND date >= :since"
    " AND split_from > 0 AND split_to > 0"
)
_LAST_OF_SLICE = (
    "SELECT {time} FROM pattern_events AS event WHERE timestamp < {before} ORDER BY timestamp LIMIT 1 OFFSET :rows"
)
_PRUNE = "DELETE FROM pattern_events WHERE timestamp < {before}"


class DatabasePatterns:
    """Reads by `read`, writes by `database`, which numbers what it writes as it numbers bars. One thread calls."""

    def __init__(self, read: Engine, database: TickStockDatabase) -> None:
        self._read = read
        self._database = database
        self._days = DatabaseDayMaker(read)
        self._dialect = dialect = dialect_of(read)
        time = {"time": dialect.epoch_ms.format("bar.timestamp")}
        since = dialect.moment.format(":since")
        nested = dialect.nested.format(f"bar.symbol = wanted.value AND bar.timestamp >= {since}")
        self._recent = text(_RECENT.format(listed=dialect.listed, nested=nested, **time))
        self._noted = text(_NOTED.format(listed=dialect.listed))
        bounds = {name: dialect.moment.format(f"ranges.{name}") for name in ("from_ms", "to_ms")}
        of_range = dialect.nested.format(_OF_RANGE.format(**bounds))
        self._minutes = text(_MINUTES.format(columns=dialect.columns(), ranges=dialect.ranges, nested=of_range))
        self._events = text(_EVENTS.format(columns=_columns(dialect), ranges=dialect.ranges, **bounds))
        before = dialect.moment.format(":before_ms")
        event_time = dialect.epoch_ms.format("event.timestamp")
        self._last_of_slice = text(_LAST_OF_SLICE.format(time=event_time, before=before))
        self._prune = text(_PRUNE.format(before=before))

    # -- what changed --------------------------------------------------------------------------------------------

    def position(self) -> Position | None:
        """Up to where bars were looked at; None before anything was."""
        known = self._database.state(_STATE)
        return None if known is None else Position(known["revision"], known["newest_ms"])

    def remember(self, position: Position) -> None:
        """All up to there was looked at."""
        self._database.set_state(_STATE, position._asdict())

    def present(self) -> Position:
        """The last revision."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(_PRESENT).one()
        return Position(row.revision, row.newest_bar_ms)

    def changed(
        self, since: Position, symbols: Sequence[str] | None = None
    ) -> tuple[Position, list[ChangedMinutes]] | None:
        """The present position, and the minutes of `symbols` (None: of all) that changed since another one, without
        live ones; None where what changed since then is not known any more. A symbol can be told twice."""
        with database_errors(), self._read.connect() as connection:
            present = connection.execute(_PRESENT).one()
            if not present.changes_floor <= since.revision <= present.revision:
                return None
            if since.revision == present.revision:
                return since, []
            named = list(connection.execute(_SYMBOLS).scalars()) if symbols is None else list(symbols)
            values = {
                "wanted": self._dialect.bind_list(named),
                "revision": since.revision,
                "since": since.newest_ms - RECENT_MS,
                "live": Tier.LIVE.value,
            }
            recent = connection.execute(self._recent, values).all()
            del values["since"], values["live"]
            rows = [*recent, *connection.execute(self._noted, values)]
        return Position(present.revision, present.newest_bar_ms), [ChangedMinutes(*row) for row in rows]

    def symbols_between(self, from_ms: int, to_ms: int) -> list[str]:
        """The symbols with a minute that starts in [from_ms, to_ms), in order."""
        return self._days.symbols_between(from_ms, to_ms)

    # -- bars and events -----------------------------------------------------------------------------------------

    def minutes(self, spans: Sequence[Span]) -> Mapping[str, list[Bar]]:
        """The minutes of each symbol in its spans, ascending; the withdrawn are left out. Spans do not overlap."""
        found: dict[str, list[Bar]] = {}
        with database_errors(), self._read.connect() as connection:
            for row in connection.execute(self._minutes, self._bound(spans)).all():
                found.setdefault(row[0], []).append(Bar(*row))
        return found

    def events(self, spans: Sequence[Span]) -> list[PatternEvent]:
        """What is kept of bars that start in these spans; the withdrawn too."""
        with database_errors(), self._read.connect() as connection:
            return [_event(row) for row in connection.execute(self._events, self._bound(spans))]

    def write(self, events: Sequence[PatternEvent]) -> None:
        """Keeps events, each in the place of the one of its key; at most 500 a transaction."""
        write = text(_WRITE.format(time=self._dialect.moment.format(":timestamp")))
        for start in range(0, len(events), EVENTS_A_TRANSACTION):
            some = events[start : start + EVENTS_A_TRANSACTION]
            with self._database.numbered() as (connection, revision):
                connection.execute(write, [_row(event, revision) for event in some])

    def splits(self, since: dt.date) -> list[Split]:
        """The splits that took effect on a date or later."""
        values = {"kind": ActionKind.SPLIT.value, "since": since.isoformat()}
        with database_errors(), self._read.connect() as connection:
            rows = connection.execute(_SPLITS, values).all()
        return [Split(row[0], dt.date.fromisoformat(str(row[1])), float(row[2]), float(row[3])) for row in rows]

    def prune(self, before_ms: int) -> int:
        """Drops some events of bars before a time, 2,000 or a few more; how many that were."""
        values = {"before_ms": before_ms}
        with database_errors(), self._read.connect() as connection:
            last_ms = connection.execute(self._last_of_slice, {**values, "rows": _PRUNED_A_TRANSACTION}).scalar()
            if connection.execute(self._last_of_slice, {**values, "rows": 0}).scalar() is None:
                return 0
        until_ms = before_ms if last_ms is None else last_ms + 1
        with self._database.numbered() as (connection, _revision):
            return connection.execute(self._prune, {"before_ms": until_ms}).rowcount

    def _bound(self, spans: Sequence[Span]) -> dict[str, Any]:
        columns: tuple[Sequence[Any], ...] = tuple(zip(*spans, strict=True)) or ((), (), ())
        names = ("symbols", "froms", "tos")
        return {name: self._dialect.bind_list(list(values)) for name, values in zip(names, columns, strict=True)}


class DatabasePatternReader:
    """Reads by `engine`. Any thread may call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        # No bare column: many symbols are not to be looked up one after the other by the key.
        self._among = f"(event.symbol || '') {self._dialect.among}"

    def newest(self, wanted: Wanted, limit: int) -> list[PatternEvent]:
        """The newest `limit` events that hold, by time and symbol."""
        rows = self._by_time(wanted, "NOT event.withdrawn", "DESC", limit)
        return _ordered([_event(row) for row in rows])[-limit:]

    def since(self, wanted: Wanted, since_ms: int, limit: int) -> list[PatternEvent]:
        """The first `limit` events that hold, of bars that start at `since_ms` or later, by time and symbol."""
        where = f"NOT event.withdrawn AND event.timestamp >= {self._dialect.moment.format(':since_ms')}"
        rows = self._by_time(wanted, where, "ASC", limit, since_ms=since_ms)
        return _ordered([_event(row) for row in rows])[:limit]

    def changes(self, wanted: Wanted, after: int, until: int, limit: int) -> PatternChanges:
        """What was found, changed or taken back after a revision and up to another one. Where that is more than
        `limit`, whole revisions, about that many: what was committed together is told together."""
        where = f"event.revision > :after AND event.revision <= :until AND {self._among}"
        most = limit + EVENTS_A_TRANSACTION
        listed = self._dialect.bind_list(wanted.symbols)
        rows = self._select(wanted, where, "event.revision", most, after=after, until=until, wanted=listed)
        if len(rows) <= limit:
            return PatternChanges(_ordered([_event(row) for row in rows]), until, False)
        last = rows[limit - 1].revision
        told = [_event(row) for row in rows if row.revision <= last]
        more = rows[-1].revision > last or len(rows) == most
        return PatternChanges(_ordered(told), last if more else until, more)

    def _by_time(self, wanted: Wanted, where: str, order: str, limit: int, **values: Any) -> list[Any]:
        """By the key of each symbol where they are few; else along the times of all."""
        by = f"event.timestamp {order}, event.symbol {order}, event.timeframe {order}, event.pattern {order}"
        if len(wanted.symbols) > _FEW_SYMBOLS:
            listed = self._dialect.bind_list(wanted.symbols)
            return self._select(wanted, f"{where} AND {self._among}", by, limit, wanted=listed, **values)
        of_one = f"{where} AND event.symbol = :symbol"
        return [
            row for symbol in wanted.symbols for row in self._select(wanted, of_one, by, limit, symbol=symbol, **values)
        ]

    def _select(self, asked: Wanted, where: str, order: str, limit: int, **values: Any) -> list[Any]:
        words, bound = [where], {**values, "most": limit}
        if asked.timeframe is not None:
            words.append("event.timeframe = :timeframe")
            bound["timeframe"] = asked.timeframe
        if asked.patterns:
            named = {f"pattern_{place}": pattern for place, pattern in enumerate(asked.patterns)}
            words.append(f"event.pattern IN ({', '.join(f':{name}' for name in named)})")
            bound |= named
        query = (
            f"SELECT {_columns(self._dialect)}, event.revision AS revision FROM pattern_events AS event"  # noqa: S608  of constants
            f" WHERE {' AND '.join(words)} ORDER BY {order} LIMIT :most"
        )
        with database_errors(), self._engine.connect() as connection:
            return list(connection.execute(text(query), bound))


def _columns(dialect: Dialect) -> str:
    return _COLUMNS.format(time=dialect.epoch_ms.format("event.timestamp"))


def _event(row: Any) -> PatternEvent:
    symbol, timestamp, timeframe, pattern, direction, confidence, found_ms, withdrawn = row[:8]
    return PatternEvent(symbol, timestamp, timeframe, pattern, direction, confidence, found_ms, bool(withdrawn))


def _row(event: PatternEvent, revision: int) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in PatternEvent.__struct_fields__}
    return {**values, "revision": revision}


def _ordered(events: list[PatternEvent]) -> list[PatternEvent]:
    return sorted(events, key=lambda event: (event.timestamp, event.symbol, event.timeframe, event.pattern))
