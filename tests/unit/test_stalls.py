"""From when on what is read may be old, after a reader was kept from reading."""

from src.core.domain.connection.stalls import Stalls


class Reader:
    """Looked at each second, from wall clock 1,000,000 ms on."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.stalls = Stalls(0.0, self.now_ms)

    @property
    def now_ms(self) -> int:
        return 1_000_000 + round(self.now_s * 1000)

    def look(self, for_s: int, frame: int | None = None) -> None:
        for _ in range(for_s):
            self.now_s += 1
            self.stalls.look(frame, self.now_s, self.now_ms)

    @property
    def since_s(self) -> float | None:
        since_ms = self.stalls.since_ms(self.now_s, self.now_ms)
        return None if since_ms is None else (since_ms - 1_000_000) / 1000


def test_who_reads_frame_after_frame_is_not_behind() -> None:
    reader = Reader()
    for frame in range(100):
        reader.look(1, frame)
    reader.look(100)
    assert reader.since_s is None


def test_a_frame_that_takes_long_leaves_it_behind_for_a_minute_after() -> None:
    reader = Reader()
    reader.look(10)
    reader.look(4, frame=7)
    assert reader.since_s is None
    reader.look(200, frame=7)
    assert reader.since_s == 10
    reader.look(60)
    assert reader.since_s == 10
    reader.look(2)
    assert reader.since_s is None


def test_a_process_that_was_stopped_is_behind_even_before_the_next_look() -> None:
    reader = Reader()
    reader.look(10)
    reader.now_s += 3600
    assert reader.since_s == 10
    reader.look(30)
    assert reader.since_s == 10
    reader.look(40)
    assert reader.since_s is None


def test_stalls_one_after_the_other_do_not_hold_the_first_for_ever() -> None:
    reader = Reader()
    for _ in range(100):
        reader.look(1)
        reader.now_s += 6
    assert reader.since_s is not None
    assert reader.now_s - reader.since_s < 75


def test_a_wall_clock_that_is_set_is_no_stall() -> None:
    stalls = Stalls(0.0, 1_000_000)
    assert not stalls.look(None, 1.0, 9_000_000)
    assert stalls.since_ms(1.0, 9_000_000) is None
