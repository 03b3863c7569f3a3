"""The wire format: what an element says, and that its digits are exact."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from src.simulator import wire
from src.simulator.bars import SHARE_MICRO, Bar

WHOLE = Bar("BRK.B", 1_763_649_000_000, 1_763_649_060_000, 460.1, 461.0, 459.99, 460.5, 1200 * SHARE_MICRO, 460.1234, 7,
            98_000 * SHARE_MICRO, 459.87, 455.0)  # fmt: skip


def parse(element: str) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(element)
    return parsed


def test_an_aggregate_has_the_keys_of_the_feed() -> None:
    event = wire.aggregate("AM", WHOLE)
    assert (event.channel, event.topic) == ("AM", "AM.BRK.B")
    assert parse(event.element) == {
        "ev": "AM", "sym": "BRK.B", "v": 1200, "av": 98000, "op": 455, "vw": 460.1234, "o": 460.1, "c": 460.5, "h": 461,
        "l": 459.99, "a": 459.87, "z": 171, "s": 1_763_649_000_000, "e": 1_763_649_060_000,
    }  # fmt: skip


def test_a_fractional_volume_is_exact_in_decimal_strings() -> None:
    bar = WHOLE._replace(volume_micro=1_250_750_000, day_volume_micro=98_000_000_001)
    element = parse(wire.aggregate("A", bar).element)
    assert (element["v"], element["dv"]) == (1250, "1250.75")
    assert (element["av"], element["dav"]) == (98000, "98000.000001")


def test_the_official_open_is_absent_before_the_opening() -> None:
    assert "op" not in parse(wire.aggregate("A", WHOLE._replace(day_open=None)).element)


@given(cents=st.integers(1, 10**8))
def test_a_price_is_written_in_its_shortest_digits(cents: int) -> None:
    text = wire.number(cents / 100)
    assert Decimal(text) == Decimal(cents) / 100
    assert not text.endswith(".0")


@given(volume_micro=st.integers(0, 10**17))
def test_a_volume_is_written_exactly(volume_micro: int) -> None:
    text = wire.shares(volume_micro)
    assert Decimal(text) * SHARE_MICRO == volume_micro
    assert "." not in text or not text.endswith("0")


def test_a_rest_bar_has_the_exact_volume() -> None:
    bar = WHOLE._replace(volume_micro=1_250_750_000)
    assert parse(wire.rest_bar(bar)) == {
        "v": 1250.75, "vw": 460.1234, "o": 460.1, "c": 460.5, "h": 461, "l": 459.99, "t": 1_763_649_000_000, "n": 7,
    }  # fmt: skip


def test_a_page_without_bars_has_no_results() -> None:
    assert parse(wire.rest_page({"status": "OK"}, [])) == {"status": "OK"}
    assert parse(wire.rest_page({"status": "OK"}, ["1", "2"])) == {"status": "OK", "results": [1, 2]}
