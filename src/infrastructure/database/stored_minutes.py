"""Stored minutes as they are compared with the vendor's: read beside the writer, which waits for none of it.

SQLite's writing connection takes the file's lock even to read, and a month of minutes takes half a second.
"""

from sqlalchemy import Engine, text

from src.core.domain.market.bar import Bar
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

_BETWEEN = (
    "SELECT {columns} FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol AND bar.timestamp >= {from_ms}"
    " AND bar.timestamp <= {to_ms}"
)
# Of each symbol the newest half an hour of trading.
_DOLLAR_VOLUMES = text(
    "SELECT symbol, (SELECT coalesce(sum(recent.close * recent.volume), 0) FROM"
    " (SELECT close, volume FROM ohlcv_1min AS bar WHERE bar.symbol = symbols.symbol"
    " ORDER BY bar.timestamp DESC LIMIT 30) AS recent) FROM symbols WHERE symbol > :after ORDER BY symbol LIMIT :most"
)
_SYMBOLS_A_SNAPSHOT = 1_000


class DatabaseMinutes:
    """Reads by `engine`, which need not write. Any thread may call; DatabaseUnavailableError while the database is
    away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = dialect_of(engine)
        bounds = {name: dialect.moment.format(f":{name}") for name in ("from_ms", "to_ms")}
        self._between = text(_BETWEEN.format(columns=dialect.columns(), **bounds))

    def bars_between(self, symbol: str, from_ms: int, to_ms: int) -> dict[int, Bar]:
        """The stored bars of a symbol that start in [from_ms, to_ms] (epoch ms), by their start; the withdrawn too."""
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(self._between, {"symbol": symbol, "from_ms": from_ms, "to_ms": to_ms})
            return {bar.timestamp: bar for bar in (Bar(*row) for row in rows)}

    def dollar_volumes(self) -> dict[str, float]:
        """For how many dollars each known symbol traded in its newest 30 bars; 0.0 without any."""
        found: dict[str, float] = {}
        after = ""
        while some := self._dollar_volumes(after):
            found |= some
            after = max(some)
        return found

    def _dollar_volumes(self, after: str) -> dict[str, float]:
        values = {"after": after, "most": _SYMBOLS_A_SNAPSHOT}
        with database_errors(), self._engine.connect() as connection:
            return {symbol: float(dollars) for symbol, dollars in connection.execute(_DOLLAR_VOLUMES, values)}
