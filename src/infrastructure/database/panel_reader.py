"""Daily bars and minutes of many symbols as arrays, a piece at a time, so that no snapshot is held for long.

A statement gives its columns as a JSON list each, in one row: to fetch a row of the table each takes the interpreter's
lock once a row, which beside a busy thread costs fifty times as much. Prices come in millionths of a dollar: SQLite
writes whole numbers in half the time of others, and numpy reads them in half the time.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, repeat
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, TextClause, select, text

from src.core.analytics.panel import Floats
from src.core.domain.market.adjustment import ActionKind, CorporateAction
from src.core.domain.market.aggregation import MICRO
from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.session import TradingDay
from src.core.market_ports import DayCells, PanelMark
from src.infrastructure.database.bar_archive import action_from_row
from src.infrastructure.database.day_notes import read_notes, span_since
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import corporate_actions

_PRICES = ("open", "high", "low", "close")
_PARTS = len(_PRICES) + 1
_GATHERED = (
    "SELECT {symbols}, {keys}, {numbers} FROM {source} AND row.{key} >= {first} AND row.{key} <= {last} AND {which}"
)
_BY_KEY = "{listed} CROSS JOIN {table} AS row WHERE row.symbol = wanted.value"
_BY_ROW = "{table} AS row WHERE {row_range}"
_STANDS = "NOT row.withdrawn"
_CHANGED = "row.revision > :revision"
_VOLUME = "row.volume"
_VOLUME_THAT_STANDS = "CASE WHEN NOT row.withdrawn THEN row.volume END"
_MARK = text(
    "SELECT database_id, revision, (SELECT value FROM service_state WHERE key = 'actions') AS actions FROM write_state"
)
_SPLITS = select(*(corporate_actions.c[name] for name in CorporateAction._fields)).where(
    corporate_actions.c.kind == ActionKind.SPLIT.value
)

# A piece takes some tenths of a second.
_ROWS_BY_KEY = 15_000
_ROWS_IN_ORDER = 30_000
# To look a row up by its key, on another page than the one before, was measured to cost as much as to pass by so many.
_PASSED_BY = 16

_TEXTS = msgspec.json.Decoder(list[str])
_NUMBERS = msgspec.json.Decoder(list[float | None])


class _Found(NamedTuple):
    """Rows of a table: their symbols, the second part of their key, and numbers (k, n), NaN for the withdrawn."""

    symbols: list[str]
    keys: list[Any]
    numbers: Floats


class DatabasePanelStore:
    """Any thread may call. DatabaseUnavailableError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        dialect = dialect_of(engine)
        self._engine = engine
        self._bind_list = dialect.bind_list
        days = _Columns("ohlcv_daily", "date", "row.date", ":first", ":last")
        self._by_key = text(_query(dialect, _BY_KEY, days))
        self._by_row = text(_query(dialect, _BY_ROW, days))
        self._changed = text(_query(dialect, _BY_KEY, days._replace(which=_CHANGED, volume=_VOLUME_THAT_STANDS)))
        self._last_row = None if dialect.last_row is None else text(dialect.last_row.format("ohlcv_daily"))
        first, last = (dialect.moment.format(name) for name in (":first", ":last"))
        told = dialect.epoch_ms.format("row.timestamp")
        minutes = _Columns("ohlcv_1min", "timestamp", told, first, last)
        self._minutes = text(_query(dialect, _BY_KEY, minutes))
        self._volumes = text(_query(dialect, _BY_KEY, minutes._replace(prices=())))

    # -- days ----------------------------------------------------------------------------------------------------

    def mark(self) -> PanelMark:
        """Up to where is stored now: a query that costs next to nothing."""
        with database_errors(), self._engine.connect() as connection:
            row = connection.execute(_MARK).one()
        return PanelMark(row.database_id, row.revision, int(row.actions or 0))

    def days(self, symbols: Sequence[str], dates: Sequence[dt.date]) -> Floats:
        """Open, high, low, close and volume as they traded, shape (5, symbols, dates); NaN where no bar is stored.
        `dates` ascend."""
        values = np.full((_PARTS, len(symbols), len(dates)), np.nan)
        if not symbols or not dates:
            return values
        places = _Places(symbols, {date.isoformat(): place for place, date in enumerate(dates)})
        bounds = {"first": dates[0].isoformat(), "last": dates[-1].isoformat()}
        for found in self._read_days(symbols, len(dates), bounds):
            cells = places.cells(found)
            values[:, cells.rows, cells.columns] = cells.values
        return values

    def changes(self, symbols: Sequence[str], dates: Sequence[dt.date], since: PanelMark) -> DayCells:
        """What changed of these days after `since`, as it is now. Costs next to nothing where none of them did."""
        with database_errors(), self._engine.connect() as connection:
            span = span_since(read_notes(connection), since.revision)
        if span is None or not symbols or not dates:
            return _joined([])
        bounds = {"first": max(span[0], dates[0].isoformat()), "last": min(span[1], dates[-1].isoformat())}
        if bounds["first"] > bounds["last"]:
            return _joined([])
        places = _Places(symbols, {date.isoformat(): place for place, date in enumerate(dates)})
        days = sum(bounds["first"] <= date.isoformat() <= bounds["last"] for date in dates)
        values = {**bounds, "revision": since.revision}
        return _joined([places.cells(found) for found in self._read_by_key(self._changed, symbols, days, values)])

    def splits(self, symbols: Sequence[str]) -> list[CorporateAction]:
        """The splits of these symbols."""
        wanted = frozenset(symbols)
        with database_errors(), self._engine.connect() as connection:
            return [action_from_row(row) for row in connection.execute(_SPLITS) if row.symbol in wanted]

    def _read_days(self, symbols: Sequence[str], days: int, bounds: Mapping[str, str]) -> Iterator[_Found]:
        """Rows of these symbols, and maybe of others: by key, or in their order on disk where that is less work."""
        last_row = self._find_last_row()
        if last_row is None or last_row > _PASSED_BY * len(symbols) * days:
            yield from self._read_by_key(self._by_key, symbols, days, bounds)
            return
        for after, until in pairwise([*range(0, last_row, _ROWS_IN_ORDER), last_row]):
            yield self._read(self._by_row, {**bounds, "after": after, "until": until})

    def _find_last_row(self) -> int | None:
        """How many rows there are about; None where they cannot be read by their number."""
        if self._last_row is None:
            return None
        with database_errors(), self._engine.connect() as connection:
            return connection.execute(self._last_row).scalar() or 0

    # -- minutes -------------------------------------------------------------------------------------------------

    def minutes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """Open, high, low, close and volume of each minute of the day's regular session: (5, symbols, minutes); NaN
        where no bar is stored."""
        return self._of_session(self._minutes, _PARTS, symbols, day)

    def volumes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        """The shares of each minute of the day's regular session: (symbols, minutes); NaN where no bar is stored."""
        volumes: Floats = self._of_session(self._volumes, 1, symbols, day)[0]
        return volumes

    def _of_session(self, query: TextClause, parts: int, symbols: Sequence[str], day: TradingDay) -> Floats:
        starts_ms = range(day.open_ms, day.close_ms, MINUTE_MS)
        places = _Places(symbols, {start_ms: place for place, start_ms in enumerate(starts_ms)})
        values = np.full((parts, len(symbols), len(starts_ms)), np.nan)
        bounds = {"first": starts_ms[0], "last": starts_ms[-1]}
        for found in self._read_by_key(query, symbols, len(starts_ms), bounds):
            cells = places.cells(found)
            values[:, cells.rows, cells.columns] = cells.values
        return values

    # -- both ----------------------------------------------------------------------------------------------------

    def _read_by_key(
        self, query: TextClause, symbols: Sequence[str], rows_each: int, values: Mapping[str, Any]
    ) -> Iterator[_Found]:
        at_once = max(1, _ROWS_BY_KEY // rows_each)
        for start in range(0, len(symbols), at_once):
            yield self._read(query, {**values, "wanted": self._bind_list(symbols[start : start + at_once])})

    def _read(self, query: TextClause, values: Mapping[str, Any]) -> _Found:
        with database_errors(), self._engine.connect() as connection:
            symbols, keys, volumes, *prices = [column or "[]" for column in connection.execute(query, values).one()]
        shares = np.array(_NUMBERS.decode(volumes), dtype=np.float64)
        dollars = (
            np.array([_wholes(column) for column in prices], dtype=np.int64).reshape(len(prices), len(shares)) / MICRO
        )
        dollars[:, np.isnan(shares)] = np.nan
        return _Found(_TEXTS.decode(symbols), msgspec.json.decode(keys), np.vstack((dollars, shares)))


class _Places:
    """Where rows go in an array of symbols and dates, or minutes; others than those of its lists go nowhere."""

    def __init__(self, symbols: Sequence[str], columns: Mapping[Any, int]) -> None:
        self._symbols = {symbol: place for place, symbol in enumerate(symbols)}
        self._columns = columns

    def cells(self, found: _Found) -> DayCells:
        """The places and values of rows."""
        rows = np.array([*map(self._symbols.get, found.symbols, repeat(-1))], dtype=np.intp)
        columns = np.array([*map(self._columns.get, found.keys, repeat(-1))], dtype=np.intp)
        has_place = (rows >= 0) & (columns >= 0)
        return DayCells(rows[has_place], columns[has_place], found.numbers[:, has_place])


class _Columns(NamedTuple):
    table: str
    key: str  # beside the symbol
    told: str  # the key, as it is told
    first: str
    last: str
    prices: Sequence[str] = _PRICES
    volume: str = _VOLUME
    which: str = _STANDS


def _query(dialect: Dialect, source: str, of: _Columns) -> str:
    numbers = [of.volume, *(dialect.millionths.format(f"row.{price}") for price in of.prices)]
    return _GATHERED.format(
        symbols=dialect.gathered.format("row.symbol"),
        keys=dialect.gathered.format(of.told),
        numbers=", ".join(dialect.gathered.format(number) for number in numbers),
        source=source.format(table=of.table, listed=dialect.listed, row_range=dialect.row_range),
        key=of.key,
        first=of.first,
        last=of.last,
        which=of.which,
    )


def _wholes(column: str) -> NDArray[np.int64]:
    inner = column[1:-1]
    return np.fromstring(inner, dtype=np.int64, sep=",") if inner else np.empty(0, np.int64)


def _joined(pieces: Sequence[DayCells]) -> DayCells:
    nothing = DayCells(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((_PARTS, 0)))
    rows, columns, values = zip(nothing, *pieces, strict=True)
    return DayCells(np.concatenate(rows), np.concatenate(columns), np.concatenate(values, axis=1))
