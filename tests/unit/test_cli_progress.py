"""How far a long command is, in words and as a bar."""

import sys

import pytest

from src.cli_progress import Progress, counted, duration_words, progress_words, rate_words
from src.core.domain.pace import Pace
from tests.held_clock import HeldClock


def test_the_pace_is_that_of_the_last_minute() -> None:
    pace = Pace()
    for second in range(100):
        pace.note(second * 10, float(second))
    for second in range(100, 200):
        pace.note(1000 + (second - 100), float(second))
    assert pace.per_s() == pytest.approx(1.0, rel=0.02)


def test_one_is_told_as_one() -> None:
    assert [counted(count, "symbol") for count in (0, 1, 1200)] == ["0 symbols", "1 symbol", "1,200 symbols"]


def test_no_pace_is_told_before_something_is_done() -> None:
    pace = Pace()
    pace.note(7, 1.0)
    assert pace.per_s() is None
    pace.note(7, 31.0)
    assert pace.per_s() is None


def test_slow_paces_are_told_by_the_minute() -> None:
    assert rate_words(100.4) == "100 a second"
    assert rate_words(5 / 60) == "5 a minute"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (119, "119 s"), (121, "3 min"), (7_300, "2 h 1 min"), (200_000, "2 d 7 h")],
)
def test_durations_are_told_in_fitting_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


def test_the_words_tell_rate_and_time_left() -> None:
    assert progress_words(120, 503, "months", 100.0, "2,520 bars") == (
        "120 of 503 months (23 %), 100 a second, about 4 s left; 2,520 bars"
    )
    assert progress_words(503, 503, "months", 100.0, "") == "503 of 503 months (100 %)"
    assert progress_words(0, 0, "months", None, "") == "0 of 0 months (100 %)"


def test_a_terminal_gets_one_line_that_is_drawn_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    clock = HeldClock()
    progress = Progress(clock, "months")
    for done in range(3):
        progress.show(done, 2, "5 bars" if done < 2 else "")
        clock.ms += 1000
    progress.end()
    lines = capsys.readouterr().out.split("\r")
    assert [line[:26] for line in lines[1:]] == [f"[{'.' * 24}]", f"[{'#' * 12}{'.' * 12}]", f"[{'#' * 24}]"]
    assert "1 a second" not in lines[2]
    assert "60 a minute, about 1 s left; 5 bars" in lines[2]
    assert len(lines[3].rstrip("\n")) == len(lines[2])  # what was longer is wiped
    assert lines[3].endswith("\n")


def test_a_file_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = HeldClock()
    progress = Progress(clock, "months")
    for done in range(100):
        progress.show(done, 100)
        clock.ms += 500
    progress.end()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0] == "20 of 100 months (20 %), 2 a second, about 40 s left"
