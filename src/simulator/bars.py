"""What the simulated market says of a window of time."""

from typing import NamedTuple

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
