"""What faults make of events: events in, events and garbage with their lateness out. Knows no clock and no socket."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from src.simulator.faults import OnConnections
from src.simulator.feed_faults import Duplicate, Malformed, Reorder, Resend, Respell, SilentTopic, matches
from src.simulator.frames import Raw
from src.simulator.malformed import garbage, respelled
from src.simulator.wire import Event

_START = re.compile(r'"s":([0-9]+)')
_TICK = Decimal("0.01")
_Fault = TypeVar("_Fault", bound=OnConnections)


class Late(NamedTuple):
    """What is to be sent `after_ms` milliseconds from now. Versions of a bar have the same `window`, answers none."""

    after_ms: int
    item: Event | Raw
    window: str


def disturbed(events: Sequence[Event], faults: Sequence[OnConnections]) -> list[Late]:
    """The events as the faults change them, in the order of entering; the same for the same events and faults.

    `Delay` is not among what is done here: it needs to know what was sent before.
    """
    silent = _of(SilentTopic, faults)
    late = [
        Late(0, event, _window(event))
        for event in events
        if not any(matches(fault.topics, event.topic) for fault in silent)
    ]
    for resend in _of(Resend, faults):
        late = [sent for one in late for sent in _resent(resend, one)]
    for malformed in _of(Malformed, faults):
        late = [sent for one in late for sent in _with_garbage(malformed, one)]
    for respell in _of(Respell, faults):
        late = [_respelled(respell, one) for one in late]
    for duplicate in _of(Duplicate, faults):
        late = [sent for one in late for sent in _duplicated(duplicate, one)]
    for reorder in _of(Reorder, faults):
        late = [_reordered(reorder, one) for one in late]
    return late


def _of(kind: type[_Fault], faults: Sequence[OnConnections]) -> list[_Fault]:
    return [fault for fault in faults if isinstance(fault, kind)]


def _window(event: Event) -> str:
    start = _START.search(event.element)
    return f"{event.topic}/{start[1]}" if start else event.topic


def _aggregate(one: Late) -> Event | None:
    """The `A` or `AM` event that it is; None for answers, garbage and other messages."""
    return one.item if isinstance(one.item, Event) and one.item.channel else None


def _resent(fault: Resend, one: Late) -> list[Late]:
    event = _aggregate(one)
    if event is None or not fault.draws(event.element):
        return [one]
    other = changed(event, fault.draw(event.element, 1))
    versions = (event, other) if fault.last == "changed" else (other, event)
    after_ms = one.after_ms + round(fault.after_s * 1000)
    return [one._replace(item=versions[0]), one._replace(item=versions[1], after_ms=after_ms)]


def changed(event: Event, draw: float) -> Event:
    """The event with 1 to 100 shares more and a higher high or a lower low, or both, which the close follows.

    `draw` is a number in [0, 1) that decides. What results is as coherent as the original was.
    """
    element: dict[str, Any] = json.loads(event.element)
    shares = 1 + int(draw * 100)
    for whole, exact in (("v", "dv"), ("av", "dav")):
        element[whole] += shares
        if exact in element:
            element[exact] = str(Decimal(element[exact]) + shares)
    ticks = 1 + shares % 5
    higher, lower = _moved(element["h"], ticks), _moved(element["l"], -ticks)
    if shares % 3 == 0 and lower > 0:
        element |= {"l": lower, "c": lower}
    else:
        element |= {"h": higher, "c": higher}
    return event._replace(element=json.dumps(element, separators=(",", ":")))


def _moved(price: float, ticks: int) -> float:
    return float(Decimal(repr(price)) + ticks * _TICK)


def _respelled(fault: Respell, one: Late) -> Late:
    event = _aggregate(one)
    if event is None or not fault.draws(event.element):
        return one
    kind = fault.kinds[int(fault.draw(event.element, 1) * len(fault.kinds))]
    return one._replace(item=respelled(kind, event, fault.size_mib))


def _with_garbage(fault: Malformed, one: Late) -> list[Late]:
    event = _aggregate(one)
    if event is None or not fault.draws(event.element):
        return [one]
    kind = fault.kinds[int(fault.draw(event.element, 1) * len(fault.kinds))]
    return [one._replace(item=garbage(kind, json.loads(event.element))), one]


def _duplicated(fault: Duplicate, one: Late) -> list[Late]:
    event = _aggregate(one)
    return [one, one] if event is not None and fault.draws(event.element) else [one]


def _reordered(fault: Reorder, one: Late) -> Late:
    if not one.window or not fault.draws(one.window):
        return one
    return one._replace(after_ms=one.after_ms + int(fault.draw(one.window, 1) * fault.within_s * 1000))
