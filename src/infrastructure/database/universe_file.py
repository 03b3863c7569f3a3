"""Reads `data/universes.csv`: the universes that a new database begins with, and what is known of their symbols."""

import csv
from pathlib import Path
from typing import NamedTuple

from src.core.domain.market.symbol import check_symbol
from src.core.domain.market.universe import GROUP_TYPES
from src.core.errors import BadSymbolError, TickStockError

COLUMNS = ["group", "type", "position", "symbol", "name", "sector", "description"]


class UniverseFileError(TickStockError):
    """The file of universes is missing or has a line that cannot be right."""


class Instrument(NamedTuple):
    """What is told of a symbol: `type` as the vendor's reference data spell it (CS, ETF), `sector` one of the eleven
    of GICS; None where unknown."""

    symbol: str
    name: str | None
    type: str | None
    sector: str | None


class Group(NamedTuple):
    """A universe and its members, in order; `type` is one of GROUP_TYPES."""

    name: str
    type: str
    description: str
    members: list[str]


class UniverseFile(NamedTuple):
    """Instruments by symbol and groups by name, in the order of the file."""

    instruments: dict[str, Instrument]
    groups: dict[str, Group]


def load_universe_file(path: Path) -> UniverseFile:
    """The content of a CSV file; raises UniverseFileError with the line's number and what is expected there.

    The file has comments (`#`), then the columns, then of each group a row of position 0 that describes it (with the
    symbol, name and sector of the fund, if the group is one's) and its members' rows, numbered from 1.
    """
    content = UniverseFile({}, {})
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        comments = sum(line.startswith("#") for line in lines)
        rows = csv.DictReader(lines[comments:], strict=True)
        if rows.fieldnames != COLUMNS:
            raise UniverseFileError(f"{path}, line {comments + 1}: expected are the columns {','.join(COLUMNS)}.")
        for row in rows:
            where = f"{path}, line {comments + rows.line_num}"
            try:
                _add(content, row, where)
            except BadSymbolError as error:
                raise UniverseFileError(f"{where}: {error}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UniverseFileError(f"The file of universes {path} cannot be read ({error}); restore it.") from error
    return content


def _add(content: UniverseFile, row: dict[str, str], where: str) -> None:
    if None in row or None in row.values():
        raise UniverseFileError(f"{where}: expected are {len(COLUMNS)} values.")
    name = row["group"]
    if row["position"] == "0":
        if name in content.groups or row["type"] not in GROUP_TYPES:
            raise UniverseFileError(f"{where}: expected is a new group, of a type of {', '.join(GROUP_TYPES)}.")
        content.groups[name] = Group(name, row["type"], row["description"], [])
    elif name not in content.groups or row["position"] != str(len(content.groups[name].members) + 1):
        raise UniverseFileError(f"{where}: expected is a group's row of position 0, or its next member.")
    else:
        content.groups[name].members.append(check_symbol(row["symbol"]))
    if row["symbol"]:
        instrument = Instrument(check_symbol(row["symbol"]), row["name"], row["type"], row["sector"] or None)
        if content.instruments.setdefault(instrument.symbol, instrument) != instrument:
            raise UniverseFileError(f"{where}: {instrument.symbol} is told of in another way above.")
