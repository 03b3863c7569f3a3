"""Gaps as they open, grow and end. Pure: no clock, no thread, no database; times are event time, epoch ms.

A gap that grows belongs to symbols that nothing is heard of. They come back together or one by one; whose minutes
ended alike share a gap, and the rest grows on by itself.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.gaps import Gap, GapReason

WHOLE_MARKET = "*"
# So long after the last symbol came back, those that came back are a gap of their own.
_TOGETHER_S = 2.0
# A gap of the same symbols and reason takes in what follows, up to half an hour in all: then its repair begins.
_WIDEST_MS = 30 * MINUTE_MS
# While the database is away: more changed gaps than this are joined, those of one reason to one.
MOST_CHANGED = 5_000
_MOST_WIDENED = 20_000
_MOST_REMEMBERED = 200
# What comes bar by bar, and so can be much; of these none grows in the table.
_JOINED = (GapReason.WRITE, GapReason.UNOFFICIAL, GapReason.SUSPECT, GapReason.LATE)

Clip = Callable[[int, int], tuple[int, int] | None]


class Opening(NamedTuple):
    """Why a gap opens: its reason, what it hit and a sentence for people; `at_ms` is the wall clock."""

    reason: GapReason
    scope: str
    detail: str
    at_ms: int


@dataclass
class _Growing:
    """A gap without an end yet. `names` are the symbols that nothing is heard of, `ended` those that came back, by
    their last minute; `is_kept` once the table has it."""

    gap: Gap
    names: set[str]
    ended: dict[int, set[str]] = field(default_factory=dict)
    ended_s: float = 0.0
    is_kept: bool = False


class GapBook:
    """All gaps that grow, and those that changed and are not written yet. Not safe for threads: its owner serialises
    the calls.

    `new_id` names gaps; `clip` gives what of the minutes from the first to the last is in trading hours, or None.
    """

    def __init__(self, new_id: Callable[[], str], clip: Clip) -> None:
        self._new_id = new_id
        self._clip = clip
        self._growing: list[_Growing] = []
        self._changed: dict[str, Gap] = {}
        self._widened: dict[tuple[tuple[str, ...] | None, GapReason], Gap] = {}
        self._remembered: list[tuple[frozenset[str], int, int]] = []  # the last that ended
        self.changes = 0  # the same as when all was written: nothing waits

    # -- what opens and ends them --------------------------------------------------------------------------------

    def interrupt(self, symbols: Iterable[str], from_ms: int, opening: Opening) -> None:
        """Nothing is heard of these symbols from the minute of `from_ms` on; what is missing already stays as it is."""
        names = set(symbols).difference(*(one.names for one in self._growing))
        if names and not any(WHOLE_MARKET in one.names for one in self._growing):
            gap = self._gap(names, floor_minute(from_ms), None, opening)
            self._growing.append(_Growing(gap, names))
            self.changes += 1

    def resume(self, symbols: Collection[str], to_ms: int, now_s: float) -> None:
        """These symbols are heard again; the minute of `to_ms` is the last that may lack something of them."""
        for one in self._growing:
            back = set(one.names) if WHOLE_MARKET in symbols else one.names.intersection(symbols)
            if back:
                one.names -= back
                one.ended.setdefault(floor_minute(to_ms), set()).update(back)
                one.ended_s = now_s
                self.changes += 1

    def go_on(self, gap: Gap, names: Iterable[str]) -> None:
        """Takes a growing gap of an earlier life, which now is of these symbols."""
        self._growing.append(_Growing(gap, set(names), is_kept=True))

    def end(self, gap: Gap, to_ms: int) -> None:
        """A growing gap of an earlier life ends with the minute of `to_ms`."""
        first_ms, last_ms = self._hours(gap.from_ms, floor_minute(to_ms)) or (gap.from_ms, gap.from_ms)
        names = (WHOLE_MARKET,) if gap.symbols is None else gap.symbols
        self._end(gap._replace(from_ms=first_ms, to_ms=last_ms), names)

    def forget_start(self) -> None:
        """Forgets what grows, and what is not written yet, but for bars that were lost: a start is tried again."""
        self._growing.clear()
        self._remembered.clear()
        self._changed = {gap.id: gap for gap in self._changed.values() if gap.reason is GapReason.WRITE}
        self._widened = {(gap.symbols, gap.reason): gap for gap in self._changed.values()}
        self.changes += 1

    def open(self, symbols: Sequence[str], from_ms: int, to_ms: int, opening: Opening) -> None:
        """Something may be missing of these minutes, both included. A gap of the same symbols and reason that is near
        takes them in; of a hint, what a known gap has opens none."""
        from_ms, to_ms = floor_minute(from_ms), floor_minute(to_ms)
        if len(symbols) == 1:
            from_ms = self._unknown_from(symbols[0], from_ms, to_ms, opening.reason)
            if from_ms > to_ms:
                return
        key = (_told(symbols), opening.reason)
        gap = _widened(self._widened.get(key), from_ms, to_ms) or self._gap(symbols, from_ms, to_ms, opening)
        if gap == self._widened.get(key):
            return
        if len(self._widened) >= _MOST_WIDENED:
            self._widened.clear()
        self._widened[key] = gap
        if len(symbols) > 1 or gap.symbols is None:
            self._end(gap, symbols)
        else:
            self._change(gap)

    def _gap(self, symbols: Collection[str], from_ms: int, to_ms: int | None, opening: Opening) -> Gap:
        reason, scope, detail, at_ms = opening
        return Gap(self._new_id(), scope, _told(symbols), from_ms, to_ms, reason, detail, at_ms)

    # -- what is to be written -----------------------------------------------------------------------------------

    def take(self, now_ms: int, now_s: float) -> list[Gap]:
        """All that changed and is not told to be `kept`, at `now_ms` of event time. A gap that grows is told once some
        of its minutes are in trading hours."""
        for one in list(self._growing):
            if not one.names:
                self._finish(one)
            elif one.ended and now_s - one.ended_s >= _TOGETHER_S:
                self._split(one)
            elif not one.is_kept and (bounds := self._hours(one.gap.from_ms, now_ms)) is not None:
                one.is_kept, one.gap = True, one.gap._replace(from_ms=bounds[0])
                self._change(one.gap)
        return list(self._changed.values())

    def kept(self, gaps: Iterable[Gap]) -> None:
        """These are written."""
        for gap in gaps:
            if self._changed.get(gap.id) is gap:
                del self._changed[gap.id]

    @property
    def unwritten(self) -> int:
        """How many changed gaps are not written yet."""
        return len(self._changed)

    @property
    def missing(self) -> set[str]:
        """The symbols that nothing is heard of."""
        return {name for one in self._growing for name in one.names}

    def _hours(self, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        return self._clip(from_ms, to_ms) if from_ms <= to_ms else None

    def _finish(self, one: _Growing) -> None:
        """All came back: who ended last keeps the gap's name."""
        self._growing.remove(one)
        *others, (last_ms, names) = sorted(one.ended.items())
        bounds = self._hours(one.gap.from_ms, last_ms)
        if bounds is None and one.is_kept:
            bounds = (one.gap.from_ms, one.gap.from_ms)  # the table has it: it is to end there
        if bounds is not None:
            self._end(one.gap._replace(symbols=_told(names), from_ms=bounds[0], to_ms=bounds[1]), names)
        self._end_apart(one.gap, others)

    def _split(self, one: _Growing) -> None:
        """Some came back a while ago: they are gaps of their own, and the others grow on."""
        self._end_apart(one.gap, one.ended.items())
        one.ended = {}
        one.gap = one.gap._replace(symbols=_told(one.names))
        if one.is_kept:
            self._change(one.gap)

    def _end_apart(self, gap: Gap, ended: Iterable[tuple[int, set[str]]]) -> None:
        for last_ms, names in ended:
            if (bounds := self._hours(gap.from_ms, last_ms)) is not None:
                apart = gap._replace(id=self._new_id(), symbols=_told(names), from_ms=bounds[0], to_ms=bounds[1])
                self._end(apart, names)

    def _end(self, gap: Gap, names: Collection[str]) -> None:
        assert gap.to_ms is not None  # noqa: S101  it has ended
        self._remembered.append((frozenset(names), gap.from_ms, gap.to_ms))
        del self._remembered[:-_MOST_REMEMBERED]
        self._change(gap)

    def _change(self, gap: Gap) -> None:
        self._changed[gap.id] = gap
        self.changes += 1
        if len(self._changed) > MOST_CHANGED:
            self._join()

    def _join(self) -> None:
        """Makes one gap of all gaps of a reason: what is wider than needed costs a larger answer."""
        by_reason: dict[GapReason, list[Gap]] = {}
        for gap in self._changed.values():
            if gap.symbols is not None and gap.reason in _JOINED:
                by_reason.setdefault(gap.reason, []).append(gap)
        for gaps in by_reason.values():
            symbols = tuple(sorted({symbol for gap in gaps for symbol in gap.symbols or ()}))
            first_ms, last_ms = min(gap.from_ms for gap in gaps), max(gap.to_ms or 0 for gap in gaps)
            for gap in gaps:
                del self._changed[gap.id]
            joined = gaps[0]._replace(id=self._new_id(), scope=WHOLE_MARKET, symbols=symbols, from_ms=first_ms)
            self._changed[joined.id] = joined._replace(to_ms=last_ms)
        self._widened.clear()

    def _unknown_from(self, symbol: str, from_ms: int, to_ms: int, reason: GapReason) -> int:
        """From which of these minutes on no other gap has what is missing; after the last of them if it has all.

        A volume that grew over a gap is one more hint only for what follows it: whoever repairs the gap asks about the
        minutes before it as well.
        """
        spans = self._spans(symbol, to_ms)
        if reason is GapReason.UNOFFICIAL:
            known = [last_ms for first_ms, last_ms in spans if first_ms <= from_ms and to_ms <= last_ms]
        elif reason is GapReason.SUSPECT:
            known = [last_ms for first_ms, last_ms in spans if first_ms <= to_ms and from_ms <= last_ms]
        else:
            known = []
        return max(known) + MINUTE_MS if known else from_ms

    def _spans(self, symbol: str, now_ms: int) -> Iterator[tuple[int, int]]:
        """The minutes, the first and the last, of the gaps of several symbols that have this one."""
        for one in self._growing:
            if _has(one.names, symbol):
                yield one.gap.from_ms, now_ms
            for last_ms, names in one.ended.items():
                if _has(names, symbol):
                    yield one.gap.from_ms, last_ms
        for known, first_ms, last_ms in self._remembered:
            if _has(known, symbol):
                yield first_ms, last_ms


def floor_minute(at_ms: int) -> int:
    """The start of the minute."""
    return at_ms - at_ms % MINUTE_MS


def _told(names: Collection[str]) -> tuple[str, ...] | None:
    return None if WHOLE_MARKET in names else tuple(sorted(names))


def _has(names: Collection[str], symbol: str) -> bool:
    return symbol in names or WHOLE_MARKET in names


def _widened(gap: Gap | None, from_ms: int, to_ms: int) -> Gap | None:
    """The gap with these minutes taken in; None where it would become too wide."""
    if gap is None or gap.to_ms is None:
        return None
    first_ms, last_ms = min(gap.from_ms, from_ms), max(gap.to_ms, to_ms)
    return gap._replace(from_ms=first_ms, to_ms=last_ms) if last_ms - first_ms < _WIDEST_MS else None
