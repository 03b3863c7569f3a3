"""Compares a day of bars with the vendor's, symbol after symbol, and has merged what differs."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec

from src.core.domain.market.bar import Bar
from src.core.domain.market.comparison import Comparison, Span, compare, is_well_known
from src.core.domain.market.gaps import GapEntry, GapState
from src.core.domain.market.reconciliation import Request, Run, RunState, date_bounds_ms
from src.core.domain.market.rest_evidence import final_from_ms
from src.core.domain.market.vendor_answer import MinuteAnswer
from src.core.errors import (
    DatabaseUnavailableError,
    FlatFileError,
    KeyRefusedError,
    VendorError,
    VendorUnavailableError,
)
from src.core.ports import Clock, DayFiles, GapQueue, MinuteSource, RunLog, StoredBars
from src.core.services.patience import patiently

logger = logging.getLogger(__name__)

_SAVE_INTERVAL_S = 1.0
# The vendor is away when this many symbols in a row had no answer.
_MOST_UNANSWERED = 3
_T = TypeVar("_T")


@dataclass(frozen=True)
class Conduct:
    """How a run is carried out: `submit` has bars committed (False when it could not be), `tell` hears how far the run
    is after each symbol, `await_turn` returns when REST may be asked; a run ends early once `stopping` is set."""

    submit: Callable[[Sequence[Bar]], bool]
    stopping: threading.Event
    tell: Callable[[Run], None]
    await_turn: Callable[[], None] = lambda: None


class _Answer(NamedTuple):
    """What the vendor has of a symbol, or why that is not known."""

    symbol: str
    answer: MinuteAnswer
    trouble: str = ""


class _Result(NamedTuple):
    """What was found of a symbol: how many bars were compared, what differed, and why that is not all."""

    compared: int
    found: Comparison
    trouble: str = ""


class Reconciler:
    """Carries out runs on the caller's thread, one at a time. `rest` gives the vendor's REST side when it is needed,
    `stamp` evidence stamps in microseconds."""

    def __init__(
        self,
        rest: Callable[[], MinuteSource],
        files: DayFiles,
        bars: StoredBars,
        log: RunLog,
        gaps: GapQueue,
        clock: Clock,
        stamp: Callable[[], int],
    ) -> None:
        self._rest = rest
        self._files = files
        self._bars = bars
        self._log = log
        self._gaps = gaps
        self._entries: dict[str, list[GapEntry]] = {}  # of the present run
        self._taken_up: set[str] = set()  # gaps, in the present run
        self._clock = clock
        self._stamp = stamp
        self._saved_s = float("-inf")

    def run(self, request: Request, conduct: Conduct) -> Run:
        """Carries out what is asked, or the rest of it, if an earlier run was interrupted or lacks symbols.

        Gives the run as it ended; one that was told to stop is still running, and goes on the next time. A symbol that
        fails is named with its reason, and the others go on. Waits while the database is away, but for the beginning,
        which raises DatabaseUnavailableError.
        """
        run = self._begin(request)
        self._load_gaps(request)
        try:
            symbols = self._symbols(request)
            run = msgspec.structs.replace(run, total=len(symbols))
            conduct.tell(run)
            done = set(run.done)
            for answer in self._answers(request, [one for one in symbols if one not in done], conduct):
                after = self._compared(run, answer, conduct)
                if conduct.stopping.is_set() and answer.symbol in after.failed:
                    break
                run = after
                self._note(run, conduct)
            trouble = ""
        except (KeyRefusedError, VendorUnavailableError, FlatFileError) as error:
            trouble = str(error)
        if not conduct.stopping.is_set():
            run = run.ended(self._clock.now_ms(), trouble)
        self._finish(run, conduct)
        return run

    def _begin(self, request: Request) -> Run:
        now_ms = self._clock.now_ms()
        runs = self._log.of_date(request.date)
        for run in runs:
            if run.continues(request, now_ms):
                going_on = run.going_on(request)
                self._log.begin(going_on, (request.id, run.id))
                return going_on
        for run in runs:
            if run.state is RunState.RUNNING and run.asks_for(request):
                self._log.save(run.ended(now_ms, "It was interrupted, and begun anew when the answers were final."))
        run = Run(request.id, request.date, request.symbols, request.file, RunState.RUNNING, now_ms, 0)
        self._log.begin(run, (request.id,))
        return run

    def _symbols(self, request: Request) -> list[str]:
        """What is to be compared, in order; FlatFileError when the file is not fit to be compared with."""
        bounds_ms = date_bounds_ms(request.date)
        in_file = [] if request.file is None else self._files.tickers(request.file, bounds_ms)
        if request.symbols is not None:
            return sorted(set(request.symbols))
        kept = self._log.kept_symbols(*bounds_ms)
        return sorted({*kept.symbols, *(in_file if kept.whole_market else ())})

    def _answers(self, request: Request, symbols: Sequence[str], conduct: Conduct) -> Iterator[_Answer]:
        bounds_ms = date_bounds_ms(request.date)
        if request.file is None:
            return self._ask(symbols, bounds_ms, conduct)
        return self._read(request.file, set(symbols), bounds_ms)

    def _ask(self, symbols: Sequence[str], bounds_ms: tuple[int, int], conduct: Conduct) -> Iterator[_Answer]:
        """What REST has of each symbol."""
        unanswered = 0
        for symbol in symbols:
            conduct.await_turn()
            if conduct.stopping.is_set():
                return
            try:
                yield _Answer(symbol, self._rest().minute_bars(symbol, *bounds_ms))
                unanswered = 0
            except KeyRefusedError:
                raise
            except VendorError as error:
                unanswered = unanswered + 1 if isinstance(error, VendorUnavailableError) else 0
                if unanswered == _MOST_UNANSWERED:
                    raise
                yield _Answer(symbol, MinuteAnswer([], Span(*bounds_ms, 0, 0)), str(error))

    def _read(self, path: str, wanted: Collection[str], bounds_ms: tuple[int, int]) -> Iterator[_Answer]:
        """What the file has of each symbol, in its order; then those of which it has nothing."""
        # Whenever it is read, a flat file is the vendor's last word.
        asked_ms = max(self._clock.now_ms(), final_from_ms(bounds_ms[0]))
        span = Span(*bounds_ms, asked_ms, self._stamp())
        absent = set(wanted)
        for day in self._files.days(path, wanted, span.stamp):
            absent.discard(day.symbol)
            yield _Answer(day.symbol, MinuteAnswer(day.bars, span), day.trouble)
        for symbol in sorted(absent):
            yield _Answer(symbol, MinuteAnswer([], span))

    def _compared(self, run: Run, one: _Answer, conduct: Conduct) -> Run:
        """The run after this symbol."""
        if one.trouble:
            return run.with_failure(one.symbol, one.trouble)
        result = self._patiently(lambda: self._merged(one, conduct), conduct)
        if result is None:
            return run.with_failure(one.symbol, "The database is not available.")
        after = run.with_found(result.compared, result.found)
        if result.trouble:
            return after.with_failure(one.symbol, result.trouble)
        self._patiently(lambda: self._close_gaps(one.symbol, one.answer.span, result.found), conduct)
        return after.with_symbol(one.symbol)

    def _merged(self, one: _Answer, conduct: Conduct) -> _Result:
        """Compares, and has what differs committed."""
        answer = one.answer
        span = answer.span
        stored = self._bars.bars_between(one.symbol, span.from_ms, span.to_ms)
        if not answer.bars and is_well_known(stored.values()):
            reason = f"The vendor tells no bar of that day, and {len(stored)} are stored; they were left as they are."
            return _Result(0, Comparison([], [], [], []), reason)
        told = {start_ms: bar for start_ms, bar in stored.items() if start_ms not in answer.unusable}
        found = compare(told, answer.bars, span)
        if found.evidence and not conduct.submit(found.evidence):
            return _Result(0, Comparison([], [], [], []), "Its bars could not be stored.")
        unusable = (
            f"Of {len(answer.unusable)} minutes the vendor tells what cannot be right." if answer.unusable else ""
        )
        return _Result(len({*told, *(bar.timestamp for bar in answer.bars)}), found, unusable)

    def _load_gaps(self, request: Request) -> None:
        """Knows which minutes of the day are not repaired, given up or not: with its final bars they are."""
        self._entries, self._taken_up = {}, set()
        for entry in self._gaps.unrepaired(*date_bounds_ms(request.date)):
            self._entries.setdefault(entry.symbol, []).append(entry)

    def _close_gaps(self, symbol: str, span: Span, found: Comparison) -> None:
        """Closes what the day's final bars repaired. What was given up and is of other days as well is asked about
        again, now that the vendor answers."""
        if span.asked_ms < final_from_ms(span.from_ms):
            return
        for entry in self._entries.pop(symbol, []):
            if span.from_ms <= entry.from_ms and entry.to_ms <= span.to_ms:
                count = sum(entry.from_ms <= start_ms <= entry.to_ms for start_ms in found.repaired_ms)
                self._gaps.note([entry], GapState.REPAIRED, None, count, "")
            elif entry.state is GapState.UNREPAIRABLE and entry.gap_id not in self._taken_up:
                self._taken_up.add(entry.gap_id)
                self._gaps.ask_again(entry.gap_id, self._clock.now_ms())

    def _note(self, run: Run, conduct: Conduct) -> None:
        """Tells how far the run is, and keeps it once a second; what is not kept is compared again after a stop."""
        conduct.tell(run)
        now_s = self._clock.monotonic()
        if now_s - self._saved_s >= _SAVE_INTERVAL_S:
            self._saved_s = now_s
            with suppress(DatabaseUnavailableError):
                self._log.save(run)

    def _finish(self, run: Run, conduct: Conduct) -> None:
        self._patiently(lambda: self._log.save(run), conduct)
        conduct.tell(run)

    def _patiently(self, act: Callable[[], _T], conduct: Conduct) -> _T | None:
        return patiently(act, self._clock, conduct.stopping, "The comparison waits.")
