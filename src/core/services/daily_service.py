"""Keeps daily bars current: provisional ones of the minutes, then the vendor's own. One thread, at its leisure."""

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from src.core.domain.market.aggregation import DayOf
from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.daily_plan import (
    STILL_FRESH_MS,
    Backlog,
    Dates,
    DayOfMinutes,
    Minutes,
    Stretch,
    dates_of,
    day_of_stretch,
    is_fresh,
    trading_dates_back,
)
from src.core.domain.market.session import new_york_date
from src.core.errors import ActionRefusedError
from src.core.history_ports import DayMaker, DayStore
from src.core.ports import Clock, Job
from src.core.services.vendor_days import VendorDays, VendorParts, VendorTime
from src.core.services.worker import Worker

_LOOK_INTERVAL_S = 60.0
# Days that are made at once: some tens of milliseconds, also for those that wait for the database meanwhile.
PIECE = 30
_SETTLE_MS = 15 * MINUTE_MS
# It rests so many times as long as it worked: at most 4 % of a core.
_REST_TIMES = 25
_STATE = "daily"


class MakingParts(NamedTuple):
    """What makes days of minutes (`maker`) and keeps them (`store`). `lag_ms` tells by how much the feed's time is
    behind the clock."""

    maker: DayMaker
    store: DayStore
    clock: Clock
    lag_ms: Callable[[], int]


class _Settled(NamedTuple):
    """What a symbol's minutes of the present day come to from its open up to `until_ms`; later changes are noted."""

    until_ms: int
    stretch: Stretch | None


class DayMaking:
    """Makes days of minutes, some at a time. One thread calls.

    Of the present day, which is made again and again, only the newest minutes are read: of those before, what they come
    to is kept, until a change among them is noted.
    """

    def __init__(self, parts: MakingParts) -> None:
        self._parts = parts
        self._today: dt.date | None = None
        self._settled: dict[str, _Settled] = {}
        self._told: dict[str, tuple[object, ...]] = {}  # what was committed of the present day

    def turn_to(self, today: dt.date) -> None:
        """Which day is the present one."""
        if today != self._today:
            self._today = today
            self._settled.clear()
            self._told.clear()

    def forget(self, symbol: str, from_ms: int) -> None:
        """A symbol's minutes changed from there on."""
        known = self._settled.get(symbol)
        if known is not None and from_ms < known.until_ms:
            del self._settled[symbol]

    def make(self, days: Sequence[DayOfMinutes], newest_ms: int) -> int:
        """Makes these days and commits what is new of them; how many that were. `newest_ms` is the newest minute of
        the database when it was last asked for noted changes. Raises DatabaseUnavailableError."""
        parts = self._parts
        stamp, now_ms = parts.store.clock.stamp(), parts.clock.now_ms() - parts.lag_ms()
        whole = self._stretches(days, newest_ms)
        made = [day_of_stretch(day, one, stamp, now_ms) for day, one in zip(days, whole, strict=True) if one]
        missing = [day for day, one in zip(days, whole, strict=True) if one is None]
        changed = [day for day in made if day.date != self._today or self._told.get(day.symbol) != day.values]
        changed += parts.maker.withdrawn(missing, stamp) if missing else []
        if changed:
            parts.store.merge_daily(changed)
        self._told.update((day.symbol, day.values) for day in changed if day.date == self._today)
        return len(changed)

    def _stretches(self, days: Sequence[DayOfMinutes], newest_ms: int) -> list[Stretch | None]:
        """What each day's minutes come to: what is settled of it, what is to be settled, and what may change yet."""
        bounds = [self._bounds(day, newest_ms) for day in days]
        wanted = [
            Minutes(day.symbol, *between)
            for day, (known_ms, settled_ms) in zip(days, bounds, strict=True)
            for between in ((known_ms, settled_ms), (settled_ms, day.to_ms))
            if between[0] < between[1]
        ]
        found = dict(zip(wanted, self._parts.maker.stretches(wanted), strict=True))
        whole: list[Stretch | None] = []
        for day, (known_ms, settled_ms) in zip(days, bounds, strict=True):
            settled = self._settled[day.symbol].stretch if known_ms > day.from_ms else None
            settled = _joined(settled, found.get(Minutes(day.symbol, known_ms, settled_ms)))
            if day.date == self._today:
                self._settled[day.symbol] = _Settled(settled_ms, settled)
            whole.append(_joined(settled, found.get(Minutes(day.symbol, settled_ms, day.to_ms))))
        return whole

    def _bounds(self, day: DayOfMinutes, newest_ms: int) -> tuple[int, int]:
        """Up to when the day is settled already, and up to when it can be."""
        if day.date != self._today:
            return day.from_ms, day.to_ms
        known = self._settled.get(day.symbol)
        known_ms = day.from_ms if known is None else known.until_ms
        noted_ms = min(day.to_ms, newest_ms - STILL_FRESH_MS)
        return known_ms, noted_ms if noted_ms >= known_ms + _SETTLE_MS else known_ms


def _joined(earlier: Stretch | None, later: Stretch | None) -> Stretch | None:
    return later if earlier is None else earlier.then(later)


class DailyService:
    """Works from `start` to `stop`. What it has not seen to when it stops is seen to at the next start. `day_of` gives
    the bounds of a date."""

    def __init__(self, parts: MakingParts, vendor: VendorParts, day_of: DayOf) -> None:
        self._parts = parts
        self._day_of = day_of
        self._making = DayMaking(parts)
        self._backlog = Backlog()
        self._adding = threading.Lock()  # jobs add to the backlog, too
        self._has_begun = False
        self._is_rebuilding = False
        self._revision: int | None = None  # up to which changes are in the backlog
        self._newest_ms = 0
        self._settled: dt.date | None = None  # the last date that needs no look any more
        self._worker = Worker("daily", parts.clock, "Daily bars could not be kept current.")
        self._vendor = VendorDays(vendor, parts.store, parts.maker, VendorTime(parts.clock, self._now_ms, day_of))

    def start(self) -> None:
        """Starts the thread."""
        self._vendor.start()
        self._worker.start(self.turn)

    def close(self) -> None:
        """Has the thread end."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread."""
        self._worker.stop()

    def rebuild(self, job: Job) -> str:
        """Has days made anew: `symbols` (a list) from `from_date` to `to_date`; the sentence that says so."""
        dates = Dates(*(dt.date.fromisoformat(job.arguments[name]) for name in ("from_date", "to_date")))
        symbols = job.arguments["symbols"]
        if not symbols:
            raise ActionRefusedError("No symbol is named; name some, or a universe.")
        with self._adding:
            self._is_rebuilding = True
            for symbol in symbols:
                self._backlog.add(symbol, dates)
        self._worker.wake()
        return f"The days of {len(symbols):,} symbols will be made anew, beside the feed and at its leisure."

    def snapshot(self) -> dict[str, Any]:
        """How many symbols have days that wait to be made, whether somebody asked for that, and of the vendor's days
        what `VendorDays.snapshot` tells."""
        waiting = {"waiting_symbols": len(self._backlog), "rebuilding": self._is_rebuilding}
        return {**waiting, **self._vendor.snapshot()}

    # -- the thread ----------------------------------------------------------------------------------------------

    def turn(self) -> float:
        """Makes all that changed, and asks the vendor for what is due; after how many seconds to look again. Raises
        DatabaseUnavailableError."""
        if not self._has_begun:
            self._recall()
            self._has_begun = True
        until = self._look()
        while not self._worker.stopping.is_set() and self._has_backlog():
            self._make_some()
        if not self._worker.stopping.is_set() and until != self._revision:
            self._revision = until
            self._remember()
        if not self._worker.stopping.is_set():
            return self._vendor.ask(self._worker.stopping, self._remember, _LOOK_INTERVAL_S)
        return _LOOK_INTERVAL_S

    def _has_backlog(self) -> bool:
        with self._adding:
            if not len(self._backlog):
                self._is_rebuilding = False
            return len(self._backlog) > 0

    def _recall(self) -> None:
        known: Mapping[str, Any] = self._parts.store.state(_STATE) or {}
        self._vendor.recall(known)
        self._revision = known.get("revision")
        noted = self._parts.maker.noted_since(self._revision)
        if self._revision is None or self._revision < noted.floor:
            self._add_last_days()  # what changed before then is not known any more
            self._revision = None

    def _remember(self) -> None:
        self._parts.store.set_state(_STATE, {"revision": self._revision, **self._vendor.memory()})

    def _now_ms(self) -> int:
        return self._parts.clock.now_ms() - self._parts.lag_ms()

    def _add_last_days(self) -> None:
        for date in trading_dates_back(self._now_ms(), self._day_of):
            self._add_date(date)

    def _add_date(self, date: dt.date) -> None:
        if (day := self._day_of(date)) is not None:
            symbols = self._parts.maker.symbols_between(day.open_ms, day.close_ms)
            with self._adding:
                for symbol in symbols:
                    self._backlog.add(symbol, Dates(date, date))

    def _look(self) -> int:
        """Adds what changed to the backlog; the revision up to which that is all."""
        now_ms = self._now_ms()
        today = new_york_date(now_ms)
        noted = self._parts.maker.noted_since(self._revision)
        self._making.turn_to(today)
        self._newest_ms = noted.newest_ms
        with self._adding:
            for symbol, from_ms, to_ms in noted.changes:
                self._backlog.add(symbol, dates_of(from_ms, to_ms))
                self._making.forget(symbol, from_ms)
        if is_fresh(today, now_ms, self._day_of):
            self._add_date(today)
            self._settled = None
        elif self._settled != today:
            self._settled = today
            self._add_date(today)  # once more, now that all its minutes are there
        return noted.revision

    def _make_some(self) -> None:
        """A piece of the backlog, and a rest."""
        began_s = self._parts.clock.monotonic()
        with self._adding:
            days = self._backlog.take(PIECE, self._day_of)
        try:
            self._making.make(days, self._newest_ms)
        except BaseException:
            with self._adding:
                self._backlog.put_back(days)
            raise
        ended_s = self._parts.clock.monotonic()
        rest_s = _REST_TIMES * (ended_s - began_s)
        self._vendor.ask(self._worker.stopping, self._remember, rest_s)  # the past does not wait for a long backlog
        self._parts.clock.wait(self._worker.stopping, max(0.0, ended_s + rest_s - self._parts.clock.monotonic()))
