"""Bars and aggregates for tests, and strategies that generate them."""

import datetime as dt
from collections.abc import Sequence

from hypothesis import strategies as st
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.tick import MinuteAggregate, SecondAggregate
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.daily_store import daily_from_row
from src.infrastructure.database.dialects import dialect_of
from src.infrastructure.database.engines import read_engine

MINUTE = 1_763_649_000_000  # 2025-11-20 14:30 UTC, 09:30 New York


def bar(
    symbol: str = "AAPL",
    timestamp: int = MINUTE,
    close: float = 150.25,
    volume: float = 100.0,
    tier: int = Tier.OFFICIAL.value,
    observed_at: int = 1,
    vwap: float | None = 150.0,
    trade_count: int | None = None,
    partial: bool = False,
    withdrawn: bool = False,
) -> Bar:
    """A coherent bar around `close`."""
    prices = (close - 0.5, close + 1.0, close - 1.0, close)
    return Bar(symbol, timestamp, *prices, volume, vwap, trade_count, tier, observed_at, partial, withdrawn)


def day(
    symbol: str = "AAPL",
    date: dt.date = dt.date(2025, 11, 20),
    close: float = 150.25,
    volume: float = 100.0,
    tier: int = Tier.OFFICIAL.value,
    observed_at: int = 1,
    vwap: float | None = 150.0,
    trade_count: int | None = None,
    partial: bool = False,
    withdrawn: bool = False,
) -> DailyBar:
    """A coherent day around `close`."""
    prices = (close - 0.5, close + 1.0, close - 1.0, close)
    return DailyBar(symbol, date, *prices, volume, vwap, trade_count, tier, observed_at, partial, withdrawn)


def second(
    offset_s: int, close: float = 10.0, volume: float = 100.0, ticker: str = "AAPL", vwap: float | None = None
) -> SecondAggregate:
    """A second aggregate `offset_s` seconds after MINUTE."""
    prices = (close - 0.01, close + 0.02, close - 0.02, close)
    return SecondAggregate(ticker, MINUTE + offset_s * 1000, *prices, volume, None, vwap)


def minute(offset_min: int, close: float = 10.0, volume: float = 6000.0, ticker: str = "AAPL") -> MinuteAggregate:
    """A minute aggregate `offset_min` minutes after MINUTE."""
    prices = (close - 0.1, close + 0.2, close - 0.2, close)
    return MinuteAggregate(ticker, MINUTE + offset_min * 60_000, *prices, volume, None, close)


def stored_bars(url: str) -> list[Bar]:
    """Everything in the table of minutes, by symbol and time."""
    engine = read_engine(url)
    with engine.connect() as connection:
        query = f"SELECT {dialect_of(engine).columns()} FROM ohlcv_1min AS bar"
        bars = [Bar(*row[:11], bool(row[11]), bool(row[12])) for row in connection.execute(text(query))]
    engine.dispose()
    return sorted(bars, key=lambda bar: (bar.symbol, bar.timestamp))


def stored_days(url: str) -> list[DailyBar]:
    """Everything in the table of days, by symbol and date."""
    engine = read_engine(url)
    with engine.connect() as connection:
        query = f"SELECT {dialect_of(engine).day_columns()} FROM ohlcv_daily AS day"
        days = [daily_from_row(row) for row in connection.execute(text(query))]
    engine.dispose()
    return sorted(days, key=lambda day: (day.symbol, day.date))


def reader_of(url: str) -> DatabaseBarReader:
    """A reader of the database at `url`."""
    engine = read_engine(url)
    return DatabaseBarReader(engine, DatabaseChangeReader(engine))


_PRICES = st.integers(1, 3).map(float)  # few, so that accounts often agree
_TIERS = st.sampled_from([tier.value for tier in Tier])


def _stamped(values: Sequence[tuple[float, float, int, bool]], with_optional: Sequence[bool]) -> list[Bar]:
    """Accounts of one minute, each with a stamp of its own; those with one volume agree on vwap and trade count."""
    return [
        bar(
            close=close,
            volume=volume,
            tier=tier,
            observed_at=place,
            partial=partial,
            withdrawn=not partial and close == 2.0,
            vwap=volume + 0.5 if optional else None,
            trade_count=int(volume) * 3 if optional else None,
        )
        for place, ((close, volume, tier, partial), optional) in enumerate(zip(values, with_optional, strict=True))
    ]


@st.composite
def evidence(draw: st.DrawFn) -> list[Bar]:
    """Accounts of one minute, of any tier and value, all with vwap and trade count or all without."""
    values = draw(st.lists(st.tuples(_PRICES, _PRICES, _TIERS, st.booleans()), min_size=1, max_size=6))
    return _stamped(values, [draw(st.booleans())] * len(values))


@st.composite
def evidence_with_absent_values(draw: st.DrawFn) -> list[Bar]:
    """Accounts of which some lack vwap and trade count; a newer account never tells a volume left behind before.

    Trades are added or cancelled; that exactly the cancelled volume comes again, without a vwap, is what the rule
    for absent values leaves open.
    """
    values = draw(st.lists(st.tuples(_PRICES, _PRICES, _TIERS, st.booleans()), min_size=1, max_size=6))
    ordered = sorted(values, key=lambda value: value[2])
    volumes = sorted(volume for _, volume, _, _ in values)
    renewed = [(close, volume, tier, flag) for (close, _, tier, flag), volume in zip(ordered, volumes, strict=True)]
    return _stamped(renewed, [draw(st.booleans()) for _ in values])
