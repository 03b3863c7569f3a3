"""What market state has to know beside bars: names, sectors and their funds, and which daily bars are settled."""

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine, text

from src.core.domain.market.bar import Tier
from src.core.market_ports import Described
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import database_errors

_FRESH_S = 60.0
_SYMBOLS = text("SELECT symbol, name, sector FROM symbols WHERE name IS NOT NULL OR sector IS NOT NULL")
_GROUPED = text(
    "SELECT member.symbol, member.group_name FROM definition_groups AS one"
    " JOIN group_memberships AS member ON member.group_name = one.name WHERE one.type = 'SECTOR'"
    " ORDER BY member.group_name DESC"
)
_FUNDS = text(
    "SELECT fund.sector, fund.symbol FROM definition_groups AS one JOIN symbols AS fund ON fund.symbol = one.name"
    " WHERE one.type = 'ETF' AND fund.sector IS NOT NULL ORDER BY fund.symbol DESC"
)
_SETTLED = (
    "SELECT day.symbol FROM {listed} JOIN ohlcv_daily AS day ON day.symbol = wanted.value AND day.date = :date"
    " WHERE day.tier >= :official AND NOT day.withdrawn"
)


class DatabaseMarketFacts:
    """Any thread may call. `monotonic` reads seconds that never step back. Methods raise DatabaseUnavailableError.

    A symbol's sector is that of its row in `symbols`, else the name of the first group of the type SECTOR that it is
    in. A sector's fund is the symbol of that sector after which a group of the type ETF is called.
    """

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._monotonic = monotonic
        self._settled_query = text(_SETTLED.format(listed=dialect_of(engine).listed))
        self._bind_list = dialect_of(engine).bind_list
        self._lock = threading.Lock()
        self._read_s = float("-inf")
        self._described = Described({}, {}, {})

    def described(self) -> Described:
        """Read anew when it is a minute old; the same object while nothing else was found."""
        with self._lock:
            if self._monotonic() - self._read_s >= _FRESH_S:
                with database_errors(), self._engine.connect() as connection:
                    found = _read(connection)
                if found != self._described:
                    self._described = found
                self._read_s = self._monotonic()
            return self._described

    def settled(self, symbols: Sequence[str], date: dt.date) -> frozenset[str]:
        """Those whose bar of the date is official or final."""
        values = {"wanted": self._bind_list(symbols), "date": date.isoformat(), "official": Tier.OFFICIAL.value}
        with database_errors(), self._engine.connect() as connection:
            return frozenset(row[0] for row in connection.execute(self._settled_query, values))


def _read(connection: Connection) -> Described:
    rows = connection.execute(_SYMBOLS).all()
    grouped = {row.symbol: row.group_name for row in connection.execute(_GROUPED)}
    own = {symbol: sector for symbol, _name, sector in rows if sector}
    names = {symbol: name for symbol, name, _sector in rows if name}
    return Described(names, grouped | own, {row.sector: row.symbol for row in connection.execute(_FUNDS)})
