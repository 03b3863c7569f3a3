"""The REST side's bars: minutes and days of one ticker, in pages, and one day of the whole market."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from src.simulator.rest_query import (
    ASCENDING,
    TRUE_FALSE,
    Request,
    bad_request,
    choice,
    date_bounds,
    head,
    limit,
    page_url,
    take,
    time_bounds_ms,
    with_cursor,
)
from src.simulator.source import History
from src.simulator.wire import rest_page

_DEFAULT_LIMIT, _MOST = 5_000, 50_000
_CARRIED = {"adjusted", "limit", "sort"}


class _Range(NamedTuple):
    """A request for windows of one ticker from `from_ms` to `to_ms`, both inclusive, epoch milliseconds."""

    ticker: str
    timespan: str
    from_ms: int
    to_ms: int
    ascending: bool
    adjusted: bool
    limit: int


async def ticker_range(history: History, request: Request) -> str:
    """`/v2/aggs/ticker/{ticker}/range/1/{minute or day}/{from}/{to}`: one page."""
    query = _parse(request)
    # One more than the page holds tells whether another page follows.
    found = await take(_windows(history, query, request.now_ms), query.limit + 1)
    page = found[: query.limit]
    fields = head(request, ticker=query.ticker, queryCount=len(page), resultsCount=len(page), adjusted=query.adjusted)
    if len(found) > query.limit:
        fields["next_url"] = _next_url(query, request, found[-1][0])
    return rest_page(fields, [element for _start_ms, element in page])


async def grouped_day(history: History, request: Request) -> str:
    """`/v2/aggs/grouped/locale/us/market/stocks/{date}`: every ticker that traded, without pages."""
    (day,) = request.parts
    midnight_ms, _last_ms = date_bounds("date", day)
    adjusted = choice(request.params, "adjusted", TRUE_FALSE, "true")
    found = await take(history.whole_market(midnight_ms, request.now_ms), len(history.listings))
    return rest_page(head(request, queryCount=len(found), resultsCount=len(found), adjusted=adjusted), found)


def _windows(history: History, query: _Range, now_ms: int) -> Iterator[tuple[int, str]]:
    windows = history.minutes if query.timespan == "minute" else history.days
    return windows(query.ticker, query.from_ms, query.to_ms, now_ms, ascending=query.ascending)


def _parse(request: Request) -> _Range:
    ticker, multiplier, timespan, start, end = request.parts
    if multiplier != "1" or timespan not in {"minute", "day"}:
        raise bad_request(f"Only 1/minute and 1/day are served here, not {multiplier}/{timespan}.")
    params = with_cursor(request.params, _CARRIED)
    from_ms, to_ms = time_bounds_ms("from", start)[0], time_bounds_ms("to", end)[1]
    if from_ms > to_ms:
        raise bad_request(f"The parameter 'to' ({end}) lies before 'from' ({start}).")
    return _Range(
        ticker,
        timespan,
        from_ms,
        to_ms,
        choice(params, "sort", ASCENDING, "asc"),
        choice(params, "adjusted", TRUE_FALSE, "true"),
        limit(params, _DEFAULT_LIMIT, _MOST),
    )


def _next_url(query: _Range, request: Request, next_ms: int) -> str:
    """Where the page that begins with the window at `next_ms` is; the cursor carries what the path does not say."""
    from_ms, to_ms = (next_ms, query.to_ms) if query.ascending else (query.from_ms, next_ms)
    path = f"/v2/aggs/ticker/{quote(query.ticker, safe='')}/range/1/{query.timespan}/{from_ms}/{to_ms}"
    params = {
        "adjusted": str(query.adjusted).lower(),
        "limit": str(query.limit),
        "sort": "asc" if query.ascending else "desc",
    }
    return page_url(request, path, params)
