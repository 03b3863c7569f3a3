"""The feed's JSON: status elements, `A` and `AM` elements, and the bars of the REST side."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO, Bar

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
    return (
        f'{{"v":{shares(bar.volume_micro)},"vw":{number(bar.vwap)},"o":{number(bar.open)},"c":{number(bar.close)},'
        f'"h":{number(bar.high)},"l":{number(bar.low)},"t":{bar.start_ms},"n":{bar.trades}}}'
    )


def rest_page(head: dict[str, object], bars: Sequence[str]) -> str:
    """An answer of the REST side: `head`, and `bars` as `results` unless there are none."""
    text = json.dumps(head, separators=(",", ":"))
    return f'{text[:-1]},"results":[{",".join(bars)}]}}' if bars else text
