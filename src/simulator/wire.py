"""The feed's JSON: status elements, `A` and `AM` elements, and the bars of the REST side."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO, Bar, DayBar

SECOND_CHANNEL, MINUTE_CHANNEL = "A", "AM"
CHANNELS = frozenset({SECOND_CHANNEL, MINUTE_CHANNEL})


class Event(NamedTuple):
    """One element on its way to whoever holds its topic (`AM.BRK.B`) or its channel's wildcard (`AM.*`)."""

    channel: str
    topic: str
    element: str


def status(kind: str, message: str) -> str:
    """A status element, such as `auth_success`."""
    return json.dumps({"ev": "status", "status": kind, "message": message}, separators=(",", ":"))


def number(value: float) -> str:
    """`value` as the feed writes it: shortest digits, and no `.0`."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


def shares(volume_micro: int) -> str:
    """A volume (millionths of a share) in exact decimal digits."""
    whole, rest = divmod(volume_micro, SHARE_MICRO)
    return f"{whole}.{rest:06}".rstrip("0") if rest else str(whole)


def aggregate(channel: str, bar: Bar) -> Event:
    """A bar as an `A` or `AM` event. `v` and `av` are whole shares; `dv` and `dav` are exact where those are not."""
    day_open = "" if bar.day_open is None else f'"op":{number(bar.day_open)},'
    element = (
        f'{{"ev":"{channel}","sym":"{bar.symbol}",{_volume("v", bar.volume_micro)}'
        f'{_volume("av", bar.day_volume_micro)}{day_open}"vw":{number(bar.vwap)},'
        f'"o":{number(bar.open)},"c":{number(bar.close)},"h":{number(bar.high)},"l":{number(bar.low)},'
        f'"a":{number(bar.day_vwap)},"z":{bar.volume_micro // SHARE_MICRO // bar.trades},'
        f'"s":{bar.start_ms},"e":{bar.end_ms}}}'
    )
    return Event(channel, f"{channel}.{bar.symbol}", element)


def _volume(key: str, volume_micro: int) -> str:
    whole, rest = divmod(volume_micro, SHARE_MICRO)
    exact = f'"d{key}":"{shares(volume_micro)}",' if rest else ""
    return f'"{key}":{whole},{exact}'


def rest_bar(bar: Bar) -> str:
    """A bar as the REST side lists it; its `v` is exact."""
    return f'{{{_values(bar)},"t":{bar.start_ms},"n":{bar.trades}}}'


def rest_day(day: DayBar) -> str:
    """A day as a ticker's range lists it: `t` is the beginning of the day."""
    return f'{{{_values(day)},"t":{day.start_ms}{_count(day)}}}'


def rest_grouped(day: DayBar) -> str:
    """A day as the whole market's list has it: `t` is the end of the session."""
    return f'{{"T":"{day.symbol}",{_values(day)},"t":{day.end_ms}{_count(day)}}}'


class LastMinute(NamedTuple):
    """The newest minute of a ticker: its REST element, and the day's volume with it (millionths of a share)."""

    element: str
    day_volume_micro: int


def rest_snapshot(
    symbol: str, day: DayBar | None, minute: LastMinute | None, before: DayBar | None, updated_ms: int
) -> str:
    """A ticker of the snapshot. What did not trade yet is all zeros, and so is `updated` (nanoseconds)."""
    change, percent = _change(day, before)
    last = (
        f'"av":{shares(minute.day_volume_micro)},{minute.element[1:-1]}' if minute else f'"av":0,{_NOTHING},"t":0,"n":0'
    )
    return (
        f'{{"ticker":"{symbol}","todaysChangePerc":{number(percent)},"todaysChange":{number(change)},'
        f'"updated":{updated_ms * 1_000_000},"day":{{{_values(day) if day else _NOTHING}}},"min":{{{last}}},'
        f'"prevDay":{{{_values(before) if before else _NOTHING}}}}}'
    )


def _change(day: DayBar | None, before: DayBar | None) -> tuple[float, float]:
    """Of the close since the day before, in dollars and per cent."""
    if day is None or before is None:
        return 0.0, 0.0
    change = day.close - before.close
    return round(change, 4), round(100 * change / before.close, 4)


_NOTHING = '"v":0,"vw":0,"o":0,"c":0,"h":0,"l":0'


def _values(bar: Bar | DayBar) -> str:
    vwap = "" if bar.vwap is None else f'"vw":{number(bar.vwap)},'
    return (
        f'"v":{shares(bar.volume_micro)},{vwap}"o":{number(bar.open)},"c":{number(bar.close)},'
        f'"h":{number(bar.high)},"l":{number(bar.low)}'
    )


def _count(day: DayBar) -> str:
    return "" if day.trades is None else f',"n":{day.trades}'


def rest_page(head: dict[str, object], results: Sequence[str], key: str = "results") -> str:
    """An answer of the REST side: `head`, and `results` (JSON elements) under `key` unless there are none."""
    text = json.dumps(head, separators=(",", ":"))
    return f'{text[:-1]},"{key}":[{",".join(results)}]}}' if results else text
