"""Patience with a database that is away: what is to be read or kept is tried again until it answers."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from src.core.errors import DatabaseUnavailableError, HistoryLostError
from src.core.ports import Clock

logger = logging.getLogger(__name__)

_RETRY_FIRST_S = 0.2
_RETRY_CAP_S = 5.0
_T = TypeVar("_T")


def patiently(act: Callable[[], _T], clock: Clock, stopping: threading.Event, waits: str) -> _T | None:
    """What `act` gives once the database answers; None when `stopping` was set before. `waits` is a sentence that is
    said once, as long as it is away. HistoryLostError goes through: this life's writer never writes again."""
    wait_s = _RETRY_FIRST_S
    while True:
        try:
            return act()
        except HistoryLostError:
            raise
        except DatabaseUnavailableError as error:
            if wait_s == _RETRY_FIRST_S:
                logger.warning("%s %s", waits, error)
            if clock.wait(stopping, wait_s):
                return None
            wait_s = min(_RETRY_CAP_S, wait_s * 2)
