"""Loads of history: what of it is not known yet, in which pieces it is asked for, and how far a load is. Pure.

Dates are New York's. What is known is kept by symbol and month, as the days from `since` to `through`: these are never
asked for again. So a load is gone on with by asking for what is still unknown, whatever interrupted it.
"""

import calendar
import datetime as dt
import enum
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from src.core.domain.market.rest_evidence import final_from_ms
from src.core.domain.market.session import CalendarRangeError, SessionTable, new_york_date
from src.core.errors import ActionRefusedError

FIRST_DATE = dt.date(2003, 1, 1)  # before the vendor's first bar
_ONE_DAY = dt.timedelta(days=1)
_NAMED = 5  # symbols in a sentence


class Timespan(enum.StrEnum):
    """What is loaded."""

    MINUTE = "minute"
    DAY = "day"


class LoadState(enum.StrEnum):
    """How far a load is."""

    WAITING = "waiting"  # was asked for, and waits for its turn
    RUNNING = "running"  # or interrupted: then it is gone on with
    DONE = "done"
    FAILED = "failed"  # ended without some units, which `failures` names, or before all of them, as `detail` says


class Known(NamedTuple):
    """The days of a month that were settled when they were asked for, both included, and how many bars they have."""

    since: dt.date
    through: dt.date
    bars: int


class Piece(NamedTuple):
    """The part of a month of `symbol`, most often all of it, that is not known: its days, both included."""

    symbol: str
    from_date: dt.date
    to_date: dt.date

    @property
    def month(self) -> str:
        """Its month, as YYYY-MM."""
        return f"{self.from_date:%Y-%m}"


class Load(msgspec.Struct, frozen=True):
    """One load. `kind` is `rest` or `files`; of REST it is about `symbols` and the dates, both included, of files about
    `files`. Times are epoch ms by the clock. A unit is a part of a month of a symbol that was unknown, or a file:
    `units_done` of `units_total` are loaded, of which `units_empty` have no bars, and `units_failed` are not, for the
    reasons of `failures` (by symbol or file). `bars` were read, of which `written` were not stored like this before."""

    id: str
    kind: str
    timespan: Timespan
    symbols: tuple[str, ...] | None
    files: tuple[str, ...] | None
    from_date: dt.date | None
    to_date: dt.date | None
    actor: str
    state: LoadState
    asked_ms: int
    finished_ms: int | None = None
    units_total: int = 0
    units_done: int = 0
    units_empty: int = 0
    units_failed: int = 0
    bars: int = 0
    written: int = 0
    failures: Mapping[str, str] = {}
    detail: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state in (LoadState.DONE, LoadState.FAILED)

    def asks_for_same(self, other: "Load") -> bool:
        """Whether both are about the same."""
        mine = (self.kind, self.timespan, self.symbols, self.files, self.from_date, self.to_date)
        return mine == (other.kind, other.timespan, other.symbols, other.files, other.from_date, other.to_date)

    def going_on(self, remaining: int) -> "Load":
        """The load as it begins, or is gone on with: `remaining` units are to be loaded, what failed among them."""
        total = self.units_done + remaining
        return msgspec.structs.replace(
            self, state=LoadState.RUNNING, units_total=total, units_failed=0, failures={}, detail=""
        )

    def with_unit(self, bars: int, written: int) -> "Load":
        """The load after a unit that was loaded."""
        return msgspec.structs.replace(
            self,
            units_done=self.units_done + 1,
            units_empty=self.units_empty + (bars == 0),
            bars=self.bars + bars,
            written=self.written + written,
            detail="",
        )

    def with_failure(self, what: str, reason: str, units: int = 1) -> "Load":
        """The load after units that could not be loaded; of one symbol or file the first reason is kept."""
        failures = {what: reason, **self.failures}
        return msgspec.structs.replace(self, units_failed=self.units_failed + units, failures=failures, detail="")

    def with_detail(self, sentence: str) -> "Load":
        """The load of which something is to be said, until the next unit."""
        return msgspec.structs.replace(self, detail=sentence)

    def ended(self, at_ms: int, trouble: str = "") -> "Load":
        """The load after its last unit, or after `trouble` that ended it before."""
        state = LoadState.FAILED if trouble or self.units_failed else LoadState.DONE
        return msgspec.structs.replace(self, state=state, finished_ms=at_ms, detail=trouble)


class Survey(NamedTuple):
    """What a load comes to: the units that are unknown, how many requests they take at least, of which symbols."""

    units: int
    requests: int
    symbols: tuple[str, ...]


class Trading:
    """On which dates something can trade; without a calendar on all, and outside of it on every weekday."""

    def __init__(self, table: SessionTable | None) -> None:
        self._table = table
        self.on = functools.cache(self._on)  # of a few thousand dates, which many symbols share

    def _on(self, date: dt.date) -> bool:
        """Whether something can trade on `date`."""
        if self._table is None:
            return True
        try:
            return self._table.trading_day(date) is not None
        except CalendarRangeError:
            return date.weekday() < calendar.SATURDAY

    def within(self, from_date: dt.date, to_date: dt.date) -> bool:
        """Whether something can trade on a day from `from_date` to `to_date`, both included."""
        return any(self.on(date) for date in _days(from_date, to_date))


def settled_date(now_ms: int) -> dt.date:
    """The last date whose bars are final at `now_ms`."""
    date = new_york_date(now_ms) - _ONE_DAY
    return date if final_from_ms(_noon_ms(date)) <= now_ms else date - _ONE_DAY


def clipped(from_date: dt.date, to_date: dt.date | None, now_ms: int) -> tuple[dt.date, dt.date]:
    """The dates that can be loaded of those asked for: none before the vendor's first bar, none to come. Without
    `to_date` up to the last one whose bars are final. ActionRefusedError when nothing is left."""
    last = settled_date(now_ms) if to_date is None else min(to_date, new_york_date(now_ms))
    if to_date is not None and to_date < from_date:
        raise ActionRefusedError(f"--to ({to_date}) lies before --from ({from_date}).")
    if last < from_date:
        raise ActionRefusedError(f"Nothing can be loaded from {from_date} on: the last day with bars is {last}.")
    return max(from_date, FIRST_DATE), max(last, FIRST_DATE)


def pieces(
    symbol: str, from_date: dt.date, to_date: dt.date, known: Mapping[str, Known], trading: Trading
) -> list[Piece]:
    """What is unknown of a symbol from `from_date` to `to_date`, both included, the newest first; `known` by month.

    Where a month's known days lie apart from those asked for, what is between them is asked for too, so that one span
    of days says what is known.
    """
    found: list[Piece] = []
    for first, last in _months_back(from_date, to_date):
        month = known.get(f"{first:%Y-%m}")
        if month is None:
            spans = [(first, last)]
        else:
            spans = [(month.through + _ONE_DAY, last), (first, month.since - _ONE_DAY)]
        found += [Piece(symbol, *span) for span in spans if trading.within(*span)]
    return found


def joined(queue: Sequence[Piece], most: int) -> list[Piece]:
    """The first of `queue`, which is not empty, and those after it that adjoin each other: `most` at most. One request
    asks for all of them, from the last one's first day to the first one's last day."""
    count = 1
    while count < min(most, len(queue)) and queue[count].to_date + _ONE_DAY == queue[count - 1].from_date:
        count += 1
    return list(queue[:count])


def learnt(piece: Piece, known: Known | None, bars: Mapping[int, int], settled: dt.date) -> Known | None:
    """What is known of a piece's month once it was loaded; `bars` are how many it has by date (an ordinal), `settled`
    is the last date that was settled then. None while nothing is known."""
    through = min(piece.to_date, settled)
    if through < piece.from_date:
        return known
    count = sum(bars.get(date, 0) for date in range(piece.from_date.toordinal(), through.toordinal() + 1))
    if known is None:
        return Known(piece.from_date, through, count)
    return Known(min(known.since, piece.from_date), max(known.through, through), known.bars + count)


def words(load: Load) -> str:
    """What became of a load, as some sentences."""
    unit = "files" if load.kind == "files" else f"months of {load.timespan}s"
    if load.kind == "rest" and not load.units_total and load.state is LoadState.DONE:
        return "There was nothing to ask for: all of it is known already, or nothing trades on these days."
    loaded = load.units_done - load.units_empty
    found = (
        f"Of {load.units_total:,} {unit} {loaded:,} were loaded, {load.units_empty:,} are empty, "
        f"{load.units_failed:,} failed; {load.bars:,} bars were read, and {load.written:,} of them were not stored "
        "like this before."
    )
    failed = f" It failed for {_some(sorted(load.failures))}." if load.failures else ""
    return f"{found}{failed}{f' {load.detail}' if load.detail else ''}"


def _some(names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED])
    return f"{named} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else named


def _months_back(from_date: dt.date, to_date: dt.date) -> Iterator[tuple[dt.date, dt.date]]:
    """The days of each month within both dates, newest month first."""
    last = to_date
    while last >= from_date:
        first = max(from_date, last.replace(day=1))
        yield first, last
        last = first - _ONE_DAY


def _days(from_date: dt.date, to_date: dt.date) -> Iterator[dt.date]:
    for ordinal in range(from_date.toordinal(), to_date.toordinal() + 1):
        yield dt.date.fromordinal(ordinal)


def _noon_ms(date: dt.date) -> int:
    return round(dt.datetime.combine(date, dt.time(12), dt.UTC).timestamp() * 1000)  # in New York the same date
