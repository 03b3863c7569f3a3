"""Keeps so many days of minutes, and says how long the disk lasts: one thread of the ingesting half."""

import logging
from collections.abc import Callable
from typing import Any

from src.core.domain.market.retention import Forecast, cutoff_ms, is_time_to_prune, surely_ms
from src.core.history_ports import Pruner
from src.core.ports import Clock
from src.core.services.worker import Worker

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 60.0
_MEASURED_EVERY_S = 3_600.0
# Dropping takes a tenth of the time at most, so that whoever writes bars hardly waits.
_REST_FOR_WORK = 9.0
_LEAST_REST_S = 0.01


class RetentionService:
    """`keep_days` is None where all minutes are kept; `measure` says how long the disk lasts. Both raise
    DatabaseUnavailableError while the database is away; then they are asked again some seconds later."""

    def __init__(self, pruner: Pruner, keep_days: int | None, measure: Callable[[], Forecast], clock: Clock) -> None:
        self._pruner = pruner
        self._keep_days = keep_days
        self._measure = measure
        self._clock = clock
        self._forecast: Forecast | None = None
        self._measured_s = float("-inf")
        self._dropped = 0
        self._is_pruning = False
        self._worker = Worker("retention", clock, "What is stored could not be looked at.")

    def start(self) -> None:
        """Starts the thread."""
        self._worker.start(self.turn)

    def close(self) -> None:
        """Has the thread end."""
        self._worker.close()

    def stop(self) -> None:
        """Ends the thread; what is left is done at another night."""
        self._worker.stop()

    def snapshot(self) -> dict[str, Any]:
        """How many days are kept (None: all), whether minutes are being dropped and how many were since the start; and
        the forecast, None until it is known. Times are epoch ms."""
        forecast = self._forecast
        return {
            "keep_days": self._keep_days,
            "pruning": self._is_pruning,
            "dropped_bars": self._dropped,
            "forecast": None if forecast is None else _told(forecast),
        }

    def turn(self) -> float:
        """Measures and drops what is due; after how many seconds to look again."""
        now_s = self._clock.monotonic()
        if now_s - self._measured_s >= _MEASURED_EVERY_S:
            self._forecast = self._measure()
            self._measured_s = now_s
        if self._keep_days is not None:
            self._prune(self._keep_days)
        return _LOOK_INTERVAL_S

    def _prune(self, keep_days: int) -> None:
        now_ms = surely_ms(self._clock.now_ms(), self._pruner.heard_ms())
        if not is_time_to_prune(now_ms, keep_days, self._pruner.pruned().before_ms):
            return
        self._is_pruning = True
        try:
            dropped = self._pruner.prune(cutoff_ms(now_ms, keep_days), self._go_on)
        finally:
            self._is_pruning = False
        if dropped:
            logger.info("Dropped %s bars that were older than %d days.", f"{dropped:,}", keep_days)

    def _go_on(self, rows: int, seconds: float) -> bool:
        self._dropped += rows
        self._clock.wait(self._worker.stopping, max(_LEAST_REST_S, seconds * _REST_FOR_WORK))
        return not self._worker.stopping.is_set()


def _told(forecast: Forecast) -> dict[str, Any]:
    told = forecast._asdict()
    return {"measured_at": told.pop("at_ms"), **told}
