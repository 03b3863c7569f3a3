"""Looks for patterns of completed bars: one thread of the ingesting half, which the feed's threads never wait for.

Ticks only tell where to look soon. What counts are the official bars that are committed, so each is looked at once it
is stored, however it came, and again when it changes.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from src.core.analytics.pattern_plan import Sessions, Stage, plan
from src.core.analytics.patterns import Minutes, find_patterns, in_periods
from src.core.domain.market.aggregation import DayOf
from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.pattern_event import KEPT_MS, PatternEvent, Span, difference
from src.core.domain.market.pattern_work import PatternWork
from src.core.domain.market.session import new_york_date
from src.core.pattern_ports import PatternStore, Position, Split
from src.core.ports import Clock
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

MOST_TICKS = 20_000  # symbols of which ticks wait; the whole market has 11,000
_LOOK_INTERVAL_S = 1.0
# At most a fifth of a core.
_REST_TIMES = 4
_TURN_S = 5.0
# Everything that changed is looked for so often, and at once when ticks were dropped.
_LOOK_AT_ALL_S = 30.0
# A minute aggregate can be so late after its minute: a period whose last minute is missing is over then.
_GRACE_MS = 10_000
# What a start looks at again: periods that were not over when the last one ended.
_AGAIN_MS = 30 * MINUTE_MS
# What a first start looks at: the last trading day, over a long weekend too.
_FIRST_MS = 4 * 86_400_000
_PRUNE_EVERY_S = 3_600.0
_SAY_EVERY_S = 60.0


class _Staged(NamedTuple):
    symbol: str
    stage: Stage


class FallbackPatternDetector:
    """Works from `start` to `stop`. `lag_ms` tells by how much the feed's time is behind the clock, `day_of` the bounds
    of a date. What it has not looked at when it stops is looked at after the next start."""

    def __init__(self, store: PatternStore, clock: Clock, lag_ms: Callable[[], int], day_of: DayOf) -> None:
        self._store = store
        self._clock = clock
        self._lag_ms = lag_ms
        self._sessions = Sessions(day_of)
        self._ticks: dict[str, int] = {}  # by symbol the newest minute; the feed's threads set, this one pops
        self._counting = threading.Lock()
        self._dropped = 0
        self._dropped_seen = 0
        self._said_s = float("-inf")
        self._work = PatternWork()
        self._later: dict[int, set[str]] = {}  # by the end of their period, symbols to look at then
        self._position: Position | None = None  # all changes up to it were looked for
        self._remembered: Position | None = None
        self._done: dict[str, int] = {}  # since then, up to which revision a symbol's were
        self._awaited: dict[str, int] = {}  # minutes of ticks that were not committed yet
        self._looked_s = float("-inf")
        self._older_due_s = float("-inf")
        self._pruned_s = float("-inf")
        self._splits: frozenset[Split] = frozenset()
        self._evaluated = 0
        self._found = 0
        self._taken_back = 0
        self._last_found_ms: int | None = None
        self._worker = Worker("patterns", clock, "Patterns could not be looked for.")

    # -- the feed's threads --------------------------------------------------------------------------------------

    def add_market_tick(self, ticker: str, price: float, volume: float, timestamp: int) -> None:
        """A minute aggregate came: `timestamp` is its start, epoch ms. Returns at once; the newest of a symbol waits.
        Where 20,000 symbols do, those of further ones are dropped and counted, and all that changed is looked for.

        `price` and `volume` decide nothing: patterns are of the bars that are stored.
        """
        waiting = self._ticks
        if len(waiting) < MOST_TICKS or ticker in waiting:
            waiting[ticker] = timestamp  # one step, whichever thread
        else:
            with self._counting:
                self._dropped += 1

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the thread."""
        self._worker.start(self.turn, self.begin)

    def close(self) -> None:
        """Has the thread end."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread."""
        self._worker.stop()

    def snapshot(self) -> dict[str, Any]:
        """Of how many symbols ticks wait, and bars; how many ticks were dropped, looks at a timeframe made, and events
        found and taken back since the start; when the last one was found (epoch ms)."""
        return {
            "waiting_ticks": len(self._ticks),
            "dropped_ticks": self._dropped,
            "waiting_symbols": len(self._work),
            "looks": self._evaluated,
            "found": self._found,
            "taken_back": self._taken_back,
            "last_found_at": self._last_found_ms,
        }

    # -- the thread ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Takes up where the last start ended; DatabaseUnavailableError."""
        self._position = self._remembered = self._store.position()
        now_ms = self._now_ms()
        since_ms = now_ms - (_FIRST_MS if self._position is None else _AGAIN_MS)
        if self._position is None:
            self._position = self._store.present()
        self._look_again(since_ms, now_ms)

    def turn(self) -> float:
        """Looks at what changed, some seconds long; after how many seconds to go on. DatabaseUnavailableError."""
        until_s = self._clock.monotonic() + _TURN_S
        self._look_for_changes()
        self._add_due()
        while self._may_work() and self._clock.monotonic() < until_s:
            self._look_at_some()
        if len(self._work) or self._worker.stopping.is_set():
            return 0.0 if self._work.has_fresh else self._older_rest_s()
        if self._position is not None and self._position != self._remembered:
            self._store.remember(self._position)
            self._remembered = self._position
        self._prune()
        return _LOOK_INTERVAL_S

    def _may_work(self) -> bool:
        """Whether there is something to look at now: older days wait for the rest to be over, fresh minutes do not."""
        is_due = self._work.has_fresh or (len(self._work) > 0 and self._older_rest_s() == 0.0)
        return is_due and not self._worker.stopping.is_set()

    def _older_rest_s(self) -> float:
        return min(_LOOK_INTERVAL_S, max(0.0, self._older_due_s - self._clock.monotonic()))

    def _now_ms(self) -> int:
        return self._clock.now_ms() - self._lag_ms()

    def _look_again(self, from_ms: int, to_ms: int) -> None:
        for symbol in self._store.symbols_between(from_ms, to_ms):
            self._work.add(symbol, from_ms, to_ms, to_ms)

    # -- what changed --------------------------------------------------------------------------------------------

    def _look_for_changes(self) -> None:
        now_s, now_ms = self._clock.monotonic(), self._now_ms()
        told = self._take_ticks()
        dropped = self._dropped
        if dropped > self._dropped_seen or now_s - self._looked_s >= _LOOK_AT_ALL_S:
            self._say_dropped(dropped, now_s)
            self._dropped_seen, self._looked_s = dropped, now_s
            self._look_for_all(now_ms)
            self._look_for_splits(now_ms)
        elif told:
            self._look_for_some(told, now_ms)

    def _take_ticks(self) -> dict[str, int]:
        """The symbols of the ticks that came, each with its newest minute, and those that still are awaited."""
        told, self._awaited = self._awaited, {}
        for _ in range(len(self._ticks)):
            symbol, minute_ms = self._ticks.popitem()
            told[symbol] = max(minute_ms, told.get(symbol, 0))
        return told

    def _say_dropped(self, dropped: int, now_s: float) -> None:
        if dropped > self._dropped_seen and now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            text = (
                "The search for patterns is behind: %d ticks were dropped. All that changed is looked at all the same."
            )
            logger.warning(text, dropped)

    def _look_for_all(self, now_ms: int) -> None:
        assert self._position is not None  # noqa: S101  known once it has begun
        changed = self._store.changed(self._position)
        if changed is None:  # what changed since then is not known any more
            self._position = self._store.present()
            self._look_again(now_ms - _FIRST_MS, now_ms)
            return
        self._position, rows = changed
        for row in rows:
            if row.revision > self._done.get(row.symbol, 0):
                self._work.add(row.symbol, row.from_ms, row.to_ms, now_ms)
        self._done.clear()

    def _look_for_some(self, told: dict[str, int], now_ms: int) -> None:
        assert self._position is not None  # noqa: S101  known once it has begun
        changed = self._store.changed(self._position, list(told))
        if changed is None:
            self._looked_s = float("-inf")
            return
        present, rows = changed
        committed: set[str] = set()
        for row in rows:
            if row.revision > self._done.get(row.symbol, 0):
                self._work.add(row.symbol, row.from_ms, row.to_ms, now_ms)
            if row.from_ms <= told[row.symbol] <= row.to_ms:
                committed.add(row.symbol)
        self._done |= dict.fromkeys(told, present.revision)
        recent_ms = now_ms - 2 * MINUTE_MS  # what is not committed by then is found with all the rest
        self._awaited = {
            symbol: minute_ms for symbol, minute_ms in told.items() if symbol not in committed and minute_ms > recent_ms
        }

    def _look_for_splits(self, now_ms: int) -> None:
        """A split that becomes known changes what the day it takes effect on is compared with."""
        known = self._splits
        self._splits = frozenset(self._store.splits(new_york_date(now_ms - KEPT_MS)))
        for split in self._splits ^ known if self._evaluated else ():
            session = self._sessions.regular_of(split.date)
            if session is not None and session.start_ms <= now_ms:
                self._work.add(split.symbol, session.start_ms, session.start_ms, now_ms)

    def _add_due(self) -> None:
        now_ms = self._now_ms()
        for end_ms in [end_ms for end_ms in self._later if end_ms + _GRACE_MS <= now_ms]:
            for symbol in self._later.pop(end_ms):
                self._work.add(symbol, end_ms - MINUTE_MS, end_ms - MINUTE_MS, now_ms)

    # -- looking -------------------------------------------------------------------------------------------------

    def _look_at_some(self) -> None:
        """A piece of the work, and a rest."""
        began_s, now_ms, is_fresh = self._clock.monotonic(), self._now_ms(), self._work.has_fresh
        spans = self._work.take()
        try:
            self._look_at(spans, now_ms)
        except BaseException:
            for span in spans:
                self._work.add(*span, now_ms)
            raise
        now_s = self._clock.monotonic()
        rest_s = (now_s - began_s) * _REST_TIMES
        if is_fresh:
            self._clock.wait(self._worker.stopping, rest_s)
        else:
            self._older_due_s = now_s + rest_s

    def _look_at(self, spans: Iterable[Span], now_ms: int) -> None:
        staged = self._staged(spans, now_ms)
        if not staged:
            return
        bars = self._store.minutes(_joined(Span(one.symbol, *span) for one in staged for span in one.stage.reads()))
        stored = self._store.events(_joined(_of_looks(one) for one in staged))
        found_ms = self._clock.now_ms()
        found = {
            event.key: event
            for one in staged
            for event in self._events(one, bars.get(one.symbol, ()), now_ms, found_ms)
        }
        looked = [event for event in stored if any(_is_looked_at(event, one) for one in staged)]
        changes = difference(looked, list(found.values()), found_ms)
        if changes:
            self._store.write(changes)
            self._count(changes)
        self._evaluated += sum(len(one.stage.looks) for one in staged)

    def _staged(self, spans: Iterable[Span], now_ms: int) -> list[_Staged]:
        staged: list[_Staged] = []
        oldest_ms = now_ms - KEPT_MS
        for symbol, from_ms, to_ms in spans:
            planned = plan(self._sessions, max(from_ms, oldest_ms - oldest_ms % MINUTE_MS), to_ms, now_ms)
            staged += [_Staged(symbol, stage) for stage in planned.stages]
            for end_ms in planned.later_ms:
                self._later.setdefault(end_ms, set()).add(symbol)
        return staged

    def _events(self, one: _Staged, bars: Sequence[Bar], now_ms: int, found_ms: int) -> list[PatternEvent]:
        """What the bars of a symbol show of what is looked at."""
        stage = one.stage
        spans = sorted(stage.reads())
        inside = [bar for first_ms, last_ms in spans for bar in bars if first_ms <= bar.timestamp < last_ms]
        if not inside:
            return []
        before = self._split_factor(one)
        factors = [before if bar.timestamp < stage.session.start_ms else 1.0 for bar in inside]
        minutes = Minutes.of(inside, [stage.clock_ms(bar.timestamp) for bar in inside], factors)
        return [
            PatternEvent(one.symbol, at_ms, look.timeframe, pattern, direction, confidence, found_ms)
            for look in stage.looks
            for at_ms, pattern, direction, confidence in find_patterns(in_periods(minutes, look.width_ms, now_ms))
            if look.from_ms <= stage.clock_ms(at_ms) < look.to_ms
        ]

    def _split_factor(self, one: _Staged) -> float:
        """What prices of the session before are multiplied by: split_from / split_to of each split since."""
        factor, (session, previous, _looks) = 1.0, one.stage
        if previous is not None:
            for split in self._splits:
                if split.symbol == one.symbol and previous.date < split.date <= session.date:
                    factor *= split.split_from / split.split_to
        return factor

    def _count(self, changes: Iterable[PatternEvent]) -> None:
        for event in changes:
            self._taken_back += event.withdrawn
            self._found += not event.withdrawn
            if not event.withdrawn:
                self._last_found_ms = event.found_ms

    def _prune(self) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._pruned_s < _PRUNE_EVERY_S:
            return
        while not self._worker.stopping.is_set() and self._store.prune(self._now_ms() - KEPT_MS):
            self._clock.wait(self._worker.stopping, _LOOK_INTERVAL_S)
        self._pruned_s = now_s


def _of_looks(one: _Staged) -> Span:
    start_ms, looks = one.stage.session.start_ms, one.stage.looks
    first_ms, last_ms = min(look.from_ms for look in looks), max(look.to_ms for look in looks)
    return Span(one.symbol, start_ms + first_ms, start_ms + last_ms)


def _is_looked_at(event: PatternEvent, one: _Staged) -> bool:
    if event.symbol != one.symbol:
        return False
    at_ms = event.timestamp - one.stage.session.start_ms
    return any(look.timeframe == event.timeframe and look.from_ms <= at_ms < look.to_ms for look in one.stage.looks)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Spans of each symbol, those that overlap as one."""
    joined: list[Span] = []
    for span in sorted(spans):
        last = joined[-1] if joined else None
        if last is not None and last.symbol == span.symbol and span.from_ms <= last.to_ms:
            joined[-1] = last._replace(to_ms=max(last.to_ms, span.to_ms))
        else:
            joined.append(span)
    return joined
