"""What the vendor says of symbols, taken over beside the feed: names, types, exchanges, and what is traded no more."""

import logging
import threading
from collections.abc import Callable, Iterable

from src.core.domain.market.symbol import is_symbol
from src.core.domain.market.vendor_answer import VendorTicker
from src.core.errors import DatabaseUnavailableError, VendorError
from src.core.history_ports import SymbolStore
from src.core.ports import Clock, Job, MinuteSource
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

_FIRST_S = 60.0  # after a start: gaps come first
_LOOK_S = 30.0
_EVERY_MS = 86_400_000
_AGAIN_S = 3600.0  # between two looks whether it is old, and after a failure
_PATIENCE_S = 1.0


class SymbolRefresh:
    """Loads the vendor's list on a thread of its own: when it is asked for and, if `by_itself`, when the last one is a
    day old. It comes after everything else: while `is_urgent` the vendor is needed for gaps. Any thread may call."""

    def __init__(
        self,
        source: MinuteSource,
        store: SymbolStore,
        clock: Clock,
        is_urgent: Callable[[], bool],
        *,
        by_itself: bool,
    ) -> None:
        self._source = source
        self._store = store
        self._clock = clock
        self._is_urgent = is_urgent
        self._by_itself = by_itself
        self._asked = threading.Event()
        self._worker = Worker("symbol-refresh", clock, "The vendor's list of symbols was not loaded.")
        self._due_s = float("inf")

    def start(self) -> None:
        """Starts the thread."""
        self._due_s = self._clock.monotonic() + (_FIRST_S if self._by_itself else float("inf"))
        self._worker.start(self._turn)

    def close(self) -> None:
        """Has the thread end: to be told before the vendor's side is closed, which then fails nothing."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread; a list that is half loaded is loaded anew by the next start."""
        self._worker.stop()

    def ask(self, _job: Job) -> str:
        """Has the list loaded now; the sentence that says so."""
        self._asked.set()
        self._worker.wake()
        return "The vendor's list of symbols is being loaded, as fast as the rate allows and after all that is missing."

    # -- its thread ----------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        if is_asked := self._asked.is_set():
            self._asked.clear()
        if is_asked or self._clock.monotonic() >= self._due_s:
            self._guarded_load(is_asked=is_asked)
        return _LOOK_S

    def _guarded_load(self, *, is_asked: bool) -> None:
        try:
            if is_asked or self._is_old():
                self._load()
        except (VendorError, DatabaseUnavailableError) as error:
            if not self._worker.stopping.is_set():
                logger.warning("The vendor's list of symbols was not loaded. %s", error)
        except Exception:
            logger.exception("The vendor's list of symbols was not loaded, by an error in the program.")
        if self._by_itself:
            self._due_s = self._clock.monotonic() + _AGAIN_S

    def _is_old(self) -> bool:
        refreshed_ms = self._store.refreshed_ms()
        return refreshed_ms is None or not 0 <= self._clock.now_ms() - refreshed_ms < _EVERY_MS

    def _load(self) -> None:
        """All pages, and only then what follows from them."""
        found: dict[str, VendorTicker] = {}
        for page in self._source.tickers():
            found |= {one.ticker: one for one in page}
            if self._waits_for_others():
                return
        logger.info("%s", take_over(found.values(), self._store))

    def _waits_for_others(self) -> bool:
        """Lets what is urgent go first; whether it is time to end."""
        while not self._worker.stopping.is_set() and self._is_urgent():
            self._clock.wait(self._worker.stopping, _PATIENCE_S)
        return self._worker.stopping.is_set()


def take_over(found: Iterable[VendorTicker], store: SymbolStore) -> str:
    """Keeps the whole list, and says what that changed. An empty one is not believed: VendorError."""
    tickers = [one for one in found if is_symbol(one.ticker)]
    if not tickers:
        raise VendorError("The vendor's list of symbols is empty; it was not believed.")
    changed = store.refresh(tickers)
    return f"The vendor's list has {len(tickers):,} symbols; {changed:,} were new or had changed."
