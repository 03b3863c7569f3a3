"""Asks the vendor for the whole market's days: the newest ones, and those of the past that market state needs, with the
splits that both are adjusted for when they are read."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from src.core.domain.market.adjustment import CorporateAction
from src.core.domain.market.aggregation import DayOf
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.daily_plan import HISTORY_SPAN, due_of_vendor, past_of_vendor
from src.core.domain.market.rest_evidence import rest_day_tier
from src.core.domain.market.session import new_york_date
from src.core.errors import KeyRefusedError, VendorError
from src.core.history_ports import DayMaker, DayStore, MarketDays
from src.core.ports import Clock

logger = logging.getLogger(__name__)

_ROWS = 500  # in a transaction
_ASK_AGAIN_S = 600.0
_ASK_AGAIN_REFUSED_S = 6 * 3_600.0
_SPLITS_AHEAD = dt.timedelta(days=31)  # announced ones, so that they are known before they take effect
# After a day of the past it rests so many times as long as that took to be stored.
_REST_TIMES = 3


class Urgency(NamedTuple):
    """Whether the vendor is needed for something more urgent than the newest days, and whether for anything else than
    days of the past; for how many seconds after a start it is not asked."""

    is_urgent: Callable[[], bool]
    is_needed: Callable[[], bool]
    ask_first_s: float


class VendorParts(NamedTuple):
    """What asks the vendor for days (`days`); the symbols of which days are kept, of any date (`wanted`) and of one
    (`kept`), None for all; what keeps the splits from a date to another one; when the vendor may be asked."""

    days: MarketDays
    wanted: Callable[[], frozenset[str] | None]
    kept: Callable[[dt.date], frozenset[str] | None]
    keep_splits: Callable[[dt.date, dt.date, Sequence[CorporateAction]], None]
    urgency: Urgency


class VendorTime(NamedTuple):
    """The time of the feed in epoch ms (`now_ms`), and the bounds of a date."""

    clock: Clock
    now_ms: Callable[[], int]
    day_of: DayOf


class VendorDays:
    """One thread calls. Of each date it knows at which tier the vendor was asked for it, over restarts."""

    def __init__(self, parts: VendorParts, store: DayStore, maker: DayMaker, time: VendorTime) -> None:
        self._parts = parts
        self._store = store
        self._maker = maker
        self._time = time
        self._asked: dict[dt.date, int] = {}
        self._past_of: frozenset[str] | None = frozenset()  # whose days are kept of the past; None for all
        self._splits_of: dt.date | None = None  # the day on which the splits were asked for last
        self._ask_again_s = float("-inf")
        self._error: str | None = None

    def start(self) -> None:
        """A start has enough to do: the vendor is left alone for a while."""
        self._ask_again_s = self._time.clock.monotonic() + self._parts.urgency.ask_first_s

    def recall(self, known: Mapping[str, Any]) -> None:
        """Takes up what `memory` gave."""
        self._asked = {dt.date.fromisoformat(date): tier for date, tier in known.get("asked", {}).items()}
        splits_of = known.get("splits_of")
        self._splits_of = None if splits_of is None else dt.date.fromisoformat(splits_of)
        past_of = known.get("past_of", [])
        self._past_of = None if past_of is None else frozenset(past_of)

    def memory(self) -> dict[str, Any]:
        """What is to be known after a restart, as JSON can say it."""
        asked = {date.isoformat(): tier for date, tier in self._asked.items()}
        return {
            "asked": asked,
            "past_of": None if self._past_of is None else sorted(self._past_of),
            "splits_of": None if self._splits_of is None else self._splits_of.isoformat(),
        }

    def snapshot(self) -> dict[str, Any]:
        """Of which date the vendor's days came last, how many dates it was asked for, and what was wrong when it was
        asked last."""
        newest = max((date for date in self._asked), default=None)
        return {
            "vendor_date": None if newest is None else newest.isoformat(),
            "vendor_dates": len(self._asked),
            "last_error": self._error,
        }

    def ask(self, stopping: threading.Event, remember: Callable[[], None], for_s: float) -> float:
        """Asks for the newest days that are due, once a day for the splits, and for about `for_s` seconds for days of
        the past; after how many seconds to ask again. `remember` keeps what is known by then. Raises
        DatabaseUnavailableError."""
        for date in due_of_vendor(self._time.now_ms(), self._time.day_of, self._asked):
            if stopping.is_set() or self._parts.urgency.is_urgent() or self._is_resting():
                break
            if self._maker.has_provisional(date):
                self._take_or_note(date, remember)
        today = new_york_date(self._time.now_ms())
        if today != self._splits_of and not (
            stopping.is_set() or self._parts.urgency.is_urgent() or self._is_resting()
        ):
            self._take_splits(today, remember)
        return self._ask_for_past(stopping, remember, for_s)

    def _take_splits(self, today: dt.date, remember: Callable[[], None]) -> None:
        """Takes the splits of the days that are kept, and announced ones. An empty answer is not believed: what was
        told before stays."""
        dates = (today - dt.timedelta(days=HISTORY_SPAN), today + _SPLITS_AHEAD)
        try:
            found = list(self._parts.days.splits(*dates))
        except VendorError as error:
            self._rest_after(error)
            logger.warning("The vendor's splits could not be had. %s", error)
            return
        if found:
            self._parts.keep_splits(*dates, found)
        self._splits_of = today
        remember()

    def _ask_for_past(self, stopping: threading.Event, remember: Callable[[], None], for_s: float) -> float:
        until_s = self._time.clock.monotonic() + for_s
        self._turn_to_wanted()
        for date in past_of_vendor(self._time.now_ms(), self._time.day_of, self._asked):
            if stopping.is_set() or self._parts.urgency.is_needed() or self._is_resting():
                return for_s
            if self._time.clock.monotonic() >= until_s:
                return 0.0
            stored_s = self._take_or_note(date, remember)
            self._time.clock.wait(stopping, _REST_TIMES * stored_s)
        return for_s

    def _is_resting(self) -> bool:
        return self._time.clock.monotonic() < self._ask_again_s

    def _turn_to_wanted(self) -> None:
        """Where days of more symbols are wanted than were kept, no date is known any more."""
        wanted = self._parts.wanted()
        if self._past_of is not None and (wanted is None or not wanted <= self._past_of):
            self._asked = {}
            self._past_of = wanted

    def _take_or_note(self, date: dt.date, remember: Callable[[], None]) -> float:
        """Takes a date's days, or notes why that could not be; for how many seconds they were stored."""
        tier = rest_day_tier(date, self._time.now_ms())  # at least: the answer may come when it is final
        try:
            days = self._parts.days.market_day(date)
        except VendorError as error:
            self._rest_after(error)
            logger.warning("The vendor's daily bars of %s could not be had. %s", date, error)
            return 0.0
        self._error = None
        began_s = self._time.clock.monotonic()
        self._keep(date, days)
        self._note(date, -1 if tier is None else tier.value)
        remember()
        return self._time.clock.monotonic() - began_s

    def _rest_after(self, error: VendorError) -> None:
        self._error = str(error)
        wait_s = _ASK_AGAIN_REFUSED_S if isinstance(error, KeyRefusedError) else _ASK_AGAIN_S
        self._ask_again_s = self._time.clock.monotonic() + wait_s

    def _keep(self, date: dt.date, days: list[DailyBar]) -> None:
        kept = self._parts.kept(date)
        wanted = [day for day in days if kept is None or day.symbol in kept]
        for start in range(0, len(wanted), _ROWS):
            self._store.merge_daily(wanted[start : start + _ROWS])
        logger.info("The vendor's daily bars of %s are stored: %s.", date, f"{len(wanted):,}")

    def _note(self, date: dt.date, tier: int) -> None:
        today = new_york_date(self._time.now_ms())
        self._asked = {known: value for known, value in self._asked.items() if (today - known).days < HISTORY_SPAN}
        self._asked[date] = tier
