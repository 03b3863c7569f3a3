"""Which instruments the simulated market trades, and how each one behaves."""

import csv
from collections.abc import Sequence
from math import exp
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

from src.simulator.noise import uniform

_TABLE = Path(__file__).with_name("universe.csv")

SECTORS = (
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
# The sector of what follows the whole market.
MARKET = "Market"

MOST_INVENTED = 26**3

# By kind, how much of an instrument's movement is its sector's and how much its own; squares add up to about 1.
_LOADINGS = {"index": (0.97, 0.24), "sector": (0.98, 0.20), "stock": (0.65, 0.76)}


class Instrument(NamedTuple):
    """One ticker. Prices in dollars, volumes in shares, `volatility` the move of a regular session (0.014: 1.4 %)."""

    symbol: str
    sector: str
    price: float
    daily_volume: int
    volatility: float
    sector_weight: float
    own_weight: float
    name: str
    # As the reference data spell them: `CS`, `ETF` or `PFD`; `XNYS`, `XNAS`, `ARCX` or `XASE`.
    type: str
    exchange: str

    @property
    def average_trade(self) -> float:
        """Shares in a typical trade: at least a round lot, since only those make prices."""
        return min(400.0, max(100.0, 20_000 / self.price))

    @property
    def trades_per_day(self) -> float:
        """Trades in a typical New York day."""
        return self.daily_volume / self.average_trade


def default_universe() -> list[Instrument]:
    """The instruments of `universe.csv`: large names of all eleven sectors, ETFs, and a few that hardly trade."""
    with _TABLE.open(newline="", encoding="utf-8") as table:
        return [_instrument(row) for row in csv.DictReader(table)]


def select(symbols: Sequence[str], universe: Sequence[Instrument] | None = None) -> list[Instrument]:
    """The instruments of `symbols`, from the default universe unless told. ValueError for one that is not there."""
    known = {one.symbol: one for one in (default_universe() if universe is None else universe)}
    if unknown := [symbol for symbol in symbols if symbol not in known]:
        raise ValueError(
            f"The synthetic market has no {', '.join(unknown)}; src/simulator/universe.csv lists what it has."
        )
    return [known[symbol] for symbol in symbols]


def invented_universe(count: int) -> list[Instrument]:
    """The first `count` of `MOST_INVENTED` instruments that exist nowhere, `ZZAAA` to `ZZZZZ`; most trade little."""
    return [_invented(index) for index in range(count)]


def _invented(index: int) -> Instrument:
    symbol = "ZZ" + "".join(chr(ord("A") + index // 26**place % 26) for place in (2, 1, 0))
    key = f"invented/{symbol}/".encode()
    sector = SECTORS[int(uniform(key, 0) * len(SECTORS))]
    price, spread, volume = (NormalDist().inv_cdf(0.001 + 0.998 * uniform(key, n)) for n in (1, 2, 3))
    return _instrument(
        {
            "symbol": symbol,
            "kind": "stock",
            "sector": sector,
            "price": f"{max(2.0, 30 * exp(0.9 * price)):.2f}",
            "daily_volume": f"{200_000 * exp(1.8 * volume):.0f}",
            "volatility_percent": f"{2.0 * exp(0.35 * spread):.2f}",
            "name": f"Invented {index + 1}",
            "type": "CS",
            "exchange": "XNYS" if index % 2 else "XNAS",
        }
    )


def _instrument(row: dict[str, str]) -> Instrument:
    sector_weight, own_weight = _LOADINGS[row["kind"]]
    return Instrument(
        row["symbol"],
        row["sector"],
        float(row["price"]),
        int(row["daily_volume"]),
        float(row["volatility_percent"]) / 100,
        sector_weight,
        own_weight,
        row["name"],
        row["type"],
        row["exchange"],
    )
