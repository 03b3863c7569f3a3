"""Waiting for what other threads bring about."""

import time
from collections.abc import Callable


def wait_for(holds: Callable[[], object], within_s: float = 120.0) -> None:
    """Returns as soon as `holds()` is true; fails the test when it is not in time.

    The time is long, as machines may be busy: all of it passes only where a test fails.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.01)
