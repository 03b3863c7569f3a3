"""What the simulated market says of a window of time."""

from collections.abc import Sequence
from typing import NamedTuple

from src.simulator.newyork import MINUTE_MS

# Volumes are whole numbers of millionths of a share, so that sums of fractional volumes stay exact.
SHARE_MICRO = 1_000_000


class Bar(NamedTuple):
    """One version of one window. Prices in dollars, times in epoch milliseconds, volumes in millionths of a share."""

    symbol: str
    start_ms: int
    end_ms: int
    open: float
    high: float
    low: float
    close: float
    volume_micro: int
    vwap: float
    trades: int
    # Of the New York day, up to and including this window.
    day_volume_micro: int
    day_vwap: float
    # The price of the opening auction; absent before it.
    day_open: float | None


class Version(NamedTuple):
    """A bar and the moment (epoch milliseconds) at which the feed sends it."""

    send_at_ms: int
    bar: Bar


class DayBar(NamedTuple):
    """One New York day of one symbol, as far as it has come; units as in `Bar`.

    The prices are the regular session's, from the opening to the closing auction, as the exchange gives them; the
    volume is all of the day's. A recording knows neither `vwap` nor `trades`.
    """

    symbol: str
    # New York midnight.
    start_ms: int
    # The end of the regular session.
    end_ms: int
    open: float
    high: float
    low: float
    close: float
    volume_micro: int
    vwap: float | None
    trades: int | None


def together(seconds: Sequence[Bar]) -> Bar:
    """One bar of some windows, at least one, ascending, as of the minute in which the first of them starts."""
    first, last = seconds[0], seconds[-1]
    start_ms = first.start_ms // MINUTE_MS * MINUTE_MS
    volume_micro = sum(second.volume_micro for second in seconds)
    notional = sum(second.vwap * second.volume_micro for second in seconds)
    return last._replace(
        start_ms=start_ms,
        end_ms=start_ms + MINUTE_MS,
        open=first.open,
        high=max(second.high for second in seconds),
        low=min(second.low for second in seconds),
        volume_micro=volume_micro,
        vwap=round(notional / volume_micro, 4),
        trades=sum(second.trades for second in seconds),
    )
