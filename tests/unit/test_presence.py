"""When a connection loses its tickers, and when it gets them back: by times alone."""

from src.core.domain.connection.presence import Presence


def looks(presence: Presence, up: bool, from_s: float, to_s: float) -> list[float]:
    """Looks four times a second; the times at which `able` changed."""
    changes = []
    now_s = from_s
    while now_s < to_s:
        before = presence.able
        if presence.look(up, True, now_s) != before:
            changes.append(now_s)
        now_s += 0.25
    return changes


def test_a_drop_that_is_over_soon_moves_nothing() -> None:
    presence = Presence(0)
    assert looks(presence, True, 0, 100) == looks(presence, False, 100, 102.75) == looks(presence, True, 103, 200) == []
    assert presence.able


def test_what_stays_down_is_lost_after_three_seconds_and_returns_after_ten() -> None:
    presence = Presence(0)
    assert looks(presence, True, 0, 100) == []
    assert looks(presence, False, 100, 150) == [103]
    assert looks(presence, True, 150, 200) == [160]


def test_what_never_came_up_is_lost_too() -> None:
    assert looks(Presence(0), False, 0, 60) == [3]


def test_what_comes_and_goes_is_lost_at_its_third_drop_and_trusted_later_each_time() -> None:
    presence = Presence(0)
    changes = []
    for start_s in range(0, 600, 4):  # down for two seconds, up for two
        changes += looks(presence, False, start_s, start_s + 2) + looks(presence, True, start_s + 2, start_s + 4)
    assert changes == [12]  # the first of all looks is no drop: it was not up yet
    assert looks(presence, True, 600, 700) == [608]  # up since 598
    assert looks(presence, False, 700, 710) == [703]
    assert looks(presence, True, 710, 800) == [730]
    assert looks(presence, False, 800, 810) == [803]
    assert looks(presence, True, 810, 900) == [850]


def test_who_was_steady_for_ten_minutes_is_trusted_as_at_the_start() -> None:
    presence = Presence(0)
    looks(presence, False, 0, 10)
    assert looks(presence, True, 10, 30) == [20]
    looks(presence, True, 30, 700)
    assert looks(presence, False, 700, 710) == [703]
    assert looks(presence, True, 710, 800) == [720]


def test_what_is_not_allowed_is_lost_at_once_and_returns_after_ten_seconds() -> None:
    presence = Presence(0)
    looks(presence, True, 0, 20)
    assert not presence.look(True, False, 20)
    assert not presence.look(False, True, 30)
    assert looks(presence, True, 31, 60) == [41]
