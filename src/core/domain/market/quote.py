"""One symbol's line in a watch list."""

import msgspec


class QuoteDay(msgspec.Struct, frozen=True):
    """What quotes are measured against, epoch ms: the start of the trading day, and the bounds of the regular session
    of the trading day before (start included, end not)."""

    start_ms: int
    previous_open_ms: int
    previous_close_ms: int


class Quote(msgspec.Struct, frozen=True, omit_defaults=False):
    """What a watch list shows of a symbol that has bars.

    `name` is the company's or the fund's, None where it is not known. `timestamp` is the start of the newest bar
    (epoch ms), `last` its close in dollars. `change` is measured from `reference_price`, dollars: the close of the last
    minute of the regular session before (`reference` is then "previous_close"); None when no bar of that session is
    stored. `day_volume` is shares of the day's stored bars; `spark` the closes of the newest bars, oldest first;
    `recent` the start (epoch ms) and volume of the newest 20, so that who follows changes keeps the volume.
    """

    symbol: str
    name: str | None
    timestamp: int
    last: float
    tier: str
    reference_price: float | None
    reference: str | None
    change: float | None
    change_percent: float | None
    day_volume: float
    spark: list[float]
    recent: list[tuple[int, float]]
