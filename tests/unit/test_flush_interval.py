"""How long live bars wait."""

from src.infrastructure.database.flush_interval import FlushInterval


def settled_ms(rows_s: float) -> int:
    interval = FlushInterval(None)
    now_s = 0.0
    for _ in range(2000):
        wait_s = interval.after(round(rows_s * interval.current_ms / 1000), now_s)
        now_s += wait_s
    return interval.current_ms


def test_it_grows_with_the_load_from_20_to_250_ms() -> None:
    assert settled_ms(0) == 20
    assert settled_ms(300) < 30
    assert 100 < settled_ms(5_500) < 170
    assert settled_ms(11_000) > 240
    assert settled_ms(40_000) == 250


def test_one_burst_is_averaged_and_forgotten() -> None:
    interval = FlushInterval(None)
    for place in range(100):
        interval.after(0, place * 0.02)
    interval.after(11_000, 2.0)
    assert 130 < interval.current_ms < 140  # 11,000 rows over two seconds are half of full load
    for place in range(300):
        interval.after(0, 2.25 + place * 0.25)
    assert interval.current_ms == 20


def test_a_fixed_interval_stays() -> None:
    interval = FlushInterval(75)
    assert interval.after(50_000, 1.0) == 0.075
    assert interval.current_ms == 75
