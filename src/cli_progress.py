"""How far a long command is: a bar on a terminal, a line now and then anywhere else."""

import sys

import click

from src.core.domain.pace import Pace
from src.core.ports import Clock

_WIDTH = 24
_DRAWN_EVERY_S = 0.25
_LINE_EVERY_S = 10.0
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


def progress_words(done: int, total: int, unit: str, pace_per_s: float | None, detail: str) -> str:
    """Such as `120 of 503 months (23 %), 100 a second, about 4 s left; 2,520 bars`."""
    words = f"{done:,} of {total:,} {unit} ({100 * done // total if total else 100} %)"
    if pace_per_s is not None and done < total:
        words += f", {rate_words(pace_per_s)}, about {duration_words((total - done) / pace_per_s)} left"
    return f"{words}; {detail}" if detail else words


def counted(count: int, unit: str) -> str:
    """Such as `1 symbol` or `1,200 symbols`."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def rate_words(per_s: float) -> str:
    """Such as `100 a second` or `5 a minute`."""
    return f"{per_s:,.0f} a second" if per_s >= 2 else f"{per_s * _MINUTE_S:,.0f} a minute"


def duration_words(seconds: float) -> str:
    """Such as `40 s`, `12 min`, `3 h 20 min` or `4 d 2 h`; a part of a unit is rounded up."""
    whole = -int(-seconds // 1)
    if whole < 2 * _MINUTE_S:
        return f"{whole} s"
    if whole < 2 * _HOUR_S:
        return f"{-(-whole // _MINUTE_S)} min"
    if whole < 2 * _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"


class Progress:
    """Shows how many of `unit` (in the plural) are done: on a terminal one line that is drawn anew, else a line every
    ten seconds at most. `end` leaves the terminal's line."""

    def __init__(self, clock: Clock, unit: str) -> None:
        self._clock = clock
        self._unit = unit
        self._pace = Pace()
        self._is_drawn = sys.stdout.isatty()
        self._shown_s = clock.monotonic() - (_DRAWN_EVERY_S if self._is_drawn else 0.0)
        self._length = 0

    def show(self, done: int, total: int, detail: str = "") -> None:
        """So far it is; `detail` is said after it."""
        now_s = self._clock.monotonic()
        self._pace.note(done, now_s)
        if now_s - self._shown_s < (_DRAWN_EVERY_S if self._is_drawn else _LINE_EVERY_S):
            return
        self._shown_s = now_s
        words = progress_words(done, total, self._unit, self._pace.per_s(), detail)
        if not self._is_drawn:
            click.echo(words)
            return
        filled = _WIDTH * done // total if total else _WIDTH
        line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {words}"
        click.echo(f"\r{line.ljust(self._length)}", nl=False)
        self._length = len(line)

    def end(self) -> None:
        """What is printed next begins a line of its own."""
        if self._length:
            click.echo()
            self._length = 0
