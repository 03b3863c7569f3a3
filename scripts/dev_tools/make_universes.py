"""Makes data/universes.csv from pytickersymbols, which is a dependency of the tests and not of the program.

    .venv/bin/python scripts/dev_tools/make_universes.py

What the source gets wrong stands, each with its reason, in data/universe_corrections.csv. A newer release of the
source needs its own line in `SOURCE`, and a look at what it changed.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytickersymbols

DATA = Path(__file__).resolve().parents[2] / "data"
TABLE = DATA / "universes.csv"
CORRECTIONS = DATA / "universe_corrections.csv"
# The release that the corrections were made for, and the day of the lists of members that it was made from.
SOURCE = ("1.17.10", "2026-03-08")
COLUMNS = ("group", "type", "position", "symbol", "name", "sector", "description")
HEADER = """\
# Universes that a new database begins with: groups, their members in order, names and GICS sectors of companies.
# A row of position 0 describes its group; for a fund's group it has the fund's own symbol, name and sector. The type
# there is the group's, in other rows the share's, as the vendor's reference data spell it.
# source: pytickersymbols {version}, copyright (c) 2023 portfolio+, MIT licence (LICENSE-pytickersymbols.txt)
# members as of: {as_of}
# corrected by: universe_corrections.csv
# regenerate: .venv/bin/python scripts/dev_tools/make_universes.py
"""
# Sector by the fund that holds its S&P 500 companies.
SECTOR_FUNDS = {
    "XLB": ("Materials", "Materials Select Sector SPDR"),
    "XLC": ("Communication Services", "Communication Services Select Sector SPDR"),
    "XLE": ("Energy", "Energy Select Sector SPDR"),
    "XLF": ("Financials", "Financial Select Sector SPDR"),
    "XLI": ("Industrials", "Industrial Select Sector SPDR"),
    "XLK": ("Information Technology", "Technology Select Sector SPDR"),
    "XLP": ("Consumer Staples", "Consumer Staples Select Sector SPDR"),
    "XLRE": ("Real Estate", "Real Estate Select Sector SPDR"),
    "XLU": ("Utilities", "Utilities Select Sector SPDR"),
    "XLV": ("Health Care", "Health Care Select Sector SPDR"),
    "XLY": ("Consumer Discretionary", "Consumer Discretionary Select Sector SPDR"),
}
SECTORS = {sector for sector, _ in SECTOR_FUNDS.values()}
LEADERS_FIRST = ("AAPL", "GOOGL", "MSFT", "TSLA", "AMZN", "NFLX", "META", "NVDA")
# Alphabet's second class; without it the S&P 100, which is 101 shares, is 100.
LEADERS_WITHOUT = "GOOG"


class Company(NamedTuple):
    """A member of an index, corrected."""

    symbol: str
    name: str
    sector: str
    type: str = "CS"


class Group(NamedTuple):
    """A universe; `fund` is what trades under the group's name, if something does."""

    name: str
    type: str
    description: str
    members: list[Company]
    fund: Company | None = None


def corrections() -> dict[tuple[str, str], str]:
    """What stands instead, by symbol and field."""
    lines = [line for line in CORRECTIONS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {(row["symbol"], row["field"]): row["value"] for row in csv.DictReader(lines)}


def indexes(*names: str) -> Iterator[list[Company]]:
    """The companies of indexes of the source, each in its order.

    The S&P 500 has to be the first: only its rows carry GICS sectors, so a company is taken from there if it is there.
    """
    source = pytickersymbols.PyTickerSymbols()
    corrected = corrections()
    companies: dict[str, Company] = {}
    for name in names:
        rows = list(source.get_stocks_by_index(name))
        companies |= {row["symbol"]: _company(row, corrected) for row in rows if row["symbol"] not in companies}
        yield [companies[row["symbol"]] for row in rows]


def _company(row: dict[str, Any], corrected: dict[tuple[str, str], str]) -> Company:
    symbol = row["symbol"]
    sectors = [name for name in row["industries"] if name in SECTORS]
    sector = corrected.get((symbol, "sector")) or ", ".join(sectors)
    if sector not in SECTORS:
        raise SystemExit(
            f"{symbol} has the sector {sector!r}; write which of the eleven it is into {CORRECTIONS.name}."
        )
    return Company(symbol, corrected.get((symbol, "name"), row["name"]), sector, corrected.get((symbol, "type"), "CS"))


def groups() -> Iterator[Group]:
    """All universes, in the order of the file."""
    sp500, nasdaq100, dow30, sp100 = indexes("S&P 500", "NASDAQ 100", "DOW JONES", "S&P 100")
    yield Group("sp500", "UNIVERSE", "The S&P 500", sp500)
    yield Group("nasdaq100", "UNIVERSE", "The NASDAQ-100", nasdaq100)
    yield Group("dow30", "UNIVERSE", "The Dow Jones Industrial Average", dow30)
    yield Group("sp100", "UNIVERSE", "The S&P 100", sp100)
    yield _index_fund("SPY", "SPDR S&P 500 ETF Trust", "S&P 500", sp500)
    yield _index_fund("QQQ", "Invesco QQQ Trust", "NASDAQ-100", nasdaq100)
    yield _index_fund("DIA", "SPDR Dow Jones Industrial Average ETF Trust", "Dow Jones Industrial Average", dow30)
    for symbol, (sector, name) in SECTOR_FUNDS.items():
        members = [company for company in sp500 if company.sector == sector]
        description = f"The companies of the S&P 500 in the sector {sector}"
        yield Group(symbol, "ETF", description, members, Company(symbol, name, sector))
    leaders = [company for company in sp100 if company.symbol != LEADERS_WITHOUT]
    leaders.sort(key=_leaders_order)
    yield Group("market_leaders:top_100", "UNIVERSE", f"The S&P 100 without {LEADERS_WITHOUT}", leaders)


def _index_fund(symbol: str, name: str, index: str, members: list[Company]) -> Group:
    return Group(
        symbol, "ETF", f"The companies of the {index}, which the fund follows", members, Company(symbol, name, "")
    )


def _leaders_order(company: Company) -> int:
    """First the eight, in their order; the others keep theirs, since sorting is stable."""
    return LEADERS_FIRST.index(company.symbol) if company.symbol in LEADERS_FIRST else len(LEADERS_FIRST)


def table() -> str:
    """The file's content."""
    version, as_of = SOURCE
    if pytickersymbols.__version__ != version:
        raise SystemExit(f"This is pytickersymbols {pytickersymbols.__version__}; SOURCE names {version}.")
    text = io.StringIO(HEADER.format(version=version, as_of=as_of))
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in groups():
        fund = group.fund or Company("", "", "")
        writer.writerow((group.name, group.type, 0, fund.symbol, fund.name, fund.sector, group.description))
        for position, company in enumerate(group.members, start=1):
            writer.writerow((group.name, company.type, position, company.symbol, company.name, company.sector, ""))
    return text.getvalue()


def main() -> None:
    """Writes the table."""
    TABLE.write_text(table(), encoding="utf-8")
    print(f"{TABLE.name}: {', '.join(f'{group.name} {len(group.members)}' for group in groups())}.")


if __name__ == "__main__":
    main()
