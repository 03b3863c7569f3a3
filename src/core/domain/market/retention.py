"""How long minutes are kept, and how long the disk lasts. Pure."""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from src.core.domain.market.session import new_york_date
from src.core.errors import ActionRefusedError

# A day is compared with the vendor, and what was missed of it is repaired, within some days after it.
LEAST_DAYS = 7
_NEW_YORK = ZoneInfo("America/New_York")
_NIGHT_HOURS = range(4)  # in New York: between the post-market and the pre-market
_OVERDUE_DAYS = 3
# The feed is silent for so long at most: over a long weekend.
_LONGEST_SILENCE_MS = 4 * 86_400_000


class Growth(NamedTuple):
    """How the bars grew: bytes a day, over so many days of history; `words` says why it is not known, else is empty.

    `here` says that they are in a file of this machine, and not on a server's disk. `size_bytes` is what the bars take
    now.
    """

    bytes_a_day: float
    days: float
    here: bool
    words: str = ""
    size_bytes: int = 0


class Forecast(NamedTuple):
    """How much the database takes at `at_ms` (epoch ms), and in how many days the disk is full: None where that is not
    known, or where it never is, since only so many days are kept. `words` is the whole as a sentence."""

    at_ms: int
    size_bytes: int
    bytes_a_day: float | None
    free_bytes: int | None
    full_in_days: float | None
    words: str


def cutoff_ms(now_ms: int, keep_days: int) -> int:
    """The start (epoch ms) of the first New York day that is kept."""
    midnight = dt.datetime.combine(first_kept_date(now_ms, keep_days), dt.time(), _NEW_YORK)
    return round(midnight.timestamp() * 1000)


def first_kept_date(now_ms: int, keep_days: int) -> dt.date:
    """The first New York day that is kept: `keep_days` before today."""
    return new_york_date(now_ms) - dt.timedelta(days=keep_days)


def check_kept(from_date: dt.date, now_ms: int, keep_days: int | None) -> None:
    """Raises ActionRefusedError for minutes from a day on that would be dropped as soon as they are loaded."""
    if keep_days is not None and from_date < (first := first_kept_date(now_ms, keep_days)):
        raise ActionRefusedError(
            f"RETENTION_DAYS={keep_days} drops the minutes before {first}: load from {first} on, or raise it first."
        )


def surely_ms(now_ms: int, heard_ms: int) -> int:
    """The time (epoch ms), as far as the feed bears the machine's clock out: what it last sent was of `heard_ms`.

    A clock that is set years ahead by mistake must not make all that is stored too old.
    """
    return min(now_ms, heard_ms + _LONGEST_SILENCE_MS)


def is_time_to_prune(now_ms: int, keep_days: int, pruned_before_ms: int) -> bool:
    """Whether minutes are to be dropped now: at night, in New York; at any hour once three nights were missed."""
    due_ms = cutoff_ms(now_ms, keep_days)
    if pruned_before_ms >= due_ms:
        return False
    hour = dt.datetime.fromtimestamp(now_ms / 1000, _NEW_YORK).hour
    return hour in _NIGHT_HOURS or pruned_before_ms < due_ms - _OVERDUE_DAYS * 86_400_000


def forecast(growth: Growth, free_bytes: int | None, keep_days: int | None, at_ms: int) -> Forecast:
    """What the growth of the last days makes of the room there is. `free_bytes` is None on a server's disk, `keep_days`
    None where all minutes are kept."""
    size = f"The bars take {_size(growth.size_bytes)}"
    if growth.words:
        return Forecast(at_ms, growth.size_bytes, None, free_bytes, None, f"{size}; {growth.words}.")
    grows = f"{size} and grow by {_size(growth.bytes_a_day)} a day"
    if free_bytes is None:
        words = f"{grows}; the server's disk cannot be seen from here."
        return Forecast(at_ms, growth.size_bytes, growth.bytes_a_day, None, None, words)
    most = None if keep_days is None else keep_days * growth.bytes_a_day
    room = f"{_size(free_bytes)} are free"
    if most is not None and most < growth.size_bytes + free_bytes:
        words = f"{grows}; {room}, and of {keep_days} days they take at most {_size(max(most, growth.size_bytes))}."
        return Forecast(at_ms, growth.size_bytes, growth.bytes_a_day, free_bytes, None, words)
    days = free_bytes / growth.bytes_a_day
    words = f"{grows}; {room}, enough for {_days(days)}."
    return Forecast(at_ms, growth.size_bytes, growth.bytes_a_day, free_bytes, days, words)


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _days(days: float) -> str:
    if days > 3650:
        return "more than ten years"
    return f"{days:,.0f} days" if days >= 10 else f"{days:.1f} days"
