"""Which bars are to be looked at for patterns when minutes changed, and which are read for that. Pure.

Patterns of the regular session reach back into the one before it; the pre-market, the post-market and the night stand
each for itself.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from src.core.analytics.patterns import TIMEFRAMES, WINDOW
from src.core.domain.market.aggregation import DayOf, Session, Timeframe, session_at
from src.core.domain.market.bar import MINUTE_MS

_LONGEST_BREAK = 10  # days
_ONE_DAY = dt.timedelta(days=1)


class Look(NamedTuple):
    """Bars of a timeframe that start in [from_ms, to_ms), trading time since their session began."""

    timeframe: Timeframe
    from_ms: int
    to_ms: int

    @property
    def width_ms(self) -> int:
        """The period."""
        return width_of(self.timeframe)


class Stage(NamedTuple):
    """What is to be looked at in a session. `previous` is the regular session before a regular one."""

    session: Session
    previous: Session | None
    looks: tuple[Look, ...]

    def reads(self) -> list[tuple[int, int]]:
        """The spans of minutes that decide it, [from, to) in epoch ms: the bars themselves and a window before."""
        first_ms = min(look.from_ms - WINDOW * look.width_ms for look in self.looks)
        last_ms = max(look.to_ms for look in self.looks)
        start_ms = self.session.start_ms
        spans = [(start_ms + max(first_ms, 0), start_ms + last_ms)]
        if self.previous is not None and first_ms < 0:
            spans.append((max(self.previous.start_ms, self.previous.end_ms + first_ms), self.previous.end_ms))
        return spans

    def clock_ms(self, at_ms: int) -> int:
        """Trading time since the session began, of an instant in it or in the one before."""
        if at_ms < self.session.start_ms and self.previous is not None:
            return at_ms - self.previous.end_ms
        return at_ms - self.session.start_ms


class Sessions:
    """The sessions of a calendar, the last one asked for kept: most symbols trade in the same."""

    def __init__(self, day_of: DayOf) -> None:
        self._day_of = day_of
        self._last: Session | None = None
        self._previous: dict[dt.date, Session | None] = {}

    def at(self, at_ms: int) -> Session:
        """The session, or the stretch between sessions, that holds an instant."""
        last = self._last
        if last is None or not last.start_ms <= at_ms < last.end_ms:
            last = self._last = session_at(at_ms, self._day_of)
        return last

    def previous(self, session: Session) -> Session | None:
        """The regular session before a regular one; None for others."""
        if not session.is_regular:
            return None
        if session.date not in self._previous:
            self._previous = {session.date: self._regular(session.date, -_ONE_DAY)}
        return self._previous[session.date]

    def following(self, session: Session) -> Session | None:
        """The regular session after a regular one; None for others."""
        return self._regular(session.date, _ONE_DAY) if session.is_regular else None

    def _regular(self, date: dt.date, step: dt.timedelta) -> Session | None:
        for _ in range(_LONGEST_BREAK):
            date += step
            if (session := self.regular_of(date)) is not None:
                return session
        return None

    def regular_of(self, date: dt.date) -> Session | None:
        """The regular session of a New York date; None where it does not trade."""
        day = self._day_of(date)
        return None if day is None else Session(date, day.open_ms, day.close_ms, True)


class Plan(NamedTuple):
    """What to look at now, and the ends (epoch ms) of periods that are not over: to be looked at then."""

    stages: list[Stage]
    later_ms: list[int]


def plan(sessions: Sessions, from_ms: int, to_ms: int, settled_ms: int) -> Plan:
    """For minutes of a symbol that changed, from the first to the last (epoch ms); what ended by `settled_ms` is over.

    A changed bar decides the patterns of those after it, too: within a window of periods of trading.
    """
    stages: list[Stage] = []
    later: list[int] = []
    for session in _between(sessions, from_ms, to_ms):
        start_ms, end_ms = session.start_ms, session.end_ms
        first_ms = max(from_ms, start_ms) - start_ms
        last_ms = min(to_ms, end_ms - MINUTE_MS) - start_ms
        looks, spilled = [], []
        for timeframe in TIMEFRAMES:
            width_ms = width_of(timeframe)
            look_ms, until_ms = first_ms // width_ms * width_ms, (last_ms // width_ms + 1) * width_ms
            is_over = start_ms + until_ms <= settled_ms or last_ms == until_ms - MINUTE_MS
            if not is_over:
                later.append(start_ms + until_ms)
            if is_over or start_ms + look_ms + width_ms <= settled_ms:
                reach_ms = until_ms + WINDOW * width_ms
                looks.append(Look(timeframe, look_ms, min(reach_ms, end_ms - start_ms)))
                spilled.append(Look(timeframe, 0, reach_ms - (end_ms - start_ms)))
        stages += [Stage(session, sessions.previous(session), tuple(looks))] if looks else []
        stages += _spill(sessions, session, spilled, settled_ms)
    return Plan(stages, later)


def width_of(timeframe: Timeframe) -> int:
    """The period of a timeframe within a session."""
    width_ms = timeframe.width_ms
    assert width_ms is not None  # noqa: S101  patterns are of minutes
    return width_ms


def _spill(sessions: Sessions, session: Session, looks: list[Look], settled_ms: int) -> Iterator[Stage]:
    """What of the next regular session a change near the end of one decides."""
    reached = tuple(look for look in looks if look.to_ms > 0)
    if not reached or not session.is_regular or session.end_ms > settled_ms:
        return
    following = sessions.following(session)
    if following is not None and following.start_ms <= settled_ms:
        yield Stage(following, session, reached)


def _between(sessions: Sessions, from_ms: int, to_ms: int) -> Iterator[Session]:
    at_ms = from_ms
    while at_ms <= to_ms:
        session = sessions.at(at_ms)
        yield session
        at_ms = session.end_ms
