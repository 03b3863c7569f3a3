"""The queue of gaps as the repair works it off: in memory what the tables hold, in the order in which to ask."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.gaps import GapEntry, GapState
from src.core.domain.market.repair_plan import Verdict, empty_at_ms, heeded_due_ms, in_order
from src.core.ports import Clock, GapQueue
from src.core.services.repair_scope import RepairScope

_RELOADED_EVERY_S = 60.0
_VOLUMES_LEARNED_EVERY_S = 3600.0
_FOREVER_MS = 2**62
_MOST_SYMBOLS = 1_000_000


class QueueView(NamedTuple):
    """Gaps that are open, symbols that wait, and when nothing will wait any more (None when nothing does)."""

    open_gaps: int = 0
    symbols: int = 0
    empty_at_ms: int | None = None


class RepairQueue:
    """Entries by symbol. The thread `repair` owns it.

    The tables are read at a look after something was added to them, and each minute; in between, this is what they
    hold, since nobody else repairs.
    """

    def __init__(
        self, gaps: GapQueue, scope: RepairScope, clock: Clock, lag_ms: Callable[[], int], rate: RequestRate
    ) -> None:
        self._gaps = gaps
        self._scope = scope
        self._clock = clock
        self._lag_ms = lag_ms
        self._interval_ms = 60_000 / rate.per_minute
        self._entries: dict[str, list[GapEntry]] = {}
        self._order: list[str] = []  # who is due, whom to ask first at the end
        self._loaded_s = self._learned_s = float("-inf")
        self._open_gaps = 0
        self._empty_at_ms: int | None = None

    @property
    def view(self) -> QueueView:
        """How long it is. Any thread may ask."""
        return QueueView(self._open_gaps, len(self._entries), self._empty_at_ms)

    def reload(self) -> None:
        """Reads the tables at the next look."""
        self._loaded_s = float("-inf")

    def look(self) -> None:
        """Divides gaps that have ended into symbols, and reads what is due. Raises DatabaseUnavailableError."""
        for gap in self._gaps.unexpanded():
            now_ms, lag_ms = self._clock.now_ms(), self._lag_ms()
            if not self._scope.is_ripe(gap, now_ms, lag_ms):
                continue
            due = self._scope.due(gap, now_ms, lag_ms)
            if due is not None:
                self._gaps.expand(gap, due)
                self.reload()
        if self._clock.monotonic() >= self._loaded_s + _RELOADED_EVERY_S:
            self._load()
        self._dismiss()
        self._order.clear()
        self.measure()

    def measure(self) -> None:
        """Finds out how many gaps are open, and when nothing will wait any more."""
        self._empty_at_ms = empty_at_ms(self._entries, self._clock.now_ms(), self._interval_ms, self._lag_ms())
        self._open_gaps = self._gaps.counts().open_gaps

    def next(self, last: Collection[str], now_ms: int) -> str | None:
        """Whom to ask now, None when nobody is due; those in `last` after all others."""
        while self._order:
            if (symbol := self._order.pop()) in self._entries:
                return symbol
        self._order = in_order(self._entries, self._scope.dollar_volumes, last, now_ms)[::-1]
        return self._order.pop() if self._order else None

    def next_due_s(self, now_ms: int) -> float:
        """In how many seconds somebody is due; infinite when nobody is."""
        due_ms = min((entry.due_ms for entries in self._entries.values() for entry in entries), default=None)
        return float("inf") if due_ms is None else max(0.001, (due_ms - now_ms) / 1000)

    def of(self, symbol: str) -> list[GapEntry]:
        """All entries of a symbol, oldest minutes first."""
        return list(self._entries[symbol])

    def note(self, entry: GapEntry, verdict: Verdict, repaired: int, detail: str) -> None:
        """Keeps what became of an entry that was asked for."""
        self._gaps.note([entry], verdict.state, verdict.due_ms, repaired, detail)
        self._replace(entry, verdict)

    def _replace(self, entry: GapEntry, verdict: Verdict) -> None:
        others = [other for other in self._entries[entry.symbol] if other.gap_id != entry.gap_id]
        if verdict.due_ms is not None:
            renewed = entry._replace(state=verdict.state, due_ms=verdict.due_ms, attempts=entry.attempts + 1)
            others = sorted([*others, renewed], key=lambda one: (one.from_ms, one.to_ms, one.gap_id))
        if others:
            self._entries[entry.symbol] = others
        else:
            del self._entries[entry.symbol]

    def _load(self) -> None:
        self._entries = {}
        now_ms = self._clock.now_ms()
        for entry in self._gaps.entries(_FOREVER_MS, _MOST_SYMBOLS):
            due_ms = heeded_due_ms(entry.due_ms, now_ms)
            self._entries.setdefault(entry.symbol, []).append(entry._replace(due_ms=due_ms))
        self._scope.keep({entry.gap_id for entries in self._entries.values() for entry in entries})
        self._loaded_s = self._clock.monotonic()
        if len(self._entries) > 1 and self._loaded_s >= self._learned_s + _VOLUMES_LEARNED_EVERY_S:
            self._scope.learn_volumes()
            self._learned_s = self._loaded_s

    def _dismiss(self) -> None:
        """Closes what needs no request, since its symbols did not trade."""
        now_ms = self._clock.now_ms()
        due = (entry for entries in self._entries.values() for entry in entries if entry.due_ms <= now_ms)
        if idle := self._scope.dismissed(due):
            self._gaps.note(idle, GapState.REPAIRED, None, 0, "")
            for entry in idle:
                self._replace(entry, Verdict(GapState.REPAIRED, None))
