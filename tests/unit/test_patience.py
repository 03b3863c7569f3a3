"""Patience with a database: which errors end it."""

import threading

import pytest

from src.core.errors import DatabaseUnavailableError, HistoryLostError
from src.core.services.patience import patiently
from tests.reconciling import StoppedClock


def test_a_database_that_is_away_is_asked_again_and_one_that_lost_its_bars_is_not() -> None:
    answers: list[Exception] = [DatabaseUnavailableError("away"), DatabaseUnavailableError("away")]

    def act() -> str:
        if answers:
            raise answers.pop(0)
        return "stored"

    clock = StoppedClock(1)
    assert patiently(act, clock, threading.Event(), "It waits.") == "stored"
    assert clock.waits == [0.2, 0.4]
    answers.append(HistoryLostError("lost"))
    with pytest.raises(HistoryLostError):
        patiently(act, clock, threading.Event(), "It waits.")
