"""Fills history beside the feed: a new symbol's trading days before, so that no page opens empty."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from src.core.errors import VendorError
from src.core.ports import BarWriter, HistorySource

logger = logging.getLogger(__name__)


class BackfillService:
    """Asks the vendor for each symbol's minute bars and submits them to the writer, page by page.

    `from_ms` gives the start of what to fill, `now_ms` reads the wall clock, both epoch ms.
    """

    def __init__(self, source: HistorySource, from_ms: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self._source = source
        self._from_ms = from_ms
        self._now_ms = now_ms
        self._total = self._done = self._bars = 0
        self._failed: list[str] = []
        self._closed = False

    def run(self, symbols: Sequence[str], loaded: Sequence[str], writer: BarWriter) -> None:
        """Fills those of `symbols` that are not `loaded`, one after the other, until done or closed.

        After each, the symbols loaded so far are posted to the writer as the state `history`. One that fails is
        named, and is asked for again at the next start.
        """
        known = list(loaded)
        wanted = [symbol for symbol in symbols if symbol not in known]
        if not wanted:
            return
        self._total = len(wanted)
        logger.info("Loading the history of %d symbols.", self._total)
        for symbol in wanted:
            if self._fill(symbol, writer):
                known.append(symbol)
                writer.post_state("history", known.copy())
            if self._closed:
                return
        logger.info("History loaded: %d bars of %d symbols.", self._bars, self._done)
        if self._failed:
            logger.warning("History could not be loaded for %s.", ", ".join(self._failed))

    def _fill(self, symbol: str, writer: BarWriter) -> bool:
        try:
            for page in self._source.minute_bars(symbol, self._from_ms(), self._now_ms()):
                if page and not writer.submit(page):
                    return False
                self._bars += len(page)
        except VendorError as error:
            if not self._closed:
                self._failed.append(symbol)
                logger.warning("The history of %s could not be loaded. %s", symbol, error)
            return False
        self._done += 1
        return True

    def close(self) -> None:
        """Ends a filling that is under way."""
        self._closed = True
        self._source.close()

    def snapshot(self) -> dict[str, Any]:
        """How far the filling is: symbols in all, done and failed, bars loaded."""
        return {"total": self._total, "done": self._done, "bars": self._bars, "failed": list(self._failed)}
