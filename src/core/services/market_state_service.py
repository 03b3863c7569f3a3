"""Keeps market state current while somebody asks for it, on a thread of its own that leaves most of a core to others.

What is asked for are symbols and a day. A question that is new is answered as soon as it can be, and then followed:
calculated again when its bars change, at most once a second, and so that the thread rests four times as long as it
works. Nobody having asked for a minute, it is forgotten.
"""

import datetime as dt
import itertools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from src.core.domain.market.session import TradingDay, new_york_date
from src.core.errors import DatabaseUnavailableError
from src.core.ports import Clock
from src.core.services.market_book import MarketBook, MarketStores, trading_day_at, trading_days_to
from src.core.services.market_state import MarketState, calculate
from src.core.services.usual_volume import USUAL_DAYS, UsualVolume
from src.core.services.worker import Worker

_INTERVAL_S = 1.0
_REST_TIMES = 4  # at most a fifth of a core
_FORGET_S = 60.0
_MOST = 8  # questions that are followed at a time
_WAIT_S = 30.0
_USUAL_BACK = 2 * USUAL_DAYS  # trading days among which there are surely 20 whole ones


class _Question(NamedTuple):
    symbols: tuple[str, ...]
    as_of: dt.date | None


class _Answer:
    """What is known for a question. The worker's thread alone touches the last two; the rest is guarded."""

    def __init__(self) -> None:
        self.asked_s = 0.0
        self.state: MarketState | None = None
        self.error: DatabaseUnavailableError | None = None
        self.book: MarketBook | None = None
        self.was_open: bool | None = None  # at the last calculation; None: what was read since may not be in it


class MarketStateService:
    """Any thread may ask. Starts its thread with the first question, and ends it a minute after the last."""

    def __init__(self, stores: MarketStores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._changed = threading.Condition()
        self._answers: OrderedDict[_Question, _Answer] = OrderedDict()
        self._is_running = False
        self._worker = Worker("market-state", clock, "Market state failed by an error in the program.")
        self._usual: OrderedDict[tuple[tuple[str, ...], dt.date], UsualVolume] = OrderedDict()
        self._rest_until_s = float("-inf")
        self._begun_us = clock.now_us()  # tells tags of this process from those of another
        self._numbers = itertools.count(1)

    def state(self, symbols: Sequence[str], as_of: dt.date | None = None) -> MarketState | None:
        """The state of symbols, now or at the end of a New York date; waits for the first, 30 seconds at most, and
        gives None where that was too short. Raises DatabaseUnavailableError."""
        with self._changed:
            answer = self._ask(_Question(tuple(symbols), as_of))
            self._changed.wait_for(lambda: answer.state or answer.error, _WAIT_S)
            return _told(answer)

    def peek(self, symbols: Sequence[str], as_of: dt.date | None = None) -> MarketState | None:
        """The same without waiting."""
        with self._changed:
            return _told(self._ask(_Question(tuple(symbols), as_of)))

    def stop(self) -> None:
        """Ends the thread, as at the end of a test."""
        self._worker.stop()

    def _ask(self, question: _Question) -> _Answer:
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = _Answer()
            self._worker.wake()
        answer.asked_s = self._clock.monotonic()
        self._answers.move_to_end(question)
        while len(self._answers) > _MOST:
            self._answers.popitem(last=False)
        if not self._is_running:
            self._is_running = True
            self._worker.start(self._turn)
        return answer

    # -- the worker's thread -------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        begun_s = self._clock.monotonic()
        wanted = self._wanted(begun_s)
        if not wanted:
            return 0.0
        is_due = begun_s >= self._rest_until_s
        due = [(question, answer) for question, answer in wanted if is_due or answer.state is None]
        for question, answer in due:
            if not self._worker.stopping.is_set():
                self._advance(question, answer)
        now_s = self._clock.monotonic()
        if due:
            rest_s = max(_INTERVAL_S, _REST_TIMES * (now_s - begun_s))
            self._rest_until_s = max(self._rest_until_s, now_s + rest_s)
        return self._rest_until_s - now_s

    def _wanted(self, now_s: float) -> list[tuple[_Question, _Answer]]:
        """What somebody asked for within the last minute; without any the thread is to end."""
        with self._changed:
            for question, answer in list(self._answers.items()):
                if now_s - answer.asked_s >= _FORGET_S:
                    del self._answers[question]
            if not self._answers:
                self._is_running = False
                self._worker.close()
            return list(self._answers.items())

    def _advance(self, question: _Question, answer: _Answer) -> None:
        try:
            state = self._next(question, answer)
        except DatabaseUnavailableError as error:
            answer.was_open = None
            self._tell(answer, answer.state, error)
            raise
        if state is not None or answer.error is not None:
            self._tell(answer, state or answer.state, None)

    def _tell(self, answer: _Answer, state: MarketState | None, error: DatabaseUnavailableError | None) -> None:
        with self._changed:
            answer.state, answer.error = state, error
            self._changed.notify_all()

    def _next(self, question: _Question, answer: _Answer) -> MarketState | None:
        """The state as it is now; None while it is as before."""
        now_ms = self._clock.now_ms()
        present = trading_day_at(self._stores.day_at, now_ms, new_york_date(now_ms))
        day = self._day(question, present, now_ms)
        is_open = now_ms < day.close_ms
        book, has_changed = self._followed(answer, question.symbols, day, is_present=day == present)
        usual = self._read_usual(question.symbols, book) if is_open else None
        if answer.state is not None and not has_changed and is_open == answer.was_open:
            return None
        answer.book, answer.was_open = book, is_open
        stand = book.stand(now_ms)
        return calculate(stand, usual.mean() if usual else None, now_ms, f"{self._begun_us:x}.{next(self._numbers):x}")

    def _day(self, question: _Question, present: TradingDay, now_ms: int) -> TradingDay:
        if question.as_of is None or question.as_of >= present.date:
            return present
        return trading_day_at(self._stores.day_at, now_ms, question.as_of)

    def _followed(
        self, answer: _Answer, symbols: tuple[str, ...], day: TradingDay, *, is_present: bool
    ) -> tuple[MarketBook, bool]:
        """The book, made current, and whether that changed it."""
        if answer.book is None or not answer.book.is_of(day):
            return MarketBook(self._stores, symbols, day), True
        seen, mark = self._stores.changes.seen(), self._stores.days.mark()
        return answer.book, answer.book.follow(seen, mark, is_present)

    def _read_usual(self, symbols: tuple[str, ...], book: MarketBook) -> UsualVolume:
        """The usual volume by the time of day, after another piece of it was read."""
        key = (symbols, book.day.date)
        if key not in self._usual:
            days = trading_days_to(self._stores.day_at, book.day, _USUAL_BACK)[:-1]
            self._usual[key] = UsualVolume(symbols, days)
            while len(self._usual) > _MOST:
                self._usual.popitem(last=False)
        usual = self._usual[key]
        if not usual.is_known:
            usual.read_piece(self._stores.minutes, book.volume_factors)
        return usual


def _told(answer: _Answer) -> MarketState | None:
    if answer.error is not None:
        raise answer.error
    return answer.state
