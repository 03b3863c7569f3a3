"""Bars as text in pieces: JSON objects or rows of CSV, with every digit that is stored, and as gzip where asked for."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from src.core.domain.market.aggregation import PeriodBar
from src.core.domain.market.bar import Tier

CSV_HEADER = "symbol,timestamp,date,open,high,low,close,volume,vwap,trade_count,tier,partial\n"
_TIERS = tuple(tier.name.lower() for tier in Tier)
_GZIP = 31  # of zlib's window bits: a gzip head and tail
_LEVEL = 5


class _Told(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    timestamp: int
    date: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    trade_count: int | None
    tier: str
    partial: bool


def bars_as_json(bars: Sequence[PeriodBar]) -> bytes:
    """Objects with commas between, without brackets around them."""
    return msgspec.json.encode([_told(bar) for bar in bars])[1:-1]


def bars_as_csv(bars: Iterable[PeriodBar]) -> str:
    """A row for each; absent values are empty."""
    return "".join(_row(bar) for bar in bars)


def columns_of(bars: Sequence[PeriodBar]) -> list[tuple[Any, ...]]:
    """The columns of `CSV_HEADER` as values: dates as dates, tiers as their names."""
    columns = list(zip(*map(msgspec.structs.astuple, bars), strict=True))
    *others, tiers, partial = columns
    return [*others, tuple(_TIERS[tier] for tier in tiers), tuple(map(bool, partial))]


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream, each as soon as it is there."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _told(bar: PeriodBar) -> _Told:
    prices = (bar.open, bar.high, bar.low, bar.close)
    counts = (bar.volume, bar.vwap, bar.trade_count)
    return _Told(bar.symbol, bar.timestamp, str(bar.date), *prices, *counts, _TIERS[bar.tier], bool(bar.partial))


def _row(bar: PeriodBar) -> str:
    prices = ",".join(map(_digits, (bar.open, bar.high, bar.low, bar.close, bar.volume)))
    vwap = "" if bar.vwap is None else _digits(bar.vwap)
    count = "" if bar.trade_count is None else bar.trade_count
    partial = "true" if bar.partial else "false"
    return f"{bar.symbol},{bar.timestamp},{bar.date},{prices},{vwap},{count},{_TIERS[bar.tier]},{partial}\n"


def _digits(number: float) -> str:
    """The shortest decimal that is this double, without an exponent."""
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text.removesuffix(".0")
