"""One symbol's line in a watch list."""

import msgspec


class Quote(msgspec.Struct, frozen=True, omit_defaults=False):
    """What a watch list shows of a symbol that has bars.

    `timestamp` is the start of the newest bar (epoch ms), `last` its close in dollars. `change` is measured from
    `reference_price`: the last close before the trading day ("previous_close") where there is one, else the first
    open of the day ("open"); None without either. `day_volume` is shares of the day's bars; `spark` the closes of
    the newest bars, oldest first.
    """

    symbol: str
    timestamp: int
    last: float
    tier: str
    reference_price: float | None
    reference: str | None
    change: float | None
    change_percent: float | None
    day_volume: float
    spark: list[float]
