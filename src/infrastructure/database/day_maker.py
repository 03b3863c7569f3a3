"""What minutes come to, added up in the database: one statement for many symbols, whose snapshot ends with it."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from src.core.domain.market.aggregation import MICRO
from src.core.domain.market.bar import Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.daily_plan import DayOfMinutes, Minutes, NotedChanges, Stretch
from src.infrastructure.database.daily_store import daily_from_row
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors

# Volumes as whole shares and the millionths beside them: sums of floats depend on their order.
_STRETCHES = """
SELECT day.symbol, day.from_ms,
  (SELECT {open} FROM ohlcv_1min AS first WHERE first.symbol = day.symbol AND first.timestamp = day.first_minute),
  day.high, day.low,
  (SELECT {close} FROM ohlcv_1min AS last WHERE last.symbol = day.symbol AND last.timestamp = day.last_minute),
  day.shares, day.millionths, day.dollars, day.without_vwap, day.trades, day.with_trades, day.minutes, day.is_partial
FROM (
  SELECT ranges.symbol AS symbol, ranges.from_ms AS from_ms,
    min(bar.timestamp) AS first_minute, max(bar.timestamp) AS last_minute, max({high}) AS high, min({low}) AS low,
    CAST(sum(CAST(round(bar.volume) AS bigint)) AS bigint) AS shares,
    CAST(sum(CAST(round((bar.volume - round(bar.volume)) * 1000000) AS bigint)) AS bigint) AS millionths,
    sum({vwap} * {volume}) AS dollars,
    sum(CASE WHEN bar.vwap IS NULL AND bar.volume > 0 THEN 1 ELSE 0 END) AS without_vwap,
    CAST(sum(bar.trade_count) AS bigint) AS trades, count(bar.trade_count) AS with_trades, count(*) AS minutes,
    max(CASE WHEN bar.partial THEN 1 ELSE 0 END) AS is_partial
  FROM {ranges} {nested}
  GROUP BY ranges.symbol, ranges.from_ms
) AS day
"""
_OF_RANGE = (
    "bar.symbol = ranges.symbol AND bar.timestamp >= {from_ms} AND bar.timestamp < {to_ms} AND NOT bar.withdrawn"
)
_WITH_MINUTES = (
    "SELECT symbol FROM symbols WHERE EXISTS (SELECT 1 FROM ohlcv_1min AS bar WHERE bar.symbol = symbols.symbol"
    " AND bar.timestamp >= {from_ms} AND bar.timestamp < {to_ms}) ORDER BY symbol"
)
# The least and the greatest of each symbol are found by the key, whatever lies between them.
_ENDS = (
    "SELECT min(least), max(greatest) FROM (SELECT"
    " (SELECT {least} FROM ohlcv_1min AS bar WHERE {within}) AS least,"
    " (SELECT {greatest} FROM ohlcv_1min AS bar WHERE {within}) AS greatest FROM {listed}) AS ends"
)
_WITHIN = "bar.symbol = wanted.value AND bar.timestamp >= {from_ms} AND bar.timestamp < {to_ms}"
# Only a day whose minutes are all there still, and withdrawn, is withdrawn: minutes that were pruned say nothing.
_WITHDRAWN = (
    "SELECT {columns} FROM ohlcv_daily AS day WHERE day.symbol = :symbol AND day.date = :date AND day.tier = :live"
    " AND NOT day.withdrawn AND EXISTS (SELECT 1 FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol"
    " AND bar.timestamp >= {from_ms} AND bar.timestamp < {to_ms})"
)
_CHANGED = text(
    "SELECT symbol, min(from_ms), max(to_ms) FROM bar_changes WHERE revision > :since AND revision <= :until"
    " GROUP BY symbol"
)
_STATE = text("SELECT revision, newest_bar_ms, changes_floor FROM write_state")


_PROVISIONAL = text(
    "SELECT symbol FROM symbols WHERE EXISTS (SELECT 1 FROM ohlcv_daily AS day WHERE day.symbol = symbols.symbol"
    " AND day.date = :date AND day.tier < :final AND NOT day.withdrawn) LIMIT 1"
)


class DatabaseDayMaker:
    """Any thread may call. DatabaseUnavailableError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        dialect = dialect_of(engine)
        self._engine = engine
        self._dialect = dialect
        self._stretches = text(_stretches_query(dialect))
        bounds = {name: dialect.moment.format(f":{name}") for name in ("from_ms", "to_ms")}
        self._with_minutes = text(_WITH_MINUTES.format(**bounds))
        least, greatest = (dialect.epoch_ms.format(f"{end}(bar.timestamp)") for end in ("min", "max"))
        within = _WITHIN.format(**bounds)
        self._ends = text(_ENDS.format(least=least, greatest=greatest, within=within, listed=dialect.listed))
        self._withdrawn = text(_WITHDRAWN.format(columns=dialect.day_columns(), **bounds))

    def stretches(self, wanted: Sequence[Minutes]) -> list[Stretch | None]:
        """What each of these comes to, None where nothing traded; all with a `from_ms` of their own, or a symbol."""
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(self._stretches, self._bound(wanted)).all()
        found = {(row[0], row[1]): _stretch(row[2:]) for row in rows}
        return [found.get((one.symbol, one.from_ms)) for one in wanted]

    def withdrawn(self, days: Sequence[DayOfMinutes], stamp: int) -> list[DailyBar]:
        """Of days without a minute that counts, those that are stored as if there were, to be withdrawn."""
        found: list[DailyBar] = []
        with database_errors(), self._engine.connect() as connection:
            for day in days:
                values = {"symbol": day.symbol, "date": day.date.isoformat(), "live": Tier.LIVE.value}
                bounds = {"from_ms": day.from_ms, "to_ms": day.to_ms}
                for row in connection.execute(self._withdrawn, {**values, **bounds}):
                    found.append(msgspec.structs.replace(daily_from_row(row), observed_at=stamp, withdrawn=True))
        return found

    def symbols_between(self, from_ms: int, to_ms: int) -> list[str]:
        """The symbols with a minute that starts in [from_ms, to_ms), in order."""
        with database_errors(), self._engine.connect() as connection:
            return [row[0] for row in connection.execute(self._with_minutes, {"from_ms": from_ms, "to_ms": to_ms})]

    def ends(self, symbols: Sequence[str], from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """The first and the last minute of these symbols that start in [from_ms, to_ms), withdrawn ones too."""
        values = {"wanted": self._dialect.bind_list(symbols), "from_ms": from_ms, "to_ms": to_ms}
        with database_errors(), self._engine.connect() as connection:
            first_ms, last_ms = connection.execute(self._ends, values).one()
        return None if first_ms is None else (first_ms, last_ms)

    def noted_since(self, revision: int | None) -> NotedChanges:
        """Where bars older than 20 minutes were changed since a revision; nothing for None."""
        with database_errors(), self._engine.connect() as connection:
            state = connection.execute(_STATE).one()
            since = state.revision if revision is None else revision
            rows = connection.execute(_CHANGED, {"since": since, "until": state.revision})
            return NotedChanges(
                state.revision, state.newest_bar_ms, state.changes_floor, [(row[0], row[1], row[2]) for row in rows]
            )

    def has_provisional(self, date: dt.date) -> bool:
        """Whether a day of that date is stored that is not final."""
        values = {"date": date.isoformat(), "final": Tier.FINAL.value}
        with database_errors(), self._engine.connect() as connection:
            return connection.execute(_PROVISIONAL, values).first() is not None

    def _bound(self, wanted: Sequence[Minutes]) -> dict[str, Any]:
        columns: dict[str, list[Any]] = {
            "symbols": [one.symbol for one in wanted],
            "froms": [one.from_ms for one in wanted],
            "tos": [one.to_ms for one in wanted],
        }
        return {name: self._dialect.bind_list(values) for name, values in columns.items()}


def _stretches_query(dialect: Dialect) -> str:
    bounds = {name: dialect.moment.format(f"ranges.{name}") for name in ("from_ms", "to_ms")}
    numbers = {name: dialect.number.format(f"bar.{name}") for name in ("high", "low", "vwap", "volume")}
    ends = {"open": dialect.number.format("first.open"), "close": dialect.number.format("last.close")}
    nested = dialect.nested.format(_OF_RANGE.format(**bounds))
    return _STRETCHES.format(ranges=dialect.ranges, nested=nested, **numbers, **ends)


def _stretch(row: Sequence[Any]) -> Stretch:
    opening, high, low, close, shares, millionths, dollars, *counts, partial = row
    without_vwap, trades, told, minutes = counts
    volume_micro = shares * MICRO + millionths
    known = float(dollars or 0.0), without_vwap, int(trades or 0), told, minutes
    return Stretch(opening, high, low, close, volume_micro, *known, bool(partial))
