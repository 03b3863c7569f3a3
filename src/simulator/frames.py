"""WebSocket messages: what is sent at one moment, bundled, and messages that are no bundle of events."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

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


def frames(items: Iterable[Event | Raw]) -> Iterator[Frame]:
    """The events as JSON arrays of at most 400 each, and other messages, in their order; none for none."""
    bundle: list[Event] = []
    for item in items:
        if bundle and (isinstance(item, Raw) or len(bundle) == _EVENTS_PER_FRAME):
            yield _bundled(bundle)
            bundle = []
        if isinstance(item, Raw):
            yield Frame(item.data, item.is_text, item.events)
        else:
            bundle.append(item)
    if bundle:
        yield _bundled(bundle)


def _bundled(events: list[Event]) -> Frame:
    text = ",".join([event.element for event in events])
    return Frame(f"[{text}]", is_text=True, events=sum(1 for event in events if event.channel))
