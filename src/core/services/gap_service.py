"""What may be missing becomes a gap in the table, whatever opened it; what is heard again ends it.

The feed's threads only leave word here, in memory; the desk of the connections writes it.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from src.core.domain.connection.interruption import Interruption, Listened
from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.bar_book import Doubt
from src.core.domain.market.gap_book import WHOLE_MARKET, Clip, GapBook, Opening, floor_minute
from src.core.domain.market.gaps import Gap, GapReason
from src.core.ports import Clock, GapRecorder
from src.core.services.bar_intake import BarIntake

logger = logging.getLogger(__name__)

# What time it is by the feed is sure when some seconds of it were heard (the first may be bars that are sent again); an
# estimate has to do if nothing comes for so long.
_SURE_AFTER_S = 2.0
_ESTIMATE_AFTER_S = 10.0
_NAMED = 20
_UNREACHED = "The feed was not reached at the start."
# No connection is mute for longer unnoticed: outside of the regular session a small one may, over a long weekend.
_LONGEST_SILENCE_MS = 4 * 86_400_000
_DOUBTS = {
    GapReason.UNOFFICIAL: "Seconds came, but no minute bar.",
    GapReason.LATE: "A second came when its minute was closed.",
    GapReason.SUSPECT: "The day's volume grew by more than the minute bars that came.",
}


class Heard(NamedTuple):
    """Up to which minute a life heard: `event_ms` by the feed, which was at `at_ms` by the wall clock (epoch ms).

    `quiet_ms` is the same of the connection that heard nothing for longest: it may be mute.
    """

    event_ms: int
    at_ms: int
    quiet_ms: int | None = None

    @property
    def missed_ms(self) -> int:
        """From when on something may have been missed."""
        return self.event_ms if self.quiet_ms is None else min(self.event_ms, self.quiet_ms)


class Before(NamedTuple):
    """What is known of earlier lives: what the last one heard (None: nothing, ever), and up to when each symbol's
    minutes are accounted for, epoch ms; those of the last life have the newest of these times."""

    heard: Heard | None
    history: Mapping[str, int]


class GapService:
    """Owns the gaps of this life. Any thread may call; only `begin` and `flush` wait for the database.

    `clip` gives what of some minutes is in trading hours; `history_from_ms` from when on the history of a new symbol is
    wanted, None if it is not.
    """

    def __init__(
        self,
        recorder: GapRecorder,
        intake: BarIntake,
        clock: Clock,
        clip: Clip,
        history_from_ms: Callable[[], int] | None,
    ) -> None:
        self._recorder = recorder
        self._intake = intake
        self._clock = clock
        self._clip = clip
        self._history_from_ms = history_from_ms
        self._lock = threading.Lock()
        self._book = GapBook(lambda: uuid.uuid4().hex, clip)
        self._back: list[tuple[tuple[str, ...], float]] = []  # heard again before anything told the event time
        self._written = 0  # the book's changes that the database has
        self._apart_ms: int | None = None  # since when this life listens without the database
        self._accounted: dict[str, int] = {}

    # -- a start -------------------------------------------------------------------------------------------------

    def begin(self, universe: Sequence[str], before: Before) -> dict[str, int]:
        """Opens what nobody listened to: since the last life, and the history of new symbols; ends what grew of symbols
        that are not listened to any more. Gives up to when each symbol's minutes are accounted for now.

        Raises DatabaseUnavailableError; then it may be called again.
        """
        if self._apart_ms is not None:
            return self._join(universe, before, self._apart_ms)
        if before.heard is not None:
            self._assume(before.heard)
        growing = self._recorder.growing()
        now_ms = self._intake.event_ms()
        with self._lock:
            self._book.forget_start()  # of a call that failed; what was lost by then stays
            self._back = []
            for gap in growing:
                self._go_on(gap, universe, now_ms if before.heard is None else before.heard.event_ms)
            if (unheard := self._unheard(universe, before)) is not None:
                self._book.interrupt(*unheard)
            # Nothing more is missing yet, but will be if it takes minutes until the feed answers.
            next_ms = floor_minute(now_ms) + MINUTE_MS
            self._book.interrupt(universe, next_ms, self._opening(GapReason.RESTART, _UNREACHED))
            self._open_history(universe, before, now_ms)
        self.flush()
        return {**before.history, **dict.fromkeys(universe, now_ms)}

    def begin_apart(self, universe: Sequence[str], heard: Heard | None) -> None:
        """Listening begins while the database is away: what was missed before is opened once it answers, by `begin`.
        `heard` is what is remembered of the last life."""
        if heard is not None:
            self._assume(heard)
        self._apart_ms = floor_minute(self._intake.event_ms())
        with self._lock:
            self._book.forget_start()
            self._back = []
            self._book.interrupt(universe, self._apart_ms, self._opening(GapReason.RESTART, _UNREACHED))

    def _join(self, universe: Sequence[str], before: Before, apart_ms: int) -> dict[str, int]:
        """What is known of this life stays; what it began without is added, once: until this life, nobody listened."""
        if not self._accounted:
            growing = self._recorder.growing()
            with self._lock:
                for gap in growing:
                    self._book.end(gap, apart_ms if before.heard is None else before.heard.event_ms)
                self._open_unheard(universe, before, apart_ms)
                self._open_history(universe, before, apart_ms)
            self._accounted = {**before.history, **dict.fromkeys(universe, apart_ms)}
        self.flush()
        return self._accounted

    def _open_unheard(self, universe: Sequence[str], before: Before, to_ms: int) -> None:
        if (unheard := self._unheard(universe, before)) is not None:
            symbols, from_ms, opening = unheard
            if from_ms <= to_ms and (bounds := self._clip(from_ms, to_ms)) is not None:
                self._book.open(symbols, *bounds, opening)

    def _assume(self, heard: Heard) -> None:
        self._intake.assume(heard.event_ms, heard.at_ms - heard.event_ms)

    def relist(
        self, universe: Sequence[str], added: Sequence[str], removed: Sequence[str], history: Mapping[str, int]
    ) -> dict[str, int]:
        """While it is listened, the universe has become this one. Opens what was not heard of the symbols that were
        added, which grows until they are; ends what grew of those that were removed. Gives up to when each symbol's
        minutes are accounted for now, of which `history` is what the start gave.

        Raises DatabaseUnavailableError; then it may be called again.
        """
        now_ms = self._intake.event_ms()
        since: dict[int | None, list[str]] = {}
        for symbol in added:
            since.setdefault(history.get(symbol), []).append(symbol)
        with self._lock:
            self._book.resume(set(removed), now_ms, self._clock.monotonic())
            for accounted_ms, symbols in since.items():
                self._grow_past(symbols, accounted_ms, now_ms)
        self.flush()
        # Those that are listened to have the newest time: whoever has an older one was let go of before.
        let_go = dict.fromkeys(removed, now_ms - MINUTE_MS)
        return {**history, **let_go, **dict.fromkeys(universe, now_ms)}

    def _grow_past(self, symbols: Sequence[str], accounted_ms: int | None, now_ms: int) -> None:
        """What is missing of symbols from then on, or of new ones, and grows until they are heard."""
        scope = symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
        from_ms, reason, detail = now_ms, GapReason.MOVE, "Listened to for the first time."
        if accounted_ms is not None:
            from_ms, reason, detail = accounted_ms, GapReason.HISTORY, f"Not listened to since {_utc(accounted_ms)}."
        elif self._history_from_ms is not None:
            from_ms, reason = self._history_from_ms(), GapReason.HISTORY
        self._book.interrupt(symbols, from_ms, self._opening(reason, detail)._replace(scope=scope))

    def _go_on(self, gap: Gap, universe: Sequence[str], heard_ms: int) -> None:
        """A gap of an earlier life grows on for the symbols that are listened to, and ends for the others."""
        missed = set(universe) if gap.symbols is None else set(gap.symbols)
        names = missed if WHOLE_MARKET in universe else missed.intersection(universe)
        self._book.go_on(gap, missed)
        if gone := missed - names:
            self._book.resume(gone, heard_ms, self._clock.monotonic())

    def _unheard(self, universe: Sequence[str], before: Before) -> tuple[Sequence[str], int, Opening] | None:
        """Of which symbols, and from which minute on, nobody listened before this life; None if nobody ever did."""
        known = [before.history[symbol] for symbol in universe if symbol in before.history]
        if before.heard is not None:
            from_ms, since = floor_minute(before.heard.missed_ms) - MINUTE_MS, _utc(before.heard.missed_ms)
            return universe, from_ms, self._opening(GapReason.RESTART, f"Nothing listened since {since}.")
        if known:  # of a version that kept no more than that
            opening = self._opening(GapReason.RESTART, f"Nothing listened since {_utc(min(known))}.")
            return [one for one in universe if one in before.history], min(known), opening
        return None

    def _open_history(self, universe: Sequence[str], before: Before, now_ms: int) -> None:
        """The history of symbols that are new, or that the last life did not listen to."""
        newest_ms = max(before.history.values(), default=0)
        since: dict[int | None, list[str]] = {}
        for symbol in universe:
            if before.history.get(symbol, -1) < newest_ms or not newest_ms:
                since.setdefault(before.history.get(symbol), []).append(symbol)
        for accounted_ms, symbols in since.items():
            if accounted_ms is not None:
                self._open_past(symbols, accounted_ms, now_ms, f"Not listened to since {_utc(accounted_ms)}.")
            elif self._history_from_ms is not None:
                self._open_past(symbols, self._history_from_ms(), now_ms, "Listened to for the first time.")

    def _open_past(self, symbols: Sequence[str], from_ms: int, to_ms: int, detail: str) -> None:
        scope = symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
        opening = self._opening(GapReason.HISTORY, detail)._replace(scope=scope)
        self._book.open(symbols, from_ms, to_ms, opening)

    # -- the feed's threads --------------------------------------------------------------------------------------

    def interrupted(self, interruption: Interruption) -> None:
        """A connection may have missed something of its tickers."""
        _id, tickers, heard_ms, since_s, reason, detail, goes_on = interruption
        from_ms = floor_minute(self._intake.event_ms(since_s) if heard_ms is None else heard_ms) - MINUTE_MS
        opening = self._opening(reason, detail)._replace(scope=interruption.connection_id)
        now_ms = self._intake.event_ms()
        with self._lock:
            self._take_back(wait=False)
            if goes_on:
                self._book.interrupt(tickers, from_ms, opening)
            elif (bounds := self._clip(from_ms, floor_minute(now_ms))) is not None:
                self._book.open(tickers, *bounds, opening)

    def resumed(self, tickers: Iterable[str]) -> None:
        """The feed has acknowledged these tickers on some connection."""
        with self._lock:
            self._back.append((tuple(tickers), self._clock.monotonic()))
            self._take_back(wait=True)

    def _take_back(self, wait: bool) -> None:
        """Ends what grew, in event time, as soon as that is known."""
        now_s, heard_s = self._clock.monotonic(), self._intake.heard_s
        is_sure = heard_s is not None and now_s - heard_s >= _SURE_AFTER_S
        while self._back:
            tickers, back_s = self._back[0]
            if wait and not is_sure and now_s - back_s < _ESTIMATE_AFTER_S:
                return
            self._book.resume(tickers, self._intake.event_ms(back_s), now_s)
            del self._back[0]

    # -- any thread ----------------------------------------------------------------------------------------------

    def open(
        self, symbols: Sequence[str], from_ms: int, to_ms: int, reason: GapReason, scope: str, detail: str
    ) -> None:
        """Something may be missing of these symbols in the minutes from the first to the last (event time, ms)."""
        with self._lock:
            self._book.open(symbols, from_ms, to_ms, Opening(reason, scope, detail, self._clock.now_ms()))

    def lost(self, minutes: Sequence[tuple[str, int]], words: str) -> None:
        """Bars of these symbols and minutes (event time, ms) could not be kept; `words` say why."""
        spans: dict[str, tuple[int, int]] = {}
        for symbol, start_ms in minutes:
            first_ms, last_ms = spans.get(symbol, (start_ms, start_ms))
            spans[symbol] = (min(first_ms, start_ms), max(last_ms, start_ms))
        alike: dict[tuple[int, int], list[str]] = {}
        for symbol, span in spans.items():
            alike.setdefault(span, []).append(symbol)
        for span, symbols in alike.items():
            scope = symbols[0] if len(symbols) == 1 else f"{len(symbols)} symbols"
            self.open(symbols, *span, GapReason.WRITE, scope, words)

    def doubt(self, doubts: Iterable[Doubt]) -> None:
        """Takes what the bar book doubts."""
        for symbol, from_ms, to_ms, reason in doubts:
            self.open((symbol,), from_ms, to_ms, reason, symbol, _DOUBTS[reason])

    def flush(self) -> None:
        """Writes what changed. Raises DatabaseUnavailableError; it is kept then, and joined if it is too much."""
        now_ms, now_s = self._intake.event_ms(), self._clock.monotonic()
        with self._lock:
            self._take_back(wait=True)
            gaps, changes = self._book.take(now_ms, now_s), self._book.changes
        if gaps:
            self._recorder.record(gaps)
        with self._lock:
            self._book.kept(gaps)
            self._written = changes

    def heard(self, listened: Iterable[Listened] = ()) -> Heard | None:
        """What a next life may take as heard: nothing new while a gap is not written yet, or if nothing came.

        `listened` is what each connection heard, before this is asked: what ended since is a gap that is not written.
        """
        watermark_ms = self._intake.watermark_ms
        behind_ms = self._intake.behind_ms()
        quiet_ms = min((self._newest_ms(one) for one in listened), default=watermark_ms)
        with self._lock:
            is_written = self._written == self._book.changes
        if not watermark_ms or not is_written:
            return None
        return Heard(watermark_ms, watermark_ms + behind_ms, max(quiet_ms, watermark_ms - _LONGEST_SILENCE_MS))

    def _newest_ms(self, one: Listened) -> int:
        return self._intake.event_ms(one.since_s) if one.heard_ms is None else one.heard_ms

    def snapshot(self) -> dict[str, Any]:
        """What grows: how many symbols and the first of them; and how many changed gaps wait for the database."""
        with self._lock:
            missing, unwritten = sorted(self._book.missing), self._book.unwritten
        return {
            "missing_symbols": len(missing),
            "missing": missing[:_NAMED],
            "unwritten": unwritten,
            "behind_ms": self._intake.behind_ms(),
        }

    def _opening(self, reason: GapReason, detail: str) -> Opening:
        return Opening(reason, WHOLE_MARKET, detail, self._clock.now_ms())


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
