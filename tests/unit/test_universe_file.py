"""The committed universes: what they hold, that the script remakes them, and what a broken file is told."""

import csv
import re
from pathlib import Path

import pytest

from scripts.dev_tools import make_universes
from src.config.settings import PROJECT_ROOT, parse_settings
from src.core.domain.market.symbol import check_symbol
from src.core.domain.market.universe import union
from src.infrastructure.database.universe_file import UniverseFile, UniverseFileError, load_universe_file
from src.simulator.universe import default_universe

UNIVERSES_CSV = PROJECT_ROOT / "data/universes.csv"
FALLBACK = ["AAPL", "GOOGL", "MSFT", "TSLA", "AMZN", "NFLX", "META", "NVDA"]
SPDRS = {
    "XLB": "Materials", "XLC": "Communication Services", "XLE": "Energy", "XLF": "Financials", "XLI": "Industrials",
    "XLK": "Information Technology", "XLP": "Consumer Staples", "XLRE": "Real Estate", "XLU": "Utilities",
    "XLV": "Health Care", "XLY": "Consumer Discretionary",
}  # fmt: skip


@pytest.fixture(scope="module")
def universes() -> UniverseFile:
    return load_universe_file(UNIVERSES_CSV)


def test_the_script_remakes_the_committed_file() -> None:
    assert make_universes.table() == UNIVERSES_CSV.read_text(encoding="utf-8")


def test_the_head_names_source_licence_and_date() -> None:
    head = UNIVERSES_CSV.read_text(encoding="utf-8").split("\ngroup,")[0]
    assert re.search(r"^# source: pytickersymbols [\d.]+, .* MIT licence", head, re.MULTILINE)
    assert re.search(r"^# members as of: 20\d\d-\d\d-\d\d$", head, re.MULTILINE)


def test_the_groups_their_types_and_sizes(universes: UniverseFile) -> None:
    sizes = {name: (group.type, len(group.members)) for name, group in universes.groups.items()}
    etfs = {name: sizes.pop(name) for name in ("SPY", "QQQ", "DIA", *SPDRS)}
    assert sizes == {
        "sp500": ("UNIVERSE", 503),
        "nasdaq100": ("UNIVERSE", 101),
        "dow30": ("UNIVERSE", 30),
        "sp100": ("UNIVERSE", 101),
        "market_leaders:top_100": ("UNIVERSE", 100),
    }
    assert {kind for kind, _ in etfs.values()} == {"ETF"}
    assert all(group.description for group in universes.groups.values())


def test_no_member_is_listed_twice_and_each_is_spelled_as_the_feed_does(universes: UniverseFile) -> None:
    for group in universes.groups.values():
        assert len(set(group.members)) == len(group.members), group.name
    assert {"BRK.B", "BF.B"} <= set(universes.groups["sp500"].members)
    assert all(re.fullmatch(r"[A-Z]{1,5}(\.[A-Z])?", check_symbol(symbol)) for symbol in universes.instruments)


def test_the_funds_hold_what_they_follow(universes: UniverseFile) -> None:
    groups = universes.groups
    for fund, index in (("SPY", "sp500"), ("QQQ", "nasdaq100"), ("DIA", "dow30")):
        assert groups[fund].members == groups[index].members
    assert sorted(symbol for fund in SPDRS for symbol in groups[fund].members) == sorted(groups["sp500"].members)
    for fund, sector in SPDRS.items():
        assert {universes.instruments[symbol].sector for symbol in [fund, *groups[fund].members]} == {sector}


def test_each_company_has_a_name_of_its_own_and_one_gics_sector(universes: UniverseFile) -> None:
    names = [instrument.name for instrument in universes.instruments.values()]
    assert len(set(names)) == len(names)
    assert all(name.strip() == name != "" for name in names)
    stocks = [instrument for instrument in universes.instruments.values() if instrument.type != "ETF"]
    assert len(stocks) == 517
    assert {stock.sector for stock in stocks} == set(SPDRS.values())
    assert {stock.symbol: stock.type for stock in stocks if stock.type != "CS"} == {
        "ARM": "ADRC", "ASML": "NYRS", "PDD": "ADRC"
    }  # fmt: skip
    assert {symbol for symbol, told in universes.instruments.items() if told.type == "ETF"} == {
        "SPY", "QQQ", "DIA", *SPDRS
    }  # fmt: skip


def test_the_leaders_are_the_sp100_without_a_second_class_the_eight_first(universes: UniverseFile) -> None:
    leaders = universes.groups["market_leaders:top_100"].members
    sp100 = universes.groups["sp100"].members
    assert leaders[:8] == FALLBACK
    assert leaders[8:] == [symbol for symbol in sp100 if symbol not in (*FALLBACK, "GOOG")]


def test_the_simulator_trades_what_is_listened_to_by_default(universes: UniverseFile) -> None:
    traded = {instrument.symbol for instrument in default_universe()}
    assert [
        symbol for symbol in universes.groups[parse_settings({}).symbol_universe_key].members if symbol not in traded
    ] == []


def test_a_union_is_distinct_and_keeps_the_order(universes: UniverseFile) -> None:
    groups = universes.groups
    symbols = union("SPY:nasdaq100", groups, lambda name: groups[name].members).symbols
    assert len(symbols) == 517
    assert list(symbols[:503]) == groups["sp500"].members


def test_every_correction_has_a_reason_and_none_of_a_name_is_idle() -> None:
    lines = [line for line in make_universes.CORRECTIONS.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines, strict=True))
    assert all(row["reason"] and row["field"] in ("name", "sector", "type") for row in rows)
    source = make_universes.pytickersymbols.PyTickerSymbols()
    # As the script reads them: of a company in both lists the row of the first counts.
    said = {row["symbol"]: row for index in ("NASDAQ 100", "S&P 500") for row in source.get_stocks_by_index(index)}
    names = {symbol: row["name"] for symbol, row in said.items()}
    assert [row["symbol"] for row in rows if row["field"] == "name" and names[row["symbol"]] == row["value"]] == []
    assert len({(row["symbol"], row["field"]) for row in rows}) == len(rows)


_HEAD = "# a comment\ngroup,type,position,symbol,name,sector,description\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "line 1: expected are the columns group,type,"),
        (_HEAD + "a,CUSTOM,0,,,,\na,,1,AAPL\n", "line 4: expected are 7 values"),
        (_HEAD + "a,CUSTOM,0,,,,\na,,1,AAPL,Apple,,,more\n", "line 4: expected are 7 values"),
        (_HEAD + "a,LIST,0,,,,\n", "line 3: expected is a new group, of a type of UNIVERSE, ETF"),
        (_HEAD + "a,CUSTOM,0,,,,\na,CUSTOM,0,,,,\n", "line 4: expected is a new group"),
        (_HEAD + "a,,1,AAPL,Apple,,\n", "line 3: expected is a group's row of position 0"),
        (_HEAD + "a,CUSTOM,0,,,,\na,,2,AAPL,Apple,,\n", "line 4: expected is a group's row of position 0"),
        (_HEAD + "a,CUSTOM,0,,,,\na,,1,A,B,,\na,,2,A,C,,\n", "line 5: A is told of in another way"),
        (_HEAD + "a,CUSTOM,0,,,,\na,,1,A B,,,\n", "line 4: 'A B' is not a ticker"),
        (_HEAD + 'a,CUSTOM,0,,,,"\n', "cannot be read"),
    ],
)
def test_a_broken_file_is_told_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "universes.csv"
    file.write_text(content)
    with pytest.raises(UniverseFileError, match=re.escape(says)):
        load_universe_file(file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UniverseFileError, match=r"none.csv cannot be read"):
        load_universe_file(tmp_path / "none.csv")
