"""Waiting for what other threads bring about."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from src.core.errors import DatabaseUnavailableError

T = TypeVar("T")


def wait_for(holds: Callable[[], object], within_s: float = 120.0) -> None:
    """Returns as soon as `holds()` is true; fails the test when it is not in time.

    The time is long, as machines may be busy: all of it passes only where a test fails.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.01)


def insist(act: Callable[[], T]) -> T:
    """What `act()` gives, tried again while the database is locked: on a busy machine that can take long.

    As the program's own threads do: they try again what was not available.
    """
    given: list[T] = []

    def succeeds() -> bool:
        with contextlib.suppress(DatabaseUnavailableError):
            given.append(act())
        return bool(given)

    wait_for(succeeds)
    return given[0]
