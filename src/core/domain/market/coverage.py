"""What is stored of a day, compared with what should be there by the calendar and by what the vendor said. Pure.

A minute in which nothing traded has no bar, so only the vendor can say that a day is whole. Until it was asked for a
day, its bars are `unconfirmed`, however many there are.
"""

import enum
from collections.abc import Collection, Sequence
from typing import NamedTuple

from src.core.domain.market.bar import MINUTE_MS


class DayState(enum.StrEnum):
    """What is known of a symbol's trading day."""

    FINAL = "final"  # compared with the vendor's settled bars
    UNCONFIRMED = "unconfirmed"  # there are bars, of which nothing is known to be missing; not compared yet
    EMPTY = "empty"  # the vendor was asked, and has no bars
    OPEN = "open"  # something may be missing, and is being repaired
    LOST = "unrepairable"
    MISSING = "missing"  # there are no bars, and the vendor was not asked
    PRUNED = "pruned"  # older than what is kept
    TODAY = "today"  # the day goes on


class Day(NamedTuple):
    """A day as it is looked at: the minutes from `from_ms` to `to_ms`, and of these the regular session's from
    `open_ms` to `close_ms`; starts of minutes, the last ones included, epoch ms. `date` is New York, YYYY-MM-DD."""

    date: str
    from_ms: int
    to_ms: int
    open_ms: int
    close_ms: int

    @property
    def regular_minutes(self) -> int:
        """How many minutes the regular session has."""
        return (self.close_ms - self.open_ms) // MINUTE_MS + 1


class Stored(NamedTuple):
    """What the database has of a symbol's day: minutes, those of the regular session, and whether the first and the
    last of them are final."""

    bars: int
    regular: int
    is_final: bool


class Known(NamedTuple):
    """What else is known of it. `is_settled`: REST was asked for its month when its bars were final. `did_not_trade`:
    the vendor's daily bars of that time are there, and none is of this day."""

    has_open_gap: bool = False
    has_lost_gap: bool = False
    is_settled: bool = False
    did_not_trade: bool = False
    is_pruned: bool = False
    goes_on: bool = False


class Span(NamedTuple):
    """Minutes one after the other, from the first to the last, both included; epoch ms."""

    from_ms: int
    to_ms: int

    @property
    def minutes(self) -> int:
        """How many there are."""
        return (self.to_ms - self.from_ms) // MINUTE_MS + 1


NOTHING_STORED = Stored(0, 0, False)


def state_of(stored: Stored, known: Known) -> DayState:
    """What a day's cell tells. What is known to be wrong comes first, then what the vendor confirmed."""
    if known.is_pruned and not stored.bars:
        return DayState.PRUNED
    if known.has_lost_gap:
        return DayState.LOST
    if known.has_open_gap:
        return DayState.OPEN
    if known.goes_on:
        return DayState.TODAY
    if stored.bars:
        return DayState.FINAL if stored.is_final or known.is_settled else DayState.UNCONFIRMED
    return DayState.EMPTY if known.is_settled or known.did_not_trade else DayState.MISSING


def missing_spans(stored: Collection[int], from_ms: int, to_ms: int) -> list[Span]:
    """The minutes from `from_ms` to `to_ms` without a bar, joined where they follow each other. `stored` are starts of
    minutes."""
    spans: list[Span] = []
    for at_ms in range(from_ms, to_ms + 1, MINUTE_MS):
        if at_ms in stored:
            continue
        if spans and spans[-1].to_ms == at_ms - MINUTE_MS:
            spans[-1] = Span(spans[-1].from_ms, at_ms)
        else:
            spans.append(Span(at_ms, at_ms))
    return spans


def count_states(states: Sequence[DayState]) -> dict[DayState, int]:
    """How many days are in each state, of those that occur."""
    return {state: count for state in DayState if (count := sum(one is state for one in states))}
