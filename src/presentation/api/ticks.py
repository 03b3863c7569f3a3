"""`GET /api/ticks/recent` and `GET /api/quotes`: what a dashboard polls."""

from collections.abc import Callable

import msgspec
from flask import Blueprint, Response, request

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.quote import QuoteDay
from src.core.ports import BarReader
from src.presentation.api.errors import ApiError
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_limit, read_since_ms, read_symbols

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1000
_MAX_BARS = 100_000  # in one answer
_MAX_QUOTES = 500
_TIER_NAMES = tuple(tier.name.lower() for tier in Tier)


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A stored bar as the API tells it; `timestamp` is the minute's start in epoch ms."""

    symbol: str
    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    tier: str


def ticks_blueprint(reader: BarReader, now_ms: Callable[[], int], day_at: Callable[[int], QuoteDay]) -> Blueprint:
    """The endpoints over `reader`. `day_at` gives what quotes of a time (epoch ms) are measured against."""
    blueprint = Blueprint("ticks", __name__, url_prefix="/api")

    @blueprint.get("/ticks/recent")
    def recent() -> Response:
        check_names(request.args, ("symbol", "symbols", "since", "limit"))
        names = read_symbols(request.args)
        since_ms = read_since_ms(request.args)
        limit = read_limit(request.args, _DEFAULT_LIMIT, _MAX_LIMIT)
        if not names:
            raise ApiError(400, "bad_parameter", "Give symbol=AAPL, or symbols=AAPL,MSFT.")
        if len(names) * limit > _MAX_BARS:
            raise ApiError(413, "too_large", f"{len(names)} symbols times limit {limit} is more than {_MAX_BARS} bars.")
        known, unknown = _resolve(reader, names)
        ticks = [_tick(bar) for bar in reader.recent(known, since_ms, limit)]
        answer = {"count": len(ticks), "server_time": now_ms(), "ticks": ticks}
        if "symbol" in request.args:
            return json_answer({"symbol": known[0], **answer})
        return json_answer({**answer, "unknown": unknown})

    @blueprint.get("/quotes")
    def quotes() -> Response:
        check_names(request.args, ("symbols",))
        names = read_symbols(request.args)
        if len(names) > _MAX_QUOTES:
            raise ApiError(400, "bad_parameter", f"symbols names {len(names)} tickers; allowed are {_MAX_QUOTES}.")
        known, unknown = _resolve(reader, names) if names else (reader.universe(_MAX_QUOTES), [])
        at_ms = now_ms()
        found = reader.quotes(known, day_at(at_ms))
        return json_answer({"quotes": found, "unknown": unknown, "server_time": at_ms})

    return blueprint


def _resolve(reader: BarReader, names: list[str]) -> tuple[list[str], list[str]]:
    known, unknown = reader.resolve(names)
    if not known:
        listed = ", ".join(repr(name)[:60] for name in unknown[:5])
        raise ApiError(404, "unknown_symbol", f"No such symbol in the database: {listed}.")
    return known, unknown


def _tick(bar: Bar) -> Tick:
    prices = (bar.open, bar.high, bar.low, bar.close)
    return Tick(bar.symbol, bar.timestamp, *prices, bar.volume, bar.vwap, _TIER_NAMES[bar.tier])
