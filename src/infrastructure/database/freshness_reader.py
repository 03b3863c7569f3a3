"""How new the bars of symbols are, and which minutes came or changed late."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from src.core.domain.market.bar import Tier
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

# A snapshot that is held stops checkpoints, so a long answer takes several.
_SYMBOLS_A_SNAPSHOT = 500
_NEWEST = (
    "SELECT ranges.symbol AS symbol, {timestamp} AS newest_ms, bar.tier AS tier FROM {ranges}"
    " JOIN ohlcv_1min AS bar ON bar.symbol = ranges.symbol AND bar.timestamp ="
    " (SELECT max(timestamp) FROM ohlcv_1min AS other WHERE other.symbol = ranges.symbol)"
)
_LATE = text("SELECT symbol, from_ms, to_ms FROM bar_changes WHERE to_ms >= :from_ms AND from_ms <= :to_ms")


class DatabaseFreshness:
    """The port `Freshness`. Any thread may call. Methods raise DatabaseUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        timestamp = self._dialect.epoch_ms.format("bar.timestamp")
        self._newest = text(_NEWEST.format(timestamp=timestamp, ranges=self._dialect.ranges))

    def newest(self, symbols: Sequence[str]) -> dict[str, tuple[int, Tier]]:
        """Of each symbol that has bars the start of the newest (epoch ms) and its tier; withdrawn ones count."""
        found: dict[str, tuple[int, Tier]] = {}
        for start in range(0, len(symbols), _SYMBOLS_A_SNAPSHOT):
            part = symbols[start : start + _SYMBOLS_A_SNAPSHOT]
            bounds = self._dialect.bind_list([0] * len(part))
            values = {"symbols": self._dialect.bind_list(part), "froms": bounds, "tos": bounds}
            with database_errors(), self._engine.connect() as connection:
                for symbol, newest_ms, tier in connection.execute(self._newest, values):
                    found[symbol] = (newest_ms, Tier(tier))
        return found

    def late_changes(self, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, int]]]:
        """By symbol the minutes, as the first and the last (epoch ms), that came or were changed when bars more than 20
        minutes newer were there, as far as that is kept (a day), where they touch [from_ms, to_ms]."""
        changes: dict[str, list[tuple[int, int]]] = {}
        with database_errors(), self._engine.connect() as connection:
            for symbol, first_ms, last_ms in connection.execute(_LATE, {"from_ms": from_ms, "to_ms": to_ms}):
                changes.setdefault(symbol, []).append((first_ms, last_ms))
        return changes
