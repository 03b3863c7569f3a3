"""WebSocket messages made of events: what is sent at one moment, bundled."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from src.simulator.wire import Event

# The real feed bundles what is due at the same moment; this bounds one frame to about 80 KB.
_EVENTS_PER_FRAME = 400


class Frame(NamedTuple):
    """One message, and how many `A` and `AM` events it has."""

    text: str
    events: int = 0


def answer(element: str) -> Event:
    """A status element, which is of no topic."""
    return Event("", "", element)


def frames(events: Iterable[Event]) -> Iterator[Frame]:
    """The events as JSON arrays of at most 400 each; none for none."""
    remaining = iter(events)
    while chunk := list(islice(remaining, _EVENTS_PER_FRAME)):
        text = ",".join([event.element for event in chunk])
        yield Frame(f"[{text}]", sum(1 for event in chunk if event.channel))
