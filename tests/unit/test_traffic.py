"""Counts and rates of a connection."""

from src.infrastructure.websocket.traffic import Traffic


def test_the_rate_is_of_whole_seconds() -> None:
    traffic = Traffic(100.9)
    traffic.take_frame(3, 101.1, 1)
    traffic.take_frame(4, 101.9, 2)
    traffic.take_frame(5, 102.0, 3)
    counted = traffic.snapshot(102.5)
    assert counted["rates"] == [0] * 59 + [7]
    assert counted["messages_per_second"] == 1.4
    assert traffic.snapshot(103.0)["rates"] == [0] * 58 + [7, 5]
    assert (counted["frames"], counted["messages"], counted["last_message_time"]) == (3, 12, 3)


def test_seconds_without_a_frame_are_zero_and_the_oldest_are_forgotten() -> None:
    traffic = Traffic(0)
    for second in range(130):
        if second % 3:
            traffic.take_frame(second, second + 0.5, second)
    assert traffic.snapshot(130)["rates"] == [second if second % 3 else 0 for second in range(70, 130)]
    assert traffic.snapshot(159)["rates"] == [second if second % 3 else 0 for second in range(99, 130)] + [0] * 29
    assert traffic.snapshot(10_000)["rates"] == [0] * 60
    assert traffic.snapshot(10_000)["messages_per_second"] == 0


def test_the_mean_is_of_five_seconds() -> None:
    traffic = Traffic(0)
    for second in range(6):
        traffic.take_frame(10 * (second + 1), second, second)
    assert traffic.snapshot(6)["messages_per_second"] == 40.0


def test_errors_are_counted_by_kind() -> None:
    traffic = Traffic(0)
    assert (traffic.snapshot(0)["errors"], traffic.snapshot(0)["errors_by_kind"]) == (0, {})
    for kind in ("dropped", "callback", "dropped"):
        traffic.take_error(kind)
    counted = traffic.snapshot(0)
    assert (counted["errors"], counted["errors_by_kind"]) == (3, {"dropped": 2, "callback": 1})
