"""Garbage is garbage, and another spelling says the same."""

import json
from typing import Any

import pytest

from src.simulator.frames import Raw
from src.simulator.malformed import GARBAGE, RESPELLINGS, garbage, respelled
from src.simulator.wire import Event
from tests.unit.simulator.puppet import bar

EVENT = bar("AM", "BRK.B", 1_763_650_800_000)
ELEMENT: dict[str, Any] = json.loads(EVENT.element)


def is_a_bar(element: object) -> bool:
    """Whether a client that asks for no more than it needs can take the element for a bar."""
    if not isinstance(element, dict) or element.get("ev") not in ("A", "AM") or not isinstance(element.get("sym"), str):
        return False
    prices = [element.get(key) for key in "ohlc"]
    if not all(isinstance(price, int | float) and 0 < price < 1e13 for price in prices):
        return False
    open_, high, low, close = prices
    start, volume = element.get("s", element.get("t")), element.get("v", element.get("dv"))
    return isinstance(start, int) and volume is not None and float(volume) >= 0 and low <= min(open_, close, high)


@pytest.mark.parametrize("kind", GARBAGE)
def test_no_kind_of_garbage_can_be_taken_for_a_bar(kind: str) -> None:
    made = garbage(kind, ELEMENT)
    if isinstance(made, Event):
        assert not is_a_bar(json.loads(made.element))
        assert made.channel == ""
        return
    assert made.events == 0
    try:
        found = json.loads(made.data)
    except (ValueError, RecursionError):
        return
    assert not isinstance(found, list) or not any(map(is_a_bar, found))


def test_only_a_message_of_its_own_can_spoil_a_message() -> None:
    of_their_own = {kind for kind in GARBAGE if isinstance(garbage(kind, ELEMENT), Raw)}
    assert of_their_own >= {"broken_json", "nan", "bad_utf8", "binary", "not_an_array"}


@pytest.mark.parametrize("kind", RESPELLINGS)
def test_another_spelling_says_the_same(kind: str) -> None:
    made = respelled(kind, EVENT, 1)
    text = made.data.decode()[1:-1] if isinstance(made, Raw) else made.element
    said = json.loads(text)
    assert is_a_bar(said)
    assert said.get("s", said.get("t")) == ELEMENT["s"]
    assert said.get("dv", said.get("v")) == ELEMENT["dv"]
    assert [said[key] for key in ("ev", "sym", "o", "h", "l", "c")] == [
        ELEMENT[key] for key in ("ev", "sym", "o", "h", "l", "c")
    ]
    assert text != EVENT.element
    assert ('"t":' in text) == (kind == "only_t")
    assert (f'"z":{ELEMENT["z"]}.0' in text) == (kind == "float_z")


def test_a_huge_message_is_as_large_as_asked_for() -> None:
    made = respelled("huge", EVENT, 3)
    assert isinstance(made, Raw)
    assert made.events == 1
    assert 3 * 1024 * 1024 < len(made.data) < 3 * 1024 * 1024 + 1_000
