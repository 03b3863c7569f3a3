"""The vendor's lists: the whole market's day, splits and dividends."""

import datetime as dt
import logging
import math
from collections.abc import Iterator
from typing import Any

import msgspec

from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.core.domain.market.daily import DailyBar, check_daily
from src.core.domain.market.rest_evidence import rest_day_tier
from src.core.domain.market.symbol import is_symbol
from src.core.errors import BadBarError, BadSymbolError
from src.infrastructure.data_sources.massive_rest import MassiveRest

logger = logging.getLogger(__name__)

_GROUPED_PATH = "/v2/aggs/grouped/locale/us/market/stocks"
_SPLITS_PATH, _DIVIDENDS_PATH = "/v3/reference/splits", "/v3/reference/dividends"
_PAGE = 1_000


class _Day(msgspec.Struct, frozen=True):
    T: str
    o: float
    h: float
    l: float  # noqa: E741  the vendor's key
    c: float
    v: float
    vw: float | None = None
    n: int | float | None = None


class _Split(msgspec.Struct, frozen=True):
    id: str
    ticker: str
    execution_date: dt.date
    split_from: float
    split_to: float


class _Dividend(msgspec.Struct, frozen=True):
    id: str
    ticker: str
    ex_dividend_date: dt.date
    cash_amount: float
    currency: str | None = None


class VendorLists:
    """Asks by `rest`, with its limiter and patience, and raises what it raises."""

    def __init__(self, rest: MassiveRest) -> None:
        self._rest = rest

    def market_day(self, date: dt.date) -> list[DailyBar]:
        """The unadjusted day of everything that traded on a New York date; empty while it can still trade.

        The element's own time is the end of its window, which does not tell the date: it is the one asked for.
        """
        days: list[DailyBar] = []
        for page in self._rest.listed(f"{_GROUPED_PATH}/{date}", {"adjusted": "false"}, _Day):
            tier = rest_day_tier(date, page.asked_ms)
            if tier is not None:
                days += _days(page.elements, date, tier.value, page.stamp)
        return days

    def splits(self, from_date: dt.date, to_date: dt.date, symbol: str | None = None) -> Iterator[CorporateAction]:
        """The splits that take effect on these dates, both included; of one symbol or of all."""
        for page in self._rest.listed(_SPLITS_PATH, _query("execution_date", from_date, to_date, symbol), _Split):
            for one in page.elements:
                if _is_usable(one.ticker, one.split_from, one.split_to, one):
                    yield _action(one, one.execution_date, ActionKind.SPLIT)._replace(
                        split_from=one.split_from, split_to=one.split_to
                    )

    def dividends(self, from_date: dt.date, to_date: dt.date, symbol: str | None = None) -> Iterator[CorporateAction]:
        """The cash dividends with an ex-date among these, both included; of one symbol or of all."""
        query = _query("ex_dividend_date", from_date, to_date, symbol)
        for page in self._rest.listed(_DIVIDENDS_PATH, query, _Dividend):
            for one in page.elements:
                if _is_usable(one.ticker, one.cash_amount, 1.0, one):
                    yield _action(one, one.ex_dividend_date, ActionKind.DIVIDEND)._replace(
                        amount=one.cash_amount, currency=one.currency
                    )


def _action(one: _Split | _Dividend, date: dt.date, kind: ActionKind) -> CorporateAction:
    return CorporateAction(one.id, one.ticker, date, kind, None, None, None, None, ActionSource.REST)


def _query(date_name: str, from_date: dt.date, to_date: dt.date, symbol: str | None) -> dict[str, str]:
    bounds = {f"{date_name}.gte": str(from_date), f"{date_name}.lte": str(to_date)}
    which = {} if symbol is None else {"ticker": symbol}
    return {**which, **bounds, "order": "asc", "sort": date_name, "limit": str(_PAGE)}


def _is_usable(ticker: str, one: float, other: float, told: Any) -> bool:
    if is_symbol(ticker) and all(math.isfinite(number) and number > 0 for number in (one, other)):
        return True
    logger.warning("A corporate action of the vendor's cannot be right and is left out: %s.", told)
    return False


def _days(elements: list[_Day], date: dt.date, tier: int, stamp: int) -> Iterator[DailyBar]:
    for one in elements:
        count = None if one.n is None else int(one.n)
        day = DailyBar(one.T, date, one.o, one.h, one.l, one.c, one.v, one.vw, count, tier, stamp)
        try:
            yield check_daily(day)
        except (BadBarError, BadSymbolError) as error:
            logger.warning("A day of the vendor's was refused. %s", error)
