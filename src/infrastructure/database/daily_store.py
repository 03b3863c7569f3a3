"""Stored daily bars, as they are read: a page of a symbol at a time, so that no snapshot is held for long."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from src.core.domain.market.daily import DailyBar
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

_BETWEEN = (
    "SELECT {columns} FROM ohlcv_daily AS day WHERE day.symbol = :symbol AND day.date >= :from_date"
    " AND day.date <= :to_date ORDER BY day.date LIMIT :limit"
)
_ALL = 2**31
_LISTENED = text("SELECT value FROM service_state WHERE key = 'universe'")
# A fund's group has its own symbol for a name.
_OF_UNIVERSES = text("SELECT symbol FROM group_memberships UNION SELECT name FROM definition_groups WHERE type = 'ETF'")


class DatabaseDays:
    """Any thread may call. DatabaseUnavailableError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._between = text(_BETWEEN.format(columns=dialect_of(engine).day_columns()))

    def days_between(self, symbol: str, from_date: dt.date, to_date: dt.date, limit: int = _ALL) -> list[DailyBar]:
        """The first `limit` stored days of a symbol in [from_date, to_date], by date; the withdrawn too."""
        bounds = {"from_date": from_date.isoformat(), "to_date": to_date.isoformat(), "limit": limit}
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(self._between, {"symbol": symbol, **bounds})
            return [daily_from_row(row) for row in rows]


class DatabaseDaysWanted:
    """Any thread may call. DatabaseUnavailableError while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def symbols(self) -> frozenset[str] | None:
        """Whose days are kept: of what is listened to, and of the members of all universes; None for everything."""
        with database_errors(), self._engine.connect() as connection:
            universe = connection.execute(_LISTENED).scalar()
            members = [row[0] for row in connection.execute(_OF_UNIVERSES)]
        listened: list[str] = [] if universe is None else msgspec.json.decode(universe)["symbols"]
        return None if listened == ["*"] else frozenset([*listened, *members])


def daily_from_row(row: Sequence[Any]) -> DailyBar:
    """A day from the columns of `Dialect.day_columns`."""
    date = row[1] if isinstance(row[1], dt.date) else dt.date.fromisoformat(row[1])
    return DailyBar(row[0], date, *row[2:])
