"""Patterns of bars: each of TA-Lib's on a series made by hand, ours against a plain recomputation."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.analytics.patterns import CANDLESTICKS, LOOKBACK, TIMEFRAMES, Found, Minutes, find_patterns, in_periods
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.session import usual_day
from tests.bars import MINUTE
from tests.market_data import make_session, rows

Candle = tuple[float, float, float, float]  # open, high, low, close
DAY = usual_day(dt.date(2025, 11, 20))
AFTER_MS = DAY.close_ms


def bars_of(candles: Sequence[Candle], volumes: Sequence[float] | None = None, first: int = 0) -> list[Bar]:
    shares = volumes or [100.0] * len(candles)
    return [
        Bar("AAPL", MINUTE + (first + place) * MINUTE_MS, *candle, shares[place], None, None, Tier.OFFICIAL, 1)
        for place, candle in enumerate(candles)
    ]


def found_in(bars: Sequence[Bar], width_ms: int = MINUTE_MS, settled_ms: int = AFTER_MS) -> list[Found]:
    minutes = Minutes.of(bars, [bar.timestamp - MINUTE for bar in bars], [1.0] * len(bars))
    return find_patterns(in_periods(minutes, width_ms, settled_ms))


def at(place: int) -> int:
    return MINUTE + place * MINUTE_MS


def trend(step: float, count: int = 14, start: float = 100.0) -> list[Candle]:
    """Bars of body 1 (or what `step` says) and range 1.6, one after the other."""
    candles = []
    for _ in range(count):
        end = round(start + step, 2)
        candles.append((start, max(start, end) + 0.3, min(start, end) - 0.3, end))
        start = end
    return candles


DOWN, UP = trend(-1.0), trend(1.0)  # to 86.0, to 114.0
HAND_MADE: dict[str, list[tuple[str, list[Candle], list[Candle]]]] = {
    "engulfing": [
        ("bullish", DOWN, [(86.0, 86.3, 84.7, 85.0), (84.8, 86.9, 84.6, 86.6)]),
        ("bearish", UP, [(114.0, 115.3, 113.7, 115.0), (115.2, 115.4, 113.2, 113.4)]),
    ],
    "harami": [
        ("bullish", DOWN, [(86.0, 86.2, 82.8, 83.0), (84.0, 84.3, 83.8, 84.2)]),
        ("bearish", UP, [(114.0, 117.2, 113.8, 117.0), (116.0, 116.1, 115.7, 115.8)]),
    ],
    "piercing_line": [("bullish", DOWN, [(86.0, 86.1, 82.9, 83.0), (82.5, 85.3, 82.4, 85.0)])],
    "dark_cloud_cover": [("bearish", UP, [(114.0, 117.1, 113.9, 117.0), (117.5, 117.6, 114.7, 115.0)])],
    "morning_star": [("bullish", DOWN, [(86.0, 86.1, 82.9, 83.0), (82.5, 82.7, 82.2, 82.6), (83.0, 85.8, 82.9, 85.5)])],
    "evening_star": [
        ("bearish", UP, [(114.0, 117.1, 113.9, 117.0), (117.5, 117.8, 117.3, 117.4), (117.0, 117.1, 114.2, 114.5)])
    ],
    "hammer": [("bullish", DOWN, [(85.8, 86.02, 83.5, 86.0)])],
    "inverted_hammer": [("bullish", DOWN, [(85.4, 87.6, 85.28, 85.2 + 0.1)])],
    "hanging_man": [("bearish", UP, [(114.1, 114.32, 112.0, 114.3)])],
    "shooting_star": [("bearish", UP, [(114.5, 117.0, 114.38, 114.4)])],
    "three_white_soldiers": [
        ("bullish", DOWN, [(86.0, 88.05, 85.9, 88.0), (87.2, 90.05, 87.1, 90.0), (89.2, 92.05, 89.1, 92.0)])
    ],
    "three_black_crows": [
        ("bearish", UP, [(113.8, 113.85, 111.95, 112.0), (113.0, 113.1, 109.95, 110.0), (111.0, 111.1, 107.95, 108.0)])
    ],
    "three_inside": [
        ("bullish", DOWN, [(86.0, 86.2, 82.8, 83.0), (84.0, 84.3, 83.8, 84.2), (84.2, 87.0, 84.1, 86.8)]),
        ("bearish", UP, [(114.0, 117.2, 113.8, 117.0), (116.0, 116.1, 115.7, 115.8), (115.8, 115.9, 112.8, 113.0)]),
    ],
    "three_outside": [
        ("bullish", DOWN, [(86.0, 86.3, 84.7, 85.0), (84.8, 86.9, 84.6, 86.6), (86.6, 87.9, 86.4, 87.6)]),
        ("bearish", UP, [(114.0, 115.3, 113.7, 115.0), (115.2, 115.4, 113.2, 113.4), (113.4, 113.6, 112.0, 112.4)]),
    ],
}


@pytest.mark.parametrize(
    ("pattern", "direction", "before", "form"),
    [(name, *case) for name, cases in HAND_MADE.items() for case in cases],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_candlestick_is_found_after_the_trend_that_it_reverses_and_not_after_the_other(
    pattern: str, direction: str, before: list[Candle], form: list[Candle]
) -> None:
    last = at(len(before) + len(form) - 1)
    named = [one for one in found_in(bars_of([*before, *form])) if one.pattern == pattern]
    assert [(one.timestamp, one.direction, one.confidence) for one in named] == [(last, direction, 1.0)]
    step, end = (1.0, 86.0) if before is DOWN else (-1.0, 114.0)
    against = trend(step, start=end - 14 * step)  # the other way, to the same price
    assert not [one for one in found_in(bars_of([*against, *form])) if one.pattern == pattern]


def test_every_candlestick_has_a_series() -> None:
    assert set(HAND_MADE) == set(CANDLESTICKS)


def test_where_one_end_of_an_engulfing_bar_is_level_the_confidence_is_less() -> None:
    form = [(86.0, 86.3, 84.7, 85.0), (85.0, 86.9, 84.6, 86.6)]
    assert ("engulfing", 0.8) in [(one.pattern, one.confidence) for one in found_in(bars_of([*DOWN, *form]))]


FLAT: Candle = (100.0, 100.5, 99.5, 100.2)


def test_a_volume_surge_is_more_than_three_times_the_mean_of_ten_bars_of_its_session() -> None:
    quiet = [10.0, 30.0] * 5
    for volume, strength in ((60.0, None), (60.5, 0.504), (600.0, 0.95)):
        found = found_in(bars_of([FLAT] * 11, [*quiet, volume]))
        wanted = [] if strength is None else [Found(at(10), "volume_surge", "bullish", strength)]  # type: ignore[arg-type]  # a StrEnum
        assert [one for one in found if one.pattern == "volume_surge"] == wanted
    falls = (100.2, 100.5, 99.5, 100.0)
    assert found_in(bars_of([*[FLAT] * 10, falls], [*quiet, 100.0]))[0].direction == "bearish"
    assert not found_in(bars_of([FLAT] * 11, [*quiet, 100.0], first=-1))  # the first is of the session before


def test_a_price_gap_is_an_open_more_than_two_percent_away_from_the_close_before() -> None:
    for opening, direction, strength in ((102.0, None, 0), (102.1, "bullish", 0.524), (96.0, "bearish", 0.75)):
        bars = bars_of([(100.0, 100.5, 99.5, 100.0), (opening, 103.0, 95.0, 101.0)], first=-1)
        wanted = [] if direction is None else [(at(0), direction, strength)]
        found = [(one.timestamp, one.direction, one.confidence) for one in found_in(bars) if one.pattern == "price_gap"]
        assert found == wanted


def test_a_doji_has_a_body_of_a_tenth_of_its_range_and_no_less_range_than_the_bars_before() -> None:
    for doji, strength in (
        ((100.0, 100.6, 99.6, 100.1), 0.5),
        ((100.0, 100.5, 99.5, 100.0), 1.0),
        ((100.0, 100.5, 99.5, 100.11), None),
        ((100.0, 100.4, 99.5, 100.0), None),
    ):
        found = [one for one in found_in(bars_of([*[FLAT] * 10, doji])) if one.pattern == "doji"]
        wanted = [] if strength is None else [(at(10), "neutral", strength)]
        assert [(one.timestamp, one.direction, one.confidence) for one in found] == wanted


def test_only_bars_that_are_over_and_official_count_after_bars_that_are_the_vendors() -> None:
    doji = (100.0, 101.0, 99.0, 100.0)
    bars = bars_of([*[FLAT] * 10, doji, *[FLAT] * 9, doji])
    assert [one.timestamp for one in found_in(bars)] == [at(10), at(20)]
    live, early, partial = {"tier": Tier.LIVE.value}, {"tier": Tier.EARLY.value}, {"partial": True}
    for place, changed, found in (
        (5, live, [20]),
        (5, partial, [20]),
        (5, early, [10, 20]),
        (20, early, [10]),
        (20, live, [10]),
    ):
        unsure = [*bars]
        unsure[place] = msgspec.structs.replace(bars[place], **changed)
        assert [one.timestamp for one in found_in(unsure)] == [at(minute) for minute in found]
    # Of five minutes: over with its last minute, or when its time is over.
    fives = bars_of([FLAT] * 50, [1.0] * 50) + bars_of([FLAT] * 4, [9.0] * 4, first=50)
    assert found_in(fives, 5 * MINUTE_MS, at(54)) == []
    assert [one.timestamp for one in found_in(fives, 5 * MINUTE_MS, at(55))] == [at(50)]
    last = bars_of([FLAT], [9.0], first=54)
    assert [one.timestamp for one in found_in([*fives, *last], 5 * MINUTE_MS, 0)] == [at(50)]


@pytest.mark.parametrize("count", range(1, LOOKBACK + 3))
def test_a_symbol_that_has_just_begun_shows_what_its_few_bars_can_show(count: int) -> None:
    bars = bars_of([*[(100.0, 101.0, 99.0, 100.5)] * (count - 1), (103.0, 104.0, 102.0, 103.5)])
    assert {found.pattern for found in found_in(bars)} == ({"price_gap"} if count > 1 else set())


def test_bars_that_lie_too_far_apart_show_nothing() -> None:
    doji = (100.0, 101.0, 99.0, 100.0)
    for apart, count in ((21, 1), (22, 0)):
        found = found_in(bars_of([FLAT] * 10) + bars_of([doji], first=9 + apart))
        assert len([one for one in found if one.pattern == "doji"]) == count
    assert found_in([]) == []


def test_ours_agree_with_a_plain_recomputation_on_real_minutes(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    told = 0
    for file in session.files("minute"):
        bars = [
            Bar("X", row.start_ms, *(float(text) for text in row[1:]), None, None, Tier.OFFICIAL, 1)
            for row in rows(file)
        ]
        day = usual_day(dt.datetime.strptime(session.day, "%Y%m%d").date())  # noqa: DTZ007  a date
        for timeframe in TIMEFRAMES:
            width_ms = timeframe.width_ms or 0
            regular = [bar for bar in bars if day.open_ms <= bar.timestamp < day.close_ms]
            minutes = Minutes.of(regular, [bar.timestamp - day.open_ms for bar in regular], [1.0] * len(regular))
            found = find_patterns(in_periods(minutes, width_ms, day.close_ms))
            ours = {(one.timestamp, one.pattern) for one in found if one.pattern not in CANDLESTICKS}
            assert ours == recomputed(regular, day.open_ms, width_ms)
            told += len(found)
            # And all of them are found by whoever reads from later on.
            late = [place for place, bar in enumerate(regular) if (bar.timestamp - day.open_ms) % (15 * MINUTE_MS) == 0]
            rest = regular[late[5] :]
            again = find_patterns(
                in_periods(Minutes.of(rest, [b.timestamp - day.open_ms for b in rest], [1.0] * len(rest)), width_ms, 0)
            )
            from_ms = rest[0].timestamp + (LOOKBACK + 1) * width_ms
            assert [one for one in again if one.timestamp >= from_ms] == [
                one for one in found if one.timestamp >= from_ms
            ]
    assert told > 100


def recomputed(bars: Sequence[Bar], open_ms: int, width_ms: int) -> set[tuple[int, str]]:
    """Surges, gaps and dojis, bar by bar."""
    periods: dict[int, list[Bar]] = {}
    for bar in bars:
        periods.setdefault((bar.timestamp - open_ms) // width_ms, []).append(bar)
    found = set()
    known: list[tuple[int, float, float, float]] = []  # number, range, close, volume
    for number, parts in periods.items():
        start = open_ms + number * width_ms
        high, low = max(part.high for part in parts), min(part.low for part in parts)
        volume, opening, close = sum(part.volume for part in parts), parts[0].open, parts[-1].close
        before = known[-10:]
        if len(before) == 10 and number - before[0][0] <= 30:
            if volume > 3 * sum(one[3] for one in before) / 10:
                found.add((start, "volume_surge"))
            mean = sum(round(one[1] * 1e6) for one in before) / 10
            extent, body = round((high - low) * 1e6), round(abs(close - opening) * 1e6)
            if extent >= mean and extent > 0 and body * 10 <= extent:
                found.add((start, "doji"))
        if before and number - before[-1][0] <= 30 and abs(opening / before[-1][2] - 1) > 0.02:
            found.add((start, "price_gap"))
        known.append((number, high - low, close, volume))
    return found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-5, 5)] * 4), min_size=30, max_size=45), st.integers(0, 14))
def test_it_does_not_matter_from_when_on_bars_are_read(steps: list[tuple[int, int, int, int]], left_out: int) -> None:
    price, candles = 1000, []
    for step, gap, above, below in steps:
        opening = price + gap
        price = opening + step
        high, low = max(opening, price) + abs(above), min(opening, price) - abs(below)
        candles.append(tuple(cents / 100 for cents in (opening, high, low, price)))
    bars = bars_of(candles)  # type: ignore[arg-type]  # four numbers each
    whole, rest = found_in(bars), found_in(bars[left_out:])
    from_ms = at(left_out + LOOKBACK)
    assert [one for one in whole if one.timestamp >= from_ms] == [one for one in rest if one.timestamp >= from_ms]
