"""The machine's clocks."""

import threading
import time


class SystemClock:
    """Time as the machine tells it; fulfils the port Clock."""

    def now_us(self) -> int:
        """The wall clock in epoch microseconds."""
        return time.time_ns() // 1000

    def now_ms(self) -> int:
        """The wall clock in epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits until `event` is set (True) or the time has passed (False)."""
        return event.wait(timeout_s)
