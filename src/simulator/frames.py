"""WebSocket messages: what is sent at one moment, bundled, and messages that are no bundle of events."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, cast

from src.simulator.wire import Event

# The real feed bundles what is due at the same moment; this bounds one frame to about 80 KB.
_EVENTS_PER_FRAME = 400


class Raw(NamedTuple):
    """A message of its own, of whatever bytes, that a fault makes."""

    data: bytes
    is_text: bool = True
    # How many `A` and `AM` events it has.
    events: int = 0


class Frame(NamedTuple):
    """One message, text as str or bytes or binary, and how many `A` and `AM` events it has."""

    data: str | bytes
    is_text: bool
    events: int

    @property
    def unread_bytes(self) -> int:
        """What it counts as until it is read; nothing if a fault made it, or a huge one would end its connection."""
        return len(self.data) if isinstance(self.data, str) else 0


def answer(element: str) -> Event:
    """A status element, which is of no topic."""
    return Event("", "", element)


def frames(items: Sequence[Event | Raw]) -> Iterator[Frame]:
    """The events as JSON arrays of at most 400 each, and other messages, in their order; none for none."""
    # At full speed this is most of what a server does: a list of events only is not looked at one by one.
    if Raw not in set(map(type, items)):
        yield from _bundles(cast(Sequence[Event], items))
        return
    for kind, run in groupby(items, type):
        if kind is Raw:
            yield from (Frame(raw.data, raw.is_text, raw.events) for raw in cast(Iterable[Raw], run))
        else:
            yield from _bundles(cast(list[Event], list(run)))


def _bundles(events: Sequence[Event]) -> Iterator[Frame]:
    for first in range(0, len(events), _EVENTS_PER_FRAME):
        bundle = events[first : first + _EVENTS_PER_FRAME]
        text = ",".join([event.element for event in bundle])
        yield Frame(f"[{text}]", is_text=True, events=len(bundle) - [event.channel for event in bundle].count(""))
