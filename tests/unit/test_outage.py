"""When bars are said to have stopped and to be back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.connection.outage import Alert, AlertKind, BarsWatch

_T = 1_763_650_000_000
_DOWN = "The feed closed the connection."
STOPPED, BACK = AlertKind.BARS_STOPPED, AlertKind.BARS_BACK


def looks(watch: BarsWatch, from_s: int, to_s: int, trouble: str | None, expected: bool = True) -> list[Alert]:
    """What is told from one second to another, both included; without trouble a bar comes each second."""
    alerts = []
    for second in range(from_s, to_s + 1):
        now_ms = _T + second * 1000
        alert = watch.look(trouble, None if trouble else now_ms - 500, expected, now_ms)
        alerts += [alert] if alert else []
    return alerts


def test_a_stop_is_told_after_a_minute_once_and_the_return_after_ten_seconds_once() -> None:
    watch = BarsWatch()
    assert looks(watch, 0, 99, None) == []
    assert looks(watch, 100, 159, _DOWN) == []
    assert looks(watch, 160, 1000, _DOWN) == [Alert(STOPPED, _T + 100_000, _T + 160_000, _DOWN)]
    assert looks(watch, 1001, 1010, None) == []
    assert looks(watch, 1011, 2000, None) == [Alert(BACK, _T + 100_000, _T + 1_011_000, _DOWN)]


def test_short_interruptions_are_not_told() -> None:
    watch = BarsWatch()
    assert [looks(watch, at, at + 50, _DOWN) + looks(watch, at + 51, at + 55, None) for at in range(0, 560, 56)] == (
        [[]] * 10
    )


def test_a_feed_that_comes_and_goes_is_told_of_once() -> None:
    watch = BarsWatch()
    assert len(looks(watch, 0, 60, _DOWN)) == 1
    for at in range(61, 1000, 30):
        assert looks(watch, at, at + 8, None) == []
        assert looks(watch, at + 9, at + 29, _DOWN) == []


def test_outside_of_sessions_nothing_stops_and_the_minute_begins_with_the_session() -> None:
    watch = BarsWatch()
    assert looks(watch, 0, 900, _DOWN, expected=False) == []
    assert looks(watch, 901, 960, _DOWN) == []
    assert [alert.since_ms for alert in looks(watch, 961, 961, _DOWN)] == [_T + 901_000]


def test_a_connection_without_a_bar_is_not_yet_a_return() -> None:
    watch = BarsWatch()
    looks(watch, 0, 60, _DOWN)
    before_ms = _T - 1000
    assert all(
        watch.look(None, arrived, True, _T + s * 1000) is None for arrived in (None, before_ms) for s in range(90)
    )


def test_the_return_is_told_although_the_program_was_restarted_meanwhile() -> None:
    watch = BarsWatch(_T - 500_000)
    assert looks(watch, 0, 100, _DOWN) == []
    assert [(alert.kind, alert.since_ms) for alert in looks(watch, 101, 111, None)] == [(BACK, _T - 500_000)]


@given(st.lists(st.tuples(st.sampled_from([None, _DOWN]), st.booleans(), st.integers(1, 120)), max_size=30))
def test_stops_and_returns_alternate_whatever_happens(spells: list[tuple[str | None, bool, int]]) -> None:
    watch, told, at_s = BarsWatch(), [], 0
    for trouble, expected, seconds in spells:
        told += looks(watch, at_s, at_s + seconds - 1, trouble, expected)
        at_s += seconds
    assert [alert.kind for alert in told] == ([STOPPED, BACK] * len(told))[: len(told)]


@pytest.mark.parametrize("after", [0, 59])
def test_a_recovery_within_the_minute_starts_it_anew(after: int) -> None:
    watch = BarsWatch()
    looks(watch, 0, after, _DOWN)
    looks(watch, after + 1, after + 1, None)
    assert looks(watch, after + 2, after + 61, _DOWN) == []
