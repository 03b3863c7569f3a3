"""Market state: rankings, breadth, sectors, stages, sentiment."""

from collections.abc import Sequence

from src.core.analytics.rankings import FIGURES
from src.core.services.market_book import DAYS
from src.presentation.api.market_questions import (
    DEFAULT_DAYS,
    DEFAULT_ROWS,
    DEFAULT_TAIL,
    LARGEST_OFFSET,
    MOST_ROWS,
    MOST_TAIL,
    ORDERS,
    RANKING_SORTS,
)
from src.presentation.api.market_stages import STAGE_SORTS
from src.presentation.api.openapi.market_state_schemas import SCHEMAS
from src.presentation.api.openapi.parts import (
    READER,
    Part,
    errors,
    json_answer,
    operation,
    query,
    ref,
    text,
    whole,
)

__all__ = ["PATHS", "SCHEMAS"]

_TAG = "Market state"
_UNIVERSE = query(
    "universe",
    "A universe of the database (`sp500`), several with colons between (`SPY:nasdaq100`), or `listening`: what the "
    "running feed listens to.",
    text(default="listening"),
    "dow30",
)
_AS_OF = query(
    "as_of",
    "A New York date of the past: the state at its end, or at that of the trading day before. Without it: now.",
    text(format="date"),
)
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an earlier answer to the same address.",
    "schema": {"type": "string"},
}
_SECTOR = query("sector", "Only symbols of this sector, as the answer spells it.", text(minLength=1, maxLength=80))
_LIMIT = query("limit", "Rows, at most.", whole(minimum=1, maximum=MOST_ROWS, default=DEFAULT_ROWS), 10)
_OFFSET = query("offset", "Rows that are left out first.", whole(minimum=0, maximum=LARGEST_OFFSET, default=0))
_DAYS = query("days", "The last so many trading days.", whole(minimum=1, maximum=DAYS, default=DEFAULT_DAYS), 5)


def _order(default: str) -> Part:
    words = "Symbols without the figure come last in both, equal ones by their name."
    return query("order", words, text(enum=list(ORDERS), default=default))


def _sort(names: Sequence[str], default: str) -> Part:
    return query("sort", "What rows are sorted by.", text(enum=list(names), default=default))


def _view(name: str, summary: str, description: str, own: Sequence[Part], example: str) -> Part:
    return {
        "get": operation(
            _TAG,
            f"market-{name}",
            summary,
            description,
            {
                "200": json_answer("The answer.", ref(f"Market{name.capitalize()}")),
                "304": {"description": "Nothing changed since the answer that `If-None-Match` names."},
                **errors(
                    401,
                    _404="The universe is not known (`unknown_universe`).",
                    _503="The database does not answer at the moment, or the first calculation for these symbols has "
                    "not come to its end within 30 s: ask again.",
                ),
            },
            security=READER,
            parameters=[_UNIVERSE, _AS_OF, *own, _IF_NONE_MATCH],
            example=example,
        )
    }


PATHS: dict[str, Part] = {
    "/api/market/rankings": _view(
        "rankings",
        "Symbols by a figure",
        "Each symbol's change over windows of trading days, strength against the benchmark and among the universe, "
        "volume against its usual one, distance from the year's extremes; sorted, and told a page at a time.",
        [
            _sort(RANKING_SORTS, "change_1d"),
            _order("desc"),
            _SECTOR,
            _LIMIT,
            _OFFSET,
            query(
                "columns",
                "Names of figures with commas between, such as `price,change_1d`. Without it: all. There are "
                + ", ".join(f"`{figure.name}`" for figure in FIGURES)
                + ".",
                text(minLength=1),
                "price,change_1d",
            ),
        ],
        "?universe=dow30&columns=price,change_1d&limit=10",
    ),
    "/api/market/breadth": _view(
        "breadth",
        "How many symbols take part",
        "Advancers and decliners, their volumes, oscillator and summation, shares above averages, new highs and lows: "
        "by day, and within the last day by five minutes.",
        [_DAYS],
        "?universe=dow30&days=5",
    ),
    "/api/market/sectors": _view(
        "sectors",
        "How sectors do against the benchmark",
        "Each sector by the members of the universe that are in it, and by its fund: changes over windows of trading "
        "days, and relative strength with its momentum week by week, which give four quadrants.",
        [query("tail", "Weeks of the course, at most.", whole(minimum=1, maximum=MOST_TAIL, default=DEFAULT_TAIL))],
        "?universe=sp500&tail=12",
    ),
    "/api/market/stages": _view(
        "stages",
        "The stage of each symbol",
        "1 base, 2 advance, 3 top, 4 decline, by the average of 30 weeks; how many are in each by week; and who "
        "entered another in the last week.",
        [
            _sort(STAGE_SORTS, "symbol"),
            _order("asc"),
            query("stage", "Only symbols in this stage.", text(enum=["1", "2", "3", "4"])),
            _SECTOR,
            _LIMIT,
            _OFFSET,
        ],
        "?universe=dow30&limit=10",
    ),
    "/api/market/sentiment": _view(
        "sentiment",
        "One gauge from 0 to 100",
        "The mean of five parts, each told with its weight, its ratio and what that is made of.",
        [_DAYS],
        "?universe=sp500&days=5",
    ),
    "/api/market/snapshot": _view(
        "snapshot", "All of it in short", "The newest figures of the other answers.", [], "?universe=dow30"
    ),
}
