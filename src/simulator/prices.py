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
        # The same by the session, for a day of one symbol after the other.
        self._sector_levels = lru_cache(maxsize=64)(self._compute_sector_levels)
        self._appetites = lru_cache(maxsize=4)(self._appetite.over)
        self.over = lru_cache(maxsize=8)(self._over)

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

    def _over(self, instrument: Instrument, first: int, count: int) -> list[float]:
        """Dollars, unrounded, at the start of each of `count` minutes from `first` on."""
        levels = zip(
            self._sector_levels(instrument.sector, first, count),
            self._own[instrument.symbol].over(first, count),
            strict=True,
        )
        return [
            instrument.price
            * exp(instrument.volatility * (instrument.sector_weight * sector + instrument.own_weight * own))
            for sector, own in levels
        ]

    def within_minute(self, instrument: Instrument, minute: int, noise: bytes) -> list[int]:
        """61 prices in cents, at the start of each second of `minute` and of the next minute's first.

        `noise` holds a byte for each of its 60 steps.
        """
        return walk(instrument, self.at(instrument, minute), self.at(instrument, minute + 1), noise)

    def _noise(self, name: str) -> PathNoise:
        return PathNoise(f"{self._seed}/path/{name}/".encode())

    def _compute_sector_level(self, sector: str, minute: int) -> float:
        """The sector's path, of the same variance as the market's."""
        if sector == MARKET:
            return self._whole.at(minute)
        of_appetite, of_own = _shares(sector)
        market = self._sector_level(MARKET, minute)
        return (
            _MARKET_IN_SECTOR * market
            + of_appetite * self._appetite.at(minute)
            + of_own * self._sectors[sector].at(minute)
        )

    def _compute_sector_levels(self, sector: str, first: int, count: int) -> list[float]:
        if sector == MARKET:
            return self._whole.over(first, count)
        of_appetite, of_own = _shares(sector)
        levels = zip(
            self._sector_levels(MARKET, first, count),
            self._appetites(first, count),
            self._sectors[sector].over(first, count),
            strict=True,
        )
        return [_MARKET_IN_SECTOR * market + of_appetite * appetite + of_own * own for market, appetite, own in levels]


def _shares(sector: str) -> tuple[float, float]:
    """How much of a sector's movement is the appetite for risk and how much its own, so that squares add up to 1."""
    appetite = _RISK_APPETITE.get(sector, 0.0)
    return appetite, sqrt(1 - _MARKET_IN_SECTOR**2 - appetite**2)


def walk(instrument: Instrument, start: float, end: float, noise: bytes) -> list[int]:
    """61 prices in cents: a random walk from `start` dollars by `noise`, bent so that it ends at `end` dollars."""
    start, end = 100 * start, 100 * end
    steps = list(accumulate(map(GAUSS.__getitem__, noise), initial=0.0))
    step = start * instrument.volatility * STEP_PER_SECOND
    slope = (end - start - step * steps[60]) / 60
    return [round(start + slope * i + step * s) for i, s in enumerate(steps)]


def wick_table(instrument: Instrument) -> list[int]:
    """256 quantiles of how many cents a second's extreme lies beyond its first and last price."""
    scale = 100 * instrument.price * instrument.volatility * STEP_PER_SECOND * 0.5
    return [int(scale * e) for e in EXPONENTIAL]
