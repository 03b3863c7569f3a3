"""The REST side's list of tickers, in pages, and the snapshot of the whole market."""

import json
from collections.abc import Iterable, Mapping

from src.simulator.rest_query import (
    ASCENDING,
    TRUE_FALSE,
    Request,
    choice,
    head,
    limit,
    page_url,
    take,
    with_cursor,
)
from src.simulator.source import History, Listing
from src.simulator.wire import rest_page

TICKERS_PATH = "/v3/reference/tickers"
_DEFAULT_LIMIT, _MOST = 100, 1_000
_FILTERS = ("ticker", "type", "exchange", "market", "active", "search")
_CARRIED = {*_FILTERS, "limit", "order", "after"}


async def tickers(history: History, request: Request) -> str:
    """`/v3/reference/tickers`: one page of what matches all of the given filters."""
    params = with_cursor(request.params, _CARRIED)
    most, ascending = limit(params, _DEFAULT_LIMIT, _MOST), choice(params, "order", ASCENDING, "asc")
    after = params.get("after", "")
    found = sorted(_matching(history.listings, params), reverse=not ascending)
    following = [one for one in found if not after or (one.ticker > after if ascending else one.ticker < after)]
    page = following[:most]
    fields = head(request, count=len(page))
    if len(following) > most:
        carried = {name: params.get(name, "") for name in _FILTERS}
        order = "asc" if ascending else "desc"
        carried |= {"limit": str(most), "order": order, "after": page[-1].ticker}
        fields["next_url"] = page_url(request, TICKERS_PATH, carried)
    return rest_page(fields, [_element(one) for one in page])


async def snapshot(history: History, request: Request) -> str:
    """`/v2/snapshot/locale/us/markets/stocks/tickers`: all tickers, or those of `tickers=A,B` that exist."""
    known = [one.ticker for one in history.listings]
    asked = {ticker for ticker in request.params.get("tickers", "").split(",") if ticker}
    wanted = [ticker for ticker in known if ticker in asked] if asked else known
    found = await take(history.snapshot(wanted, request.now_ms), len(wanted))
    return rest_page(head(request, count=len(found)), found, "tickers")


def _matching(listings: Iterable[Listing], params: Mapping[str, str]) -> Iterable[Listing]:
    # Every ticker here is of the stock market, and trades.
    active = choice(params, "active", {**TRUE_FALSE, "": True}, "true")
    if not active or params.get("market", "") not in {"", "stocks"}:
        return []
    wanted = {name: value for name in ("ticker", "type", "exchange") if (value := params.get(name, ""))}
    search = params.get("search", "").lower()
    return (
        one
        for one in listings
        if all(getattr(one, name) == value for name, value in wanted.items())
        and (search in one.ticker.lower() or search in one.name.lower())
    )


def _element(listing: Listing) -> str:
    # A recording does not say on which exchange its symbols trade, nor what they are.
    known = {"primary_exchange": listing.exchange, "type": listing.type}
    fields = {
        "ticker": listing.ticker,
        "name": listing.name,
        "market": "stocks",
        "locale": "us",
        **{key: value for key, value in known.items() if value},
        "active": True,
        "currency_name": "usd",
    }
    return json.dumps(fields, separators=(",", ":"))
