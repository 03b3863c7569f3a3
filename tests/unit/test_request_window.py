"""How many requests begin within a window, and who waits for it."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.connection.request_window import RequestRate, RequestWindow
from src.core.errors import VendorUnavailableError
from src.infrastructure.data_sources.rest_limiter import RestLimiter
from tests.clocks import RacingClock, paced


@given(st.integers(1, 6), st.sampled_from([1, 60]), st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_window_ever_holds_more_than_granted_whenever_the_vendor_counts_a_request(
    most: int, window_s: int, answers_take_s: list[float]
) -> None:
    window, now_s = RequestWindow(RequestRate(most, window_s)), 0.0
    requests: list[tuple[float, float]] = []
    for took_s in answers_take_s:
        while wait_s := window.wait_s(now_s):
            now_s += wait_s
        window.begin()
        requests.append((now_s, now_s + took_s))
        now_s += took_s
        window.end(now_s)
    for begun, following in zip(requests, requests[most:], strict=False):
        assert following[0] - begun[1] >= window_s - 1e-6


def test_a_minutes_worth_may_be_asked_at_once_and_then_a_minute_is_waited() -> None:
    window = RequestWindow(RequestRate(5, 60))
    for _ in range(5):
        assert window.wait_s(10.0) == 0
        window.begin()
        window.end(10.0)
    assert window.wait_s(10.0) == 60
    assert window.wait_s(69.0) == 1
    assert window.wait_s(70.0) == 0


def test_requests_under_way_count() -> None:
    window = RequestWindow(RequestRate(1, 60))
    window.begin()
    assert window.wait_s(500.0) == 0.25
    window.end(500.0)
    assert window.wait_s(500.0) == 60


def test_a_pause_holds_everybody_back_and_a_shorter_one_does_not_shorten_it() -> None:
    window = RequestWindow(RequestRate(5, 60))
    window.pause(30.0)
    window.pause(20.0)
    assert window.wait_s(10.0) == window.paused_s(10.0) == 20
    assert window.wait_s(30.0) == window.paused_s(30.0) == 0


def test_threads_share_one_limit() -> None:
    begun_s: list[float] = []
    with paced(0, speed=20) as clock:
        limiter = RestLimiter(RequestRate(2, 10), clock)

        def ask() -> None:
            for _ in range(3):
                with limiter.turn():
                    begun_s.append(clock.monotonic())

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    begun_s.sort()
    assert len(begun_s) == 6
    # 10 s, of which up to 2 s pass before a thread that is held up notes when it began.
    assert all(later - earlier > 7 for earlier, later in pairwise(begun_s[::2]))


def test_a_pause_and_a_close_reach_whoever_waits() -> None:
    clock = RacingClock(0, speed=0.001)
    limiter = RestLimiter(RequestRate(1, 3600), clock)
    limiter.pause(5.0)
    assert 4 < limiter.paused_s() <= 5
    threading.Timer(0.05, limiter.close).start()
    with pytest.raises(VendorUnavailableError, match="stopping"), limiter.turn():
        pass
