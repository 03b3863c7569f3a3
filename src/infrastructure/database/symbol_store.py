"""What the vendor says of symbols, kept in `symbols`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from src.core.domain.market.vendor_answer import VendorTicker
from src.infrastructure.database.engines import database_errors

# Few enough that whoever commits bars waits for some milliseconds.
_ROWS_A_TRANSACTION = 200
_KNOWN = text("SELECT symbol, name, type, exchange, active FROM symbols")
_REFRESHED = text("SELECT value FROM service_state WHERE key = 'symbols'")
# What the vendor does not say stays.
_SAVE = text(
    "INSERT INTO symbols (symbol, name, type, exchange, active, first_seen_ms)"
    " VALUES (:symbol, :name, :type, :exchange, :active, :now_ms) ON CONFLICT (symbol)"
    " DO UPDATE SET name = coalesce(excluded.name, symbols.name), type = coalesce(excluded.type, symbols.type),"
    " exchange = coalesce(excluded.exchange, symbols.exchange), active = excluded.active"
)
_FIELDS = ("symbol", "name", "type", "exchange", "active")
# Readers of symbols look at this number to learn that there are others.
_CHANGED = text("UPDATE write_state SET revision = revision + 1, symbols_revision = revision + 1 WHERE id = 1")
_NOTE = text(
    "INSERT INTO service_state (key, value, updated_ms) VALUES ('symbols', :value, :now_ms)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms"
)


class DatabaseSymbols:
    """The port `SymbolStore`. Reads by `read`, writes by `write`; `now_ms` is the wall clock."""

    def __init__(self, read: Engine, write: Engine, now_ms: Callable[[], int]) -> None:
        self._read = read
        self._write = write
        self._now_ms = now_ms

    def refreshed_ms(self) -> int | None:
        """When the list was last taken over, epoch ms; None for never."""
        with database_errors(), self._read.connect() as connection:
            value = connection.execute(_REFRESHED).scalar()
        return None if value is None else int(msgspec.json.decode(value)["at"])

    def refresh(self, tickers: Sequence[VendorTicker]) -> int:
        """Takes the whole list over; what it does not have is traded no more. Gives how many symbols changed."""
        changed = sorted(self._changed(tickers))
        for start in range(0, len(changed), _ROWS_A_TRANSACTION):
            self._save(changed[start : start + _ROWS_A_TRANSACTION])
        now_ms = self._now_ms()
        note = msgspec.json.encode({"at": now_ms, "count": len(tickers)}).decode()
        with database_errors(), self._write.begin() as connection:
            connection.execute(_NOTE, {"value": note, "now_ms": now_ms})
        return len(changed)

    def _changed(
        self, tickers: Sequence[VendorTicker]
    ) -> Iterator[tuple[str, str | None, str | None, str | None, bool]]:
        """Rows that are to be written."""
        with database_errors(), self._read.connect() as connection:
            known = {row.symbol: row for row in connection.execute(_KNOWN)}
        for ticker, name, type_, exchange in tickers:
            row = known.pop(ticker, None)
            if row is None or (name or row.name, type_ or row.type, exchange or row.exchange, True) != (
                row.name, row.type, row.exchange, bool(row.active),
            ):  # fmt: skip
                yield ticker, name, type_, exchange, True
        for row in known.values():
            if row.active:
                yield row.symbol, None, None, None, False

    def _save(self, rows: Sequence[tuple[Any, ...]]) -> None:
        now_ms = self._now_ms()
        values = [{**dict(zip(_FIELDS, row, strict=True)), "now_ms": now_ms} for row in rows]
        with database_errors(), self._write.begin() as connection:
            connection.execute(_SAVE, values)
            connection.execute(_CHANGED)
