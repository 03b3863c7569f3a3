"""Fills history beside the feed. At a first start: the trading days before it, so that a page does not open empty."""

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

    def run(self, symbols: Sequence[str], writer: BarWriter, stopping: Callable[[], bool]) -> bool:
        """Fills `symbols` one after the other; a symbol that fails is named. False when told to stop first."""
        self._total = len(symbols)
        logger.info("First start: loading the history of %d symbols.", self._total)
        for symbol in symbols:
            if stopping() or not self._fill(symbol, writer):
                return False
        logger.info("History loaded: %d bars of %d symbols.", self._bars, self._done)
        if self._failed:
            logger.warning("History could not be loaded for %s.", ", ".join(self._failed))
        return True

    def _fill(self, symbol: str, writer: BarWriter) -> bool:
        try:
            for page in self._source.minute_bars(symbol, self._from_ms(), self._now_ms()):
                if page and not writer.submit(page):
                    return False
                self._bars += len(page)
            self._done += 1
        except VendorError as error:
            self._failed.append(symbol)
            logger.warning("The history of %s could not be loaded. %s", symbol, error)
        return True

    def close(self) -> None:
        """Ends a filling that is under way."""
        self._source.close()

    def snapshot(self) -> dict[str, Any]:
        """How far the filling is: symbols in all, done and failed, bars loaded."""
        return {"total": self._total, "done": self._done, "bars": self._bars, "failed": list(self._failed)}
