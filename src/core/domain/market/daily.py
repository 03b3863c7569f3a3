"""One trading day of one symbol, with the evidence it rests on.

What the minutes of the regular session give is `live`: closing prints and odd lots never are in minutes. The vendor's
own daily bar, or a flat file of days, outranks it. Which of two accounts of a day is right is `bar.merge_evidence`.
"""

import datetime as dt

import msgspec

from src.core.domain.market.bar import LARGEST_VOLUME
from src.core.domain.market.symbol import check_symbol
from src.core.errors import BadBarError

FIRST_DATE = dt.date(1970, 1, 1)


class DailyBar(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One symbol's OHLCV day; unadjusted.

    `date` is the trading day in New York. Prices are dollars, `volume` shares (can be fractional), `vwap` dollars or
    None, `trade_count` trades or None: absent is not zero. `tier` and `observed_at` are those of `bar.Bar`. `partial`
    says that the day was still trading when this was told, or that what it was made of was not whole. `withdrawn` says
    that the vendor has no such day any more: its values are those of before, and nobody counts them.
    """

    symbol: str
    date: dt.date
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None
    trade_count: int | None
    tier: int
    observed_at: int
    partial: bool = False
    withdrawn: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        """What the evidence is ordered by: the greater is right."""
        return (self.tier, self.observed_at)

    @property
    def values(self) -> tuple[object, ...]:
        """All that a reader sees of it: everything but the stamp."""
        prices = (self.open, self.high, self.low, self.close)
        return (*prices, self.volume, self.vwap, self.trade_count, self.tier, self.partial, self.withdrawn)


def check_daily(bar: DailyBar) -> DailyBar:
    """The day itself, or BadBarError with the reason it cannot be one; a VWAP outside of low and high is accepted."""
    check_symbol(bar.symbol)
    where = f"The day {bar.symbol} {bar.date}"
    if bar.date < FIRST_DATE:
        raise BadBarError(f"{where} is from before 1970.")
    prices = (bar.open, bar.high, bar.low, bar.close)
    numbers = (*prices, bar.volume, 0.0 if bar.vwap is None else bar.vwap)
    if not all(abs(number) < float("inf") for number in numbers):  # false for NaN too
        raise BadBarError(f"{where} has a number that is not finite.")
    if bar.high < max(prices) or bar.low > min(prices):
        raise BadBarError(
            f"{where} is not coherent: open {bar.open}, high {bar.high}, low {bar.low}, close {bar.close}."
        )
    if bar.volume < 0 or (bar.trade_count is not None and bar.trade_count < 0):
        raise BadBarError(f"{where} has a negative volume or trade count.")
    if max(bar.volume, bar.trade_count or 0) > LARGEST_VOLUME:
        raise BadBarError(f"{where} has a volume above {LARGEST_VOLUME:g}, or as many trades.")
    return bar
