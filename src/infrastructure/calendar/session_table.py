"""Reads the trading calendar from `data/sessions.csv`: the days covered, and which differ from the others."""

import datetime as dt
import re
from pathlib import Path

from src.core.domain.market.session import DayKind, SessionTable
from src.core.errors import TickStockError

_COVERS = re.compile(r"#\s*covers:\s*(\S+) to (\S+)\s*")
_COLUMNS = "date,kind"
_KINDS = " or ".join(DayKind)
_FIRST_WEEKEND_DAY = 5


class SessionTableError(TickStockError):
    """The calendar's file is missing or has a line that cannot be right."""


def load_session_table(path: Path) -> SessionTable:
    """The calendar of a CSV file; raises SessionTableError with the line's number and what is allowed there.

    The file has comments (`#`), of which one reads `# covers: YYYY-MM-DD to YYYY-MM-DD`; then the columns
    `date,kind`; then one row for each weekday that is a holiday or closes early, in ascending order.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionTableError(f"The trading calendar {path} cannot be read ({error}); restore it.") from error
    try:
        return _parse(lines)
    except _LineError as error:
        raise SessionTableError(f"{path}, line {error.number}: {error}") from error


class _LineError(Exception):
    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


def _parse(lines: list[str]) -> SessionTable:
    covered_from, covered_to, comments = _parse_comments(lines)
    if lines[comments : comments + 1] != [_COLUMNS]:
        raise _LineError(comments + 1, f"the columns are missing; after the comments the line {_COLUMNS} is expected.")
    exceptions: dict[dt.date, DayKind] = {}
    latest = covered_from - dt.timedelta(days=1)
    for number, line in enumerate(lines[comments + 1 :], start=comments + 2):
        date, kind = _parse_row(number, line)
        if not latest < date <= covered_to:
            raise _LineError(number, f"{date} is out of order or outside of the days covered; rows ascend within them.")
        exceptions[date] = kind
        latest = date
    return SessionTable(exceptions, covered_from, covered_to)


def _parse_comments(lines: list[str]) -> tuple[dt.date, dt.date, int]:
    """The days covered, and how many comment lines the file begins with."""
    count = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    for number, line in enumerate(lines[:count], start=1):
        covers = _COVERS.fullmatch(line)
        if covers:
            covered_from, covered_to = _parse_date(number, covers[1]), _parse_date(number, covers[2])
            if covered_from > covered_to:
                raise _LineError(number, "the days covered end before they begin; write the earlier date first.")
            return covered_from, covered_to, count
    raise _LineError(count + 1, "no comment above says '# covers: YYYY-MM-DD to YYYY-MM-DD'; it is needed.")


def _parse_row(number: int, line: str) -> tuple[dt.date, DayKind]:
    fields = line.split(",")
    if len(fields) != 2:
        raise _LineError(number, f"{line!r} is not a row; a row is a date, a comma and {_KINDS}.")
    date = _parse_date(number, fields[0])
    if date.weekday() >= _FIRST_WEEKEND_DAY:
        raise _LineError(number, f"{date} is a weekend day, which never trades; only weekdays are allowed.")
    if fields[1] not in set(DayKind):
        raise _LineError(number, f"{fields[1]!r} is not a kind of day; allowed is {_KINDS}.")
    return date, DayKind(fields[1])


def _parse_date(number: int, text: str) -> dt.date:
    # date.fromisoformat also takes 20261126 and 2026-W48-4; one spelling is easier to read and to compare.
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            pass
    raise _LineError(number, f"{text!r} is not a date; a date is written YYYY-MM-DD.")
