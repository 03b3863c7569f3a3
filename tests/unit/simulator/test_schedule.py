"""The order of a replay: event time, or as disorderly as asked, but never a newer version before an older one."""

import json
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.simulator.recordings import RecordedBar
from src.simulator.schedule import Disorder, Scheduled, rest_element, schedule

START_MS = 1_381_240_800_000  # 2013-10-08, 10:00 New York
MINUTE_MS = 60_000


def second(number: int, volume: str = "100", symbol: str = "KO", close: str = "10") -> RecordedBar:
    start_ms = START_MS + number * 1000
    return RecordedBar("A", symbol, start_ms, start_ms + 1000, "10", "11.50", "9", close, volume)


def minute(number: int, volume: str = "1000", symbol: str = "KO", close: str = "10") -> RecordedBar:
    start_ms = START_MS + number * MINUTE_MS
    return RecordedBar("AM", symbol, start_ms, start_ms + MINUTE_MS, "10", "11.50", "9", close, volume)


BARS = st.lists(
    st.builds(second, st.integers(0, 150), symbol=st.sampled_from(["KO", "SPY"]))
    | st.builds(minute, st.integers(0, 3), symbol=st.sampled_from(["KO", "SPY"])),
    max_size=60,
).map(lambda bars: [bar._replace(close=str(number + 1)) for number, bar in enumerate(bars)])


def by_window(items: list[Scheduled]) -> dict[tuple[str, str, int], list[tuple[RecordedBar, bool]]]:
    windows = defaultdict(list)
    for item in items:
        windows[item.bar.channel, item.bar.symbol, item.bar.start_ms].append((item.bar, item.duplicate))
    return windows


@given(bars=BARS)
def test_an_orderly_replay_sends_everything_once_in_event_time(bars: list[RecordedBar]) -> None:
    items = schedule(bars, Disorder())
    assert sorted(item.bar for item in items) == sorted(bars)
    assert [item.send_at_ms for item in items] == sorted(item.send_at_ms for item in items)
    for bars_of_window in by_window(items).values():
        first = bars_of_window[0][0]
        delay_ms = next(item.send_at_ms for item in items if item.bar == first) - first.end_ms
        assert delay_ms == 100 if first.channel == "A" else 1000 <= delay_ms <= 4000


@settings(deadline=None)
@given(bars=BARS, duplicate=st.floats(0, 1), reorder_s=st.floats(0, 120), seed=st.integers(0, 1000))
def test_disorder_keeps_versions_in_order_and_duplicates_behind_their_originals(
    bars: list[RecordedBar], duplicate: float, reorder_s: float, seed: int
) -> None:
    items = schedule(bars, Disorder(duplicate, reorder_s, seed))
    assert items == schedule(bars, Disorder(duplicate, reorder_s, seed))
    assert sorted(item.bar for item in items if not item.duplicate) == sorted(bars)
    for window, sent in by_window(items).items():
        expected = [bar for bar in bars if (bar.channel, bar.symbol, bar.start_ms) == window]
        assert [bar for bar, again in sent if not again] == expected
        for (before, _), (bar, again) in pairwise(sent):
            assert not again or bar == before


def test_the_shuffling_stays_within_its_window_and_does_shuffle() -> None:
    bars = [second(number) for number in range(300)]
    items = schedule(bars, Disorder(duplicate=0.5, reorder_s=10))
    assert all(100 <= item.send_at_ms - item.bar.end_ms <= 10_100 for item in items)
    starts_ms = [item.bar.start_ms for item in items]
    assert starts_ms != sorted(starts_ms)
    duplicates = [number for number, item in enumerate(items) if item.duplicate]
    assert 100 < len(duplicates) < 200
    assert any(items[number - 1].bar != items[number].bar for number in duplicates)
    assert items != schedule(bars, Disorder(duplicate=0.5, reorder_s=10, seed=8))


def test_a_duplicate_of_an_orderly_replay_follows_at_once() -> None:
    items = schedule([second(0), second(0, close="12")], Disorder(duplicate=1.0))
    assert [(item.bar.close, item.duplicate) for item in items] == [
        ("10", False), ("10", True), ("12", False), ("12", True),
    ]  # fmt: skip


def element(item: Scheduled) -> dict[str, str]:
    parsed: dict[str, str] = json.loads(item.event.element, parse_float=str, parse_int=str)
    return parsed


def test_an_element_has_the_digits_of_the_recording() -> None:
    bar = RecordedBar("A", "BRK.B", START_MS, START_MS + 1000, "165.980", "166", "165.9000", "165.95", "12.50")
    (item,) = schedule([bar], Disorder())
    assert item.event.topic == "A.BRK.B"
    assert element(item) == {
        "ev": "A", "sym": "BRK.B", "v": "12.50", "dv": "12.50", "av": "12", "dav": "12.50", "o": "165.980", "h": "166",
        "l": "165.9000", "c": "165.95", "s": str(START_MS), "e": str(START_MS + 1000),
    }  # fmt: skip
    assert json.loads(rest_element(bar), parse_float=str) == {
        "t": START_MS, "o": "165.980", "h": 166, "l": "165.9000", "c": "165.95", "v": "12.50",
    }  # fmt: skip


def test_the_day_volume_counts_minutes_and_within_one_its_seconds() -> None:
    bars = [second(1), second(70), second(71), minute(0), minute(1), minute(2, "0.5"), second(200), minute(0, "1001")]
    volumes = [(e["ev"], int(e["s"]), e.get("dav", e["av"])) for e in map(element, schedule(bars, Disorder()))]
    expected = {
        ("A", START_MS + 1_000, "100"),
        ("A", START_MS + 70_000, "1101"),
        ("A", START_MS + 71_000, "1201"),
        ("AM", START_MS, "1001"),
        ("AM", START_MS + 60_000, "2001"),
        ("AM", START_MS + 120_000, "2001.5"),
        ("A", START_MS + 200_000, "2101.5"),
    }
    assert set(volumes) == expected


@pytest.mark.parametrize("symbols", [("KO", "SPY")])
def test_the_day_volume_is_of_one_symbol_and_one_new_york_day(symbols: tuple[str, str]) -> None:
    bars = [minute(0, symbol=symbol) for symbol in symbols] + [minute(24 * 60)]
    assert [element(item)["av"] for item in schedule(bars, Disorder())] == ["1000", "1000", "1000"]
