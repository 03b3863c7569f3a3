"""A clock that a test moves by hand."""

import threading


class HeldClock:
    """Stands still at `ms` (epoch ms) until a test sets it; `monotonic` moves with it. Fulfils the port Clock."""

    def __init__(self, ms: int = 1_763_649_000_000) -> None:
        self.ms = ms

    def now_us(self) -> int:
        return self.ms * 1000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits for the event in the machine's time."""
        return event.wait(timeout_s)
