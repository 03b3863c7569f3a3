"""Whom to ask next about gaps, about which minutes, and when to ask again. Pure.

An entry's minutes are event time, the feed's own; when it is due is the wall clock: `lag_ms` later. All epoch ms.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.gaps import PRIORITY, Gap, GapEntry, GapReason, GapState
from src.core.domain.market.rest_evidence import SETTLED_AFTER_MS

# The vendor gives at most a month of minutes a request.
LONGEST_REQUEST_MS = 28 * 86_400_000
# Revisions of the 20 minutes before a drop were missed as well.
_REVISED_MS = 20 * MINUTE_MS
# After the end of a gap: the vendor's minutes may lag by 5 minutes and more.
_FIRST_ASK_MS = MINUTE_MS
_LAG_RETRIES_MS = (5 * MINUTE_MS, 16 * MINUTE_MS)
_LONG_LAG_RETRIES_MS = (35 * MINUTE_MS, 65 * MINUTE_MS)
_SETTLED_ASK_MS = SETTLED_AFTER_MS + 30_000
# Of what was filled while it was young, the minutes that can have been unsettled then.
_YOUNG_MS = 25 * MINUTE_MS
# Waits after answers that cannot be used: at 1, 5, 16 and 60 minutes, then each hour for a day.
_FAILURE_WAITS_MS = tuple(minutes * MINUTE_MS for minutes in (1, 4, 11, 44, *[60] * 23))
# Nobody is left alone for longer.
_LONGEST_WAIT_MS = 120 * MINUTE_MS
# Hints, not holes: one request, once the answer is settled, is enough.
_HINTS = frozenset({GapReason.SUSPECT, GapReason.LATE})


class Request(NamedTuple):
    """One request: the minutes from `from_ms` to `to_ms`, both included, for these entries of one symbol."""

    from_ms: int
    to_ms: int
    entries: tuple[GapEntry, ...]


class Verdict(NamedTuple):
    """An entry's new state, and when it is due next (None when that is its last state)."""

    state: GapState
    due_ms: int | None


def first_due_ms(gap: Gap, lag_ms: int) -> int:
    """When to ask first about a gap that has ended: history at once, else when the vendor can have its minutes."""
    if gap.reason is GapReason.HISTORY:
        return gap.opened_ms
    to_ms = last_ms(gap)
    return settled_due_ms(to_ms, lag_ms) if gap.reason in _HINTS else _end_ms(to_ms) + _FIRST_ASK_MS + lag_ms


def last_ms(gap: Gap) -> int:
    """The last minute of a gap that has ended; of one that grows, the only one that is sure."""
    return gap.from_ms if gap.to_ms is None else gap.to_ms


def settled_due_ms(to_ms: int, lag_ms: int) -> int:
    """From when on an answer about the minutes up to `to_ms` is settled."""
    return _end_ms(to_ms) + _SETTLED_ASK_MS + lag_ms


def is_settled(to_ms: int, asked_ms: int) -> bool:
    """Whether an answer asked for at `asked_ms` (event time) is settled for the minutes up to `to_ms`."""
    return asked_ms >= _end_ms(to_ms) + SETTLED_AFTER_MS


class Heard(NamedTuple):
    """What was heard of an entry's minutes: when it was asked for (event time), the newest bar of the answer, and the
    newest one that is stored; None for no bar."""

    asked_ms: int
    newest_ms: int | None
    stored_ms: int | None


def after_answer(entry: GapEntry, heard: Heard, lag_ms: int) -> Verdict:
    """What an entry is after an answer.

    An answer that ends before the gap does may lag, or there were no trades: while it is young it is asked for again.
    One that is old enough counts, unless later bars are stored: then the vendor lags by far, and has another hour.
    """
    newest_ms = heard.newest_ms or 0
    if is_settled(entry.to_ms, heard.asked_ms):
        retries_ms = _LONG_LAG_RETRIES_MS if newest_ms < (heard.stored_ms or 0) else ()
        state = GapState.WAITING
    else:
        lags = newest_ms < entry.to_ms and entry.reason is not GapReason.HISTORY
        retries_ms = _LAG_RETRIES_MS if lags else ()
        state = GapState.OPEN
    end_ms = _end_ms(entry.to_ms)
    for wait_ms in retries_ms:
        if end_ms + wait_ms > heard.asked_ms:
            return Verdict(state, end_ms + wait_ms + lag_ms)
    if state is GapState.WAITING:
        return Verdict(GapState.REPAIRED, None)
    return Verdict(GapState.WAITING, settled_due_ms(entry.to_ms, lag_ms))


def after_failure(entry: GapEntry, now_ms: int) -> Verdict:
    """What an entry is after an answer that could not be used, at `now_ms` by the wall clock."""
    if entry.attempts >= len(_FAILURE_WAITS_MS):
        return Verdict(GapState.UNREPAIRABLE, None)
    return Verdict(entry.state, now_ms + _FAILURE_WAITS_MS[entry.attempts])


def heeded_due_ms(due_ms: int, now_ms: int) -> int:
    """When an entry is due that the table says is due at `due_ms`: now, where that is further ahead than any wait. Then
    the wall clock was ahead as it was written, and has been set right since."""
    return due_ms if due_ms <= now_ms + _LONGEST_WAIT_MS else now_ms


def requests(entries: Iterable[GapEntry]) -> list[Request]:
    """The fewest requests, of a month at most, that cover all entries of one symbol; a longer entry is cut."""
    made: list[Request] = []
    pieces = sorted(piece for entry in entries for piece in _pieces(entry))
    for from_ms, to_ms, entry in pieces:
        if made and to_ms - made[-1].from_ms < LONGEST_REQUEST_MS:
            last = made[-1]
            made[-1] = Request(last.from_ms, max(last.to_ms, to_ms), (*last.entries, entry))
        else:
            made.append(Request(from_ms, to_ms, (entry,)))
    return made


def covers(request: Request, minute_ms: int) -> bool:
    """Whether a minute is one that some entry asks about."""
    bounds = map(_asked_bounds, request.entries)
    return any(from_ms <= minute_ms <= to_ms for from_ms, to_ms in bounds)


def in_order(
    entries: Mapping[str, Sequence[GapEntry]], dollar_volumes: Mapping[str, float], last: Collection[str], now_ms: int
) -> list[str]:
    """Symbols with something due, whom to ask first at the front: by reason, holes before rechecks, then the most
    traded ones. Those in `last` come after all others."""

    def rank(symbol: str) -> tuple[bool, int, bool, float, str]:
        urgency = min(
            (PRIORITY[entry.reason], entry.state is GapState.WAITING)
            for entry in entries[symbol]
            if entry.due_ms <= now_ms
        )
        return (symbol in last, *urgency, -dollar_volumes.get(symbol, 0.0), symbol)

    return sorted((symbol for symbol in entries if any(one.due_ms <= now_ms for one in entries[symbol])), key=rank)


def empty_at_ms(entries: Mapping[str, Sequence[GapEntry]], now_ms: int, interval_ms: float, lag_ms: int) -> int | None:
    """When all will have been asked for, at a request each `interval_ms`; None when nothing waits."""
    if not entries:
        return None
    free_ms = float(now_ms)
    for due_ms in sorted(due_ms for of_symbol in entries.values() for due_ms in _moments(of_symbol, now_ms, lag_ms)):
        free_ms = max(free_ms, due_ms) + interval_ms
    return round(free_ms)


def _moments(entries: Sequence[GapEntry], now_ms: int, lag_ms: int) -> set[int]:
    """When a symbol is to be asked about: first, and last."""
    due_ms = [max(now_ms, entry.due_ms) for entry in entries]
    rechecks_ms = [settled_due_ms(entry.to_ms, lag_ms) for entry in entries if entry.state is GapState.OPEN]
    return {min(due_ms), max(due_ms + rechecks_ms)}


def _asked_bounds(entry: GapEntry) -> tuple[int, int]:
    """The minutes to ask about: the entry's own and what may have been revised before them; of history that was
    filled before, those that were young then."""
    if entry.reason is not GapReason.HISTORY:
        return entry.from_ms - _REVISED_MS, entry.to_ms
    return (entry.from_ms if entry.state is GapState.OPEN else max(entry.from_ms, entry.to_ms - _YOUNG_MS)), entry.to_ms


def _pieces(entry: GapEntry) -> list[tuple[int, int, GapEntry]]:
    from_ms, to_ms = _asked_bounds(entry)
    starts_ms = range(from_ms, to_ms + 1, LONGEST_REQUEST_MS)
    return [(start_ms, min(start_ms + LONGEST_REQUEST_MS - 1, to_ms), entry) for start_ms in starts_ms]


def _end_ms(to_ms: int) -> int:
    """The end of a last minute."""
    return to_ms + MINUTE_MS
