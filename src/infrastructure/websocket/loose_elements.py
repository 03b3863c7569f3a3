"""A frame read element by element: what is left when it cannot be decoded at once, because something in it is odd.

Here stand the older forms of aggregates, and the reasons for which an element is refused before its values are looked
at. An element whose text is no JSON costs itself alone, as long as quotes and brackets still tell where it ends.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from src.core.domain.market.tick import MinuteAggregate, SecondAggregate, TickData

# A frame of 64 MiB of aggregates has some five million commas. This bounds what an array of tiny elements costs to
# 400 MB and a dozen seconds.
MOST_COMMAS = 6_000_000
_OBJECT = b"{"
_LARGEST_DAY_VOLUME = 1e15  # shares
# What can be skipped (a text, an object without brackets inside) and what counts. Possessive: no byte is read twice
# for the same alternative, whatever is sent.
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MARKS = re.compile(rb'\{[^"{}\[\]]*+(?:%b[^"{}\[\]]*+)*+\}|%b?|[\[\]{},]' % (_TEXT, _TEXT), re.DOTALL)
_KINDS: dict[str, type[SecondAggregate | MinuteAggregate]] = {"A": SecondAggregate, "AM": MinuteAggregate}

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class StatusElement(msgspec.Struct, frozen=True, tag_field="ev", tag="status"):
    """A status as sent."""

    status: str = ""
    message: str = ""


class Refused(msgspec.Struct, frozen=True):
    """An element (or the frame) that is not usable: its kind of fault, and its text as sent."""

    kind: str
    raw: bytes | msgspec.Raw


class _LooseAggregate(msgspec.Struct, frozen=True):
    """An aggregate with all that may differ from the usual: `t` for the window's start, only the decimal volume,
    whole numbers written as floats, keys that are null or missing."""

    sym: str | None = None
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741  the feed's key
    c: float | None = None
    s: int | float | None = None
    t: int | float | None = None
    e: int | float | None = None
    v: float | None = None
    dv: str | None = None
    vw: float | None = None
    av: Any = None  # what is wrong with the day's volume costs the day's volume alone
    dav: Any = None


class _Tag(msgspec.Struct, frozen=True):
    ev: str | None = None


_RAW_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_TAG = msgspec.json.Decoder(_Tag)
_LOOSE = msgspec.json.Decoder(_LooseAggregate)
_STATUS = msgspec.json.Decoder(StatusElement)


def decode_one_by_one(frame: bytes) -> Iterator[TickData | StatusElement | Refused]:
    """The frame's elements in their order, each decoded or refused; one refusal for a frame that is no array."""
    elements = _elements(frame)
    if elements is None:
        yield Refused("unreadable_frame", frame)
        return
    for raw in elements:
        decoded = _decode(raw)
        yield Refused(decoded, raw) if isinstance(decoded, str) else decoded


def _elements(frame: bytes) -> Sequence[bytes | msgspec.Raw] | None:
    if frame.count(b",") > MOST_COMMAS:
        return None
    try:
        return _RAW_ELEMENTS.decode(frame)
    except UNREADABLE:
        return split_array(frame)


def split_array(frame: bytes) -> list[bytes] | None:
    """The texts of an array's elements by quotes and brackets alone; None when those do not match."""
    text = frame.strip()
    if not (text.startswith(b"[") and text.endswith(b"]") and len(text) > 1):
        return None
    pieces: list[bytes] = []
    depth = start = 1
    for mark in _MARKS.finditer(text, 1):
        if mark.end() - mark.start() > 1:
            continue
        byte = mark[0]
        if byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if not depth:
                break
        elif byte == b"," and depth == 1:
            pieces.append(text[start : mark.start()].strip())
            start = mark.end()
    if depth or mark.end() != len(text):
        return None
    return [*pieces, text[start:-1].strip()]


def _decode(raw: bytes | msgspec.Raw) -> TickData | StatusElement | str:
    """The element, or the kind of its fault."""
    if memoryview(raw)[:1] != _OBJECT:
        return "not_an_object"
    try:
        tag = _TAG.decode(raw).ev
        if tag == "status":
            return _STATUS.decode(raw)
        if tag in _KINDS:
            return _aggregate(_KINDS[tag], _LOOSE.decode(raw))
    except msgspec.ValidationError:
        return "bad_type"
    except UNREADABLE:
        return "malformed_element"
    return "unknown_event" if tag else "no_event_type"


def _aggregate(kind: type[TickData], loose: _LooseAggregate) -> TickData | str:
    if loose.sym is None:
        return "bad_symbol"
    if loose.o is None or loose.h is None or loose.l is None or loose.c is None:
        return "no_price"
    if loose.v is None and loose.dv is None:
        return "no_volume"
    start = loose.t if loose.s is None else loose.s
    if start is None:
        return "no_time"
    try:
        volume = float(loose.dv or "") if loose.v is None else loose.v
    except ValueError:
        return "bad_volume"
    if start != int(start) or (loose.e is not None and loose.e != int(loose.e)):
        return "bad_window"
    end = None if loose.e is None else int(loose.e)
    day = float(loose.av) if isinstance(loose.av, int | float) and abs(loose.av) < _LARGEST_DAY_VOLUME else None
    exact = loose.dav if isinstance(loose.dav, str) else None
    return kind(loose.sym, int(start), loose.o, loose.h, loose.l, loose.c, volume, loose.dv, loose.vw, end, day, exact)
