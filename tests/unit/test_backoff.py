"""How long to wait before the next attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.connection.backoff import Backoff


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 0.0, 0.5, 30.0)
    assert [backoff.next_delay_s(0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_jitter_shortens_by_up_to_a_half() -> None:
    backoff = Backoff(lambda: 0.999999, 1.0, 60.0)
    assert [backoff.next_delay_s(0) for _ in range(3)] == pytest.approx([0.5, 1, 2], rel=1e-4)


def test_only_what_survived_a_minute_starts_the_delays_anew() -> None:
    backoff = Backoff(lambda: 0.0, 1.0, 60.0)
    for _ in range(5):
        backoff.next_delay_s(59.9)
    assert backoff.next_delay_s(59.9) == 32
    assert backoff.next_delay_s(60) == 1


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1, exclude_max=True)), max_size=30))
def test_a_delay_stays_within_its_bounds(lives: list[tuple[float, float]]) -> None:
    chances = iter([chance for _, chance in lives])
    backoff = Backoff(lambda: next(chances), 0.5, 30.0)
    for lived_s, _ in lives:
        assert 0.25 <= backoff.next_delay_s(lived_s) <= 30
