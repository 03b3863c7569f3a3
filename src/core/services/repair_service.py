"""Repairs gaps from the vendor's REST side beside the feed: whatever was missed is asked for, until nothing is."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.comparison import compare
from src.core.domain.market.gaps import Gap, GapEntry, GapReason, GapState
from src.core.domain.market.repair_plan import Heard, Request, Verdict, after_answer, after_failure, covers, requests
from src.core.domain.market.vendor_answer import MinuteAnswer
from src.core.errors import DatabaseUnavailableError, KeyRefusedError, VendorError, VendorUnavailableError
from src.core.ports import Clock, GapQueue, MinuteSource, RepairStore
from src.core.services.repair_queue import RepairQueue
from src.core.services.repair_scope import RepairScope

logger = logging.getLogger(__name__)

Submit = Callable[[Sequence[Bar]], bool]

_LOOK_S = 5.0  # for gaps that were opened meanwhile
_REFUSED_S = 900.0
_AWAY_FIRST_S = 5.0
_AWAY_CAP_S = 300.0
_BROKEN_S = 60.0
_KEPT_MS = 30 * 86_400_000  # how long closed gaps are shown
_PRUNED_EVERY_S = 3600.0
_GROWING = "What is missing still grows, or has just ended: the vendor is asked when the feed is heard again."
# An answer without any bar that would take back stored ones is believed when it comes for the third time.
_BELIEVED_AFTER = 2


class RepairService:
    """Works off the queue of gaps on one thread, from `run` to `close`; other threads may `wake` it and look.

    `lag_ms` tells by how much the feed's time is behind the clock; `volumes_before` see RepairScope.
    """

    def __init__(
        self,
        source: MinuteSource,
        gaps: GapQueue,
        store: RepairStore,
        clock: Clock,
        lag_ms: Callable[[], int],
        volumes_before: Callable[[Gap], Mapping[str, float]],
    ) -> None:
        self._source = source
        self._gaps = gaps
        self._store = store
        self._clock = clock
        self._lag_ms = lag_ms
        self._scope = RepairScope(source, store, clock, volumes_before)
        self._queue = RepairQueue(gaps, self._scope, clock, lag_ms, source.rate)
        self._news = threading.Event()
        self._closed = threading.Event()
        self._stirred = threading.Event()  # a person wants it now
        self._away_s = 0.0
        self._last: set[str] = set()  # symbols the vendor did not answer about, or refused: they come after all others
        self._granted = False  # whether it answered since it last refused the key
        self._looked_s = self._pruned_s = float("-inf")
        self._asked = self._repaired_bars = 0
        self._now: str | None = None
        self._held_back = ""  # "refused" or "paused", with the reason in `_last_error`
        self._last_error: str | None = None

    # -- other threads -------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Looks at the queue now, and forgets why it waits, such as a refused key: a person asked for it."""
        self._stirred.set()
        self._news.set()

    def listen(self, symbols: Sequence[str]) -> None:
        """These are listened to from now on, in place of those that `run` was given."""
        self._scope.listened = symbols

    def close(self) -> None:
        """Ends `run`, and every wait in it."""
        self._closed.set()
        self._news.set()
        self._source.close()

    def is_urgent(self) -> bool:
        """Whether the vendor is needed for gaps now, so that what is less urgent waits.

        Not for ever: where it has not answered for minutes, that may be about one symbol alone.
        """
        return self._away_s < _AWAY_CAP_S and (self._now is not None or bool(self._held_back))

    def snapshot(self) -> dict[str, Any]:
        """How far the repair is; times are epoch ms."""
        queue, state = self._queue.view, self._state()
        return {
            "state": state,
            "words": self._words(state),
            "open_gaps": queue.open_gaps,
            "waiting_symbols": queue.symbols,
            "asked": self._asked,
            "repaired_bars": self._repaired_bars,
            "rate_per_minute": self._source.rate.per_minute,
            "now": self._now,
            "empty_at": queue.empty_at_ms,
            "last_error": self._last_error,
        }

    def _state(self) -> str:
        if self._held_back:
            return self._held_back
        if self._source.paused_s():
            return "paused"
        if self._now is not None:
            return "asking"
        return "waiting" if self._queue.view.open_gaps else "idle"

    def _words(self, state: str) -> str:
        symbols = self._queue.view.symbols
        wait = f"{symbols} symbol{' waits' if symbols == 1 else 's wait'}"
        return {
            "idle": "Nothing is missing.",
            "asking": f"The vendor is asked about {self._now}; {wait} to be asked for.",
            "waiting": self._waiting_words(wait) if symbols else _GROWING,
            "paused": f"The vendor is left alone for a while; {wait}. {self._why_paused()}",
            "refused": f"Nothing can be repaired; {wait}. {self._last_error}",
        }[state]

    def _waiting_words(self, wait: str) -> str:
        if self._last_error:
            return f"{wait} to be asked about again. {self._last_error}"
        return f"{wait} until the vendor can have their minutes."

    def _why_paused(self) -> str:
        return (self._last_error if self._held_back else None) or "It asks for patience."

    # -- the thread `repair` -------------------------------------------------------------------------------------

    def run(self, symbols: Sequence[str], submit: Submit) -> None:
        """Repairs until closed. `symbols` are those listened to, `*` among them for all; `submit` has bars written, and
        gives False where it could not."""
        self._scope.listened = symbols
        while not self._closed.is_set():
            wait_s = self._guarded_step(submit)
            if wait_s:
                self._now = None
                self._clock.wait(self._news, wait_s)
                self._news.clear()
            if self._stirred.is_set():
                self._stirred.clear()
                self._last.clear()
                self._queue.reload()
                self._looked_s = float("-inf")
            self._held_back = ""

    def _guarded_step(self, submit: Submit) -> float:
        """One step; how long to wait before the next, in seconds."""
        try:
            return self._step(submit)
        except KeyRefusedError as error:
            return self._hold_back("refused", str(error), _REFUSED_S)
        except VendorUnavailableError as error:
            self._away_s = min(_AWAY_CAP_S, self._away_s * 2 or _AWAY_FIRST_S)
            return 0.0 if self._closed.is_set() else self._hold_back("paused", str(error), self._away_s)
        except DatabaseUnavailableError:  # the writer of bars says so
            return _LOOK_S
        except Exception:
            logger.exception("The repair failed by an error in the program.")
            return self._hold_back("paused", "An error in the program, which its log tells of.", _BROKEN_S)

    def _hold_back(self, state: str, reason: str, wait_s: float) -> float:
        self._held_back, self._last_error = state, reason
        self._last |= {self._now} if self._now else set()
        logger.warning("%s The repair goes on in %.0f s.", reason, wait_s)
        return wait_s

    def _step(self, submit: Submit) -> float:
        self._look()
        now_ms = self._clock.now_ms()
        symbol = self._queue.next(self._last, now_ms)
        if symbol is None:
            self._queue.measure()
            return min(_LOOK_S, self._queue.next_due_s(now_ms))
        self._now = symbol
        self._repair(symbol, submit)
        return 0.0

    def _look(self) -> None:
        """Takes up gaps that were opened since, every few seconds."""
        now_s = self._clock.monotonic()
        if now_s < self._looked_s + _LOOK_S:
            return
        if now_s >= self._pruned_s + _PRUNED_EVERY_S:
            self._gaps.prune(self._clock.now_ms() - _KEPT_MS)
            self._pruned_s = now_s
        self._queue.look()
        self._looked_s = now_s

    def _repair(self, symbol: str, submit: Submit) -> None:
        entries = self._queue.of(symbol)
        heard: dict[GapEntry, Heard] = {}
        failed: dict[GapEntry, str] = {}
        repaired: list[int] = []
        for request in requests(entries):
            trouble = self._answered(symbol, request, submit, heard, repaired)
            if self._closed.is_set():
                return
            failed |= dict.fromkeys(request.entries, trouble) if trouble else {}
        shares = _shares(entries, repaired)
        for entry in entries:
            self._note(entry, failed.get(entry), heard.get(entry), shares[entry])

    def _answered(
        self, symbol: str, request: Request, submit: Submit, heard: dict[GapEntry, Heard], repaired: list[int]
    ) -> str:
        """Asks, and has what differs written; adds what was heard of each entry, and the minutes that were repaired.
        Why the answer cannot be used, or an empty text."""
        try:
            answer = self._ask(symbol, request)
        except VendorUnavailableError:
            raise
        except KeyRefusedError as error:
            if symbol in self._last and self._granted:
                return f"{error} Other symbols are granted."
            self._granted = False
            raise
        except VendorError as error:
            return str(error)
        stored = self._stored(symbol, request, answer)
        found = compare(stored, [bar for bar in answer.bars if covers(request, bar.timestamp)], answer.span)
        if found.withdrawn and not answer.bars and min(one.attempts for one in request.entries) < _BELIEVED_AFTER:
            return f"The vendor answered without any bar, and {len(found.withdrawn)} are stored."
        if found.evidence and not submit(found.evidence):
            return "The writer of bars has ended."
        repaired += found.repaired_ms
        for entry in request.entries:
            heard[entry] = _heard(entry, answer, stored.values(), heard.get(entry))
        return ""

    def _ask(self, symbol: str, request: Request) -> MinuteAnswer:
        answer = self._source.minute_bars(symbol, request.from_ms, request.to_ms)
        self._asked += 1
        self._away_s = 0.0
        self._last_error = None
        self._granted = True
        self._last.discard(symbol)
        return answer

    def _stored(self, symbol: str, request: Request, answer: MinuteAnswer) -> dict[int, Bar]:
        """The stored bars that the answer can speak of."""
        stored = self._store.bars_between(symbol, request.from_ms, request.to_ms)
        return {at: bar for at, bar in stored.items() if covers(request, at) and at not in answer.unusable}

    def _note(self, entry: GapEntry, trouble: str | None, heard: Heard | None, repaired: int) -> None:
        """Keeps what became of an entry; one that was not due yet only where that ended it."""
        now_ms = self._clock.now_ms()
        if trouble is not None or heard is None:
            verdict = after_failure(entry, now_ms)
            self._last_error = f"{entry.symbol}: {trouble}"
        else:
            verdict = after_answer(entry, heard, self._lag_ms())
        if verdict.due_ms is not None:  # whatever the clocks say, nobody is asked about at once again
            verdict = verdict._replace(due_ms=max(verdict.due_ms, now_ms + MINUTE_MS))
        if verdict.due_ms is not None and entry.due_ms > now_ms and not repaired:
            return
        self._repaired_bars += repaired
        self._queue.note(entry, verdict, repaired, trouble or "")
        _log(entry, verdict, heard, repaired, trouble)


def _shares(entries: Sequence[GapEntry], repaired: Iterable[int]) -> dict[GapEntry, int]:
    """How many of the repaired minutes belong to each entry; those of no entry, revised before a gap, to the first."""
    shares = dict.fromkeys(entries, 0)
    for minute_ms in repaired:
        owner = next((entry for entry in entries if entry.from_ms <= minute_ms <= entry.to_ms), entries[0])
        shares[owner] += 1
    return shares


def _heard(entry: GapEntry, answer: MinuteAnswer, stored: Iterable[Bar], before: Heard | None) -> Heard:
    """What is known of an entry after this answer, which can be one of several about it."""
    newest_ms = max((bar.timestamp for bar in answer.bars if bar.timestamp <= entry.to_ms), default=None)
    known = (bar.timestamp for bar in stored if bar.timestamp <= entry.to_ms and not bar.withdrawn)
    stored_ms = max(known, default=None)
    if before is None:
        return Heard(answer.span.asked_ms, newest_ms, stored_ms)
    return Heard(before.asked_ms, newest_ms or before.newest_ms, stored_ms or before.stored_ms)


def _log(entry: GapEntry, verdict: Verdict, heard: Heard | None, repaired: int, trouble: str | None) -> None:
    if trouble:
        again = "It is given up." if verdict.due_ms is None else "It is asked for again."
        logger.warning("A gap of %s could not be repaired. %s %s", entry.symbol, trouble, again)
    elif entry.reason is GapReason.HISTORY and heard and heard.newest_ms is None and entry.state is GapState.OPEN:
        logger.warning("The feed's history has no bar of %s; tickers are case-sensitive, such as BRK.B.", entry.symbol)
    elif repaired:
        bars = "1 bar of %s was" if repaired == 1 else f"{repaired:,} bars of %s were"
        logger.info(f"{bars} repaired (%s).", entry.symbol, entry.reason.value)
