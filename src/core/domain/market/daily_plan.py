"""Which days are to be made of minutes anew, and when the vendor's own are due. Pure.

A day is made of the minutes of its regular session, so it lacks what trades before and after it, closing prints, and
odd lots that never are in minutes: it is provisional (`live`), and the vendor's daily bar outranks it.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from src.core.domain.market.aggregation import MICRO, VWAP_DECIMALS, DayOf
from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.rest_evidence import rest_day_tier
from src.core.domain.market.session import new_york_date

DAYS_BACK = 5
HISTORY_DAYS = 300  # trading days of the past that market state is calculated from
HISTORY_SPAN = 450  # days, among which there are so many that trade
_LONGEST_BREAK = 12  # days, over which five trading days are always found
# Changes of the last 20 minutes are noted nowhere: the present day is made anew until they are past.
STILL_FRESH_MS = 21 * MINUTE_MS
_OFFICIAL_TIERS = (Tier.OFFICIAL, Tier.FINAL)
_ONE_DAY = dt.timedelta(days=1)


class DayOfMinutes(NamedTuple):
    """A symbol's day to be made: of minutes that start in [from_ms, to_ms), epoch ms."""

    symbol: str
    date: dt.date
    from_ms: int
    to_ms: int


class Dates(NamedTuple):
    """From the first New York date to the last, both included."""

    first: dt.date
    last: dt.date


class Minutes(NamedTuple):
    """A symbol's minutes that start in [from_ms, to_ms), epoch ms."""

    symbol: str
    from_ms: int
    to_ms: int


class Stretch(NamedTuple):
    """What minutes come to: `volume_micro` in millionths of a share, `dollars` the sum of vwap times volume. Of its
    `minutes` so many have a trade count (`told`), and so many traded without a vwap."""

    open: float
    high: float
    low: float
    close: float
    volume_micro: int
    dollars: float
    without_vwap: int
    trades: int
    told: int
    minutes: int
    partial: bool

    def then(self, later: "Stretch | None") -> "Stretch":
        """Both together, the later one after this one."""
        if later is None:
            return self
        return Stretch(
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume_micro + later.volume_micro,
            self.dollars + later.dollars,
            self.without_vwap + later.without_vwap,
            self.trades + later.trades,
            self.told + later.told,
            self.minutes + later.minutes,
            self.partial or later.partial,
        )


def day_of_stretch(of: DayOfMinutes, whole: Stretch, stamp: int, now_ms: int) -> DailyBar:
    """The day that its minutes come to, as evidence of `stamp`; partial while its session goes on at `now_ms`."""
    volume = whole.volume_micro / MICRO
    has_vwap = not whole.without_vwap and whole.volume_micro > 0
    return DailyBar(
        of.symbol,
        of.date,
        whole.open,
        whole.high,
        whole.low,
        whole.close,
        volume,
        round(whole.dollars / volume, VWAP_DECIMALS) if has_vwap else None,
        whole.trades if whole.told == whole.minutes else None,
        Tier.LIVE.value,
        stamp,
        partial=whole.partial or now_ms < of.to_ms,
    )


class NotedChanges(NamedTuple):
    """The last revision, the newest minute (epoch ms), up to which revision notes of changes were dropped; and since
    another revision for each symbol the first and the last minute of what changed among bars older than 20 minutes."""

    revision: int
    newest_ms: int
    floor: int
    changes: Sequence[tuple[str, int, int]]


class Backlog:
    """For each symbol the dates whose days are to be made; what lies between two spans is made along with them."""

    def __init__(self) -> None:
        self._spans: dict[str, Dates] = {}

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, symbol: str, dates: Dates) -> None:
        """Some dates of a symbol."""
        known = self._spans.get(symbol, dates)
        self._spans[symbol] = Dates(min(known.first, dates.first), max(known.last, dates.last))

    def take(self, most: int, day_of: DayOf) -> list[DayOfMinutes]:
        """The next days to be made, `most` at most, or none where it holds none that trade; they leave it."""
        taken: list[DayOfMinutes] = []
        while self._spans and len(taken) < most:
            symbol = next(iter(self._spans))
            date, last = self._spans.pop(symbol)
            while date <= last and len(taken) < most:
                if (day := day_of(date)) is not None:
                    taken.append(DayOfMinutes(symbol, date, day.open_ms, day.close_ms))
                date += _ONE_DAY
            if date <= last:
                self._spans[symbol] = Dates(date, last)
        return taken

    def put_back(self, days: Iterable[DayOfMinutes]) -> None:
        """Days that could not be made."""
        for day in days:
            self.add(day.symbol, Dates(day.date, day.date))


def dates_of(from_ms: int, to_ms: int) -> Dates:
    """The dates of minutes from one to another, both included."""
    return Dates(new_york_date(from_ms), new_york_date(to_ms))


def is_fresh(date: dt.date, now_ms: int, day_of: DayOf) -> bool:
    """Whether a date's regular session has begun, and not ended so long ago that every later change of it is noted."""
    day = day_of(date)
    return day is not None and day.open_ms <= now_ms < day.close_ms + STILL_FRESH_MS


def trading_dates_back(now_ms: int, day_of: DayOf) -> Iterator[dt.date]:
    """The date at `now_ms` and those before it that trade, newest first: six at most."""
    today = new_york_date(now_ms)
    found = 0
    for back in range(_LONGEST_BREAK):
        date = today - dt.timedelta(days=back)
        if day_of(date) is not None and found <= DAYS_BACK:
            found += 1
            yield date


def due_of_vendor(now_ms: int, day_of: DayOf, asked: Mapping[dt.date, int]) -> list[dt.date]:
    """The dates whose daily bars the vendor is to be asked for, newest first: of the last trading days those that are
    official (20:20 New York) or final (the next day, 11:00) by now and were asked for at a lower tier, or not."""
    due = []
    for date in trading_dates_back(now_ms, day_of):
        tier = rest_day_tier(date, now_ms)
        if tier in _OFFICIAL_TIERS and asked.get(date, -1) < tier:
            due.append(date)
    return due


def past_of_vendor(now_ms: int, day_of: DayOf, asked: Collection[dt.date]) -> list[dt.date]:
    """The dates of the last 300 trading days that the vendor was not asked for yet, newest first; none that it has no
    official days of at `now_ms`."""
    today = new_york_date(now_ms)
    dates = (today - dt.timedelta(days=back) for back in range(HISTORY_SPAN))
    trading = islice((date for date in dates if day_of(date) is not None), HISTORY_DAYS)
    return [date for date in trading if date not in asked and rest_day_tier(date, now_ms) in _OFFICIAL_TIERS]
