"""Loads history from the vendor's REST side: symbol after symbol, the newest months first, only what is not known."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec

from src.core.domain.market.bar import Bar, merge_evidence
from src.core.domain.market.comparison import compare, is_well_known
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.gaps import GapEntry, GapState
from src.core.domain.market.history import (
    Known,
    Load,
    Piece,
    Survey,
    Timespan,
    Trading,
    joined,
    learnt,
    pieces,
    settled_date,
)
from src.core.domain.market.plan_limits import PlanLimits
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.domain.market.rest_evidence import final_from_ms
from src.core.domain.market.session import new_york_date
from src.core.errors import DatabaseUnavailableError, KeyRefusedError, VendorError, VendorUnavailableError
from src.core.history_ports import HistorySource, LoadLog, StoredDays
from src.core.ports import Clock, GapQueue, StoredBars
from src.core.services.patience import patiently

logger = logging.getLogger(__name__)

# A request for days asks for adjoining months, a year from any day on at most; one for minutes for a month, but after
# a month without any minute for more, as a symbol that was not listed yet has years of them.
_MONTHS_OF_DAYS = 13
_MOST_MONTHS_OF_MINUTES = 6
_BARS_A_SUBMISSION = 2_000  # so that what the feed tells is committed in between
_AWAY_FIRST_S = 30.0
_AWAY_CAP_S = 300.0
_GIVEN_UP_AFTER_S = 1_800.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class HistoryParts:
    """What loads are made with; `source` gives the vendor's REST side when it is needed."""

    source: Callable[[], HistorySource]
    minutes: StoredBars
    days: StoredDays
    gaps: GapQueue
    log: LoadLog
    trading: Trading
    clock: Clock


@dataclass(frozen=True)
class Conduct:
    """How a load is carried out: `submit` and `submit_days` have bars committed (False when some could not be), `tell`
    hears how far the load is after each request, `await_turn` returns when the vendor may be asked; a load ends early
    once `stopping` is set."""

    submit: Callable[[Sequence[Bar]], bool]
    submit_days: Callable[[Sequence[DailyBar]], bool]
    stopping: threading.Event
    tell: Callable[[Load], None]
    await_turn: Callable[[Load], None] = lambda _: None


class _Found(NamedTuple):
    """What an answer has: how many bars and how many that are news by date (an ordinal), which dates it tells wrongly,
    when it was asked for (epoch ms), why it is not believed, if so, and which minutes (epoch ms) are news."""

    bars: Counter[int]
    news: Counter[int]
    unusable: frozenset[int]
    asked_ms: int
    trouble: str = ""
    minutes: Sequence[int] = ()


def survey(load: Load, log: LoadLog, trading: Trading) -> Survey:
    """What a load comes to now. Raises DatabaseUnavailableError."""
    units = requests = 0
    symbols: list[str] = []
    for symbol in load.symbols or ():
        queue = _unknown(load, symbol, log, trading)
        units += len(queue)
        symbols += [symbol] if queue else []
        while queue:
            requests += 1
            del queue[: len(joined(queue, _months_at_once(load.timespan)))]
    return Survey(units, requests, tuple(symbols))


class HistoryRun:
    """Carries out one load on the caller's thread."""

    def __init__(self, parts: HistoryParts, load: Load, conduct: Conduct) -> None:
        self._parts = parts
        self._load = load
        self._conduct = conduct
        self._limits = PlanLimits()
        self._entries: dict[str, list[GapEntry]] = {}  # of gaps, by symbol

    def run(self) -> Load:
        """Loads what is unknown, and gives the load as it ended; one that was told to stop goes on the next time.

        What fails is named with its reason, and the rest goes on; the load ends when the vendor does not answer for
        half an hour. Waits while the database is away, but for the beginning, which raises DatabaseUnavailableError.
        """
        found = survey(self._load, self._parts.log, self._parts.trading)
        self._look_for_gaps()
        self._load = self._load.going_on(found.units)
        self._parts.log.save(self._load)
        self._conduct.tell(self._load)
        trouble = ""
        try:
            for symbol in found.symbols:
                if self._is_stopping():
                    break
                self._load_symbol(symbol)
        except VendorUnavailableError as error:
            trouble = str(error)
        if not self._is_stopping():
            self._load = self._load.ended(self._parts.clock.now_ms(), trouble or self._advice())
        self._keep([], 0)
        return self._load

    def _advice(self) -> str:
        return "" if self._load.to_date is None else self._limits.advice(self._load.to_date)

    def _is_stopping(self) -> bool:
        return self._conduct.stopping.is_set()

    def _load_symbol(self, symbol: str) -> None:
        queue = self._patiently(lambda: _unknown(self._load, symbol, self._parts.log, self._parts.trading)) or []
        most = _months_at_once(self._load.timespan)
        while queue:
            if reason := self._limits.reason(symbol, queue[0].to_date):
                self._fail(queue, reason)
                return
            request = [one for one in joined(queue, most) if not self._limits.reason(symbol, one.to_date)]
            self._conduct.await_turn(self._load)
            if self._is_stopping():
                return
            try:
                found = self._ask(request)
            except KeyRefusedError as error:
                if len(request) == 1:
                    self._limits.refused(symbol, request[0].to_date, str(error))
                most = 1  # which of them is too old for the plan is found out month by month
                continue
            del queue[: len(request)]
            most = self._next_width(most, found)

    def _next_width(self, most: int, found: _Found | None) -> int:
        if self._load.timespan is Timespan.DAY:
            return most
        return min(_MOST_MONTHS_OF_MINUTES, most * 2) if found is not None and not found.bars else 1

    def _ask(self, request: Sequence[Piece]) -> _Found | None:
        """Asks for what `request` joins, has it committed, and keeps what became known; None when that failed."""
        try:
            found = self._patient_with_vendor(lambda: self._found(request))
        except (KeyRefusedError, VendorUnavailableError):
            raise
        except VendorError as error:
            self._fail(request, str(error))
            return None
        if found is None:  # told to stop
            return None
        self._limits.granted(request[-1].from_date)
        if found.trouble:
            self._fail(request, found.trouble)
            return None
        self._note(request, found)
        self._patiently(lambda: self._close_gaps(request, found))
        return found

    def _look_for_gaps(self) -> None:
        """Knows what of the load's minutes is not repaired, given up or not."""
        dates = self._load.from_date, self._load.to_date
        if self._load.timespan is Timespan.DAY or dates[0] is None or dates[1] is None:
            return
        bounds_ms = date_bounds_ms(dates[0])[0], date_bounds_ms(dates[1])[1]
        for entry in self._parts.gaps.unrepaired(*bounds_ms):
            self._entries.setdefault(entry.symbol, []).append(entry)

    def _close_gaps(self, request: Sequence[Piece], found: _Found) -> None:
        """Closes what lies within an answer that is final and right: the repair need not ask for it again."""
        if found.unusable:
            return
        first_ms, last_ms = date_bounds_ms(request[-1].from_date)[0], date_bounds_ms(request[0].to_date)[1]
        for entry in self._entries.get(request[0].symbol, ()):
            within = first_ms <= entry.from_ms and entry.to_ms <= last_ms
            if within and found.asked_ms >= final_from_ms(entry.to_ms):
                repaired = sum(entry.from_ms <= start_ms <= entry.to_ms for start_ms in found.minutes)
                self._parts.gaps.note([entry], GapState.REPAIRED, None, repaired, "")

    def _note(self, request: Sequence[Piece], found: _Found) -> None:
        """Keeps what became known of each month, but of those that the answer tells wrongly."""
        symbol, settled = request[0].symbol, settled_date(found.asked_ms)
        known = self._patiently(lambda: self._parts.log.months(symbol, self._load.timespan))
        if known is None:
            return
        months: dict[str, tuple[Piece, Known]] = {}
        for piece in request:
            dates = range(piece.from_date.toordinal(), piece.to_date.toordinal() + 1)
            if wrong := found.unusable.intersection(dates):
                reason = f"On {len(wrong)} days the vendor tells what cannot be right."
                self._load = self._load.with_failure(symbol, reason)
                continue
            self._load = self._load.with_unit(*(sum(some[date] for date in dates) for some in (found.bars, found.news)))
            before = months[piece.month][1] if piece.month in months else known.get(piece.month)
            if (after := learnt(piece, before, found.bars, settled)) is not None:
                months[piece.month] = (piece, after)
        self._keep(list(months.values()), found.asked_ms)

    def _fail(self, request: Sequence[Piece], reason: str) -> None:
        logger.warning("The history of %s cannot be loaded. %s", request[0].symbol, reason)
        self._load = self._load.with_failure(request[0].symbol, reason, len(request))
        self._keep([], 0)

    def _keep(self, months: Sequence[tuple[Piece, Known]], asked_ms: int) -> None:
        self._patiently(lambda: self._parts.log.learn(self._load, months, asked_ms))
        self._conduct.tell(self._load)

    # -- answers -------------------------------------------------------------------------------------------------

    def _found(self, request: Sequence[Piece]) -> _Found | None:
        """What the vendor has, committed; None when told to stop before."""
        ask = self._found_days if self._load.timespan is Timespan.DAY else self._found_minutes
        return ask(request[0].symbol, request[-1], request[0])

    def _found_days(self, symbol: str, first: Piece, last: Piece) -> _Found | None:
        answer = self._parts.source().daily_bars(symbol, first.from_date, last.to_date)
        stored = self._patiently(lambda: self._parts.days.days_between(symbol, first.from_date, last.to_date))
        if stored is None:
            return None
        before = {day.date: day for day in stored}
        changed = [day for day in answer.bars if _changes(before.get(day.date), day)]
        news = [day for day in changed if _is_news(before.get(day.date), day)]
        trouble = self._submitted(self._conduct.submit_days, changed)
        return (
            None
            if trouble is None
            else _Found(
                Counter(day.date.toordinal() for day in answer.bars),
                Counter(day.date.toordinal() for day in news),
                frozenset(date.toordinal() for date in answer.unusable),
                answer.asked_ms,
                trouble,
            )
        )

    def _found_minutes(self, symbol: str, first: Piece, last: Piece) -> _Found | None:
        bounds_ms = date_bounds_ms(first.from_date)[0], date_bounds_ms(last.to_date)[1]
        answer = self._parts.source().minute_bars(symbol, *bounds_ms)
        stored = self._patiently(lambda: self._parts.minutes.bars_between(symbol, *bounds_ms))
        if stored is None:
            return None
        told = {start_ms: bar for start_ms, bar in stored.items() if start_ms not in answer.unusable}
        found = compare(told, answer.bars, answer.span)
        if not answer.bars and is_well_known(stored.values()):
            trouble: str | None = f"The vendor tells no bar, and {len(stored)} are stored; they were left as they are."
        else:
            trouble = self._submitted(self._conduct.submit, found.evidence)
        return (
            None
            if trouble is None
            else _Found(
                _by_date([bar.timestamp for bar in answer.bars]),
                _by_date(found.repaired_ms),
                frozenset(_by_date(list(answer.unusable))),
                answer.span.asked_ms,
                trouble,
                found.repaired_ms,
            )
        )

    def _submitted(self, submit: Callable[[Sequence[_T]], bool], bars: Sequence[_T]) -> str | None:
        """Has bars committed, some at a time; why that failed, None when told to stop before it was done."""
        for start in range(0, len(bars), _BARS_A_SUBMISSION):
            some = bars[start : start + _BARS_A_SUBMISSION]
            stored = self._patiently(lambda some=some: submit(some))  # type: ignore[misc]  # mypy reads no default
            if stored is None or (not stored and self._is_stopping()):
                return None
            if not stored:
                return "Its bars could not be stored."
        return ""

    # -- patience ------------------------------------------------------------------------------------------------

    def _patient_with_vendor(self, act: Callable[[], _T]) -> _T:
        """What `act` gives once the vendor answers; VendorUnavailableError when it does not for half an hour, or when
        told to stop."""
        wait_s, waited_s = _AWAY_FIRST_S, 0.0
        while True:
            try:
                return act()
            except VendorUnavailableError as error:
                if self._is_stopping() or waited_s >= _GIVEN_UP_AFTER_S:
                    raise
                self._say(f"{error} It is asked again in {wait_s:.0f} s.")
                if self._parts.clock.wait(self._conduct.stopping, wait_s):
                    raise
            waited_s += wait_s
            wait_s = min(_AWAY_CAP_S, wait_s * 2)

    def _say(self, words: str) -> None:
        self._load = self._load.with_detail(words)
        with suppress(DatabaseUnavailableError):
            self._parts.log.save(self._load)
        self._conduct.tell(self._load)

    def _patiently(self, act: Callable[[], _T]) -> _T | None:
        return patiently(act, self._parts.clock, self._conduct.stopping, "The load of history waits.")


def _unknown(load: Load, symbol: str, log: LoadLog, trading: Trading) -> list[Piece]:
    if load.from_date is None or load.to_date is None:
        return []
    return pieces(symbol, load.from_date, load.to_date, log.months(symbol, load.timespan), trading)


def _months_at_once(timespan: Timespan) -> int:
    return _MONTHS_OF_DAYS if timespan is Timespan.DAY else 1


def _by_date(starts_ms: Sequence[int]) -> Counter[int]:
    return Counter(new_york_date(start_ms).toordinal() for start_ms in starts_ms)


def _changes(known: DailyBar | None, day: DailyBar) -> bool:
    """Whether merging a day changes the stored one."""
    return known is None or merge_evidence(known, day).values != known.values


def _is_news(known: DailyBar | None, day: DailyBar) -> bool:
    """Whether a day that changes the stored one tells more than that it is official."""
    if known is None:
        return True
    return msgspec.structs.replace(merge_evidence(known, day), tier=known.tier).values != known.values
