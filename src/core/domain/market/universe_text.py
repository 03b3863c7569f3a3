"""Universes as files: what is written, and what people bring, which is read as far as it can be understood.

Read are a plain list of tickers, a CSV file (commas, semicolons, tabs or bars; its columns by their titles, in any
order; any encoding that Excel saves), and JSON. What is written is read back to exactly the same.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from src.core.domain.market.universe_definition import MOST_MEMBERS, Definition, check_type, one_line
from src.core.errors import UniverseError

FORMATS = ("csv", "json")
CSV_COLUMNS = ("group", "type", "position", "symbol", "weight", "description")
_TITLES = {
    "group": "group", "universe": "group", "symbol": "symbol", "symbols": "symbol", "ticker": "symbol",
    "tickers": "symbol", "ticker symbol": "symbol", "weight": "weight", "weight (%)": "weight", "weight(%)": "weight",
    "weighting": "weight", "% weight": "weight", "type": "type", "position": "position", "description": "description",
}  # fmt: skip
_DELIMITERS = (";", "\t", "|", ",")
_HEADER_WITHIN = 30  # rows: files of funds begin with some lines about the fund
_SPREADSHEET = b"PK\x03\x04"


class Entry(NamedTuple):
    """A member as a file has it: where (such as `line 3`), its ticker as typed, its weight."""

    where: str
    typed: str
    weight: float | None


class Draft(NamedTuple):
    """A universe of a file, before its tickers are looked up. `name` is empty, and the others None, where it says
    none."""

    name: str
    type: str | None
    description: str | None
    entries: list[Entry]


class Problem(NamedTuple):
    """What is wrong with a place of a file (such as `line 3`), as a sentence."""

    where: str
    text: str


class Reading(NamedTuple):
    """What a file says: its universes, what is wrong with it, and what else its reader may want to know."""

    drafts: list[Draft]
    problems: list[Problem]
    notes: list[str]


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_universes(content: bytes) -> Reading:
    """What a file says, whatever its format is. Raises nothing: all that is wrong is among the problems."""
    reading = Reading([], [], [])
    if content.startswith(_SPREADSHEET):
        reading.problems.append(Problem("the file", "It is a spreadsheet; save it as CSV, and import that."))
        return reading
    text = _decoded(content, reading.notes)
    if text.lstrip()[:1] in ("[", "{"):
        _read_json(text, reading)
    else:
        _read_rows(text, reading)
    if not reading.drafts and not reading.problems:
        reading.problems.append(Problem("the file", "It names no ticker."))
    for draft in reading.drafts:
        if len(draft.entries) > MOST_MEMBERS:
            words = f"It has {len(draft.entries):,} members; allowed are {MOST_MEMBERS:,}."
            reading.problems.append(Problem(draft.name or "the file", words))
            del draft.entries[MOST_MEMBERS:]
    return reading


def _decoded(content: bytes, notes: list[str]) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The file is not UTF-8; it was read as Windows-1252.")
        return content.decode("cp1252", errors="replace")


# -- rows: lists and CSV -----------------------------------------------------------------------------------------------


def _read_rows(text: str, reading: Reading) -> None:
    delimiter = _delimiter(text)
    rows = list(_rows(text, delimiter, reading.problems))
    header = next((place for place, row in enumerate(rows[:_HEADER_WITHIN]) if "symbol" in _titles(row)), None)
    if header is None:
        _read_plain(rows, reading)
        return
    if header:
        words = f"The columns are named in line {rows[header].line}; what stands above was left out."
        reading.notes.append(words)
    _Table(_titles(rows[header]), reading, decimal_comma=delimiter == ";").read(rows[header + 1 :])


def _delimiter(text: str) -> str:
    """Of the first lines that are no comments the character that stands there most often."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")][:_HEADER_WITHIN]
    counts = {one: sum(line.count(one) for line in lines) for one in _DELIMITERS}
    return max(_DELIMITERS, key=lambda one: (counts[one], one != ","))


def _rows(text: str, delimiter: str, problems: list[Problem]) -> Iterator[_Row]:
    """The rows that are neither empty nor comments, with the number of their last line."""
    lines = list(io.StringIO(text, newline=None))
    comments = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(lines[comments:], delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(f"line {comments + reader.line_num}", f"It cannot be read ({error})."))
            continue
        if any(cell.strip() for cell in cells) and not cells[0].startswith("#"):
            yield _Row(comments + reader.line_num, cells)


def _titles(row: _Row) -> dict[str, int]:
    """The columns that mean something, each with its place; of two of one meaning the first."""
    known: dict[str, int] = {}
    for place, cell in enumerate(row.cells):
        if title := _TITLES.get(" ".join(cell.casefold().split())):
            known.setdefault(title, place)
    return known


def _read_plain(rows: Sequence[_Row], reading: Reading) -> None:
    """Without titles: one line of tickers, or a ticker at the beginning of each."""
    if not rows:
        return
    widest = max(len(row.cells) for row in rows)
    if len(rows) == 1:
        entries = [Entry(f"line {rows[0].line}", cell.strip(), None) for cell in rows[0].cells if cell.strip()]
    else:
        entries = [Entry(f"line {row.line}", row.cells[0].strip(), None) for row in rows]
        if widest > 1:
            reading.notes.append("No column is called symbol or ticker; the first one was taken for it.")
    reading.drafts.append(Draft("", None, None, entries))


class _Table:
    """Rows below titles."""

    def __init__(self, columns: dict[str, int], reading: Reading, *, decimal_comma: bool) -> None:
        self._columns = columns
        self._reading = reading
        self._decimal_comma = decimal_comma
        self._drafts: dict[str, Draft] = {}
        self._positions: dict[str, list[int]] = {}

    def read(self, rows: Iterable[_Row]) -> None:
        """Adds what the rows say to the reading."""
        for row in rows:
            try:
                self._take(row)
            except UniverseError as error:
                self._reading.problems.append(Problem(f"line {row.line}", str(error)))
        for name, draft in self._drafts.items():
            in_order = sorted(zip(self._positions[name], draft.entries, strict=True), key=lambda pair: pair[0])
            self._reading.drafts.append(draft._replace(entries=[entry for _position, entry in in_order]))

    def _take(self, row: _Row) -> None:
        name = self._cell(row, "group")
        if "group" in self._columns and not name:
            raise UniverseError("It does not say of which universe (the column group).")
        position = self._position(row)
        draft = self._drafts.setdefault(name, Draft(name, None, None, []))
        self._positions.setdefault(name, [])
        symbol = self._cell(row, "symbol")
        if position == 0 and "group" in self._columns:
            self._describe(row, draft)
        elif not symbol:
            raise UniverseError("It has no ticker.")
        else:
            draft.entries.append(Entry(f"line {row.line}", symbol, self._weight(row)))
            self._positions[name].append(len(draft.entries) if position is None else position)

    def _describe(self, row: _Row, draft: Draft) -> None:
        if draft.type is not None:
            raise UniverseError(f"{draft.name} is described above already.")
        type_, description = check_type(self._cell(row, "type")), one_line(self._cell(row, "description"))
        self._drafts[draft.name] = draft._replace(type=type_, description=description)

    def _cell(self, row: _Row, title: str) -> str:
        place = self._columns.get(title, len(row.cells))
        return row.cells[place].strip() if place < len(row.cells) else ""

    def _position(self, row: _Row) -> int | None:
        text = self._cell(row, "position")
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise UniverseError(f"Its position is {text!r:.40}; allowed are whole numbers.")
        return int(text)

    def _weight(self, row: _Row) -> float | None:
        text = self._cell(row, "weight").removesuffix("%").strip()
        if not text or text == "-":
            return None
        plain = text.replace(".", "").replace(",", ".") if self._decimal_comma and "," in text else text
        return _checked_weight(plain, text)


def _checked_weight(value: Any, told: Any) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if isinstance(value, bool) or not math.isfinite(weight):
        raise UniverseError(f"Its weight is {told!r:.40}; allowed are numbers.")
    return weight


# -- JSON --------------------------------------------------------------------------------------------------------------


def _read_json(text: str, reading: Reading) -> None:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        reading.problems.append(Problem(f"line {error.lineno}", f"It is no JSON ({error.msg})."))
        return
    except (RecursionError, ValueError):
        reading.problems.append(Problem("the file", "It is no JSON that can be read."))
        return
    universes = content.get("universes") if isinstance(content, dict) and "universes" in content else [content]
    if not isinstance(universes, list):
        reading.problems.append(Problem("universes", "It is not a list."))
        return
    for number, universe in enumerate(universes, 1):
        _read_universe(universe, f"universe {number}" if len(universes) > 1 else "", reading)


def _read_universe(told: Any, where: str, reading: Reading) -> None:
    """One universe: a list of tickers, or an object that has one as members, symbols or tickers."""
    fields = told if isinstance(told, dict) else {"members": told}
    listed = next((fields[key] for key in ("members", "symbols", "tickers") if key in fields), None)
    name, type_, description = (fields.get(key) for key in ("name", "type", "description"))
    if not isinstance(listed, list) or not all(
        one is None or isinstance(one, str) for one in (name, type_, description)
    ):
        words = "It is no list of tickers, nor an object with name, type, description and a list of members."
        reading.problems.append(Problem(where or "the file", words))
        return
    place = f"{name or where}, " if name or where else ""
    try:
        checked = None if type_ is None else check_type(type_)
    except UniverseError as error:
        reading.problems.append(Problem(where or name or "the file", str(error)))
        checked = None
    entries = []
    for number, member in enumerate(listed, 1):
        try:
            entries.append(_json_entry(f"{place}entry {number}", member))
        except UniverseError as error:
            reading.problems.append(Problem(f"{place}entry {number}", str(error)))
    reading.drafts.append(Draft(name or "", checked, None if description is None else one_line(description), entries))


def _json_entry(where: str, member: Any) -> Entry:
    fields = member if isinstance(member, dict) else {"symbol": member}
    symbol, weight = fields.get("symbol", fields.get("ticker")), fields.get("weight")
    if not isinstance(symbol, str) or not symbol.strip():
        raise UniverseError("It has no ticker.")
    return Entry(where, symbol.strip(), None if weight is None else _checked_weight(weight, weight))


# -- writing -----------------------------------------------------------------------------------------------------------


def to_csv(definitions: Iterable[Definition]) -> str:
    """Universes as CSV: of each a row of position 0 that describes it, then its members, numbered from 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for name, type_, description, members in definitions:
        writer.writerow((name, type_, 0, "", "", description))
        for position, (symbol, weight) in enumerate(members, 1):
            writer.writerow((name, "", position, symbol, "" if weight is None else repr(weight), ""))
    return text.getvalue()


def to_json(definitions: Iterable[Definition]) -> str:
    """Universes as JSON, a member a line."""
    return json.dumps({"universes": [_json_of(one) for one in definitions]}, indent=1, ensure_ascii=False) + "\n"


def _json_of(definition: Definition) -> dict[str, Any]:
    return {**definition._asdict(), "members": [member._asdict() for member in definition.members]}
