"""How long minutes are kept, when they are dropped, and how long the disk is said to last."""

import datetime as dt
import threading
from collections.abc import Callable

import pytest

from src.config.settings import SettingsError, parse_settings
from src.core.domain.market.retention import Forecast, Growth, cutoff_ms, forecast, is_time_to_prune
from src.core.errors import DatabaseUnavailableError
from src.core.history_ports import Pruned
from src.core.services.retention_service import RetentionService
from src.infrastructure.clock import SystemClock
from tests.waiting import wait_for

_DAY_MS = 86_400_000
_GB = 1_000_000_000


def at(text: str) -> int:
    """Epoch ms of a New York time in standard time."""
    return round(dt.datetime.fromisoformat(f"{text}-05:00").timestamp() * 1000)


NIGHT, NOON = at("2025-11-21T02:00"), at("2025-11-21T12:00")


def test_the_first_day_that_is_kept_begins_at_midnight_in_new_york() -> None:
    assert cutoff_ms(NIGHT, 10) == at("2025-11-11T00:00")
    assert cutoff_ms(NIGHT, 30) == at("2025-10-22T00:00") - 3_600_000, "summer time"


def test_minutes_are_dropped_at_night_or_once_nights_were_missed() -> None:
    due = cutoff_ms(NOON, 10)
    assert is_time_to_prune(NIGHT, 10, due - _DAY_MS)
    assert not is_time_to_prune(NIGHT, 10, due)
    assert not is_time_to_prune(NOON, 10, due - _DAY_MS)
    assert is_time_to_prune(NOON, 10, due - 4 * _DAY_MS)
    assert is_time_to_prune(NOON, 10, 0)


@pytest.mark.parametrize(
    ("growth", "free", "keep", "days", "words"),
    [
        (Growth(_GB, 7, here=True, size_bytes=3 * _GB), 20 * _GB, None, 20.0,
         "The bars take 3.0 GB and grow by 1.0 GB a day; 20.0 GB are free, enough for 20 days."),
        (Growth(_GB, 7, here=True, size_bytes=3 * _GB), 20 * _GB, 10, None,
         "The bars take 3.0 GB and grow by 1.0 GB a day; 20.0 GB are free, and of 10 days they take at most 10.0 GB."),
        (Growth(_GB, 7, here=True, size_bytes=3 * _GB), 5 * _GB, 30, 5.0,
         "The bars take 3.0 GB and grow by 1.0 GB a day; 5.0 GB are free, enough for 5.0 days."),
        (Growth(1, 7, here=True, size_bytes=500_000), 5 * _GB, None, 5e9,
         "The bars take 0.5 MB and grow by 0.0 MB a day; 5.0 GB are free, enough for more than ten years."),
        (Growth(_GB, 7, here=False, size_bytes=_GB), None, None, None,
         "The bars take 1.0 GB and grow by 1.0 GB a day; the server's disk cannot be seen from here."),
        (Growth(0, 0, here=True, words="there are too few bars yet (3)", size_bytes=90_000), _GB, None, None,
         "The bars take 0.1 MB; there are too few bars yet (3)."),
    ],
)  # fmt: skip
def test_how_long_the_disk_lasts(
    growth: Growth, free: int | None, keep: int | None, days: float | None, words: str
) -> None:
    told = forecast(growth, free, keep, 7)
    assert (told.at_ms, told.full_in_days, told.words) == (7, days, words)


def test_what_is_loaded_at_a_first_start_has_to_be_kept() -> None:
    assert parse_settings({}).retention_days is None
    assert parse_settings({"RETENTION_DAYS": "8"}).retention_days == 8
    with pytest.raises(SettingsError, match=r"RETENTION_DAYS: 40 would drop what BACKFILL_DAYS=30 loads.*from 52"):
        parse_settings({"RETENTION_DAYS": "40", "BACKFILL_DAYS": "30"})
    with pytest.raises(SettingsError, match="all, or a whole number of days from 7"):
        parse_settings({"RETENTION_DAYS": "6"})


class Bars:
    """Old bars in slices of 2,000, as a pruner drops them."""

    def __init__(self, slices: int) -> None:
        self.left = slices
        self.before_ms = 0
        self.fails = False
        self.heard = NIGHT

    def heard_ms(self) -> int:
        return self.heard

    def pruned(self) -> Pruned:
        if self.fails:
            raise DatabaseUnavailableError("away")
        return Pruned(self.before_ms, 0)

    def prune(self, before_ms: int, go_on: Callable[[int, float], bool]) -> int:
        dropped = 0
        while self.left:
            self.left -= 1
            dropped += 2_000
            if not go_on(2_000, 0.01):
                return dropped
        self.before_ms = before_ms
        return dropped


class Waits(SystemClock):
    """Notes how long is waited; a wait ends at once, but one for the next look when it is let go."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.waited: list[float] = []
        self.looks = threading.Semaphore(0)

    def now_ms(self) -> int:
        return self._now_ms

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.waited.append(timeout_s)
        if timeout_s >= 5:
            assert self.looks.acquire(timeout=60)
        return event.is_set()


def a_forecast() -> Forecast:
    return Forecast(1, 2, None, None, None, "Nothing is known.")


def test_old_minutes_are_dropped_with_rests_between() -> None:
    bars, clock = Bars(3), Waits(NIGHT)
    service = RetentionService(bars, 10, a_forecast, clock)
    service.start()
    wait_for(lambda: clock.waited[-1:] == [60])
    assert clock.waited == pytest.approx([0.09, 0.09, 0.09, 60])
    assert bars.before_ms == cutoff_ms(NIGHT, 10)
    assert service.snapshot() == {
        "keep_days": 10,
        "pruning": False,
        "dropped_bars": 6_000,
        "forecast": {
            "measured_at": 1, "size_bytes": 2, "bytes_a_day": None, "free_bytes": None, "full_in_days": None,
            "words": "Nothing is known.",
        },
    }  # fmt: skip
    service.close()
    clock.looks.release()
    service.stop()


@pytest.mark.parametrize(("silent_days", "kept_from_day"), [(0.2, 10), (3.5, 10), (5, 11), (3650, 3656)])
def test_a_clock_that_is_years_ahead_drops_nothing(silent_days: float, kept_from_day: int) -> None:
    bars, clock = Bars(3), Waits(NIGHT)
    bars.heard = NIGHT - round(silent_days * 86_400_000)
    service = RetentionService(bars, 10, a_forecast, clock)
    service.turn()
    assert bars.before_ms == cutoff_ms(NIGHT, kept_from_day)


def test_a_database_that_is_away_is_asked_again() -> None:
    bars, clock = Bars(1), Waits(NIGHT)
    bars.fails = True
    service = RetentionService(bars, 10, a_forecast, clock)
    service.start()
    wait_for(lambda: clock.waited == [5])
    bars.fails = False
    clock.looks.release()
    wait_for(lambda: bars.left == 0)
    service.close()
    clock.looks.release()
    service.stop()


def test_without_a_limit_nothing_is_dropped() -> None:
    bars, clock = Bars(1), Waits(NIGHT)
    service = RetentionService(bars, None, a_forecast, clock)
    service.start()
    wait_for(lambda: clock.waited == [60])
    assert bars.left == 1
    service.close()
    clock.looks.release()
    service.stop()
