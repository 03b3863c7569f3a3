"""Splits and dividends of a CSV file: `symbol,date,kind,split_from,split_to,amount,currency`, by header."""

import csv
import datetime as dt
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.core.domain.market.symbol import check_symbol
from src.core.errors import BadSymbolError, FlatFileError

_NEEDED = ("symbol", "date", "kind")
_CURRENCY = "USD"
_DIGEST = 40


class ActionFile(NamedTuple):
    """What a file says, and of each row that cannot be right a sentence."""

    actions: list[CorporateAction]
    refused: list[str]


class _RowError(Exception):
    """A row that cannot be right; the text is a sentence."""


def read_action_file(path: Path, find: Callable[[str], str | None]) -> ActionFile:
    """Reads a file; `find` gives the symbol that is meant, None where none is known, which is kept as typed. Raises
    FlatFileError when it cannot be read, or lacks a column."""
    actions: list[CorporateAction] = []
    refused: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise FlatFileError(f"{path} has no column {missing[0]}; it needs {', '.join(_NEEDED)} by header.")
            for row in reader:
                try:
                    actions.append(_action(row, find))
                except (_RowError, BadSymbolError) as error:
                    refused.append(f"Line {reader.line_num}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FlatFileError(f"{path} cannot be read ({words.rstrip('.')}).") from error
    return ActionFile(actions, refused)


def _action(row: Mapping[str, str | None], find: Callable[[str], str | None]) -> CorporateAction:
    typed, kind = (row["symbol"] or "").strip(), (row["kind"] or "").strip().lower()
    symbol = find(typed) or check_symbol(typed)
    try:
        date = dt.date.fromisoformat((row["date"] or "").strip())
    except ValueError as error:
        raise _RowError(f"{row['date']!r:.40} is no date; a date is written YYYY-MM-DD.") from error
    action = CorporateAction("", symbol, date, ActionKind.SPLIT, None, None, None, None, ActionSource.CSV)
    if kind == ActionKind.SPLIT:
        action = action._replace(split_from=_number(row, "split_from"), split_to=_number(row, "split_to"))
    elif kind == ActionKind.DIVIDEND:
        currency = (row.get("currency") or _CURRENCY).strip().upper()
        action = action._replace(kind=ActionKind.DIVIDEND, amount=_number(row, "amount"), currency=currency[:8])
    else:
        raise _RowError(f"{kind!r:.40} is no kind; allowed are split and dividend.")
    digest = hashlib.sha256(repr(action[1:]).encode()).hexdigest()[:_DIGEST]
    return action._replace(id=f"csv-{digest}")


def _number(row: Mapping[str, str | None], name: str) -> float:
    text = (row.get(name) or "").strip()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise _RowError(f"{name} is {text!r:.40}; it has to be a number above 0.")
    return number
