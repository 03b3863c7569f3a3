"""Stored bars of the past as they are read out: pages by key, each with a snapshot of its own that ends with it."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, select, text

from src.core.domain.market.adjustment import ActionKind, ActionSource, Close, CorporateAction
from src.core.domain.market.bar import Bar
from src.core.domain.market.daily import DailyBar
from src.infrastructure.database.daily_store import DatabaseDays
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors
from src.infrastructure.database.tables import corporate_actions, symbols

_MINUTES = (
    "SELECT {columns} FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol AND bar.timestamp >= {from_ms}"
    " AND bar.timestamp < {to_ms} AND NOT bar.withdrawn ORDER BY bar.timestamp LIMIT :limit"
)
_CLOSE_BEFORE = (
    "SELECT date, {close} FROM ohlcv_daily WHERE symbol = :symbol AND date < :date AND date >= :oldest"
    " AND NOT withdrawn ORDER BY date DESC LIMIT 1"
)
_DAYS_BACK = 10  # over a long weekend and a halt, and no further: an old close says nothing about a dividend


class DatabaseBarArchive:
    """Any thread may call. DatabaseUnavailableError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        dialect = dialect_of(engine)
        self._engine = engine
        self._days = DatabaseDays(engine)
        bounds = {name: dialect.moment.format(f":{name}") for name in ("from_ms", "to_ms")}
        self._minutes = text(_MINUTES.format(columns=dialect.columns(), **bounds))
        self._close_before = text(_CLOSE_BEFORE.format(close=dialect.number.format("close")))

    def minutes(self, symbol: str, from_ms: int, to_ms: int, limit: int) -> list[Bar]:
        """The first `limit` bars that start in [from_ms, to_ms) (epoch ms), without the withdrawn."""
        values = {"symbol": symbol, "from_ms": from_ms, "to_ms": to_ms, "limit": limit}
        with database_errors(), self._engine.connect() as connection:
            return [Bar(*row) for row in connection.execute(self._minutes, values)]

    def days(self, symbol: str, from_date: dt.date, to_date: dt.date, limit: int) -> list[DailyBar]:
        """The first `limit` days in [from_date, to_date]; the withdrawn too."""
        return self._days.days_between(symbol, from_date, to_date, limit)

    def actions(self, symbol: str) -> list[CorporateAction]:
        """All that is known of a symbol, by date."""
        columns = [corporate_actions.c[name] for name in CorporateAction._fields]
        query = select(*columns).where(corporate_actions.c.symbol == symbol)
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(corporate_actions.c.date, corporate_actions.c.id))
            return [action_from_row(row) for row in rows]

    def closes_before(self, symbol: str, dates: Iterable[dt.date]) -> dict[dt.date, Close]:
        """For each date the last close of the ten days before it, where one is stored."""
        closes: dict[dt.date, Close] = {}
        with database_errors(), self._engine.connect() as connection:
            for date in dates:
                oldest = (date - dt.timedelta(days=_DAYS_BACK)).isoformat()
                values = {"symbol": symbol, "date": date.isoformat(), "oldest": oldest}
                if row := connection.execute(self._close_before, values).one_or_none():
                    day = row[0] if isinstance(row[0], dt.date) else dt.date.fromisoformat(row[0])
                    closes[date] = Close(day, row[1])
        return closes


def known_symbols(engine: Engine) -> frozenset[str]:
    """Every symbol of the database."""
    with database_errors(), engine.connect() as connection:
        return frozenset(row[0] for row in connection.execute(select(symbols.c.symbol)))


def action_from_row(row: Any) -> CorporateAction:
    """An action from the columns of its table."""
    return CorporateAction(
        row.id,
        row.symbol,
        row.date,
        ActionKind(row.kind),
        _number(row.split_from),
        _number(row.split_to),
        _number(row.amount),
        row.currency,
        ActionSource(row.source),
    )


def _number(stored: Any) -> float | None:
    return None if stored is None else float(stored)
