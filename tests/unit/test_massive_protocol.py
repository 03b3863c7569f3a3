"""Bytes to events: the vendor's frames, good and bad."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.tick import MinuteAggregate, SecondAggregate
from src.infrastructure.websocket.massive_protocol import (
    MAX_COMMAND_BYTES,
    Frame,
    StatusKind,
    auth_command,
    decode_frame,
    subscribe_commands,
    topics_of,
    unsubscribe_commands,
)
from tests.bars import MINUTE

_ELEMENT: dict[str, Any] = {
    "ev": "AM", "sym": "BRK.B", "v": 4110, "av": 9470157, "op": 0.4372, "vw": 0.4488, "o": 0.4488, "c": 0.4486,
    "h": 0.4489, "l": 0.4486, "a": 0.4352, "z": 685, "s": MINUTE, "e": MINUTE + 60_000,
}  # fmt: skip


def frame_of(*elements: object) -> Frame:
    return decode_frame(json.dumps(elements).encode())


def changed(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in {**_ELEMENT, **changes}.items() if value is not ...}


def test_an_aggregate_is_decoded_as_sent() -> None:
    (tick,) = frame_of(_ELEMENT).ticks
    assert isinstance(tick, MinuteAggregate)
    assert (tick.ticker, tick.timestamp, tick.event_type, tick.source) == ("BRK.B", MINUTE, "AM", "massive")
    assert (tick.tick_open, tick.tick_high, tick.tick_low, tick.tick_close) == (0.4488, 0.4489, 0.4486, 0.4486)
    assert (tick.price, tick.volume, tick.tick_volume, tick.tick_vwap) == (0.4486, 4110.0, 4110.0, 0.4488)


def test_seconds_and_minutes_and_statuses_may_share_a_frame() -> None:
    second = changed(ev="A", e=MINUTE + 1000)
    frame = frame_of(second, {"ev": "status", "status": "success", "message": "subscribed to: A.BRK.B"}, _ELEMENT)
    assert [type(tick) for tick in frame.ticks] == [SecondAggregate, MinuteAggregate]
    assert [(status.kind, status.topic) for status in frame.statuses] == [(StatusKind.SUBSCRIBED, "A.BRK.B")]


@pytest.mark.parametrize(
    ("changes", "volume"),
    [
        ({"v": 1.5}, 1.5),
        ({"v": 2, "dv": "1.500001"}, 1.500001),
        ({"v": ..., "dv": "0.25"}, 0.25),
        ({"z": 12.0}, 4110.0),
        ({"s": ..., "t": MINUTE}, 4110.0),
        ({"vw": ...}, 4110.0),
        ({"vw": 99.0}, 4110.0),
        ({"sym": "BACpL", "otc": True, "new_key": [1, 2]}, 4110.0),
        ({"o": -3.0, "h": -1.0, "l": -4.0, "c": -2.0}, 4110.0),
    ],
)
def test_what_the_vendor_may_send_is_taken(changes: dict[str, object], volume: float) -> None:
    (tick,) = frame_of(changed(**changes)).ticks
    assert (tick.timestamp, tick.volume) == (MINUTE, volume)


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (changed(h=0.1), "incoherent_prices"),
        (changed(l=0.4487), "incoherent_prices"),
        (changed(c=None), "bad_element"),
        (changed(o="0.4488"), "bad_element"),
        (changed(s=..., t=...), "bad_element"),
        (changed(v=...), "bad_element"),
        (changed(v=-1), "bad_volume"),
        (changed(dv="lots"), "bad_volume"),
        (changed(dv="inf"), "bad_volume"),
        (changed(dv="1e13"), "bad_volume"),
        (changed(v=1e300), "bad_volume"),
        (changed(vw=1e305), "absurd_price"),
        (changed(vw=-1e305), "absurd_price"),
        (changed(h=1e14), "absurd_price"),
        (changed(l=-1e14), "absurd_price"),
        (changed(s=MINUTE + 1), "bad_window"),
        (changed(s=-60_000), "bad_window"),
        (changed(s=60_000), "bad_window"),
        (changed(s=253_402_300_800_000), "bad_window"),
        (changed(s=2**63 - 2**63 % 60_000), "bad_window"),
        (changed(sym=""), "bad_symbol"),
        (changed(sym="<script>"), "bad_symbol"),
        (changed(sym="A" * 21), "bad_symbol"),
        (changed(sym="Ä"), "bad_symbol"),
        (changed(ev="T"), "bad_element"),
        (changed(ev=...), "bad_element"),
        (17, "bad_element"),
        (None, "bad_element"),
        ([], "bad_element"),
    ],
)
def test_a_bad_element_costs_that_element_alone(element: object, kind: str) -> None:
    frame = frame_of(_ELEMENT, element, changed(ev="A"))
    assert [tick.event_type for tick in frame.ticks] == ["AM", "A"]
    assert frame.refused == {kind: 1}


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"null", b"{}", b'"AM"', b"[", b"\xff\xfe", b'[{"ev":"AM"', b"[" * 100_000, b'[{"ev":"A","o":NaN}]'],
)
def test_an_unreadable_frame_costs_the_frame(frame: bytes) -> None:
    decoded = decode_frame(frame)
    assert (decoded.ticks, decoded.statuses) == ([], [])
    assert decoded.refused == {"unreadable_frame": 1}


def test_bad_utf8_in_one_element_is_refused() -> None:
    good = json.dumps(_ELEMENT).encode()
    frame = decode_frame(b"[" + good + b',{"ev":"AM","sym":"\xff"}]')
    assert sum(frame.refused.values()) == 1


@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(repr).map(str.encode))
def test_no_bytes_make_the_parser_raise(data: bytes) -> None:
    assert isinstance(decode_frame(data), Frame)


@given(
    st.dictionaries(st.sampled_from(sorted(_ELEMENT)), st.none() | st.integers() | st.text(max_size=5) | st.booleans())
)
def test_no_change_of_a_real_element_makes_the_parser_raise(changes: dict[str, object]) -> None:
    frame = decode_frame(msgspec.json.encode([changed(**changes)]))
    assert len(frame.ticks) + len(frame.statuses) + sum(frame.refused.values()) == 1


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        ("connected", "Connected Successfully", StatusKind.CONNECTED),
        ("auth_success", "authenticated", StatusKind.AUTHENTICATED),
        ("auth_failed", "authentication failed", StatusKind.AUTH_REFUSED),
        ("auth_timeout", "No authentication request received.", StatusKind.AUTH_TIMED_OUT),
        ("max_connections", "Maximum number of websocket connections exceeded.", StatusKind.TOO_MANY_CONNECTIONS),
        ("error", "not authorized", StatusKind.TOPIC_REFUSED),
        ("slow_consumer", "", StatusKind.DROPPING),
        ("force_disconnect", "", StatusKind.DROPPING),
        ("success", "unsubscribed to: AM.AAPL", StatusKind.UNSUBSCRIBED),
        ("something_new", "hello", StatusKind.OTHER),
    ],
)
def test_statuses_are_told_apart(status: str, message: str, kind: StatusKind) -> None:
    (decoded,) = frame_of({"ev": "status", "status": status, "message": message}).statuses
    assert decoded.kind is kind


def test_commands_are_those_of_the_vendor() -> None:
    assert json.loads(auth_command("KEY")) == {"action": "auth", "params": "KEY"}
    assert topics_of(["AAPL", "BRK.B"], ("A", "AM")) == ["AM.AAPL", "AM.BRK.B", "A.AAPL", "A.BRK.B"]
    assert json.loads(subscribe_commands(["AM.AAPL", "A.AAPL"])[0])["params"] == "AM.AAPL,A.AAPL"
    assert json.loads(unsubscribe_commands(["AM.AAPL"])[0]) == {"action": "unsubscribe", "params": "AM.AAPL"}
    assert subscribe_commands([]) == []


def test_long_subscriptions_are_chunked_and_complete() -> None:
    topics = topics_of([f"TICK{place}" for place in range(11_000)], ("A", "AM"))
    commands = subscribe_commands(topics)
    assert max(map(len, commands)) <= MAX_COMMAND_BYTES
    assert [topic for command in commands for topic in json.loads(command)["params"].split(",")] == topics
