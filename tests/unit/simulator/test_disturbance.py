"""What faults make of events: pure, seeded, and never what a client could not get right."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.simulator.disturbance import changed, disturbed
from src.simulator.faults import OnConnections
from src.simulator.feed_faults import Delay, Duplicate, Malformed, Reorder, Resend, Respell, SilentTopic
from src.simulator.frames import Raw, answer
from src.simulator.lane import Lane
from src.simulator.malformed import GARBAGE
from src.simulator.wire import Event
from tests.unit.simulator.puppet import bar

START_MS = 1_763_650_800_000
MINUTES = [bar("AM", "KO", START_MS + 60_000 * number) for number in range(200)]


def elements(events: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(event.element) for event in events]


def test_without_faults_nothing_changes() -> None:
    assert [(late.after_ms, late.item) for late in disturbed(MINUTES, [])] == [(0, event) for event in MINUTES]


def test_a_share_of_events_is_sent_twice_the_same_for_the_same_seed() -> None:
    sent = [late.item for late in disturbed(MINUTES, [Duplicate(share=0.2, seed=5)])]
    assert sent == [late.item for late in disturbed(MINUTES, [Duplicate(share=0.2, seed=5)])]
    assert sent != [late.item for late in disturbed(MINUTES, [Duplicate(share=0.2, seed=6)])]
    assert 220 <= len(sent) <= 260
    assert list(dict.fromkeys(sent)) == MINUTES
    assert set(map(sent.count, MINUTES)) == {1, 2}


def test_windows_come_late_but_versions_of_one_window_equally_so() -> None:
    revised = bar("AM", "KO", START_MS, close=10.3)
    late = disturbed([*MINUTES, revised], [Reorder(within_s=5)])
    after_ms = [one.after_ms for one in late]
    assert after_ms != sorted(after_ms)
    assert 0 <= min(after_ms) < 500
    assert 4_500 < max(after_ms) < 5_000
    assert late[0].after_ms == late[-1].after_ms


def test_topics_fall_silent_one_by_one_or_by_channel() -> None:
    events = [bar(channel, symbol, START_MS) for channel in ("A", "AM") for symbol in ("KO", "BRK.B")]
    sent = [late.item for late in disturbed(events, [SilentTopic(topics=("AM.*", "A.BRK.B"))])]
    assert sent == [events[0]]


@pytest.mark.parametrize("last", ["changed", "original"])
def test_the_last_version_is_the_one_that_was_asked_for(last: str) -> None:
    late = disturbed(MINUTES[:1], [Resend(share=1, after_s=2.5, last=last)])
    assert [one.after_ms for one in late] == [0, 2500]
    original = 0 if last == "changed" else 1
    assert late[original].item == MINUTES[0]
    assert late[1 - original].item != MINUTES[0]


@given(draw=st.floats(0, 1, exclude_max=True), low=st.sampled_from([0.01, 0.02, 9.5]))
def test_a_changed_version_is_coherent(draw: float, low: float) -> None:
    event = bar("AM", "KO", START_MS, low=low)
    before, after = elements([event, changed(event, draw)])
    added = after["v"] - before["v"]
    assert 1 <= added <= 100
    assert after["av"] - before["av"] == added
    assert Decimal(after["dv"]) - Decimal(before["dv"]) == Decimal(after["dav"]) - Decimal(before["dav"]) == added
    assert 0 < after["l"] <= min(after["o"], after["c"])
    assert after["h"] >= max(after["o"], after["c"])
    assert (after["h"], after["l"]) != (before["h"], before["l"])
    assert after["c"] != before["c"]
    same = ("ev", "sym", "s", "e", "o", "op", "vw", "a", "z")
    assert [after[key] for key in same] == [before[key] for key in same]


def test_garbage_comes_beside_the_events_and_replaces_none() -> None:
    late = disturbed(MINUTES, [Malformed(share=0.5, kinds=tuple(GARBAGE))])
    assert [one.item for one in late if one.item in MINUTES] == MINUTES
    made = [one.item for one in late if one.item not in MINUTES]
    assert 70 <= len(made) <= 130
    assert {isinstance(item, Raw) for item in made} == {True, False}


def test_answers_are_left_alone() -> None:
    drawn: list[OnConnections] = [kind(share=1) for kind in (Duplicate, Reorder, Resend, Malformed, Respell)]
    said = answer('{"ev":"status","status":"success","message":"subscribed to: A.KO"}')
    assert [(late.after_ms, late.item) for late in disturbed([said], drawn)] == [(0, said)]


def released(lane: Lane, now_ms: int) -> list[list[str]]:
    return [[item.element for item in items if isinstance(item, Event)] for items in lane.due(now_ms)]


def test_a_lane_lets_nothing_overtake_a_delay() -> None:
    lane, (first, second, third) = Lane(), MINUTES[:3]
    lane.enter([first], [Delay(by_s=1), Delay(by_s=1)], now_ms=1_000)
    lane.enter([second], [], now_ms=1_500)
    assert lane.held_bytes == len(first.element) + len(second.element)
    assert lane.next_ms == 3_000
    assert lane.due(2_999) == []
    assert lane.due(3_000) == [[first], [second]]
    assert (lane.next_ms, lane.held_bytes) == (None, 0)
    lane.enter([third], [], now_ms=3_100)
    assert lane.due(3_100) == [[third]]


def test_what_a_lane_bundles_does_not_depend_on_when_it_is_asked() -> None:
    rarely, often = Lane(), Lane()
    bundles = []
    for number in range(0, 100, 2):
        for lane in (rarely, often):
            lane.enter(MINUTES[number : number + 2], [Reorder(within_s=0.01), Delay(by_s=0.05)], now_ms=number // 4)
        bundles += often.due(number // 4 + 20)
    assert bundles + often.due(1_000) == rarely.due(1_000)


@given(
    entries=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000), st.sets(st.integers(0, 4))), max_size=30),
    seed=st.integers(0, 100),
)
def test_versions_of_a_window_never_overtake_each_other(entries: list[tuple[int, int, set[int]]], seed: int) -> None:
    faults: list[OnConnections] = [
        Delay(by_s=0.5), Reorder(within_s=3, seed=seed), Reorder(within_s=1, share=0.5),
        Duplicate(share=0.5, seed=seed), Resend(share=0.5, after_s=1, last="original", seed=seed),
    ]  # fmt: skip
    lane, now_ms, sent = Lane(), 0, []
    for version, (minute, pause_ms, in_force) in enumerate(entries):
        event = bar("AM", "KO", START_MS + minute * 60_000, close=10.0 + version / 100)
        lane.enter([event], [faults[index] for index in sorted(in_force)], now_ms)
        now_ms += pause_ms
        sent += released(lane, now_ms)
    sent += released(lane, now_ms + 100_000)
    assert lane.next_ms is None
    flat = [json.loads(element) for moment in sent for element in moment]
    for minute in range(4):
        originals = [10.0 + version / 100 for version, entry in enumerate(entries) if entry[0] == minute]
        closes = [element["c"] for element in flat if element["s"] == START_MS + minute * 60_000]
        assert list(dict.fromkeys(close for close in closes if close in originals)) == originals
        assert closes[-1:] == originals[-1:]
