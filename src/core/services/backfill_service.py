"""Fills history beside the feed, so that no page opens empty and no stop leaves a hole."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from src.core.domain.market.rest_evidence import SETTLED_AFTER_MS
from src.core.errors import KeyRefusedError, VendorError
from src.core.ports import BarWriter, HistorySource

logger = logging.getLogger(__name__)

_LONGEST_REQUEST_MS = 28 * 86_400_000  # the vendor gives at most a month of minutes a request
# Answers about minutes that ended less than 20 minutes before are not official yet: they are asked for again then.
_RECHECK_AFTER_S = SETTLED_AFTER_MS / 1000 + 60


class BackfillService:
    """Asks the vendor for each symbol's minute bars and submits them to the writer, page by page.

    `from_ms` gives the start of a new symbol's history, `now_ms` reads the wall clock, both epoch ms.
    """

    def __init__(self, source: HistorySource, from_ms: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self._source = source
        self._from_ms = from_ms
        self._now_ms = now_ms
        self._total = self._done = self._bars = 0
        self._failed: list[str] = []
        self._closed = threading.Event()

    def run(self, symbols: Sequence[str], filled_to: Mapping[str, int], writer: BarWriter) -> None:
        """Fills `symbols` one after the other, and again when the first answers have settled; ends when closed.

        `filled_to` says up to when (epoch ms) each symbol was filled before: what follows is asked for, which is
        everything that was missed since the last start. After each symbol the new state is posted to the writer as
        `history`. A symbol that fails is named, and is asked for again the next time.
        """
        state = dict(filled_to)
        self._fill_all(symbols, state, writer)
        if not self._closed.wait(_RECHECK_AFTER_S):
            self._fill_all(symbols, state, writer)

    def _fill_all(self, symbols: Sequence[str], state: dict[str, int], writer: BarWriter) -> None:
        self._total, self._done, self._bars, self._failed = len(symbols), 0, 0, []
        logger.info("Loading the history of %d symbols.", self._total)
        for symbol in symbols:
            try:
                filled_to_ms = self._fill(symbol, state.get(symbol), writer)
            except KeyRefusedError as error:
                logger.warning("No history is loaded. %s", error)
                return
            if self._closed.is_set():
                return
            if filled_to_ms is not None:
                state[symbol] = filled_to_ms
                writer.post_state("history", dict(state))
        logger.info("History loaded: %d bars of %d symbols.", self._bars, self._done)
        if self._failed:
            logger.warning("History could not be loaded for %s.", ", ".join(self._failed))

    def _fill(self, symbol: str, filled_to_ms: int | None, writer: BarWriter) -> int | None:
        """Fills one symbol; up to when it is filled now, None when that failed."""
        now_ms = self._now_ms()
        from_ms = self._from_ms() if filled_to_ms is None else filled_to_ms - SETTLED_AFTER_MS
        bars = 0
        try:
            for start_ms in range(from_ms, now_ms + 1, _LONGEST_REQUEST_MS):
                end_ms = min(start_ms + _LONGEST_REQUEST_MS - 1, now_ms)
                for page in self._source.minute_bars(symbol, start_ms, end_ms):
                    if page and not writer.submit(page):
                        return None
                    bars += len(page)
        except KeyRefusedError:
            raise
        except VendorError as error:
            if not self._closed.is_set():
                self._failed.append(symbol)
                logger.warning("The history of %s could not be loaded. %s", symbol, error)
            return None
        if not bars and filled_to_ms is None:
            logger.warning("The feed's history has no bar of %s; tickers are case-sensitive, such as BRK.B.", symbol)
        self._done += 1
        self._bars += bars
        return now_ms

    def close(self) -> None:
        """Ends a filling that is under way."""
        self._closed.set()
        self._source.close()

    def snapshot(self) -> dict[str, Any]:
        """How far the present filling is: symbols in all, done and failed, bars loaded."""
        return {"total": self._total, "done": self._done, "bars": self._bars, "failed": list(self._failed)}
