"""Whether this machine's clock is right, by what others say, and whether it knows New York's time."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from src.infrastructure.doctor.finding import Finding, fail, ok, warn
from src.infrastructure.doctor.vendor_rest import Answer

NAME = "clock"
_WARN_S = 2.0
_FAIL_S = 60.0
_ADVICE = "Let the machine keep its clock by NTP: timedatectl set-ntp true (or install chrony)."


def look_at_offset(whose: str, offset_s: float, error_s: float) -> Finding:
    """Judges how far this clock is ahead of another's (seconds), which is known to `error_s`."""
    off_s = abs(offset_s)
    if off_s - error_s <= _WARN_S:
        return ok(NAME, f"This machine's clock agrees with {whose}, to {max(off_s, error_s):.1f} s.")
    way = "ahead of" if offset_s > 0 else "behind"
    sentence = f"This machine's clock is {_duration(off_s)} {way} {whose}."
    return fail(NAME, sentence, _ADVICE) if off_s > _FAIL_S else warn(NAME, sentence, _ADVICE)


def offset_of(answer: Answer) -> tuple[float, float] | None:
    """How far this clock is ahead of the vendor's, and how exactly that is known, in seconds; None without a Date.

    The header tells whole seconds, cut off (RFC 9110, 6.6.1): the middle of that second is taken.
    """
    if answer.date_s is None:
        return None
    return answer.at_s - (answer.date_s + 0.5), 0.5 + answer.took_s / 2


def look_at_time_zones() -> Finding:
    """Trading days are those of New York."""
    try:
        ZoneInfo("America/New_York")
    except (ZoneInfoNotFoundError, OSError) as error:
        return fail(
            "time zones",
            f"New York's time is not known here ({error}).",
            "Start python3 start_all_services.py once, which installs the package tzdata.",
        )
    return ok("time zones", "New York's time is known.")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
