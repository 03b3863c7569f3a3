"""The REST side's lists of splits and dividends, in pages. The market makes none by itself: its prices never jump."""

import csv
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from src.simulator.rest_query import ASCENDING, Request, bad_request, choice, head, limit, page_url, with_cursor
from src.simulator.source import History
from src.simulator.wire import rest_page

SPLITS_PATH, DIVIDENDS_PATH = "/v3/reference/splits", "/v3/reference/dividends"
SPLIT, DIVIDEND = "split", "dividend"
_DATES = {SPLIT: "execution_date", DIVIDEND: "ex_dividend_date"}
_PATHS = {SPLIT: SPLITS_PATH, DIVIDEND: DIVIDENDS_PATH}
_DEFAULT_LIMIT, _MOST = 10, 1_000
_COMPARISONS: dict[str, Callable[[date, date], bool]] = {
    "": lambda one, other: one == other,
    ".gte": lambda one, other: one >= other,
    ".gt": lambda one, other: one > other,
    ".lte": lambda one, other: one <= other,
    ".lt": lambda one, other: one < other,
}


class Action(NamedTuple):
    """A split (`split_from` shares become `split_to`) or a dividend (`amount` of `currency` a share) of `ticker`."""

    day: date
    ticker: str
    kind: str
    split_from: float = 0.0
    split_to: float = 0.0
    amount: float = 0.0
    currency: str = "USD"

    @property
    def id(self) -> str:
        """The same for the same action."""
        return sha256(repr(self[:]).encode()).hexdigest()[:40]


def read_actions(path: Path) -> list[Action]:
    """The actions of a CSV file with the columns symbol, date, kind, split_from, split_to, amount and currency.

    OSError when it cannot be read; ValueError, with the line, at a row that cannot be right.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        return [_action(row, reader.line_num) for row in reader]


def _action(row: dict[str, str], line: int) -> Action:
    try:
        day, ticker, kind = date.fromisoformat(row["date"]), row["symbol"], row["kind"]
        if kind == SPLIT:
            return Action(day, ticker, SPLIT, float(row["split_from"]), float(row["split_to"]))
        if kind == DIVIDEND:
            return Action(day, ticker, DIVIDEND, amount=float(row["amount"]), currency=row["currency"] or "USD")
    except (KeyError, TypeError, ValueError) as cause:
        raise ValueError(f"line {line} is no split or dividend: {cause}") from cause
    raise ValueError(f"line {line}: the kind is split or dividend, not '{kind}'")


def action_list(actions: Iterable[Action], kind: str) -> Callable[[History, Request], Awaitable[str]]:
    """What answers `/v3/reference/splits`, or dividends, from those of `actions`."""
    mine = sorted(action for action in actions if action.kind == kind)

    async def respond(_history: History, request: Request) -> str:
        return _page(mine, kind, request)

    return respond


def _page(actions: Sequence[Action], kind: str, request: Request) -> str:
    name = _DATES[kind]
    filters = ["ticker", *(f"{name}{suffix}" for suffix in _COMPARISONS)]
    params = with_cursor(request.params, {*filters, "limit", "order", "from"})
    most, ascending = limit(params, _DEFAULT_LIMIT, _MOST), choice(params, "order", ASCENDING, "desc")
    found = [one for one in actions if _matches(one, name, params)]
    ordered = found if ascending else found[::-1]
    first = int(params.get("from", "0"))
    page = ordered[first : first + most]
    fields = head(request)
    if first + most < len(ordered):
        carried = {one: params.get(one, "") for one in filters}
        order = "asc" if ascending else "desc"
        carried |= {"limit": str(most), "order": order, "from": str(first + most)}
        fields["next_url"] = page_url(request, _PATHS[kind], carried)
    return rest_page(fields, [_element(one) for one in page])


def _matches(action: Action, name: str, params: Mapping[str, str]) -> bool:
    bounds = [(compare, _bound(params, f"{name}{suffix}")) for suffix, compare in _COMPARISONS.items()]
    in_time = all(bound is None or compare(action.day, bound) for compare, bound in bounds)
    return in_time and params.get("ticker", "") in ("", action.ticker)


def _bound(params: Mapping[str, str], name: str) -> date | None:
    text = params.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as cause:
        raise bad_request(f"The parameter '{name}' is a date (YYYY-MM-DD), not '{text}'.") from cause


def _element(action: Action) -> str:
    told: dict[str, object] = {"id": action.id, "ticker": action.ticker, _DATES[action.kind]: str(action.day)}
    if action.kind == SPLIT:
        told |= {"split_from": action.split_from, "split_to": action.split_to}
    else:
        told |= {"cash_amount": action.amount, "currency": action.currency, "dividend_type": "CD"}
    return json.dumps(told, separators=(",", ":"))
