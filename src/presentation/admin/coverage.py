"""`/api/admin/coverage`: which days of which symbols are whole, and asking the vendor for those that are not."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from src.core.domain.market.coverage import Day, DayState, Span
from src.core.domain.market.session import CalendarRangeError
from src.core.ports import BarReader, ChangeReader, JobDesk
from src.core.services.coverage_service import Cell, CoverageService, SymbolDay
from src.presentation.admin.access import current_administrator
from src.presentation.admin.acting import act, read_json
from src.presentation.api.errors import ApiError, bad_parameter
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_limit, read_whole
from src.presentation.api.whom import Whom

_NAMES = ("symbol", "symbols", "universe", "from", "to", "offset", "limit")
_DEFAULT_DAYS, _MOST_DAYS = 20, 130
_DEFAULT_SYMBOLS, _MOST_SYMBOLS = 25, 100
_MOST_CELLS = 3_000
_WHOLE_MARKET = 100_000  # symbols of a universe: the answer is read in parts
_MOST_REPAIRED = 1_000  # symbols of one request
# One letter a day, so that an answer of many days stays small.
LETTERS = {
    DayState.FINAL: "F", DayState.UNCONFIRMED: "U", DayState.EMPTY: "E", DayState.OPEN: "O",
    DayState.LOST: "X", DayState.MISSING: "M", DayState.PRUNED: "P", DayState.TODAY: "T",
}  # fmt: skip
_LEGEND = {letter: state.value for state, letter in LETTERS.items()}


class CoverageDeps(NamedTuple):
    """What the endpoints are made of."""

    coverage: CoverageService
    whom: Whom
    reader: BarReader
    changes: ChangeReader
    desk: JobDesk


def coverage_blueprint(deps: CoverageDeps) -> Blueprint:
    """The endpoints, for administrators alone."""
    blueprint = Blueprint("coverage_api", __name__, url_prefix="/api/admin/coverage")

    @blueprint.before_request
    def check_access() -> None:
        current_administrator()

    @blueprint.errorhandler(CalendarRangeError)
    def say_what_the_calendar_covers(error: CalendarRangeError) -> Response:
        return json_answer({"error": {"code": "bad_parameter", "message": str(error)}}, 400)

    @blueprint.get("")
    def coverage() -> Response:
        check_names(request.args, _NAMES)
        return json_answer(_coverage(deps, request.args))

    @blueprint.get("/<symbol>/<date>")
    def symbol_day(symbol: str, date: str) -> Response:
        check_names(request.args, ())
        day = deps.coverage.day(_date("date", date))
        if day is None:
            raise ApiError(404, "not_found", f"Nothing trades on {date}: it is a weekend's day or a holiday.")
        return json_answer(_told(deps.coverage.symbol_day(_known(deps, [symbol])[0], day)))

    @blueprint.post("/repair")
    def repair() -> Response:
        symbols, first, last = _read_repair(deps)
        days = deps.coverage.days(first, last)
        if not days:
            raise bad_parameter(f"There is no trading day from {first} to {last} that has begun.")
        arguments = {"symbols": symbols, "from_ms": days[0].from_ms, "to_ms": days[-1].to_ms}
        return act(deps.desk, "coverage.repair", arguments, current_administrator().login)

    return blueprint


def _coverage(deps: CoverageDeps, arguments: MultiDict[str, str]) -> dict[str, Any]:
    asked = deps.whom.read(arguments, deps.changes.seen(), or_listening=True, most=_WHOLE_MARKET)
    days = _days(deps.coverage, arguments)
    limit = read_limit(arguments, min(_DEFAULT_SYMBOLS, _MOST_CELLS // len(days)), _MOST_SYMBOLS)
    offset = read_whole(arguments, "offset", 0, 1_000_000)
    if limit * len(days) > _MOST_CELLS:
        raise bad_parameter(
            f"{limit} symbols of {len(days)} days are {limit * len(days)} cells; allowed are {_MOST_CELLS}: "
            f"give limit={_MOST_CELLS // len(days)}, and go on with offset."
        )
    symbols = asked.known[offset : offset + limit]
    return {
        "total": len(asked.known),
        "offset": offset,
        "unknown": asked.unknown,
        "legend": _LEGEND,
        "days": [_told_day(day) for day in days],
        "symbols": [_told_cells(symbol, cells) for symbol, cells in deps.coverage.cells(symbols, days).items()],
    }


def _days(coverage: CoverageService, arguments: MultiDict[str, str]) -> list[Day]:
    if "from" not in arguments and "to" not in arguments:
        return coverage.newest_days(_DEFAULT_DAYS)
    newest = dt.date.fromisoformat(coverage.newest_days(1)[-1].date)
    last = min(_date("to", arguments["to"]), newest) if "to" in arguments else newest
    first = _date("from", arguments["from"]) if "from" in arguments else last - dt.timedelta(days=28)
    if (last - first).days > 2 * _MOST_DAYS:
        raise bad_parameter(f"From {first} to {last} are too many days; allowed are {_MOST_DAYS} trading days.")
    days = coverage.days(first, last)
    if not 1 <= len(days) <= _MOST_DAYS:
        raise bad_parameter(f"From {first} to {last} are {len(days)} trading days; allowed are 1 to {_MOST_DAYS}.")
    return days


def _date(name: str, text: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        date = None
    if date is None or date.isoformat() != text:
        raise bad_parameter(f"{name} is {text!r:.40}; allowed is a New York date such as 2025-11-20.")
    return date


def _known(deps: CoverageDeps, names: Sequence[str]) -> list[str]:
    known, unknown = deps.reader.resolve(names, deps.changes.seen())
    if unknown:
        raise ApiError(404, "unknown_symbol", f"No such symbol in the database: {unknown[0]!r:.60}.")
    return known


def _read_repair(deps: CoverageDeps) -> tuple[list[str], dt.date, dt.date]:
    """The symbols and the first and last date of the request's JSON body."""
    body = read_json()
    if not isinstance(body, dict) or set(body) != {"symbols", "from", "to"}:
        raise bad_parameter('The body is JSON: {"symbols": ["AAPL"], "from": "2025-11-20", "to": "2025-11-20"}.')
    names = body["symbols"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad_parameter('symbols is a list of tickers, such as ["AAPL", "MSFT"].')
    if not 1 <= len(names) <= _MOST_REPAIRED:
        raise bad_parameter(f"symbols names {len(names)} tickers; allowed are 1 to {_MOST_REPAIRED}.")
    first, last = (_date(name, str(body[name])) for name in ("from", "to"))
    if not 0 <= (last - first).days <= 2 * _MOST_DAYS:
        raise bad_parameter(
            f"from is {first} and to {last}; allowed are up to {2 * _MOST_DAYS} days, to not before from."
        )
    return _known(deps, names), first, last


def _told_day(day: Day) -> dict[str, Any]:
    return {
        "date": day.date,
        "from": day.from_ms,
        "to": day.to_ms,
        "open": day.open_ms,
        "close": day.close_ms,
        "regular_minutes": day.regular_minutes,
    }


def _told_cells(symbol: str, cells: Sequence[Cell]) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "states": "".join(LETTERS[cell.state] for cell in cells),
        "bars": [cell.bars for cell in cells],
        "regular": [cell.regular for cell in cells],
    }


def _told(told: SymbolDay) -> dict[str, Any]:
    return {
        "symbol": told.symbol,
        "day": _told_day(told.day),
        "state": told.cell.state.value,
        "bars": told.cell.bars,
        "regular": told.cell.regular,
        "tiers": told.tiers,
        "withdrawn": told.withdrawn,
        "missing": _told_spans(told.missing),
        "missing_outside": _told_spans(told.missing_outside),
        "gaps": [{"from": first_ms, "to": last_ms} for first_ms, last_ms in told.gaps],
    }


def _told_spans(spans: Sequence[Span]) -> list[dict[str, int]]:
    return [{"from": span.from_ms, "to": span.to_ms, "minutes": span.minutes} for span in spans]
