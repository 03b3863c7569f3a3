"""How long to wait before the next attempt."""

import pytest

from src.core.domain.connection.backoff import Backoff
from src.core.domain.connection.state import Ending


def test_delays_double_up_to_the_cap_with_jitter_in_their_upper_half() -> None:
    backoff = Backoff(lambda: 0.0)
    shortest = [backoff.next_delay_s(Ending.DROPPED, 0) for _ in range(9)]
    backoff = Backoff(lambda: 0.999999)
    longest = [backoff.next_delay_s(Ending.DROPPED, 0) for _ in range(9)]
    assert shortest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert longest == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60], rel=1e-4)


def test_only_a_session_that_survived_a_minute_resets_it() -> None:
    backoff = Backoff(lambda: 0.0)
    for _ in range(5):
        backoff.next_delay_s(Ending.DROPPED, 59.9)
    assert backoff.next_delay_s(Ending.DROPPED, 59.9) == 16
    assert backoff.next_delay_s(Ending.DROPPED, 60) == 0.5


@pytest.mark.parametrize(("ending", "least_s"), [(Ending.TOO_MANY, 60), (Ending.REFUSED_KEY, 900)])
def test_refusals_cool_down(ending: Ending, least_s: float) -> None:
    assert Backoff(lambda: 0.0).next_delay_s(ending, 0) == least_s + 0.5
