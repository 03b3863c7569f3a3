"""How long a session lasts. Times are epoch ms."""

from typing import NamedTuple

IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 86_400_000
_RENEWED_AFTER_MS = 10 * 60_000


class SessionMark(NamedTuple):
    """What a session's cookie says, signed: whose it is, as what the account was then, and when it was used.

    `id` is random; a session that was logged out is known by it.
    """

    id: str
    login: str
    role: str
    version: int
    began_ms: int
    used_ms: int


def is_over(mark: SessionMark, now_ms: int) -> bool:
    """After 12 hours without use, and after a week however much it is used."""
    return now_ms - mark.used_ms > IDLE_MS or now_ms - mark.began_ms > LONGEST_MS


def renewed(mark: SessionMark, now_ms: int) -> SessionMark:
    """The mark after a use now. The very same one for ten minutes: not every answer has to carry a cookie."""
    return mark if now_ms - mark.used_ms < _RENEWED_AFTER_MS else mark._replace(used_ms=now_ms)
