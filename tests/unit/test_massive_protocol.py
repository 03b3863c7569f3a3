"""Bytes to events: the vendor's frames, good and bad."""

import json
import time
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
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
from src.infrastructure.websocket.refusals import KINDS
from tests.bars import MINUTE

_NOW = MINUTE + 61_000
_DAY = 86_400_000
_ELEMENT: dict[str, Any] = {
    "ev": "AM", "sym": "BRK.B", "v": 4110, "av": 9470157, "op": 0.4372, "vw": 0.4488, "o": 0.4488, "c": 0.4486,
    "h": 0.4489, "l": 0.4486, "a": 0.4352, "z": 685, "s": MINUTE, "e": MINUTE + 60_000,
}  # fmt: skip


def frame_of(*elements: object) -> Frame:
    return decode(json.dumps(elements).encode())


def decode(data: bytes) -> Frame:
    return decode_frame(data, _NOW)


def changed(**changes: object) -> dict[str, Any]:
    return {key: value for key, value in {**_ELEMENT, **changes}.items() if value is not ...}


SECOND = changed(ev="A", e=MINUTE + 1000)


def test_an_aggregate_is_decoded_as_sent() -> None:
    (tick,) = frame_of(_ELEMENT).ticks
    assert isinstance(tick, MinuteAggregate)
    assert (tick.ticker, tick.timestamp, tick.event_type, tick.source) == ("BRK.B", MINUTE, "AM", "massive")
    assert (tick.tick_open, tick.tick_high, tick.tick_low, tick.tick_close) == (0.4488, 0.4489, 0.4486, 0.4486)
    assert (tick.price, tick.volume, tick.tick_volume, tick.tick_vwap) == (0.4486, 4110.0, 4110.0, 0.4488)


def test_seconds_and_minutes_and_statuses_may_share_a_frame() -> None:
    frame = frame_of(SECOND, {"ev": "status", "status": "success", "message": "subscribed to: A.BRK.B"}, _ELEMENT)
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
        ({"o": 1e13, "h": 1e13, "l": 1e-320, "c": 0.01}, 4110.0),
        ({"o": -0.0, "h": 0.0, "l": 0.0, "c": -0.0}, 4110.0),
        ({"s": float(MINUTE), "e": MINUTE + 60_000.0, "v": 4110.0}, 4110.0),
        ({"e": ...}, 4110.0),
        ({"e": None, "vw": None, "dv": None}, 4110.0),
        ({"sym": "a"}, 4110.0),
        ({"sym": "A" * 20}, 4110.0),
        ({"v": 0}, 0.0),
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
        (changed(o=-1.0), "incoherent_prices"),
        (changed(c=None), "no_price"),
        (changed(h=...), "no_price"),
        (changed(o="0.4488"), "bad_type"),
        (changed(o=True), "bad_type"),
        (changed(o=[1]), "bad_type"),
        (changed(s=True), "bad_type"),
        (changed(s=str(MINUTE)), "bad_type"),
        (changed(e="later"), "bad_type"),
        (changed(dv=1.5), "bad_type"),
        (changed(sym=5), "bad_type"),
        (changed(o=10**400), "bad_type"),
        (changed(ev=5), "bad_type"),
        ({"ev": "status", "message": 5}, "bad_type"),
        (changed(s=..., t=...), "no_time"),
        (changed(s=None), "no_time"),
        (changed(v=...), "no_volume"),
        (changed(v=-1), "bad_volume"),
        (changed(v=..., dv="lots"), "bad_volume"),
        (changed(dv="lots"), "bad_volume"),
        (changed(dv=""), "bad_volume"),
        (changed(dv="1_000"), "bad_volume"),
        (changed(dv="-1"), "bad_volume"),
        (changed(dv="inf"), "bad_volume"),
        (changed(dv="nan"), "bad_volume"),
        (changed(dv="1e13"), "bad_volume"),
        (changed(v=1e300), "bad_volume"),
        (changed(v=9007199254740993), "bad_volume"),
        (changed(vw=1e305), "absurd_price"),
        (changed(vw=-1e305), "absurd_price"),
        (changed(h=1e14), "absurd_price"),
        (changed(l=-1e14), "absurd_price"),
        (changed(s=MINUTE + 1, e=MINUTE + 60_001), "bad_window"),
        (changed(s=MINUTE + 0.5), "bad_window"),
        (changed(ev="A"), "bad_window"),
        (changed(e=MINUTE + 1000), "bad_window"),
        (changed(e=MINUTE), "bad_window"),
        (changed(e=MINUTE + 59_999.5), "bad_window"),
        (changed(s=-60_000), "past_time"),
        (changed(s=60_000), "past_time"),
        (changed(s=MINUTE // 1000), "past_time"),
        (changed(s=_NOW + _DAY + 60_000 - _NOW % 60_000), "future_time"),
        (changed(s=253_402_300_800_000), "future_time"),
        (changed(s=2**63 - 2**63 % 60_000), "future_time"),
        (changed(s=10**400), "future_time"),
        (changed(sym=...), "bad_symbol"),
        (changed(sym=""), "bad_symbol"),
        (changed(sym="<script>"), "bad_symbol"),
        (changed(sym="../../x"), "bad_symbol"),
        (changed(sym="A'; DROP TABLE symbols"), "bad_symbol"),
        (changed(sym="AAPL\n"), "bad_symbol"),
        (changed(sym="A\0"), "bad_symbol"),
        (changed(sym="A" * 21), "bad_symbol"),
        (changed(sym="A" * 10_000_000), "bad_symbol"),
        (changed(sym="Ä"), "bad_symbol"),
        (changed(ev="T"), "unknown_event"),
        (changed(ev="am"), "unknown_event"),
        (changed(ev=...), "no_event_type"),
        (changed(ev=None), "no_event_type"),
        ({}, "no_event_type"),
        (17, "not_an_object"),
        (None, "not_an_object"),
        ([_ELEMENT], "not_an_object"),
        ("AM", "not_an_object"),
    ],
)
def test_a_bad_element_costs_that_element_alone(element: object, kind: str) -> None:
    frame = frame_of(_ELEMENT, element, SECOND)
    assert [tick.event_type for tick in frame.ticks] == ["AM", "A"]
    assert frame.refused == {kind: 1}
    assert list(frame.specimens) == [kind]
    assert kind in KINDS


def test_the_last_window_that_is_taken_begins_a_day_after_now() -> None:
    last = (_NOW + _DAY) // 60_000 * 60_000
    assert frame_of(changed(s=last, e=...)).ticks
    assert frame_of(changed(s=last + 60_000, e=...)).refused == {"future_time": 1}


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    twice = f'[{{"ev":"A","v":7,{json.dumps(SECOND)[1:-1]},"s":60000,"s":{MINUTE}}}]'
    (tick,) = decode(twice.encode()).ticks
    assert (tick.timestamp, tick.volume) == (MINUTE, 4110.0)
    other = b'[{"ev":"A",%s]' % json.dumps(_ELEMENT)[1:].encode()
    assert [tick.event_type for tick in decode(other).ticks] == ["AM"]


@pytest.mark.parametrize(
    "text",
    [
        b'{"ev":"AM","o":NaN}', b'{"ev":"AM","o":-Infinity}', b'{"ev":"AM","o":01}', b'{"ev":"AM","o":.5}',
        b'{"ev":"AM","sym":"\xff"}', b'{"ev":"AM","sym":"\x00"}', b'{"ev":"AM","sym":"\\ud800"}', b'{"ev":"AM",}',
        b'{"ev":"AM","sym":"a],[\\"}{","o":NaN}', b'{"ev":"AM","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_an_element_whose_text_is_no_json_costs_that_element_alone(text: bytes) -> None:
    frame = decode(b" [%s,%s , %s]\n" % (json.dumps(_ELEMENT).encode(), text, json.dumps(SECOND).encode()))
    assert [tick.event_type for tick in frame.ticks] == ["AM", "A"]
    assert frame.refused == {"malformed_element": 1}
    assert frame.specimens == {"malformed_element": text}


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{", b"null", b"{}", b'"AM"', b"[", b"]", b"][", b"[1]]", b"[]]", b"[[]", b"[1] x", b"[}", b"\xff\xfe",
        b'[{"ev":"AM"', b'[{"ev":"AM]', b'["', b'["\\', b'["\\"]', b"[" * 100_000, b"\xef\xbb\xbf[]",
        json.dumps(_ELEMENT).encode(), b"[" + b"0," * 6_000_001 + b"0]", b'["' + b'\\"' * 1_000_000 + b"]",
    ],
)  # fmt: skip
def test_an_unreadable_frame_costs_the_frame(frame: bytes) -> None:
    decoded = decode(frame)
    assert (decoded.ticks, decoded.statuses) == ([], [])
    assert decoded.refused == {"unreadable_frame": 1}
    assert decoded.specimens["unreadable_frame"] == frame


def test_an_empty_array_is_a_frame() -> None:
    assert decode(b" [ ] ") == Frame([], [], Counter(), {})


def test_four_megabytes_of_garbage_cost_seconds_and_not_what_is_good_among_it() -> None:
    garbage = b'{"ev":"AM","o":NaN}'
    count = 4 * 1024 * 1024 // (len(garbage) + 1)
    started_s = time.process_time()
    frame = decode(b"[" + (garbage + b",") * count + json.dumps(_ELEMENT).encode() + b"]")
    assert time.process_time() - started_s < 6
    assert len(frame.ticks) == 1
    assert frame.refused == {"malformed_element": count}


@settings(deadline=None)  # the machine may be busy; a test of its own bounds the time
@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(repr).map(str.encode))
def test_no_bytes_make_the_parser_raise(data: bytes) -> None:
    assert isinstance(decode(data), Frame)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(_ELEMENT)), st.none() | st.integers() | st.text(max_size=5) | st.booleans())
)
def test_no_change_of_a_real_element_makes_the_parser_raise(changes: dict[str, object]) -> None:
    frame = decode(msgspec.json.encode([changed(**changes)]))
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
        ("error", "You don't have access real-time data. See https://massive.com", StatusKind.NOT_REAL_TIME),
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
