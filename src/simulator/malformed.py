"""What a feed should not send, made of an aggregate; and ways to say the same aggregate differently."""

import json
from collections.abc import Callable
from typing import Any

from src.simulator.frames import Raw
from src.simulator.wire import Event

Element = dict[str, Any]
_MIB = 1024 * 1024
_NESTED = 100_000


def garbage(kind: str, element: Element) -> Event | Raw:
    """An element or a message of the kind, which no client should take for a bar."""
    made = GARBAGE[kind](element)
    return made if isinstance(made, Raw) else Event("", "", made)


def _text(element: Element) -> str:
    return json.dumps(element, separators=(",", ":"))


def _with(**changes: object) -> Callable[[Element], str]:
    return lambda element: _text(element | changes)


def _without(key: str) -> Callable[[Element], str]:
    return lambda element: _text({k: value for k, value in element.items() if k != key})


def _wrong_types(element: Element) -> str:
    return _text(element | {"o": [element["o"]], "v": "many", "s": str(element["s"])})


def _incoherent(element: Element) -> str:
    return _text(element | {"h": element["l"], "l": element["h"] + 1})


def _negative_volume(element: Element) -> str:
    return _text({key: value for key, value in element.items() if key != "dv"} | {"v": -1 - element.get("v", 0)})


def _overflow(element: Element) -> str:
    return _text(element | {"c": 0}).replace('"c":0', '"c":1e999')


def _broken_json(element: Element) -> Raw:
    return Raw(f"[{_text(element)[:-10]}".encode())


def _bad_utf8(element: Element) -> Raw:
    return Raw(f"[{_text(element | {'sym': 'SYM'})}]".encode().replace(b"SYM", b"\xff\xfe"))


# Elements go into the frame of the events around them; messages of their own are what would spoil such a frame.
GARBAGE: dict[str, Callable[[Element], str | Raw]] = {
    "no_ev": _without("ev"),
    "unknown_ev": _with(ev="XYZ"),
    "no_symbol": _without("sym"),
    "not_an_object": lambda _element: "7",
    "wrong_types": _wrong_types,
    "null_prices": _with(o=None, h=None, l=None, c=None),
    "incoherent": _incoherent,
    "negative_volume": _negative_volume,
    "overflow": _overflow,
    "nan": lambda element: Raw(f"[{_text(element | {'o': float('nan')})}]".encode()),
    "broken_json": _broken_json,
    "not_an_array": lambda element: Raw(_text(element).encode()),
    "empty_array": lambda _element: Raw(b"[]"),
    "empty": lambda _element: Raw(b""),
    "nested": lambda _element: Raw(b"[" * _NESTED),
    "binary": lambda _element: Raw(bytes(range(256)), is_text=False),
    "bad_utf8": _bad_utf8,
}
# A client that keeps to the WebSocket protocol ends its connection at bad UTF-8.
USUAL_GARBAGE = tuple(kind for kind in GARBAGE if kind != "bad_utf8")

RESPELLINGS = ("unknown_keys", "only_t", "only_dv", "float_z", "huge")


def respelled(kind: str, event: Event, size_mib: int) -> Event | Raw:
    """The same aggregate in another spelling; `huge` is a message of its own of `size_mib` MiB."""
    element: Element = json.loads(event.element)
    match kind:
        case "only_t":
            element["t"] = element.pop("s")
            element.pop("e", None)
        case "only_dv":
            element["dv"] = element.get("dv", str(element["v"]))
            del element["v"]
        case "float_z":
            element["z"] = float(element.get("z", 100))
        case "unknown_keys":
            element |= {"x": None, "conditions": [1, {"deep": ["er"]}], "Sym": "OTHER", "": 0}
        case "huge":
            return Raw(f'[{_text(element)[:-1]},"padding":"{"x" * size_mib * _MIB}"}}]'.encode(), events=1)
    return event._replace(element=_text(element))
