"""Keeps so many days of minutes, and says how long the disk lasts: one thread of the ingesting half."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from src.core.domain.market.retention import Forecast, cutoff_ms, is_time_to_prune, surely_ms
from src.core.errors import DatabaseUnavailableError
from src.core.history_ports import Pruner
from src.core.ports import Clock

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 60.0
_MEASURED_EVERY_S = 3_600.0
# Dropping takes a tenth of the time at most, so that whoever writes bars hardly waits.
_REST_FOR_WORK = 9.0
_LEAST_REST_S = 0.01
_STOP_DEADLINE_S = 2.0


class RetentionService:
    """`keep_days` is None where all minutes are kept; `measure` says how long the disk lasts. Both raise
    DatabaseUnavailableError while the database is away; then they are asked again a minute later."""

    def __init__(self, pruner: Pruner, keep_days: int | None, measure: Callable[[], Forecast], clock: Clock) -> None:
        self._pruner = pruner
        self._keep_days = keep_days
        self._measure = measure
        self._clock = clock
        self._forecast: Forecast | None = None
        self._measured_s = float("-inf")
        self._dropped = 0
        self._is_pruning = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._stopping.clear()
        self._thread = threading.Thread(name="retention", target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what is left is done at another night."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_DEADLINE_S)

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

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except DatabaseUnavailableError as error:
                logger.info("What is stored could not be looked at: %s", error)
            except Exception:
                logger.exception("What is stored could not be looked at.")
            self._clock.wait(self._stopping, _LOOK_INTERVAL_S)

    def _look(self) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._measured_s >= _MEASURED_EVERY_S:
            self._forecast = self._measure()
            self._measured_s = now_s
        if self._keep_days is not None:
            self._prune(self._keep_days)

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
        self._clock.wait(self._stopping, max(_LEAST_REST_S, seconds * _REST_FOR_WORK))
        return not self._stopping.is_set()


def _told(forecast: Forecast) -> dict[str, Any]:
    told = forecast._asdict()
    return {"measured_at": told.pop("at_ms"), **told}
