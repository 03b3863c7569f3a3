"""Makes src/simulator/universe.csv complete: a row for every company of data/universes.csv that it does not have yet.

    .venv/bin/python scripts/dev_tools/make_simulator_universe.py

Names and sectors are the table's; price, volume, volatility and, but for the NASDAQ-100, the exchange are invented by
the symbol alone, so that a company keeps its figures when others come or go. The companies of the S&P 100 get
more volume than the rest. Rows that are there stay as they are: whoever keeps simulated bars has a past with them.
"""

import csv
import sys
from collections.abc import Iterator
from math import exp, log
from pathlib import Path
from statistics import NormalDist

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.simulator.noise import uniform

ROOT = Path(__file__).resolve().parents[2]
UNIVERSES = ROOT / "data" / "universes.csv"
TABLE = ROOT / "src" / "simulator" / "universe.csv"
GROUPS = ("SPY", "nasdaq100")
LARGE = "sp100"
# Median and spread (standard deviation of the logarithm) of what such companies have.
PRICE_USD = (120.0, 0.75)
DOLLAR_VOLUME_USD, LARGE_DOLLAR_VOLUME_USD = (250e6, 0.6), (1_000e6, 0.5)
VOLATILITY_PERCENT = (1.6, 0.25)

_Row = dict[str, str]


def members() -> dict[str, dict[str, _Row]]:
    """By group its members' rows by symbol, in the table's order."""
    found: dict[str, dict[str, _Row]] = {}
    with UNIVERSES.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            if row["position"] != "0":
                found.setdefault(row["group"], {})[row["symbol"]] = row
    return found


def invented(symbol: str, what: str, median: float, spread: float) -> float:
    """A lognormal number that follows from the symbol alone."""
    quantile = 0.005 + 0.99 * uniform(f"simulator universe/{symbol}/{what}/".encode(), 0)
    return exp(log(median) + spread * NormalDist().inv_cdf(quantile))


def new_row(company: _Row, groups: dict[str, dict[str, _Row]]) -> _Row:
    """A company as an instrument of the simulated market."""
    symbol = company["symbol"]
    price = round(invented(symbol, "price", *PRICE_USD), 2)
    turnover = LARGE_DOLLAR_VOLUME_USD if symbol in groups[LARGE] else DOLLAR_VOLUME_USD
    volume = invented(symbol, "volume", *turnover) / price
    return {
        "symbol": symbol,
        "kind": "stock",
        "sector": company["sector"],
        "price": f"{price:g}",
        "daily_volume": f"{round(volume, -4):.0f}",
        "volatility_percent": f"{invented(symbol, 'volatility', *VOLATILITY_PERCENT):.1f}",
        "name": company["name"],
        "type": "CS",
        "exchange": "XNAS" if symbol in groups["nasdaq100"] else "XNYS",
    }


def complete(present: list[_Row], groups: dict[str, dict[str, _Row]]) -> Iterator[_Row]:
    """The rows that are there, and those that are missing by symbol."""
    yield from present
    have = {row["symbol"] for row in present}
    companies = {symbol: row for group in GROUPS for symbol, row in groups[group].items()}
    for symbol in sorted(companies.keys() - have):
        yield new_row(companies[symbol], groups)


def main() -> None:
    """Writes the table."""
    with TABLE.open(newline="", encoding="utf-8") as lines:
        present = list(csv.DictReader(lines))
    with TABLE.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, list(present[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(complete(present, members()))


if __name__ == "__main__":
    main()
