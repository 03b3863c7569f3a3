"""What time it is by the feed, told by what came of it."""

from src.core.domain.market.event_time import EventTime
from tests.bars import MINUTE

_HOUR_MS = 3_600_000


def heard(behind_ms: int = 1_000, now_s: float = 100.0) -> EventTime:
    """A feed that was so far behind when the wall clock showed MINUTE."""
    time = EventTime()
    time.hear(MINUTE - behind_ms, MINUTE, now_s)
    return time


def test_before_anything_came_it_is_the_wall_clocks() -> None:
    time = EventTime()
    assert time.heard_s is None
    assert time.at(100.0, MINUTE, 100.0) == MINUTE
    assert time.at(90.0, MINUTE, 100.0) == MINUTE - 10_000
    time.assume(2_500)
    assert time.at(100.0, MINUTE, 100.0) == MINUTE - 2_500


def test_what_was_heard_counts() -> None:
    time = heard(5_000)
    assert time.heard_s == 100.0
    assert time.behind_ms(MINUTE + 7, 100.007) == 5_000
    assert time.at(107.0, MINUTE + 7_000, 107.0) == MINUTE + 2_000


def test_old_bars_that_are_sent_again_first_are_no_delay() -> None:
    time = EventTime()
    time.assume(1_000)
    time.hear(MINUTE - 900_000, MINUTE, 100.0)
    assert time.behind_ms(MINUTE + 5_000, 105.0) == 1_000
    for now_s in (400, 700):  # but a delay that lasts is one
        time.hear(MINUTE + (now_s - 1000) * 1000, MINUTE + (now_s - 100) * 1000, now_s)
    assert time.behind_ms(MINUTE + 600_000, 700.0) == 900_000


def test_a_replay_of_another_year_has_its_own_time() -> None:
    assert heard(10**11).at(160.0, MINUTE + 60_000, 160.0) == MINUTE - 10**11 + 60_000


def test_the_earliest_that_came_tells_the_latest_that_it_can_be() -> None:
    time = heard(3_000)
    time.hear(MINUTE - 1_000, MINUTE, 100.0)
    time.hear(MINUTE - 9_000, MINUTE + 1_000, 101.0)
    assert time.behind_ms(MINUTE + 1_000, 101.0) == 1_000


def test_a_wall_clock_that_is_set_changes_nothing_for_long() -> None:
    back = heard()
    assert back.at(101.0, MINUTE + 1_000 - _HOUR_MS, 101.0) == MINUTE
    forward = heard()
    assert forward.at(101.0, MINUTE + 1_000 + _HOUR_MS, 101.0) == MINUTE + _HOUR_MS  # too wide, but not too short
    for second in (102, 403, 704):
        forward.hear(MINUTE - 101_000 + second * 1000, MINUTE - 100_000 + second * 1000 + _HOUR_MS, second)
    assert forward.at(704.0, MINUTE + 604_000 + _HOUR_MS, 704.0) == MINUTE + 603_000


def test_a_machine_that_slept_is_not_behind() -> None:
    """The monotonic clock stood still."""
    assert heard().at(101.0, MINUTE + _HOUR_MS, 101.0) == MINUTE + _HOUR_MS - 1_000


def test_what_has_surely_ended_is_told_whichever_way_the_wall_clock_was_set() -> None:
    assert heard().surely_behind_ms(MINUTE + 1_000, 101.0) == 1_000
    assert heard().surely_behind_ms(MINUTE + 1_000 + _HOUR_MS, 101.0) == 1_000 + _HOUR_MS
    assert heard().surely_behind_ms(MINUTE + 1_000 - _HOUR_MS, 101.0) == 1_000
    assert EventTime().surely_behind_ms(MINUTE, 100.0) == 0


def test_before_anything_came_what_has_ended_is_told_by_the_wall_clock_or_by_an_earlier_life() -> None:
    time = EventTime()
    assert time.surely_behind_ms(MINUTE, 100.0) == 0
    time.assume(2_500)
    assert time.surely_behind_ms(MINUTE, 100.0) == 2_500
