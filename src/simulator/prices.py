"""Where prices go: market, sector and own paths added up, and the steps within a minute."""

from functools import lru_cache
from itertools import accumulate
from math import exp, sqrt

from src.simulator.noise import EXPONENTIAL, GAUSS, STEP_PER_SECOND, PathNoise
from src.simulator.universe import MARKET, Instrument

# Sectors that gain when investors seek risk (above 0) or shelter (below 0); this correlates sectors pairwise.
_RISK_APPETITE = {
    "Information Technology": 0.5,
    "Communication Services": 0.4,
    "Consumer Discretionary": 0.4,
    "Consumer Staples": -0.5,
    "Energy": 0.2,
    "Financials": 0.2,
    "Health Care": -0.3,
    "Industrials": 0.2,
    "Materials": 0.2,
    "Real Estate": -0.3,
    "Utilities": -0.5,
}
# How much of a sector's movement is the whole market's.
_MARKET_IN_SECTOR = 0.75


class PricePaths:
    """The price of every instrument at the start of every minute, by the seed alone."""

    def __init__(self, seed: int, instruments: list[Instrument]) -> None:
        self._seed = seed
        self._own = {i.symbol: self._noise(f"own/{i.symbol}") for i in instruments}
        sectors = {i.sector for i in instruments} - {MARKET}
        self._sectors = {sector: self._noise(f"sector/{sector}") for sector in sectors}
        self._whole = self._noise("market")
        self._appetite = self._noise("appetite")
        # A day of minutes of every sector: a history walks them once per symbol.
        self._sector_level = lru_cache(maxsize=20_000)(self._compute_sector_level)
        # The last minute asked for and its price: the next minute starts where this one ended.
        self._last: dict[str, tuple[int, float]] = {}

    def at(self, instrument: Instrument, minute: int) -> float:
        """Dollars, unrounded, at the start of `minute` (minutes since the epoch)."""
        last = self._last.get(instrument.symbol)
        if last is not None and last[0] == minute:
            return last[1]
        sector = self._sector_level(instrument.sector, minute)
        own = self._own[instrument.symbol].at(minute)
        level = instrument.sector_weight * sector + instrument.own_weight * own
        price = instrument.price * exp(instrument.volatility * level)
        self._last[instrument.symbol] = (minute, price)
        return price

    def within_minute(self, instrument: Instrument, minute: int, noise: bytes) -> list[int]:
        """61 prices in cents, at the start of each second of `minute` and of the next minute's first.

        A random walk of 60 steps (`noise` holds a byte for each), bent so that it ends where the next minute starts.
        """
        start = 100 * self.at(instrument, minute)
        end = 100 * self.at(instrument, minute + 1)
        walk = list(accumulate(map(GAUSS.__getitem__, noise), initial=0.0))
        step = start * instrument.volatility * STEP_PER_SECOND
        slope = (end - start - step * walk[60]) / 60
        return [round(start + slope * i + step * w) for i, w in enumerate(walk)]

    def _noise(self, name: str) -> PathNoise:
        return PathNoise(f"{self._seed}/path/{name}/".encode())

    def _compute_sector_level(self, sector: str, minute: int) -> float:
        """The sector's path, of the same variance as the market's."""
        if sector == MARKET:
            return self._whole.at(minute)
        appetite = _RISK_APPETITE.get(sector, 0.0)
        own = sqrt(1 - _MARKET_IN_SECTOR**2 - appetite**2)
        market = self._sector_level(MARKET, minute)
        return (
            _MARKET_IN_SECTOR * market + appetite * self._appetite.at(minute) + own * self._sectors[sector].at(minute)
        )


def wick_table(instrument: Instrument) -> list[int]:
    """256 quantiles of how many cents a second's extreme lies beyond its first and last price."""
    scale = 100 * instrument.price * instrument.volatility * STEP_PER_SECOND * 0.5
    return [int(scale * e) for e in EXPONENTIAL]
