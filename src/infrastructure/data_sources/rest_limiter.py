"""One limiter for all requests of this process to the vendor's REST side."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from src.core.domain.connection.request_window import RequestRate, RequestWindow
from src.core.errors import VendorUnavailableError
from src.core.ports import Clock


class RestLimiter:
    """Lets requests through at `rate`, on any thread; `close` ends every wait."""

    def __init__(self, rate: RequestRate, clock: Clock) -> None:
        self._window = RequestWindow(rate)
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for this request's turn and counts it. Raises VendorUnavailableError once the program stops."""
        while wait_s := self._begin():
            self.wait(wait_s)
        try:
            yield
        finally:
            with self._lock:
                self._window.end(self._clock.monotonic())

    def _begin(self) -> float:
        """0 when a request has begun, else how long to wait."""
        if self._closed.is_set():
            raise VendorUnavailableError("The program is stopping.")
        with self._lock:
            wait_s = self._window.wait_s(self._clock.monotonic())
            if not wait_s:
                self._window.begin()
        return wait_s

    def pause(self, seconds: float) -> None:
        """Nobody's request begins within this time."""
        with self._lock:
            self._window.pause(self._clock.monotonic() + seconds)

    def paused_s(self) -> float:
        """How long everybody has to wait because the vendor asked for it; 0 or more seconds."""
        with self._lock:
            return self._window.paused_s(self._clock.monotonic())

    def wait(self, seconds: float) -> None:
        """Waits; raises VendorUnavailableError once the program stops."""
        if self._clock.wait(self._closed, seconds):
            raise VendorUnavailableError("The program is stopping.")

    def close(self) -> None:
        """Ends every wait; no request begins from now on."""
        self._closed.set()
