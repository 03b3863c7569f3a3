"""Bars and facts as the web half reads them. Never writes, and never holds a snapshot longer than one call."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Engine, text

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.quote import Quote, QuoteDay
from src.core.domain.market.symbol import Spellings
from src.core.errors import DatabaseUnavailableError
from src.core.ports import ChangeReader, Seen
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.observability.status_file import StatusFile

_NEWEST = (
    "SELECT {columns} FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol AND NOT bar.withdrawn"
    " ORDER BY bar.timestamp DESC LIMIT :limit"
)
_SINCE = (
    "SELECT {columns} FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol AND bar.timestamp >= {since}"
    " AND NOT bar.withdrawn ORDER BY bar.timestamp LIMIT :limit"
)
_PREVIOUS_CLOSE = (
    "SELECT {close} FROM ohlcv_1min WHERE symbol = :symbol AND timestamp >= {previous_open}"
    " AND timestamp < {previous_close} AND NOT withdrawn ORDER BY timestamp DESC LIMIT 1"
)
_DAY_VOLUME = (
    # Fractional volumes are added as integers, since sums of floats depend on their order: whole shares, and millionths
    # beside them, which together would not fit 64 bits if a feed told of absurd volumes.
    "SELECT CAST(sum(CAST(round(volume) AS bigint)) AS bigint),"
    " CAST(sum(CAST(round((volume - round(volume)) * 1000000) AS bigint)) AS bigint) FROM ohlcv_1min"
    " WHERE symbol = :symbol AND timestamp >= {day_start} AND NOT withdrawn"
)
_WITH_BARS = text(
    "SELECT symbol FROM symbols WHERE EXISTS (SELECT 1 FROM ohlcv_1min WHERE ohlcv_1min.symbol = symbols.symbol)"
    " ORDER BY symbol LIMIT :limit"
)
_SPARK_BARS = 60
_RECENT_BARS = 20
# A snapshot that is held stops checkpoints, so a long answer takes several.
_SYMBOLS_A_SNAPSHOT = 50
# How old a list of the symbols with bars may be, and how many it holds at least.
_WITH_BARS_FRESH_S = 10.0
_FEWEST_WITH_BARS = 1000


class _Queries:
    """The statements in the words of one database."""

    def __init__(self, dialect: Dialect) -> None:
        names = ("since", "previous_open", "previous_close", "day_start")
        times = {name: dialect.moment.format(f":{name}") for name in names}
        self.newest = text(_NEWEST.format(columns=dialect.columns()))
        self.since = text(_SINCE.format(columns=dialect.columns(), **times))
        self.previous_close = text(_PREVIOUS_CLOSE.format(close=dialect.number.format("close"), **times))
        self.day_volume = text(_DAY_VOLUME.format(**times))


class DatabaseBarReader:
    """Any thread may call. `changes` tells when what was read before is to be read again; `status_file` is where the
    ingesting half tells its status while the database takes none; `monotonic` reads seconds that never step back."""

    def __init__(
        self,
        engine: Engine,
        changes: ChangeReader,
        status_file: StatusFile | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._changes = changes
        self._status_file = status_file
        self._monotonic = monotonic
        self._states: dict[str, tuple[int | None, Any]] = {}
        self._with_bars: tuple[float, int, list[str]] = (float("-inf"), 0, [])  # when, how many at most, and which
        self._symbols_read_at: tuple[str, int] | None = None  # a database and the revision of its symbols
        self._names: dict[str, str | None] = {}  # by symbol
        self._spellings = Spellings()
        self._queries = _Queries(dialect_of(engine))

    def resolve(self, names: Sequence[str], seen: Seen) -> tuple[list[str], list[str]]:
        """What a user typed as (symbols of the database, names not known at `seen`), in order, each once.

        Matched exactly first (`BACpL` is not `BACPL`), then without case, then with `-` for the feed's `.`.
        """
        known, unknown = self._look_up(names)
        if unknown and self._symbols_read_at != (seen.database_id, seen.symbols_revision):
            self._read_symbols(seen)
            known, unknown = self._look_up(names)
        return known, unknown

    def _look_up(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        known: dict[str, None] = {}
        unknown: dict[str, None] = {}
        for name in names:
            symbol = self._spellings.find(name)
            (unknown if symbol is None else known)[symbol or name] = None
        return list(known), list(unknown)

    def _read_symbols(self, seen: Seen) -> None:
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(text("SELECT symbol, name FROM symbols"))
            names: dict[str, str | None] = {row[0]: row[1] for row in rows}
        self._spellings = Spellings(names)
        self._names = names
        self._symbols_read_at = (seen.database_id, seen.symbols_revision)

    def universe(self, limit: int) -> list[str]:
        """The symbols that the ingesting half listens to, at most `limit`; of the whole market, those with bars, as far
        as these were read before, if the database is away."""
        symbols = (self.state("universe") or {"symbols": []})["symbols"]
        return self._symbols_with_bars(limit) if symbols == ["*"] else list(symbols[:limit])

    def _symbols_with_bars(self, limit: int) -> list[str]:
        read_s, most, symbols = self._with_bars
        if self._monotonic() - read_s >= _WITH_BARS_FRESH_S or most < limit:
            most = max(limit, _FEWEST_WITH_BARS)
            with contextlib.suppress(DatabaseUnavailableError), database_errors(), self._engine.connect() as connection:
                symbols = [row[0] for row in connection.execute(_WITH_BARS, {"limit": most})]
                self._with_bars = (self._monotonic(), most, symbols)
        return symbols[:limit]

    def recent(self, symbols: Sequence[str], since_ms: int | None, limit: int) -> list[Bar]:
        """Bars by time, then symbol: of each symbol the first `limit` from `since_ms` on, or the newest `limit`."""
        bars: list[Bar] = []
        query = self._queries.newest if since_ms is None else self._queries.since
        for start in range(0, len(symbols), _SYMBOLS_A_SNAPSHOT):
            with database_errors(), self._engine.connect() as connection:
                for symbol in symbols[start : start + _SYMBOLS_A_SNAPSHOT]:
                    rows = connection.execute(query, {"symbol": symbol, "limit": limit, "since": since_ms})
                    bars.extend(Bar(*row) for row in rows)
        bars.sort(key=lambda bar: (bar.timestamp, bar.symbol))
        return bars

    def quotes(self, symbols: Sequence[str], day: QuoteDay) -> list[Quote]:
        """A quote for each symbol that has bars."""
        quotes: list[Quote | None] = []
        for start in range(0, len(symbols), _SYMBOLS_A_SNAPSHOT):
            with database_errors(), self._engine.connect() as connection:
                for symbol in symbols[start : start + _SYMBOLS_A_SNAPSHOT]:
                    quotes.append(_quote(connection, self._queries, symbol, self._names.get(symbol), day))
        return [quote for quote in quotes if quote is not None]

    def state(self, key: Literal["feed", "universe", "status", "assignment"]) -> Any:
        """A small fact of the service, None when it is not there; read again only when it was written again.

        The status is the newer one of what is stored and what the ingesting half told on this machine meanwhile; the
        other facts are those that it told there while the database is away.
        """
        told = self._told(key)
        if told is None:
            return self._stored_state(key)
        with contextlib.suppress(DatabaseUnavailableError):
            stored = self._stored_state(key)
            if key != "status" or (stored is not None and stored["written_at"] >= told["written_at"]):
                return stored
        return told

    def check(self) -> None:
        """Raises DatabaseUnavailableError while the database does not answer."""
        self._changes.seen()

    def _told(self, key: str) -> Any:
        told = self._status_file.read() if self._status_file is not None else None
        return told if told is None or key == "status" else told.get(key)

    def _stored_state(self, key: str) -> Any:
        seen = self._changes.seen()
        written_ms = getattr(seen, f"{key}_ms")
        kept_ms, value = self._states.get(key, (None, None))
        if written_ms != kept_ms:
            value = self._read_state(key)
            self._states[key] = (written_ms, value)
        return value

    def _read_state(self, key: str) -> Any:
        query = text("SELECT value FROM service_state WHERE key = :key")
        with database_errors(), self._engine.connect() as connection:
            value = connection.execute(query, {"key": key}).scalar()
        return None if value is None else msgspec.json.decode(value)

    def close(self) -> None:
        """Lets go of all connections."""
        self._engine.dispose()


def _quote(connection: Connection, queries: _Queries, symbol: str, name: str | None, day: QuoteDay) -> Quote | None:
    newest = [Bar(*row) for row in connection.execute(queries.newest, {"symbol": symbol, "limit": _SPARK_BARS})]
    if not newest:
        return None
    bounds = {"previous_open": day.previous_open_ms, "previous_close": day.previous_close_ms}
    price = connection.execute(queries.previous_close, {"symbol": symbol, **bounds}).scalar()
    shares, millionths = connection.execute(queries.day_volume, {"symbol": symbol, "day_start": day.start_ms}).one()
    last = newest[0]
    change = None if price is None else round(last.close - price, 6)
    return Quote(
        symbol=symbol,
        name=name,
        timestamp=last.timestamp,
        last=last.close,
        tier=Tier(last.tier).name.lower(),
        reference_price=price,
        reference=None if price is None else "previous_close",
        change=change,
        change_percent=None if not price or change is None else round(100 * change / price, 4),
        day_volume=((shares or 0) * 1_000_000 + (millionths or 0)) / 1_000_000,
        spark=[bar.close for bar in reversed(newest)],
        recent=[(bar.timestamp, bar.volume) for bar in reversed(newest[:_RECENT_BARS])],
    )
