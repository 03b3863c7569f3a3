"""A pattern of bars as it is kept and told."""

from typing import NamedTuple

import msgspec

# Bars that are older are looked at no more, and what was found in them is dropped.
KEPT_MS = 7 * 86_400_000


class PatternEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A pattern that ends with a bar: `timestamp` is that bar's start (epoch ms), `timeframe` its period.

    `direction` is bullish, bearish or neutral. `confidence`, from 0 to 1, says how plainly the bars show the form, and
    is no probability. `found_ms`: when it was found, or found changed. `withdrawn`: the bars, as they were corrected,
    show it no more.
    """

    symbol: str
    timestamp: int
    timeframe: str
    pattern: str
    direction: str
    confidence: float
    found_ms: int
    withdrawn: bool = False

    @property
    def key(self) -> tuple[str, int, str, str]:
        """What there is only one of."""
        return self.symbol, self.timestamp, self.timeframe, self.pattern

    @property
    def values(self) -> tuple[str, float, bool]:
        """What can change of it."""
        return self.direction, self.confidence, self.withdrawn


class Span(NamedTuple):
    """What starts in [from_ms, to_ms), epoch ms, of a symbol."""

    symbol: str
    from_ms: int
    to_ms: int


class Wanted(NamedTuple):
    """Whose events are asked for: of these symbols, and of a timeframe and of patterns where they are named."""

    symbols: tuple[str, ...]
    timeframe: str | None = None
    patterns: tuple[str, ...] = ()


class PatternChanges(NamedTuple):
    """Events by time and symbol, up to which revision they were told, and whether there are more."""

    events: list[PatternEvent]
    revision: int
    more: bool


def difference(stored: list[PatternEvent], found: list[PatternEvent], now_ms: int) -> list[PatternEvent]:
    """What is to be written so that of the bars looked at `found` is kept: what is new or changed, and what is taken
    back."""
    known = {event.key: event for event in stored}
    holds = {event.key for event in found}
    changed = [event for event in found if event.key not in known or known[event.key].values != event.values]
    gone = [
        msgspec.structs.replace(event, withdrawn=True, found_ms=now_ms)
        for event in stored
        if not event.withdrawn and event.key not in holds
    ]
    return changed + gone
