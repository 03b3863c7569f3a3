"""What a connection says when something of its tickers may be missing."""

from typing import NamedTuple

from src.core.domain.market.gaps import GapReason


class Listened(NamedTuple):
    """What a connection that listens heard last: the event time (epoch ms) of the newest data of its session, None for
    none, and since when it listens, monotonic seconds."""

    heard_ms: int | None
    since_s: float


class Interruption(NamedTuple):
    """Tickers of which nothing may have come since `heard_ms`, noticed now; `*` among them stands for the whole market.

    `heard_ms` is the event time (epoch ms) of the newest data that the connection brought in its session. Where it
    brought none it is None, and nothing may have come since `since_s`, monotonic seconds: when its tickers were
    acknowledged. `goes_on` until they are acknowledged again, wherever; else it is over. `detail` is a sentence.
    """

    connection_id: str
    tickers: tuple[str, ...]
    heard_ms: int | None
    since_s: float
    reason: GapReason
    detail: str
    goes_on: bool = True
