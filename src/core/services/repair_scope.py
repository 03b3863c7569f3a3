"""Whose minutes a gap concerns: its symbols, when to ask about each first, and who did not trade in it."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from src.core.domain.market.gaps import Gap, GapEntry
from src.core.domain.market.repair_plan import first_due_ms, is_settled, last_ms, settled_due_ms
from src.core.domain.market.session import new_york_date
from src.core.domain.market.vendor_answer import SnapshotDay
from src.core.errors import VendorError
from src.core.ports import Clock, MinuteSource, RepairStore

logger = logging.getLogger(__name__)

WIDE = 50  # symbols; above this the whole market's snapshot is asked for first
_SAME_VOLUME = 1e-6  # shares
_NO_SNAPSHOT_S = 900.0  # how long a vendor that gives no snapshot is not asked for another one


class RepairScope:
    """Divides gaps into symbols. Used on the thread `repair` only.

    `volumes_before` gives the day's volume of symbols as it was heard before a gap. A symbol whose volume is the same
    after it had no trade in it, and none before it was revised: it need not be asked for. Since the vendor may lag,
    that is believed 20 minutes after the gap only; until then such a symbol waits.
    """

    def __init__(
        self,
        source: MinuteSource,
        store: RepairStore,
        clock: Clock,
        volumes_before: Callable[[Gap], Mapping[str, float]],
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._volumes_before = volumes_before
        self._unmoved: dict[str, dict[str, float]] = {}  # by gap: symbols, with the day's volume before it
        self._no_snapshot_until_s = float("-inf")
        self.listened: Sequence[str] = ()
        self.dollar_volumes: dict[str, float] = {}

    def is_ripe(self, gap: Gap, now_ms: int, lag_ms: int) -> bool:
        """Whether a gap can be divided: a wide one only once the snapshot can know of its minutes."""
        return not self._is_wide(gap) or first_due_ms(gap, lag_ms) <= now_ms

    def due(self, gap: Gap, now_ms: int, lag_ms: int) -> dict[str, int] | None:
        """The symbols to ask about, each with when first; None while nobody knows what the whole market is.

        Raises DatabaseUnavailableError.
        """
        days = self._snapshot() if self._is_wide(gap) else None
        due = dict.fromkeys(self._symbols(gap, days or {}), first_due_ms(gap, lag_ms))
        if not due:
            return None
        if days is None or new_york_date(gap.from_ms) != new_york_date(now_ms - lag_ms):
            return due
        unmoved = _unmoved(due, self._volumes_before(gap), days)
        logger.info("%d of %d symbols did not trade meanwhile.", len(unmoved), len(due))
        if is_settled(last_ms(gap), now_ms - lag_ms):
            return {symbol: due_ms for symbol, due_ms in due.items() if symbol not in unmoved}
        self._unmoved[gap.id] = unmoved
        return due | dict.fromkeys(unmoved, settled_due_ms(last_ms(gap), lag_ms))

    def keep(self, gap_ids: Collection[str]) -> None:
        """Forgets what is known about other gaps than these."""
        self._unmoved = {gap_id: symbols for gap_id, symbols in self._unmoved.items() if gap_id in gap_ids}

    def dismissed(self, entries: Iterable[GapEntry]) -> list[GapEntry]:
        """Those of many due entries whose symbols still have the day's volume of before their gap."""
        candidates = [entry for entry in entries if entry.symbol in self._unmoved.get(entry.gap_id, {})]
        if len(candidates) <= WIDE:
            return []
        days = self._snapshot()
        found: list[GapEntry] = []
        for entry in candidates:
            before = self._unmoved[entry.gap_id].pop(entry.symbol)
            if days is not None and _is_same(before, days.get(entry.symbol)):
                found.append(entry)
        return found

    def learn_volumes(self) -> None:
        """Reads from stored bars which symbols trade most, where no snapshot told it."""
        self.dollar_volumes = {**self._store.dollar_volumes(), **self.dollar_volumes}

    def _is_wide(self, gap: Gap) -> bool:
        symbols = self.listened if gap.symbols is None else gap.symbols
        return "*" in symbols or len(symbols) > WIDE

    def _symbols(self, gap: Gap, days: Mapping[str, SnapshotDay]) -> list[str]:
        symbols = self.listened if gap.symbols is None else gap.symbols
        if "*" not in symbols:
            return list(symbols)
        known = self._store.dollar_volumes()
        return sorted({*days, *(symbol for symbol, dollars in known.items() if dollars or not days)})

    def _snapshot(self) -> dict[str, SnapshotDay] | None:
        """The whole market's day; None where the plan has no snapshot, or it cannot be had: then all are asked for."""
        if self._clock.monotonic() < self._no_snapshot_until_s:
            return None
        try:
            days = self._source.snapshot()
        except VendorError as error:
            logger.info("There is no snapshot of the whole market; every symbol is asked for. %s", error)
            self._no_snapshot_until_s = self._clock.monotonic() + _NO_SNAPSHOT_S
            return None
        self.dollar_volumes |= {symbol: day.dollar_volume for symbol, day in days.items()}
        return days


def _unmoved(symbols: Iterable[str], before: Mapping[str, float], days: Mapping[str, SnapshotDay]) -> dict[str, float]:
    """Those whose day's volume is what it was before the gap, or that did not trade at all. Of a symbol that the
    snapshot lacks nothing is known: it may be cut short, or empty."""
    volumes = {symbol: before.get(symbol, 0.0) for symbol in symbols}
    return {symbol: volume for symbol, volume in volumes.items() if _is_same(volume, days.get(symbol))}


def _is_same(before: float, day: SnapshotDay | None) -> bool:
    return day is not None and abs(day.volume - before) < _SAME_VOLUME
