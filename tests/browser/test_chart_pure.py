"""What the chart is made of, without a screen: periods, bars made of minutes, averages, marks, words."""

import datetime as dt
import json
import random
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from src.core.domain.market.aggregation import PeriodBar, Timeframe, midnight_ms, together, within_sessions
from src.core.domain.market.bar import Bar as MinuteBar
from src.core.domain.market.bar import Tier
from src.core.domain.market.session import DayKind, Phase, SessionTable
from src.presentation.api.bars_text import bars_as_json

from .pure_calls import call
from .scripted_server import MINUTE_MS

# Thursday a holiday, Friday an early close, then a weekend; and the week in which summer time ends.
CALENDAR = {
    "covered_from": "2003-09-01",
    "covered_to": "2028-12-31",
    "trading_weekdays": [1, 2, 3, 4, 5],
    "holidays": ["2026-11-26"],
    "early_closes": ["2026-11-27"],
}
SESSIONS = SessionTable(
    {dt.date(2026, 11, 26): DayKind.HOLIDAY, dt.date(2026, 11, 27): DayKind.EARLY_CLOSE},
    dt.date(2003, 9, 1),
    dt.date(2028, 12, 31),
)
DATES = [
    dt.date(2026, 10, 30),
    dt.date(2026, 11, 2),
    dt.date(2026, 11, 25),
    dt.date(2026, 11, 27),
    dt.date(2026, 11, 30),
]
PALETTE = {
    "up": "u",
    "upFaint": "uf",
    "down": "d",
    "downFaint": "df",
    "volumeLive": "v",
    "background": "b",
    "text": "t",
}
SHOWN = ("timestamp", "open", "high", "low", "close", "volume", "vwap", "tier")

MERGE = """
async (text) => {
  const [read, merges] = JSON.parse(text);
  const { createBars } = await import("/static/js/bars.js");
  const { createCalendar } = await import("/static/js/sessions.js");
  const bars = createBars();
  bars.replace({ ...read, calendar: createCalendar(read.calendar), fromMs: 0 });
  const firsts = merges.map((ticks) => bars.merge(ticks));
  return JSON.stringify({ points: bars.points, firsts });
}
"""


def merged(page: Page, read: dict[str, Any], merges: list[Any]) -> Any:
    """The points of the time axis after ``read`` and ``merges``, and what each merge answered."""
    # As text: thousands of objects take Playwright seconds.
    return json.loads(page.evaluate(MERGE, json.dumps([read, merges])))


def minutes_of(dates: list[dt.date], seed: str) -> list[MinuteBar]:
    """A walk through the trading minutes of some dates, many of which have no bar."""
    walk = random.Random(seed)
    price, bars = 100.0, []
    for day in filter(None, map(SESSIONS.trading_day, dates)):
        for at_ms in range(day.pre_open_ms, day.post_close_ms, MINUTE_MS):
            if walk.random() < (0.9 if day.phase(at_ms) is not Phase.REGULAR else 0.1):
                continue
            open_, price = price, round(price * (1 + walk.gauss(0, 0.001)), 4)
            high, low = max(open_, price) + 0.01, min(open_, price) - 0.01
            volume = round(walk.lognormvariate(5, 2), 6) if walk.random() < 0.95 else 0.0
            vwap = round((high + low + price) / 3, 6) if walk.random() < 0.99 else None
            tier = walk.choice([Tier.EARLY, Tier.OFFICIAL, Tier.OFFICIAL, Tier.OFFICIAL])
            bars.append(MinuteBar("X", at_ms, open_, high, low, price, volume, vwap, None, tier, 0))
    return bars


def as_ticks(minutes: list[MinuteBar]) -> list[dict[str, Any]]:
    """Minutes as the API tells them."""
    names = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "vwap")
    return [{name: getattr(bar, name) for name in names} | {"tier": Tier(bar.tier).name.lower()} for bar in minutes]


def server_bars(minutes: list[MinuteBar], timeframe: str) -> list[dict[str, Any]]:
    """The bars that the server makes of them; days as it makes them provisionally, of the regular session."""
    if timeframe != "1d":
        bars = list(within_sessions(minutes, Timeframe(timeframe), SESSIONS.trading_day))
    else:
        bars = [_day(minutes, date) for date in DATES]
    return [{name: bar[name] for name in SHOWN} for bar in json.loads(b"[" + bars_as_json(bars) + b"]")]


def _day(minutes: list[MinuteBar], date: dt.date) -> PeriodBar:
    day = SESSIONS.trading_day(date)
    assert day is not None
    parts = [bar for bar in minutes if day.open_ms <= bar.timestamp < day.close_ms]
    whole = together(parts, midnight_ms(date), date)
    return msgspec.structs.replace(whole, tier=Tier.LIVE.value)


def shown_bars(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: point["bar"][name] for name in SHOWN} for point in points if point["bar"] is not None]


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h", "1d"])
def test_bars_made_of_minutes_are_those_of_the_server_also_after_changes(page: Page, timeframe: str) -> None:
    before = minutes_of(DATES, "before")
    assert before[0].timestamp < before[-1].timestamp
    walk = random.Random(timeframe)
    changed = sorted(walk.sample(before[:-30], 40), key=lambda bar: bar.timestamp)
    revised = [_revised(bar) for bar in changed[::2]]
    gone = changed[1::2]
    last = before[-30:]
    after = sorted([*(set_minus(before, changed)), *revised], key=lambda bar: bar.timestamp)
    withdrawn = [tick | {"withdrawn": True} for tick in as_ticks(gone)]
    read = {"timeframe": timeframe, "calendar": CALENDAR, "bars": [], "minutesFromMs": before[0].timestamp}
    read["minutes"] = as_ticks(before[:-30])
    merges = [as_ticks(revised), withdrawn, *([tick] for tick in as_ticks(last))]
    answer = merged(page, read, merges)
    assert shown_bars(answer["points"]) == server_bars(after, timeframe)
    times = [point["time"] for point in answer["points"]]
    assert times == sorted(set(times))


def _revised(bar: MinuteBar) -> MinuteBar:
    names = MinuteBar.__struct_fields__
    new = {"close": bar.close + 0.005, "volume": bar.volume + 7.5, "vwap": bar.close, "tier": Tier.FINAL}
    return MinuteBar(*[new.get(name, getattr(bar, name)) for name in names])


def set_minus(bars: list[MinuteBar], others: list[MinuteBar]) -> list[MinuteBar]:
    times = {bar.timestamp for bar in others}
    return [bar for bar in bars if bar.timestamp not in times]


def laid_out(page: Page, timeframe: str, minutes: list[MinuteBar], bars: list[Any] | None = None) -> list[Any]:
    """The points of the time axis as (New York time, session, whether it has a bar)."""
    read = {"timeframe": timeframe, "calendar": CALENDAR, "bars": bars or [], "minutesFromMs": 0}
    points = merged(page, read | {"minutes": as_ticks(minutes)}, [])["points"]
    told = [(dt.datetime.fromtimestamp(point["time"], dt.UTC), point) for point in points]
    return [(f"{time:%d %H:%M}", point["session"], point["bar"] is not None) for time, point in told]


def at(date: dt.date, *times: str) -> list[MinuteBar]:
    """Minutes of a date at some times of New York."""
    starts = [midnight_ms(date) + (int(time[:2]) * 60 + int(time[3:])) * MINUTE_MS for time in times]
    return [MinuteBar("X", start, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0, None, Tier.OFFICIAL, 0) for start in starts]


def test_missing_periods_of_a_day_have_room_and_nights_have_none(page: Page) -> None:
    wednesday, friday = dt.date(2026, 11, 25), dt.date(2026, 11, 27)
    minutes = at(wednesday, "09:27", "09:31") + at(friday, "12:40", "13:20")
    assert laid_out(page, "1m", minutes)[:6] == [
        ("25 09:27", "pre", True),
        ("25 09:28", "pre", False),
        ("25 09:29", "pre", False),
        ("25 09:30", "regular", False),
        ("25 09:31", "regular", True),
        ("27 12:40", "regular", True),
    ]
    assert laid_out(page, "15m", minutes)[2:] == [
        ("27 12:30", "regular", True),
        ("27 12:45", "regular", False),
        ("27 13:00", "post", False),
        ("27 13:15", "post", True),
    ]
    # The last hour of a session may be shorter; after an early close hours begin anew.
    assert [time for time, _, _ in laid_out(page, "1h", minutes)] == [
        "25 09:00", "25 09:30", "27 12:30", "27 13:00",
    ]  # fmt: skip
    monday = dt.date(2026, 11, 30)
    days = laid_out(page, "1d", at(dt.date(2026, 11, 24), "10:00") + at(monday, "10:00"))
    assert [(time[:2], has) for time, _, has in days] == [("24", True), ("25", False), ("27", False), ("30", True)]


def test_only_what_changed_is_drawn_again_and_older_days_are_left_to_the_server(page: Page) -> None:
    today, before = dt.date(2026, 11, 30), dt.date(2026, 11, 25)
    ticks = as_ticks(at(today, "10:00", "10:01", "10:03", "10:04", "10:02"))
    old = as_ticks(at(before, "10:00"))
    read = {"timeframe": "1m", "calendar": CALENDAR, "bars": old, "minutesFromMs": midnight_ms(today)}
    merges = [
        [ticks[1]],  # the same again
        [ticks[1] | {"close": 0.5}],  # revised
        [ticks[2]],  # behind the last, with room for one before it
        [ticks[3] | {"tier": "live"}, ticks[4], old[0]],  # one fills the room
        [ticks[0] | {"withdrawn": True}],
    ]
    answer = merged(page, read | {"minutes": ticks[:2]}, merges)
    assert [merge["first"] for merge in answer["firsts"]] == [None, 2, 3, 3, 0]
    assert [merge["old"] for merge in answer["firsts"]] == [[], [], [], [old[0]["timestamp"]], []]
    assert [point["bar"]["tier"] for point in answer["points"]] == ["official"] * 4 + ["live"]


def test_a_day_that_the_vendor_told_is_not_made_of_minutes(page: Page) -> None:
    date = dt.date(2026, 11, 30)
    minutes = as_ticks(at(date, "10:00"))
    for tier, close in (("live", 1), ("official", 9)):
        day = minutes[0] | {"timestamp": midnight_ms(date), "close": 9, "tier": tier}
        read = {"timeframe": "1d", "calendar": CALENDAR, "bars": [day], "minutes": minutes, "minutesFromMs": 0}
        (point,) = merged(page, read, [])["points"]
        assert point["bar"]["close"] == close


def test_averages_are_those_of_a_plain_recomputation(page: Page) -> None:
    walk = random.Random("averages")
    closes = [100.0]
    closes += [round(closes[-1] + walk.gauss(0, 1), 2) for _ in range(299)]
    for length in (9, 20, 200):
        means = [sum(closes[i - length + 1 : i + 1]) / length for i in range(length - 1, 300)]
        none: list[float | None] = [None] * (length - 1)
        assert call(page, "indicators", "sma", closes, length)[: length - 1] == none
        assert call(page, "indicators", "sma", closes, length)[length - 1 :] == pytest.approx(means, abs=1e-9)
        exponential = [means[0]]
        for close in closes[length:]:
            exponential.append(2 / (length + 1) * close + (1 - 2 / (length + 1)) * exponential[-1])
        found = call(page, "indicators", "ema", closes, length)
        assert found[: length - 1] == none
        assert found[length - 1 :] == pytest.approx(exponential, abs=1e-9)
    assert call(page, "indicators", "sma", closes[:19], 20) == [None] * 19


def test_an_average_counts_bars_and_skips_room(page: Page) -> None:
    points = [{"bar": None if close is None else {"close": close}} for close in [1, None, *range(2, 21), None, 30]]
    values = call(page, "indicators", "indicatorValues", "sma20", points)
    assert values[-3:] == [10.5, None, (sum(range(2, 21)) + 30) / 20]
    assert set(values[:-3]) == {None}


def test_the_vwap_of_a_session_begins_at_its_open_and_needs_every_part(page: Page) -> None:
    def point(session: str, day: int, vwap: float | None, volume: float) -> dict[str, Any]:
        return {"session": session, "day": day, "isDay": False, "bar": {"vwap": vwap, "volume": volume}}

    points = [
        point("pre", 0, 50, 100),
        point("regular", 0, 10, 100),
        {"session": "regular", "day": 0, "isDay": False, "bar": None},
        point("regular", 0, 13, 200),
        point("regular", 0, None, 0),
        point("post", 0, 99, 100),
        point("regular", 1, 20, 10),
        point("regular", 1, None, 10),
        point("regular", 1, 20, 10),
    ]
    assert call(page, "indicators", "sessionVwap", points) == [None, 10, None, 12, 12, None, 20, None, None]


@pytest.mark.parametrize(
    ("tier", "fill", "column"),
    [("live", "b", "v"), ("early", "uf", "v"), ("official", "u", "uf"), ("final", "u", "uf")],
)
def test_what_is_not_official_is_not_filled(page: Page, tier: str, fill: str, column: str) -> None:
    bar = {"open": 2, "high": 3, "low": 1, "close": 2, "volume": 10, "tier": tier}
    candle = call(page, "chart_series", "toCandle", {"time": 60, "bar": bar}, PALETTE)
    assert (candle["color"], candle["borderColor"], candle["wickColor"]) == (fill, "u", "u")
    assert call(page, "chart_series", "toColumn", {"time": 60, "bar": bar}, PALETTE)["color"] == column
    falling = {"time": 60, "bar": bar | {"close": 1.5}}
    assert call(page, "chart_series", "toCandle", falling, PALETTE)["borderColor"] == "d"
    assert call(page, "chart_series", "toCandle", {"time": 60, "bar": None}, PALETTE) == {"time": 60}


def test_a_repeated_hour_gives_each_chart_time_once(page: Page) -> None:
    end_of_summer_time_ms = 1_793_512_800_000
    minutes = [{"symbol": "X", "timestamp": end_of_summer_time_ms + i * 600_000, "close": i} for i in range(-6, 6)]
    bars = {"timeframe": "1m", "calendar": CALENDAR, "bars": minutes, "minutes": [], "minutesFromMs": 2e12}
    points = merged(page, bars, [])["points"]
    kept = [point for point in points if point["bar"] is not None]
    assert [point["time"] for point in kept] == sorted({point["time"] for point in kept})
    assert [point["bar"]["timestamp"] for point in kept] == [bar["timestamp"] for bar in minutes[6:]]


def test_what_lies_behind_the_bars_in_sight(page: Page) -> None:
    sessions = ["pre", "pre", "regular", "post", "pre", "regular"]
    points = [{"session": name, "day": int(i > 3), "isDay": False} for i, name in enumerate(sessions)]
    assert call(page, "chart_shade", "behind", points, 0.4, 9) == {"stretches": [[0, 2], [3, 5]], "days": [4]}
    assert call(page, "chart_shade", "behind", [point | {"isDay": True} for point in points], 0, 9) == {
        "stretches": [],
        "days": [],
    }


def test_a_line_of_sessions_is_broken_between_days(page: Page) -> None:
    points = [{"time": i, "day": int(i > 2)} for i in range(5)]
    values = [1, 2, None, 3, 4]
    broken = call(page, "chart_series", "toLine", points, values, 0, True)
    assert broken == [
        {"time": 0, "value": 1},
        {"time": 1, "value": 2, "color": "transparent"},
        {"time": 3, "value": 3},
        {"time": 4, "value": 4},
    ]
    assert "color" not in str(call(page, "chart_series", "toLine", points, values, 1, False))


def test_patterns_are_marked_named_and_taken_back(page: Page) -> None:
    event = {"timestamp": 1_795_188_660_000, "pattern": "hammer", "direction": "bullish"}
    events = [
        event | {"confidence": 0.8},
        event | {"pattern": "price_gap", "direction": "bullish", "confidence": 1},
        event | {"pattern": "doji", "direction": "neutral", "confidence": 0.5},
    ]
    gone = [event | {"pattern": "engulfing", "confidence": 1}, event | {"pattern": "engulfing", "withdrawn": True}]
    marks, text = page.evaluate(
        """async ([events, gone, palette]) => {
          const { createEvents, eventsByTime, eventsText, toMarkers } = await import("/static/js/chart_markers.js");
          const kept = createEvents();
          kept.replace([gone[0]]);
          kept.merge(events);
          kept.merge(gone);
          const byTime = eventsByTime(kept.all());
          return [toMarkers(byTime, () => true, palette), eventsText([...byTime.values()][0])];
        }""",
        [events, gone, PALETTE],
    )
    assert [(mark["shape"], mark["position"], mark["color"]) for mark in marks] == [
        ("arrowUp", "belowBar", "u"),
        ("circle", "aboveBar", "t"),
    ]
    assert text == "bullish hammer (80 %), bullish price gap (100 %), doji (50 %)"


def test_the_legend_says_when_and_what(page: Page) -> None:
    start = int(dt.datetime(2026, 11, 20, 8, 30, tzinfo=dt.UTC).timestamp())
    period = {"start": start, "end": start + 300, "session": "pre"}
    assert call(page, "chart_legend", "formatPeriod", period, "5m") == "Fri 20 Nov 08:30 to 08:35 New York, pre-market"
    assert call(page, "chart_legend", "formatPeriod", period | {"session": "regular"}, "1d") == "Fri 20 Nov 2026"
    question = {"bar": None, "period": period, "timeframe": "5m", "lines": [["sma20", None]], "events": []}
    said = call(page, "chart_legend", "legendParts", question)
    assert said[1:] == [["", "no bar: nothing traded, or nothing is stored"]]
    bar = {"open": 1, "high": 2, "low": 0.5, "close": 1.5, "volume": 1234.5, "vwap": None, "tier": "early"}
    lines = [["sma20", None], ["vwap", 1.23456]]
    parts = call(page, "chart_legend", "legendParts", question | {"bar": bar, "lines": lines})
    assert parts[5:] == [
        ["V", "1,234.5"], ["VWAP", "–"], ["SMA 20", "–"], ["Session VWAP", "1.23"], ["", "early, may still change"],
    ]  # fmt: skip


def test_the_url_says_which_lines_and_which_timeframe(page: Page) -> None:
    for text, lines in [(None, ["sma20", "sma50", "vwap"]), ("none", []), ("ema9.x.sma20", ["sma20", "ema9"])]:
        assert call(page, "chart_controls", "readLines", text) == lines
    for lines, text in [(["sma20", "sma50", "vwap"], None), ([], "none"), (["ema9"], "ema9")]:
        assert call(page, "chart_controls", "writeLines", lines) == text
    assert [call(page, "chart_controls", "readTimeframe", text) for text in (None, "2m", "1d")] == ["1m", "1m", "1d"]


def test_keys_lead_from_bar_to_bar_and_not_beyond(page: Page) -> None:
    led = {
        ("ArrowLeft", None): 9, ("ArrowLeft", 5): 4, ("ArrowLeft", 0): 0, ("ArrowRight", 9): 9, ("Home", 5): 0,
        ("End", None): 9, ("PageUp", 5): 0, ("x", 5): None,
    }  # fmt: skip
    assert {key: call(page, "chart_keys", "placeAfter", *key, 10) for key in led} == led
    assert call(page, "chart_keys", "placeAfter", "End", None, 0) is None
