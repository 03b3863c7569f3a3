"""A day of bars compared with the vendor's final ones: which days are due, what a run found, in words. Pure.

A run compares a whole New York date, midnight to midnight: nothing trades outside of 04:00 to 20:00, so what is stored
there is as wrong as any other bar that the vendor does not have.
"""

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.comparison import Comparison
from src.core.domain.market.rest_evidence import SETTLED_AFTER_MS, final_from_ms
from src.core.domain.market.session import SessionTable, new_york_date
from src.core.errors import ActionRefusedError

_NEW_YORK = ZoneInfo("America/New_York")
# Of its own accord the program asks a little after the vendor's files are there, for the last trading days at most.
AUTOMATIC_AFTER_MS = 5 * MINUTE_MS
DAYS_BACK = 5
RETRY_AFTER_MS = 60 * MINUTE_MS
_NAMED = 5  # symbols in a sentence


class RunState(enum.StrEnum):
    """How far a run is."""

    WAITING = "waiting"  # was asked for, and waits for its turn
    RUNNING = "running"  # or interrupted: then it is gone on with
    DONE = "done"  # every symbol was compared
    FAILED = "failed"  # ended without some symbols, which `failed` names


class Request(NamedTuple):
    """What is to be compared: a New York date, of `symbols` (None: of all that are kept) with REST, or with the flat
    file at `file`. `id` is the run's, if a new one begins."""

    id: str
    date: dt.date
    symbols: tuple[str, ...] | None
    file: str | None


class Run(msgspec.Struct, frozen=True):
    """One run. Times are epoch ms by the clock; `bars` were compared, of which `added`, `differed` and `withdrawn` were
    not as they should be. `done` are the symbols compared, `failed` those that could not be, with the reason."""

    id: str
    date: dt.date
    symbols: tuple[str, ...] | None
    file: str | None
    state: RunState
    started_ms: int
    total: int
    finished_ms: int | None = None
    bars: int = 0
    added: int = 0
    differed: int = 0
    withdrawn: int = 0
    done: tuple[str, ...] = ()
    done_count: int = 0
    failed: Mapping[str, str] = {}
    detail: str = ""

    def continues(self, request: Request, now_ms: int) -> bool:
        """Whether what is asked for is the rest of this run, which ended before it was done. What was compared before
        the answers were final is compared anew."""
        if self.state not in (RunState.RUNNING, RunState.FAILED) or not self.asks_for(request):
            return False
        return self.file is not None or is_final(self.date, self.started_ms) == is_final(self.date, now_ms)

    def asks_for(self, request: Request) -> bool:
        """Whether it is about the same."""
        return (request.date, request.symbols, request.file) == (self.date, self.symbols, self.file)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state in (RunState.DONE, RunState.FAILED)

    def going_on(self, request: Request) -> "Run":
        """The run as it is gone on with: what failed is tried again."""
        return msgspec.structs.replace(
            self, id=request.id, state=RunState.RUNNING, finished_ms=None, failed={}, detail=""
        )

    def with_found(self, compared: int, found: Comparison) -> "Run":
        """The run after some more bars were compared."""
        return msgspec.structs.replace(
            self,
            bars=self.bars + compared,
            added=self.added + len(found.added),
            differed=self.differed + len(found.differed),
            withdrawn=self.withdrawn + len(found.withdrawn),
        )

    def with_symbol(self, symbol: str) -> "Run":
        """The run after a symbol all of whose bars were compared."""
        return msgspec.structs.replace(self, done=(*self.done, symbol), done_count=self.done_count + 1)

    def with_failure(self, symbol: str, reason: str) -> "Run":
        """The run after a symbol that could not be compared."""
        return msgspec.structs.replace(self, failed={**self.failed, symbol: reason})

    def ended(self, at_ms: int, trouble: str = "") -> "Run":
        """The run after its last symbol, or after `trouble` that ended it before; what is done is kept with what
        failed, so that the next time only the rest is asked for."""
        failed = bool(trouble or self.failed)
        state = RunState.FAILED if failed else RunState.DONE
        done = self.done if failed else ()
        return msgspec.structs.replace(self, state=state, finished_ms=at_ms, done=done, detail=trouble)


def date_bounds_ms(date: dt.date) -> tuple[int, int]:
    """The first and the last minute of a New York date, both epoch ms; it has 23 to 25 hours."""
    midnight, following = (
        dt.datetime.combine(day, dt.time(), _NEW_YORK).timestamp() for day in (date, date + dt.timedelta(days=1))
    )
    return round(midnight * 1000), round(following * 1000) - MINUTE_MS


def is_final(date: dt.date, at_ms: int) -> bool:
    """Whether the vendor's answers about a date are final at `at_ms`."""
    return at_ms >= final_from_ms(date_bounds_ms(date)[0])


def due_dates(now_ms: int, calendar: SessionTable | None) -> list[dt.date]:
    """The days that the program reconciles of its own accord at `now_ms`, newest first: of the last five trading days
    those of which it is 11:05 New York on the next calendar day. Without a calendar every day trades.

    Raises CalendarRangeError.
    """
    if calendar is None:
        today = new_york_date(now_ms)
        dates = [today - dt.timedelta(days=back) for back in range(1, DAYS_BACK + 2)]
    else:
        dates = [day.date for day in calendar.latest_days(now_ms, DAYS_BACK + 2)]
    return [date for date in dates if is_final(date, now_ms - AUTOMATIC_AFTER_MS)][:DAYS_BACK]


def check_date(date: dt.date, now_ms: int, calendar: SessionTable | None) -> None:
    """Raises ActionRefusedError for a date on which nothing trades, or that is not over; CalendarRangeError."""
    last_ms = date_bounds_ms(date)[1]
    if calendar is not None:
        day = calendar.trading_day(date)
        if day is None:
            raise ActionRefusedError(f"Nothing trades on {date}: it is a weekend's day or a holiday.")
        last_ms = day.post_close_ms - MINUTE_MS
    settled_ms = last_ms + MINUTE_MS + SETTLED_AFTER_MS
    if now_ms < settled_ms:
        raise ActionRefusedError(
            f"{date} is not over: it can be compared from {_new_york(settled_ms)} New York on, and its bars are final "
            f"from {_new_york(final_from_ms(date_bounds_ms(date)[0]))} on."
        )


def is_settled(run: Run, now_ms: int) -> bool:
    """Whether the program need not repeat this run of all symbols of its own accord: it was done with final answers, or
    failed less than an hour ago."""
    if run.symbols is not None or not (run.file or is_final(run.date, run.started_ms)):
        return False
    if run.state is RunState.FAILED:
        return run.finished_ms is not None and now_ms < run.finished_ms + RETRY_AFTER_MS
    return run.state is RunState.DONE


def words(run: Run) -> str:
    """What a run found, as a sentence or two."""
    found = (
        f"{run.date}: {run.bars:,} bars of {run.done_count:,} symbols compared; {run.added:,} were missing, "
        f"{run.differed:,} had other values, {run.withdrawn:,} are withdrawn."
    )
    left = f" {len(run.failed):,} symbols could not be compared: {_some(sorted(run.failed))}." if run.failed else ""
    return f"{found}{left}{f' {run.detail}' if run.detail else ''}"


def _some(symbols: Sequence[str]) -> str:
    named = ", ".join(symbols[:_NAMED])
    return f"{named} and {len(symbols) - _NAMED:,} more" if len(symbols) > _NAMED else named


def _new_york(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, _NEW_YORK).strftime("%Y-%m-%d %H:%M")
