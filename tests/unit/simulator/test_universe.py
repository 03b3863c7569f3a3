"""The instruments of the simulated market: the indexes' companies, funds and oddities, each with plausible figures."""

import csv
from pathlib import Path

from scripts.dev_tools import make_simulator_universe
from src.simulator.universe import SECTORS, default_universe

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "src" / "simulator" / "universe.csv"
FIRST = 121


def rows() -> list[dict[str, str]]:
    with TABLE.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_it_has_the_companies_of_both_indexes_funds_and_oddities() -> None:
    universe = {i.symbol: i for i in default_universe()}
    groups = make_simulator_universe.members()
    assert set(groups["SPY"]) | set(groups["nasdaq100"]) <= set(universe)
    assert {"SPY", "QQQ", "XLK", "XLU", "BRK.B", "BACpL", "SEB", "GRC", "T"} <= set(universe)
    assert {i.sector for i in universe.values()} == {*SECTORS, "Market"}
    assert (universe["BACpL"].type, universe["XLK"].type, universe["BRK.B"].type) == ("PFD", "ETF", "CS")


def test_the_committed_rows_are_what_the_script_makes_of_the_first_ones() -> None:
    made = list(make_simulator_universe.complete(rows()[:FIRST], make_simulator_universe.members()))
    assert made == rows()


def test_figures_are_plausible() -> None:
    for one in default_universe():
        assert 10 < one.price < 5000
        assert 3000 <= one.daily_volume < 2e8
        assert 0.003 < one.volatility < 0.04
        assert one.name
        assert one.exchange in {"XNYS", "XNAS", "ARCX", "XASE"}
