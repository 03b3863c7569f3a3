"""Day bars of a past that nobody has minutes of: about as its minutes would make them, at a thirtieth of the cost.

A year of days of a whole market is asked for at once, and minute by minute that took the better part of an hour. Open
and close are the auctions' prices, to the cent. High and low are those of a price each 65 minutes and, as between two
of them a random walk goes further, 0.5826 of its standard deviation over that time beyond (Broadie, Glasserman and
Kou, "A continuity correction for discrete barrier options", Mathematical Finance 7, 1997). Volume and trades are what
each hour's activity lets expect.
"""

from math import exp, sqrt

from src.simulator.bars import SHARE_MICRO, DayBar
from src.simulator.market import SyntheticMarket
from src.simulator.newyork import MINUTE_MS, REGULAR_OPENS, next_day_start
from src.simulator.noise import STEP_PER_SECOND

_STRIDE = 65  # minutes: six of them are a session
_BEYOND = 0.5826
# Measured: what trades is so much more than the hours' activity lets expect; volumes have odd and late lots besides.
_MORE_TRADES, _MORE_VOLUME = 1.03, 1.06
# An auction has on average two and a half times the volume of its minute.
_AUCTION = 2.5
# Who trades less often may well have minutes without a trade where an auction should be: such days are made exactly.
FEWEST_TRADES = 1_000


class PastDays:
    """Day bars of `market`, by its seed, the symbol and the day alone."""

    def __init__(self, market: SyntheticMarket) -> None:
        self._market = market

    def has(self, symbol: str) -> bool:
        """Whether days of this symbol can be told so: it trades all the time."""
        return self._market.instrument(symbol).trades_per_day >= FEWEST_TRADES

    def whole(self, symbol: str, midnight: int) -> DayBar | None:
        """The day that begins at `midnight` (minutes since the epoch); None where nothing trades."""
        hours = self._market.trading_day(midnight)
        if hours is None:
            return None
        opens, closes = midnight + REGULAR_OPENS, midnight + hours.closes
        first, last = self._market.auction(symbol, opens), self._market.auction(symbol, closes)
        path = [self._market.price(symbol, minute) for minute in range(opens, closes + 1, _STRIDE)]
        instrument = self._market.instrument(symbol)
        further = exp(_BEYOND * instrument.volatility * STEP_PER_SECOND * sqrt(60 * _STRIDE))
        high = max(first, last, round(max(path) * further, 2))
        low = min(first, last, round(min(path) / further, 2))
        trades = self._market.expected_trades(symbol, range(midnight // 60, next_day_start(midnight) // 60))
        at_auctions = instrument.trades_per_day * (hours.rhythm[REGULAR_OPENS] + hours.rhythm[hours.closes])
        shares = round((trades * _MORE_VOLUME + at_auctions * _AUCTION) * instrument.average_trade)
        vwap = round(sum(path) / len(path), 4)
        times = (midnight * MINUTE_MS, closes * MINUTE_MS)
        return DayBar(symbol, *times, first, high, low, last, shares * SHARE_MICRO, vwap, round(trades * _MORE_TRADES))
