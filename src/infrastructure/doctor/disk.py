"""How much room there is for bars, and for how long."""

import os
from pathlib import Path

from src.core.domain.market.retention import Growth
from src.infrastructure.doctor.finding import Finding, fail, ok, warn

_FEW_BYTES = 500_000_000
_WARN_DAYS = 14.0


def free_bytes(folder: Path) -> int:
    """What this user may still write on the disk of `folder`, or of the nearest folder above that exists."""
    while not folder.exists():
        folder = folder.parent
    figures = os.statvfs(folder)
    return figures.f_bavail * figures.f_frsize


def look_at_disk(free: int, growth: Growth) -> Finding:
    """Judges the bytes that are free, by the growth of the bars."""
    name = "disk"
    room = f"{free / 1e9:,.1f} GB free"
    if free < _FEW_BYTES:
        return fail(
            name,
            f"{free / 1e6:,.0f} MB free where TickStock keeps its files; under 500 MB it may stop at any time.",
            "Free some, or move DATA_DIR to a larger disk.",
        )
    if not growth.here:
        return ok(name, f"{room}. The bars are on a server's disk, which cannot be seen from here; {_a_day(growth)}.")
    if growth.words:
        return ok(name, f"{room}. How long that lasts cannot be said: {growth.words}.")
    days = free / growth.bytes_a_day
    sentence = (
        f"{room}: enough for {_days(days)} at {growth.bytes_a_day / 1e6:,.1f} MB of bars a day, as measured over "
        f"{growth.days:.1f} days."
    )
    if days < 1:
        return fail(name, sentence, "Free some now, or move DATA_DIR to a larger disk.")
    if days < _WARN_DAYS:
        return warn(name, sentence, "Free some soon, or move DATA_DIR to a larger disk.")
    return ok(name, sentence)


def _a_day(growth: Growth) -> str:
    if growth.words:
        return f"how they grow cannot be said: {growth.words}"
    return f"they grow by {growth.bytes_a_day / 1e6:,.1f} MB a day"


def _days(days: float) -> str:
    if days > 3650:
        return "more than ten years"
    return f"{days:,.0f} days" if days >= 10 else f"{days:.1f} days"
