"""Which instruments the simulated market trades, and how each one behaves."""

import csv
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).with_name("universe.csv")

# The sector of what follows the whole market.
MARKET = "Market"

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
