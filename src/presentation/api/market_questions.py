"""Questions about market state, read strictly: what each view can be asked for."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from src.core.analytics.ranking_order import BY_SYMBOL
from src.core.analytics.rankings import FIGURES
from src.core.services.market_book import DAYS
from src.core.services.market_state import MarketState
from src.presentation.api.errors import bad_parameter
from src.presentation.api.market_bodies import (
    Listed,
    RankingsAsked,
    breadth_body,
    rankings_body,
    sectors_body,
    sentiment_body,
)
from src.presentation.api.market_parts import Body, Reasons
from src.presentation.api.market_snapshot import snapshot_body
from src.presentation.api.market_stages import STAGE_SORTS, StagesAsked, stages_body
from src.presentation.api.parameters import check_names, read_choice, read_limit, read_whole

DEFAULT_ROWS, MOST_ROWS = 50, 1_000
DEFAULT_DAYS = 90
DEFAULT_TAIL, MOST_TAIL = 12, 26  # weeks
LARGEST_OFFSET = 1_000_000
RANKING_SORTS = (BY_SYMBOL, *(figure.name for figure in FIGURES))
ORDERS = ("asc", "desc")
COMMON = ("universe", "as_of")
_LISTED = ("sort", "order", "sector", "limit", "offset")
_MOST_SECTOR = 80  # characters
_FIRST_DATE = dt.date(1970, 1, 2)

Arguments = MultiDict[str, str]


class View(NamedTuple):
    """An endpoint: its parameters beside those that all have, how they are read, and what answers them."""

    names: Sequence[str]
    read: Callable[[Arguments], Any]
    body: Callable[[MarketState, Any, Reasons], Body]

    def question(self, arguments: Arguments) -> Any:
        """What is asked for; raises ApiError. It is a tuple, or plain: what is asked alike is equal."""
        check_names(arguments, (*COMMON, *self.names))
        return self.read(arguments)


def read_as_of(arguments: Arguments, today: dt.date) -> dt.date | None:
    """`as_of`: a date, up to today in New York."""
    typed = arguments.get("as_of")
    if typed is None:
        return None
    try:
        date = dt.date.fromisoformat(typed) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", typed) else None
    except ValueError:
        date = None
    if date is None or not _FIRST_DATE <= date <= today:
        allowed = f"allowed are dates from {_FIRST_DATE} to {today}, such as {today}."
        raise bad_parameter(f"as_of is {typed!r:.40}; {allowed}")
    return date


def _rankings(arguments: Arguments) -> RankingsAsked:
    return RankingsAsked(_listed(arguments, RANKING_SORTS, "change_1d"), _columns(arguments))


def _stages(arguments: Arguments) -> StagesAsked:
    stage = arguments.get("stage")
    if stage is not None and stage not in ("1", "2", "3", "4"):
        raise bad_parameter(f"stage is {stage!r:.40}; allowed are 1, 2, 3 and 4.")
    return StagesAsked(_listed(arguments, STAGE_SORTS, BY_SYMBOL, "asc"), None if stage is None else int(stage))


def _listed(arguments: Arguments, sorts: Sequence[str], sort: str, order: str = "desc") -> Listed:
    sector = arguments.get("sector")
    if sector is not None and not 0 < len(sector) <= _MOST_SECTOR:
        raise bad_parameter(f"sector is the name of one, of 1 to {_MOST_SECTOR} characters; the answer lists them.")
    return Listed(
        read_choice(arguments, "sort", sorts, sort),
        read_choice(arguments, "order", ORDERS, order),
        sector,
        read_limit(arguments, DEFAULT_ROWS, MOST_ROWS),
        read_whole(arguments, "offset", 0, LARGEST_OFFSET),
    )


def _columns(arguments: Arguments) -> tuple[str, ...]:
    typed = arguments.get("columns")
    names = RANKING_SORTS[1:]
    if typed is None:
        return names
    asked = tuple(dict.fromkeys(name.strip() for name in typed.split(",") if name.strip()))
    if not asked or any(name not in names for name in asked):
        raise bad_parameter(f"columns is {typed!r:.60}; allowed are, with commas between, {', '.join(names)}.")
    return asked


def _days(arguments: Arguments) -> int:
    return _least_one(arguments, "days", DEFAULT_DAYS, DAYS)


def _tail(arguments: Arguments) -> int:
    return _least_one(arguments, "tail", DEFAULT_TAIL, MOST_TAIL)


def _least_one(arguments: Arguments, name: str, default: int, largest: int) -> int:
    number = read_whole(arguments, name, default, largest)
    if number == 0:
        raise bad_parameter(f"{name} is 0; allowed is a whole number from 1 to {largest}.")
    return number


VIEWS = {
    "rankings": View((*_LISTED, "columns"), _rankings, rankings_body),
    "breadth": View(("days",), _days, breadth_body),
    "sectors": View(("tail",), _tail, sectors_body),
    "stages": View((*_LISTED, "stage"), _stages, stages_body),
    "sentiment": View(("days",), _days, sentiment_body),
    "snapshot": View((), lambda _arguments: None, snapshot_body),
}
