"""What the database knows of symbols' days: how many minutes there are, gaps, and what the vendor was asked for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, Row, text

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.coverage import NOTHING_STORED, Day, Stored
from src.core.history_ports import DayGaps, Settled
from src.infrastructure.database.dialects import Dialect, dialect_of
from src.infrastructure.database.engines import database_errors

# A snapshot that is held stops checkpoints, so a long answer takes several: so many days of symbols each.
_CELLS_A_SNAPSHOT = 500
# Counted by the primary key alone, which is a tenth of the work; so withdrawn minutes count. A day that was compared is
# final from its first bar to its last, so these two tell it.
_COUNTED = (
    "SELECT ranges.symbol AS symbol, ranges.from_ms AS from_ms,"
    " (SELECT count(*) FROM ohlcv_1min AS bar WHERE {within}) AS bars,"
    " (SELECT tier FROM ohlcv_1min AS bar WHERE {within} ORDER BY bar.timestamp LIMIT 1) AS first_tier,"
    " (SELECT tier FROM ohlcv_1min AS bar WHERE {within} ORDER BY bar.timestamp DESC LIMIT 1) AS last_tier"
    " FROM {ranges}"
)
_COUNTED_REGULAR = (
    "SELECT ranges.symbol AS symbol, ranges.from_ms AS from_ms,"
    " (SELECT count(*) FROM ohlcv_1min AS bar WHERE {within}) AS bars FROM {ranges}"
)
_BARS = (
    "SELECT {columns} FROM ohlcv_1min AS bar WHERE bar.symbol = :symbol AND bar.timestamp >= {from_ms}"
    " AND bar.timestamp <= {to_ms} ORDER BY bar.timestamp"
)
_TOUCHING = "gap.from_ms <= :to_ms AND coalesce(gap.to_ms, :to_ms) >= :from_ms"
_GAPS_OF_SYMBOLS = text(
    "SELECT entry.symbol, entry.state, gap.from_ms, gap.to_ms FROM data_gap_symbols AS entry"  # noqa: S608  of constants
    f" JOIN data_gaps AS gap ON gap.id = entry.gap_id WHERE {_TOUCHING}"
)
# Those that grow, or that nobody has divided into symbols yet.
_WHOLE_GAPS = text(
    "SELECT gap.symbols, gap.state, gap.from_ms, gap.to_ms FROM data_gaps AS gap"  # noqa: S608  of constants
    f" WHERE gap.state = 'open' AND gap.symbols_total IS NULL AND {_TOUCHING}"
)
_MONTHS = (
    "SELECT symbol, month, since, through FROM history_months WHERE timespan = :timespan AND month >= :first"
    " AND month <= :last AND symbol {among}"
)
_DAILY = (
    "SELECT symbol, date FROM ohlcv_daily WHERE tier >= :tier AND date >= :first AND date <= :last AND symbol {among}"
)
_PRUNED = text("SELECT value FROM service_state WHERE key = 'pruned'")


class DatabaseCoverage:
    """Any thread may call. Methods raise DatabaseUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        ranges = self._dialect.ranges
        self._counted = text(_COUNTED.format(within=_within(self._dialect), ranges=ranges))
        self._counted_regular = text(_COUNTED_REGULAR.format(within=_within(self._dialect), ranges=ranges))
        moments = {name: self._dialect.moment.format(f":{name}") for name in ("from_ms", "to_ms")}
        self._bars = text(_BARS.format(columns=self._dialect.columns(), **moments))
        self._months = text(_MONTHS.format(among=self._dialect.among))
        self._daily = text(_DAILY.format(among=self._dialect.among))

    def stored(self, symbols: Sequence[str], days: Sequence[Day]) -> dict[str, list[Stored]]:
        """Of each symbol what is stored of each day, in the order of `days`."""
        cells = [(symbol, day) for symbol in symbols for day in days]
        found: dict[tuple[str, int], Stored] = {}
        for start in range(0, len(cells), _CELLS_A_SNAPSHOT):
            found |= self._count(cells[start : start + _CELLS_A_SNAPSHOT])
        return {symbol: [found.get((symbol, day.from_ms), NOTHING_STORED) for day in days] for symbol in symbols}

    def _count(self, cells: Sequence[tuple[str, Day]]) -> dict[tuple[str, int], Stored]:
        whole = [(symbol, day.from_ms, day.to_ms) for symbol, day in cells]
        regular = [(symbol, day.open_ms, day.close_ms) for symbol, day in cells]
        with database_errors(), self._engine.connect() as connection:
            counted = connection.execute(self._counted, self._lists(whole)).all()
            in_session = connection.execute(self._counted_regular, self._lists(regular)).all()
        regular_bars = {(row.symbol, row.from_ms): row.bars for row in in_session}
        opens = {(symbol, day.from_ms): day.open_ms for symbol, day in cells}
        return {
            (row.symbol, row.from_ms): _stored(row, regular_bars[row.symbol, opens[row.symbol, row.from_ms]])
            for row in counted
        }

    def _lists(self, ranges: Iterable[tuple[str, int, int]]) -> dict[str, Any]:
        symbols, froms, tos = (self._dialect.bind_list(values) for values in zip(*ranges, strict=True))
        return {"symbols": symbols, "froms": froms, "tos": tos}

    def bars(self, symbol: str, from_ms: int, to_ms: int) -> list[Bar]:
        """The bars of a symbol that start in [from_ms, to_ms], withdrawn ones among them; by time."""
        with database_errors(), self._engine.connect() as connection:
            rows = connection.execute(self._bars, {"symbol": symbol, "from_ms": from_ms, "to_ms": to_ms})
            return [Bar(*row) for row in rows]

    def gaps(self, from_ms: int, to_ms: int) -> DayGaps:
        """What is open, and what was given up, in the minutes from `from_ms` to `to_ms` (both included)."""
        bounds = {"from_ms": from_ms, "to_ms": to_ms}
        gaps = DayGaps({}, {}, [])
        with database_errors(), self._engine.connect() as connection:
            for symbol, state, first_ms, last_ms in connection.execute(_GAPS_OF_SYMBOLS, bounds):
                kind = gaps.lost if state == "unrepairable" else gaps.open
                kind.setdefault(symbol, []).append((first_ms, last_ms))
            for symbols, _state, first_ms, last_ms in connection.execute(_WHOLE_GAPS, bounds):
                named = ["*"] if symbols is None else msgspec.json.decode(symbols, type=list[str])
                if "*" in named:
                    gaps.of_all.append((first_ms, last_ms))
                for symbol in named:
                    gaps.open.setdefault(symbol, []).append((first_ms, last_ms))
        return gaps

    def settled(self, symbols: Sequence[str], first: str, last: str) -> Settled:
        """What REST was asked for of the dates from `first` to `last` (YYYY-MM-DD), when its bars were final."""
        values = {"first": first[:7], "last": last[:7], "wanted": self._dialect.bind_list(symbols)}
        dates = {"first": first, "last": last, "wanted": values["wanted"], "tier": Tier.OFFICIAL.value}
        with database_errors(), self._engine.connect() as connection:
            minutes = connection.execute(self._months, {**values, "timespan": "minute"}).all()
            daily = connection.execute(self._months, {**values, "timespan": "day"}).all()
            traded = connection.execute(self._daily, dates).all()
        return Settled(_by_month(minutes), _by_month(daily), {(symbol, str(date)) for symbol, date in traded})

    def pruned_before_ms(self) -> int:
        """The minutes before it were dropped, since they were too old; 0 when none were."""
        with database_errors(), self._engine.connect() as connection:
            value = connection.execute(_PRUNED).scalar()
        return 0 if value is None else int(msgspec.json.decode(value)["before_ms"])


def _within(dialect: Dialect) -> str:
    first, last = dialect.moment.format("ranges.from_ms"), dialect.moment.format("ranges.to_ms")
    return f"bar.symbol = ranges.symbol AND bar.timestamp >= {first} AND bar.timestamp <= {last}"


def _stored(row: Row[Any], regular: int) -> Stored:
    return Stored(row.bars, regular, row.first_tier == row.last_tier == Tier.FINAL)


def _by_month(rows: Iterable[Row[Any]]) -> Mapping[tuple[str, str], tuple[str, str]]:
    return {(row.symbol, row.month): (str(row.since), str(row.through)) for row in rows}
