"""When each event of a recording is sent, with duplicates and disorder if asked for: rows in, a list out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from src.simulator.newyork import MINUTE_MS, day_start
from src.simulator.noise import uniform
from src.simulator.recordings import RecordedBar
from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL, Event

# First delay after the window's end, random part of it, and the least and random part before each further version.
_DELAYS_MS = {SECOND_CHANNEL: (100, 0, 1_000, 4_000), MINUTE_CHANNEL: (1_000, 3_000, 5_000, 295_000)}
# Versions of one window have numbers below this in the index of their random numbers.
_MOST_VERSIONS = 1_000

_Window = tuple[str, str, int]


class Disorder(NamedTuple):
    """What a replay does to the order of events: the share sent twice, and the window of shuffling in seconds."""

    duplicate: float = 0.0
    reorder_s: float = 0.0
    seed: int = 7


class Scheduled(NamedTuple):
    """An event, the moment in event time (epoch milliseconds) at which it is sent, and the bar it stands for."""

    send_at_ms: int
    event: Event
    bar: RecordedBar
    duplicate: bool


def schedule(bars: Iterable[RecordedBar], disorder: Disorder) -> list[Scheduled]:
    """Every bar as an event, in the order of sending.

    Rows of one window are versions of it: they keep their order, and a duplicate comes after its original and
    before a newer version.
    """
    windows: dict[_Window, list[RecordedBar]] = defaultdict(list)
    for bar in bars:
        windows[bar.channel, bar.symbol, bar.start_ms].append(bar)
    day_volumes = _day_volumes(windows)
    scheduled: list[Scheduled] = []
    for window, versions in windows.items():
        scheduled += _schedule_window(versions, day_volumes[window], disorder)
    return sorted(scheduled, key=lambda item: item.send_at_ms)


def _schedule_window(versions: list[RecordedBar], day_volume: Decimal, disorder: Disorder) -> Iterator[Scheduled]:
    """All versions of one window and their duplicates, by the time they are sent."""
    channel, symbol, start_ms = versions[0].channel, versions[0].symbol, versions[0].start_ms
    key = f"{disorder.seed}/replay/{channel}/{symbol}/".encode()
    first_ms, first_random_ms, next_ms, next_random_ms = _DELAYS_MS[channel]
    send_at_ms = versions[0].end_ms + first_ms
    bars: list[tuple[RecordedBar, bool]] = []
    times_ms: list[int] = []
    for number, bar in enumerate(versions):
        index = 4 * (start_ms * _MOST_VERSIONS + number)
        send_at_ms += int(uniform(key, index) * (next_random_ms if number else first_random_ms))
        send_at_ms += next_ms if number else 0
        copies = 2 if uniform(key, index + 1) < disorder.duplicate else 1
        for copy in range(copies):
            bars.append((bar, copy > 0))
            times_ms.append(send_at_ms + int(uniform(key, index + 2 + copy) * disorder.reorder_s * 1000))
    # Shuffled times, sorted within the window, keep its versions in order and a duplicate behind its original.
    for sent_ms, (bar, duplicate) in zip(sorted(times_ms), bars, strict=True):
        yield Scheduled(sent_ms, _event(bar, day_volume), bar, duplicate)


def _event(bar: RecordedBar, day_volume: Decimal) -> Event:
    """The element has what the recording says, digit for digit, and the day's volume that follows from it."""
    exact = f'"dv":"{bar.volume}",' if "." in bar.volume else ""
    exact_day = f'"dav":"{day_volume:f}",' if day_volume % 1 else ""
    element = (
        f'{{"ev":"{bar.channel}","sym":"{bar.symbol}","v":{bar.volume},{exact}"av":{int(day_volume)},{exact_day}'
        f'"o":{bar.open},"c":{bar.close},"h":{bar.high},"l":{bar.low},"s":{bar.start_ms},"e":{bar.end_ms}}}'
    )
    return Event(bar.channel, f"{bar.channel}.{bar.symbol}", element)


def rest_element(bar: RecordedBar) -> str:
    """A recorded minute as the REST side lists it, digit for digit."""
    return f'{{"v":{bar.volume},"o":{bar.open},"c":{bar.close},"h":{bar.high},"l":{bar.low},"t":{bar.start_ms}}}'


def _day_volumes(windows: dict[_Window, list[RecordedBar]]) -> dict[_Window, Decimal]:
    """The volume of the New York day up to and including each window, of the newest versions.

    A minute counts with its own volume, which is more than its seconds'; one that has only seconds, with theirs.
    """
    volumes: dict[str, dict[int, dict[_Window, Decimal]]] = defaultdict(lambda: defaultdict(dict))
    for window in sorted(windows):
        _channel, symbol, start_ms = window
        volumes[symbol][start_ms // MINUTE_MS][window] = Decimal(windows[window][-1].volume)
    accumulated: dict[_Window, Decimal] = {}
    for minutes in volumes.values():
        day, before = 0, Decimal(0)
        for minute in sorted(minutes):
            if day_start(minute) != day:
                day, before = day_start(minute), Decimal(0)
            before = _accumulate_minute(minutes[minute], before, accumulated)
    return accumulated


def _accumulate_minute(
    volumes: dict[_Window, Decimal], before: Decimal, accumulated: dict[_Window, Decimal]
) -> Decimal:
    """Enter one minute's windows (its seconds ascending) into `accumulated`; what the day has come to after it."""
    after = before
    minute_volume = None
    for window, volume in volumes.items():
        if window[0] == MINUTE_CHANNEL:
            minute_volume = volume
            accumulated[window] = before + volume
        else:
            after += volume
            accumulated[window] = after
    return after if minute_volume is None else before + minute_volume
