"""The bar book between feed and writer: what waits, and how long it took."""

import threading

import pytest

from src.core.domain.market.bar_book import BarBook
from src.core.services.bar_intake import BarIntake
from tests.bars import MINUTE, minute, second
from tests.held_clock import HeldClock


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(0)


@pytest.fixture
def intake(clock: HeldClock) -> BarIntake:
    return BarIntake(BarBook(iter(range(1, 10**9)).__next__), clock)


def figures(intake: BarIntake) -> tuple[float | None, int]:
    told = intake.pipeline(0)["event_to_commit_ms"]
    return told["p50"], told["count"]


def test_an_aggregate_waits_from_its_frame_to_the_commit(intake: BarIntake, clock: HeldClock) -> None:
    assert not intake.merge([second(0), second(1)], 0)
    clock.ms = 250
    assert [bar.close for bar in intake.take_live()] == [10.0]
    assert figures(intake) == (None, 0)
    clock.ms = 300
    intake.committed()
    assert figures(intake) == (pytest.approx(300, rel=0.05), 2)


def test_official_bars_do_not_wait_for_live_ones(intake: BarIntake, clock: HeldClock) -> None:
    assert intake.merge([second(60), minute(0), second(61)], 0)
    clock.ms = 10
    intake.take_official()
    intake.committed()
    assert figures(intake) == (pytest.approx(10, rel=0.05), 1)
    clock.ms = 1000
    intake.take_live()
    intake.committed()
    assert intake.pipeline(0)["event_to_commit_ms"] == {
        "p50": pytest.approx(1000, rel=0.05), "p99": pytest.approx(1000, rel=0.05), "count": 3,
    }  # fmt: skip


def test_an_official_bar_that_repeats_what_is_known_wakes_nobody(intake: BarIntake, clock: HeldClock) -> None:
    assert intake.merge([minute(0)], 0)
    assert not intake.merge([minute(0)], 0)
    assert intake.merge([minute(0, 11.0)], 0)


def test_the_bars_that_wait_are_those_taken_and_those_that_changed_since(intake: BarIntake) -> None:
    intake.merge([second(0), second(1), second(0, ticker="IBM"), minute(0, ticker="MSFT")], 0)
    assert intake.pipeline(0)["waiting_bars"] == 3
    intake.take_live()
    assert intake.pipeline(2)["waiting_bars"] == 3
    intake.take_official()
    assert intake.pipeline(0)["waiting_bars"] == 0


def test_the_snapshot_of_the_book(intake: BarIntake) -> None:
    assert intake.snapshot() == {"watermark": None, "open_minutes": 0, "late_seconds": 0}
    intake.merge([second(0)], 0)
    assert intake.snapshot() == {"watermark": MINUTE, "open_minutes": 1, "late_seconds": 0}
    assert (intake.stats.ticks, intake.stats.batches, intake.stats.last_tick_ms) == (1, 1, 0)
    intake.interrupt(None)
    assert [bar.partial for bar in intake.take_live()] == [True]
    intake.seal(MINUTE + 600_000)  # the clock is ahead: event time counts
    assert intake.snapshot()["open_minutes"] == 1
    intake.merge([second(600)], 0)
    intake.seal(MINUTE + 600_000)
    assert intake.snapshot()["open_minutes"] == 1


def test_threads_lose_nothing(intake: BarIntake) -> None:
    def fill(ticker: str) -> None:
        for offset_s in range(500):
            intake.merge([second(offset_s, ticker=ticker)], 0)

    threads = [threading.Thread(target=fill, args=(f"T{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        intake.take_live()
        intake.committed()
    intake.take_live()
    intake.committed()
    assert figures(intake)[1] == 1_500
