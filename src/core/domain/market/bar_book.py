"""Builds minute bars from aggregates, in memory. No clock, no thread, no database: time is an argument.

Seconds (`A`) are kept until their minute's official bar (`AM`) comes or the minute is sealed, so that a second
that is sent again replaces the one before. What changed is handed out as bars, one for each symbol and minute
however many aggregates made it.

Whatever the order of arrival, as long as versions of one (symbol, channel, window) keep theirs, the book ends the
same; so sums are made in integers (10^-6 shares, 10^-6 dollars), where addition has no rounding to depend on order.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec

from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.gaps import GapReason
from src.core.domain.market.session import new_york_date
from src.core.domain.market.tick import MinuteAggregate, TickData

# How long after its end a minute still takes seconds; later ones build nothing.
SEAL_AFTER_MS = 3 * MINUTE_MS
_MICRO = 1_000_000
_NO_VWAP = float("nan")
_ROW = 7  # second of the minute, open, high, low, close, volume, vwap
_SAME_VOLUME = 1e-6  # shares


class Doubt(NamedTuple):
    """Minutes of a symbol, the first and the last included, that may lack something, by what did come."""

    symbol: str
    from_ms: int
    to_ms: int
    reason: GapReason


class OpenMinute:
    """One symbol's minute while it can still change. Owned by the BarBook that made it."""

    __slots__ = (
        "changes", "close", "dirty", "high", "low", "micro_notional", "micro_volume", "newest", "official",
        "oldest", "open", "partial", "seconds", "seed", "seen", "start_ms", "symbol",
    )  # fmt: skip

    def __init__(self, symbol: str, start_ms: int, partial: bool) -> None:
        self.symbol = symbol
        self.start_ms = start_ms
        self.partial = partial
        self.official: Bar | None = None
        self.seed: Bar | None = None
        self.dirty = False
        self.changes = 0  # versions of seconds taken: makes stamps of one newest second differ, whatever the order
        self.seconds = array("d")  # rows of _ROW numbers: 56 bytes a second where an object would take 300
        self.seen = 0  # a bit for each second of the minute
        self._clear_sums()

    def _clear_sums(self) -> None:
        self.oldest, self.newest = 60, -1
        self.open = self.high = self.low = self.close = 0.0
        self.micro_volume = 0
        self.micro_notional: int | None = 0  # None once a second came without VWAP

    def add_second(self, tick: TickData) -> bool:
        """Takes one second; False when it only repeats what is known."""
        second = (tick.timestamp - self.start_ms) // 1000
        vwap = _NO_VWAP if tick.tick_vwap is None else tick.tick_vwap
        row = (second, tick.tick_open, tick.tick_high, tick.tick_low, tick.tick_close, tick.tick_volume, vwap)
        if self.seen >> second & 1:
            return self._replace(row)
        self.seen |= 1 << second
        self.seconds.extend(row)
        self._sum(*row)
        self.changes += 1
        return True

    def _replace(self, row: Sequence[float]) -> bool:
        for place in range(0, len(self.seconds), _ROW):
            if self.seconds[place] == row[0]:
                break
        known, new = self.seconds[place : place + _ROW], array("d", row)
        if known.tobytes() == new.tobytes():
            return False
        self.seconds[place : place + _ROW] = new
        self._clear_sums()
        for start in range(0, len(self.seconds), _ROW):
            self._sum(int(self.seconds[start]), *self.seconds[start + 1 : start + _ROW])
        self.changes += 1
        return True

    def _sum(
        self, second: int, open_: float, high: float, low: float, close: float, volume: float, vwap: float
    ) -> None:
        if self.newest < 0:
            self.high, self.low = high, low
        if second < self.oldest:
            self.oldest, self.open = second, open_
        if second > self.newest:
            self.newest, self.close = second, close
        self.high = max(self.high, high)
        self.low = min(self.low, low)
        micro_volume = round(volume * _MICRO)
        self.micro_volume += micro_volume
        if self.micro_notional is not None:
            self.micro_notional = None if vwap != vwap else self.micro_notional + micro_volume * round(vwap * _MICRO)

    def set_official(self, bar: Bar) -> bool:
        """Takes the official bar; False when it only repeats the one before."""
        before = self.official
        self.official = bar
        self.seconds = array("d")  # nothing is built from them any more
        return before is None or before.values != bar.values

    def bar(self) -> Bar:
        """The minute as it stands: official if that came, else what the seconds (and the seed) give."""
        if self.official is not None:
            return self.official
        if self.seed is None:
            return self._live()
        if self.newest < 0:
            stamp = self.seed.observed_at + self.changes
            return msgspec.structs.replace(self.seed, partial=True, observed_at=stamp)
        return self._widened(self.seed, self._live())

    def _live(self) -> Bar:
        volume = self.micro_volume / _MICRO
        vwap = None
        if self.micro_notional is not None and self.micro_volume:
            vwap = round(self.micro_notional / self.micro_volume / _MICRO, 6)
        stamp = (self.start_ms + self.newest * 1000) * 1000 + self.changes
        prices = (self.open, self.high, self.low, self.close)
        return Bar(self.symbol, self.start_ms, *prices, volume, vwap, None, Tier.LIVE.value, stamp, self.partial)

    def _widened(self, seed: Bar, live: Bar) -> Bar:
        """The stored bar of before the restart, widened by what came since, never shrunk.

        Seconds up to the seed's newest may be in it already: they widen its range and are not added to its volume.
        """
        seed_newest = (seed.observed_at // 1000 - self.start_ms) // 1000
        micro_new = sum(
            round(self.seconds[place + 5] * _MICRO)
            for place in range(0, len(self.seconds), _ROW)
            if self.seconds[place] > seed_newest
        )
        later = self.newest > seed_newest
        return Bar(
            self.symbol,
            self.start_ms,
            seed.open,
            max(seed.high, live.high),
            min(seed.low, live.low),
            live.close if later else seed.close,
            (round(seed.volume * _MICRO) + micro_new) / _MICRO,
            None if micro_new else seed.vwap,
            None,
            Tier.LIVE.value,
            max(live.observed_at, seed.observed_at + self.changes),
            True,
        )


class BarBook:
    """All open minutes of all symbols. Not safe for threads: its owner serialises the calls.

    `stamp` gives the evidence stamps of official bars, in microseconds, each newer than the last; `expects_minutes`:
    every minute with seconds is to get its official bar.
    """

    def __init__(self, stamp: Callable[[], int], expects_minutes: bool = True) -> None:
        self._stamp = stamp
        self._expects_minutes = expects_minutes
        self._doubts: dict[tuple[str, GapReason], tuple[int, int]] = {}
        self._day_volumes: dict[str, tuple[int, float]] = {}  # with the minute that told it
        self._symbols: dict[str, dict[int, OpenMinute]] = {}
        self._dirty_live: list[OpenMinute] = []
        self._dirty_official: list[OpenMinute] = []
        self._sealed_to_ms = 0
        self._partial_to_ms = -1  # the minutes up to this one lack something, of all symbols
        self._partial_to: dict[str, int] = {}  # the same by symbol
        self._interrupted = False
        self._interrupted_symbols: set[str] = set()
        self.watermark_ms = 0  # the newest window start seen
        self.late_seconds = 0

    def merge(self, ticks: Iterable[TickData]) -> int:
        """Merges a batch of valid aggregates; gives how many of them changed an official bar."""
        known = len(self._dirty_official)
        for tick in ticks:
            if isinstance(tick, MinuteAggregate):
                self._merge_minute(tick)
            else:
                self._merge_second(tick)
        return len(self._dirty_official) - known

    def _merge_second(self, tick: TickData) -> None:
        start_ms = tick.timestamp - tick.timestamp % MINUTE_MS
        if tick.timestamp > self.watermark_ms:
            self._advance(tick.timestamp, start_ms)
        if start_ms < self._sealed_to_ms:
            self.late_seconds += 1
            self._doubt(tick.ticker, start_ms, start_ms, GapReason.LATE)
            return
        minute = self._minute(tick.ticker, start_ms)
        if minute.official is not None:
            self.late_seconds += 1
        elif minute.add_second(tick):
            self._touch(minute)

    def _merge_minute(self, tick: TickData) -> None:
        start_ms = tick.timestamp
        if start_ms > self.watermark_ms:
            self._advance(start_ms, start_ms + MINUTE_MS)  # it proves its own minute over, and no more
        self._compare_day_volume(tick)
        prices = (tick.tick_open, tick.tick_high, tick.tick_low, tick.tick_close)
        tier = Tier.OFFICIAL.value
        bar = Bar(tick.ticker, start_ms, *prices, tick.tick_volume, tick.tick_vwap, None, tier, self._stamp())
        minute = (
            OpenMinute(tick.ticker, start_ms, False)
            if start_ms < self._sealed_to_ms
            else self._minute(tick.ticker, start_ms)
        )
        if minute.set_official(bar):
            self._dirty_official.append(minute)

    def _compare_day_volume(self, tick: TickData) -> None:
        """Doubts the minutes between two official bars when the day's volume grew by more than that of the later one.

        No more than a hint: the day's volume counts late and odd lots too.
        """
        symbol, start_ms, day_volume = tick.ticker, tick.timestamp, tick.day_volume
        if day_volume is None:
            return
        known = self._day_volumes.get(symbol)
        if known is not None:
            before_ms, before = known
            if start_ms < before_ms:
                return
            grown = day_volume - before - tick.tick_volume
            between = start_ms - before_ms > MINUTE_MS
            if between and grown > _SAME_VOLUME and new_york_date(start_ms) == new_york_date(before_ms):
                self._doubt(symbol, before_ms + MINUTE_MS, start_ms - MINUTE_MS, GapReason.SUSPECT)
        self._day_volumes[symbol] = (start_ms, day_volume)

    def _doubt(self, symbol: str, from_ms: int, to_ms: int, reason: GapReason) -> None:
        known = self._doubts.get((symbol, reason), (from_ms, to_ms))
        self._doubts[(symbol, reason)] = (min(known[0], from_ms), max(known[1], to_ms))

    def take_doubts(self) -> list[Doubt]:
        """What may be missing, since it was last taken: for each symbol and reason one span."""
        taken, self._doubts = self._doubts, {}
        return [Doubt(symbol, *span, reason) for (symbol, reason), span in taken.items()]

    def day_volumes(self, before_ms: int) -> dict[str, float]:
        """The day's volume of every symbol whose newest official bar began before then, on the same day."""
        date = new_york_date(before_ms)
        return {
            symbol: volume
            for symbol, (start_ms, volume) in self._day_volumes.items()
            if start_ms < before_ms and new_york_date(start_ms) == date
        }

    def _advance(self, watermark_ms: int, start_ms: int) -> None:
        self.watermark_ms = watermark_ms
        if self._interrupted:
            self._interrupted = False
            self._partial_to_ms = start_ms
        if self._interrupted_symbols:
            self._partial_to |= dict.fromkeys(self._interrupted_symbols, start_ms)
            self._interrupted_symbols.clear()

    def _minute(self, symbol: str, start_ms: int) -> OpenMinute:
        minutes = self._symbols.get(symbol)
        if minutes is None:
            minutes = self._symbols[symbol] = {}
        minute = minutes.get(start_ms)
        if minute is None:
            partial = start_ms <= max(self._partial_to_ms, self._partial_to.get(symbol, -1))
            minute = minutes[start_ms] = OpenMinute(symbol, start_ms, partial)
        return minute

    def interrupt(self, symbols: Collection[str] | None = None) -> None:
        """The symbols (None: all) were not listened to for a while: their open live bars, and those of the minute in
        which they come back, lack seconds; they are marked partial until their official bar comes."""
        if symbols is None:
            self._interrupted = True
        else:
            self._interrupted_symbols.update(symbols)
        for symbol in self._symbols if symbols is None else symbols:
            for minute in self._symbols.get(symbol, {}).values():
                if minute.official is None and not minute.partial:
                    self._mark_partial(minute)

    def seed(self, bars: Iterable[Bar]) -> None:
        """Takes the stored live bars of open minutes, at a start."""
        for bar in bars:
            minute = self._minute(bar.symbol, bar.timestamp)
            minute.seed = bar
            self._mark_partial(minute)

    def _mark_partial(self, minute: OpenMinute) -> None:
        minute.partial = True
        minute.changes += 1
        self._touch(minute)

    def _touch(self, minute: OpenMinute) -> None:
        if not minute.dirty:
            minute.dirty = True
            self._dirty_live.append(minute)

    def take_official(self) -> list[Bar]:
        """The official bars that changed since they were last taken."""
        taken, self._dirty_official = self._dirty_official, []
        return [minute.bar() for minute in taken]

    def take_live(self) -> list[Bar]:
        """The live bars that changed since they were last taken; a minute that became official is not among them."""
        taken, self._dirty_live = self._dirty_live, []
        for minute in taken:
            minute.dirty = False
        return [minute.bar() for minute in taken if minute.official is None]

    def seal(self, now_ms: int) -> None:
        """Forgets minutes that ended three minutes before `now_ms`; what of them is not taken yet stays to be taken.

        One that never got its official bar is doubted.
        """
        sealed_to_ms = now_ms - now_ms % MINUTE_MS - SEAL_AFTER_MS
        if sealed_to_ms <= self._sealed_to_ms:
            return
        self._sealed_to_ms = sealed_to_ms
        self._partial_to = {symbol: to_ms for symbol, to_ms in self._partial_to.items() if to_ms >= sealed_to_ms}
        for symbol, minutes in self._symbols.items():
            for start_ms in [start for start in minutes if start < sealed_to_ms]:
                if self._expects_minutes and minutes[start_ms].official is None:
                    self._doubt(symbol, start_ms, start_ms, GapReason.UNOFFICIAL)
                del minutes[start_ms]

    @property
    def changed_bars(self) -> int:
        """How many bars wait to be taken."""
        return len(self._dirty_official) + len(self._dirty_live)

    @property
    def open_minutes(self) -> int:
        """How many minutes of all symbols are held."""
        return sum(len(minutes) for minutes in self._symbols.values())
