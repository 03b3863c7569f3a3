"""One aggregate as the feed sends it. `TickData` is the decoded struct itself, not a copy of it."""

from typing import ClassVar

import msgspec


class TickData(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="ev",
    rename={
        "ticker": "sym", "timestamp": "s", "tick_open": "o", "tick_high": "h", "tick_low": "l", "tick_close": "c",
        "whole_volume": "v", "decimal_volume": "dv", "tick_vwap": "vw", "window_end": "e",
        "whole_day_volume": "av", "decimal_day_volume": "dav",
    },
):  # fmt: skip
    """An aggregate of one window: `SecondAggregate` (`A`) or `MinuteAggregate` (`AM`).

    `timestamp` is the window's start in epoch ms, UTC, and `window_end` its end where the feed tells one (None where
    not); prices are dollars, volumes shares of that window.
    """

    event_type: ClassVar[str] = ""
    window_ms: ClassVar[int] = 0
    source: ClassVar[str] = "massive"

    ticker: str
    timestamp: int
    tick_open: float
    tick_high: float
    tick_low: float
    tick_close: float
    whole_volume: float
    decimal_volume: str | None = None
    tick_vwap: float | None = None
    window_end: int | None = None
    whole_day_volume: float | None = None
    decimal_day_volume: str | None = None

    @property
    def price(self) -> float:
        """The last price of the window."""
        return self.tick_close

    @property
    def tick_volume(self) -> float:
        """Shares traded in the window; the feed's decimal text counts where it sends one, since it is exact."""
        return self.whole_volume if self.decimal_volume is None else float(self.decimal_volume)

    @property
    def day_volume(self) -> float | None:
        """Shares traded since the day began, late and odd lots included; None where the feed does not tell."""
        text = self.decimal_day_volume
        try:
            return self.whole_day_volume if text is None else float(text)
        except ValueError:
            return None

    @property
    def volume(self) -> float:
        """The same as `tick_volume`."""
        return self.tick_volume


class SecondAggregate(TickData, frozen=True, gc=False, tag="A"):
    """One second of one ticker: provisional, for the forming bar."""

    event_type: ClassVar[str] = "A"
    window_ms: ClassVar[int] = 1_000


class MinuteAggregate(TickData, frozen=True, gc=False, tag="AM"):
    """One minute of one ticker: the official bar."""

    event_type: ClassVar[str] = "AM"
    window_ms: ClassVar[int] = 60_000
