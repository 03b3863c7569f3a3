"""What market state is calculated from: the days of some symbols and the minutes of the last one, kept current."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from src.core.analytics.breadth_intraday import Levels, levels_of
from src.core.analytics.day_book import DayBook, DayGrid
from src.core.analytics.panel import Floats, Panel
from src.core.analytics.panel_book import PanelBook
from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.cursor import Cursor
from src.core.domain.market.session import TradingDay
from src.core.market_ports import Described, MarketFacts, MinuteStore, PanelMark, PanelStore
from src.core.ports import ChangeReader, Seen

BENCHMARK = "SPY"
DAYS = 300  # trading days that are looked at: a year for the longest figures, and some weeks of their course
_PIECE = 500  # symbols whose minutes are read at once
_CHANGES = 1_000  # minutes of a symbol in one answer

DayAt = Callable[[dt.date], TradingDay | None]


class MarketStores(NamedTuple):
    """Where market state comes from; `day_at` gives a date's bounds, None where nothing trades."""

    changes: ChangeReader
    days: PanelStore
    minutes: MinuteStore
    facts: MarketFacts
    day_at: DayAt


class Stand(NamedTuple):
    """What is known at one moment.

    `panel` has the members first, in their order, and behind them what they are compared with; it ends with the last
    day of which anything is stored. `day` is the trading day that was asked for. Where the panel ends with it, and it
    has minutes, `grid` is its course, `levels` what the members' days before say for it, `newest_ms` the start of its
    newest minute; `unsettled` members have it from minutes and not from the vendor. `last_close_ms` is the regular
    close of the panel's last day, None where it has no day.
    """

    members: int
    panel: Panel
    day: TradingDay
    grid: DayGrid | None
    levels: Levels | None
    newest_ms: int | None
    last_close_ms: int | None
    unsettled: int
    described: Described


def trading_day_at(day_at: DayAt, at_ms: int, date: dt.date) -> TradingDay:
    """The newest trading day up to a New York date whose regular session had begun by then."""
    while (day := day_at(date)) is None or day.open_ms > at_ms:
        date -= dt.timedelta(days=1)
    return day


def trading_days_to(day_at: DayAt, last: TradingDay, count: int) -> list[TradingDay]:
    """So many trading days up to this one, included; oldest first."""
    days, date = [last], last.date
    while len(days) < count:
        date -= dt.timedelta(days=1)
        if (day := day_at(date)) is not None:
            days.append(day)
    return days[::-1]


def rows_of(panel: Panel, count: int) -> Panel:
    """The first rows, as views."""
    op, high, low, close, volume = (
        values[:count] for values in (panel.open, panel.high, panel.low, panel.close, panel.volume)
    )
    return Panel(panel.symbols[:count], panel.dates, op, high, low, close, volume, panel.is_provisional)


class MarketBook:
    """Of some symbols, up to a trading day. One thread calls; methods raise DatabaseUnavailableError."""

    def __init__(self, stores: MarketStores, members: Sequence[str], day: TradingDay) -> None:
        """Reads all of it."""
        self._stores = stores
        self._members = tuple(members)
        self.day = day
        self._described = stores.facts.described()
        self._funds = self._described.funds
        own = set(members)
        compared = dict.fromkeys([BENCHMARK, *self._funds.values()])
        self._symbols = (*members, *(symbol for symbol in compared if symbol not in own))
        self._days = trading_days_to(stores.day_at, day, DAYS)
        self._dates = [one.date for one in self._days]
        self._levels: Levels | None = None
        self._read_days(stores.days.mark())
        self._read_minutes(stores.changes.seen())

    def is_of(self, day: TradingDay) -> bool:
        """Whether it is still the right one for this day: a new day, and other funds, take another."""
        return day == self.day and self._stores.facts.described().funds == self._funds

    def follow(self, seen: Seen, mark: PanelMark, is_present: bool) -> bool:
        """Takes what was committed since; whether anything of it matters here. The minutes of a past day are not
        followed."""
        described = self._stores.facts.described()
        is_described_anew, self._described = described is not self._described, described
        of_minutes = is_present and self._follow_minutes(seen)
        return self._follow_days(mark) or of_minutes or is_described_anew

    def stand(self, now_ms: int) -> Stand:
        """What is known now. The panel is to be used before the next call."""
        day, minutes = self.day, self._day_book
        is_open = now_ms < day.close_ms
        settled = frozenset() if is_open else self._stores.facts.settled(self._symbols, day.date)
        of_minutes = np.array(minutes.bars())
        of_minutes[:, [symbol in settled for symbol in self._symbols]] = np.nan
        self._panel_book.put_day(len(self._dates) - 1, of_minutes)
        panel = _ended(self._panel_book.panel(is_open))
        ends_here = len(panel.dates) == len(self._dates)
        has_course = ends_here and minutes.newest_ms is not None
        traded = ~np.isnan(of_minutes[3, : len(self._members)])
        return Stand(
            len(self._members),
            panel,
            day,
            minutes.grid() if has_course else None,
            self._levels_before(panel) if has_course else None,
            minutes.newest_ms if ends_here else None,
            self._days[len(panel.dates) - 1].close_ms if len(panel.dates) else None,
            int(np.count_nonzero(traded)) if ends_here else 0,
            self._described,
        )

    def volume_factors(self, date: dt.date) -> Floats:
        """What volumes of a date are multiplied by for splits, of all symbols: (symbols,)."""
        return self._panel_book.volume_factors(self._dates.index(date))

    def _levels_before(self, panel: Panel) -> Levels:
        """Calculated when a day before the last one changed."""
        if self._levels is None:
            self._levels = levels_of(rows_of(panel, len(self._members)).until(self._dates[-2]))
        return self._levels

    def _read_days(self, mark: PanelMark) -> None:
        days = self._stores.days
        values, splits = days.days(self._symbols, self._dates), days.splits(self._symbols)
        self._panel_book = PanelBook(self._symbols, self._dates, values, splits)
        self._levels = None
        self._mark = mark

    def _follow_days(self, mark: PanelMark) -> bool:
        if mark == self._mark:
            return False
        if mark.database_id != self._mark.database_id:
            self._read_days(mark)
            return True
        cells = self._stores.days.changes(self._symbols, self._dates, self._mark)
        self._panel_book.put(cells.rows, cells.columns, cells.values)
        is_split = mark.actions != self._mark.actions
        if is_split:
            self._panel_book.split(self._stores.days.splits(self._symbols))
        if is_split or (cells.columns < len(self._dates) - 1).any():
            self._levels = None
        self._mark = mark
        return is_split or len(cells.rows) > 0

    def _read_minutes(self, seen: Seen) -> None:
        book = DayBook(self._symbols, self.day)
        self._load(book, self._symbols)
        self._day_book = book
        self._cursor = Cursor(seen.database_id, seen.revision, seen.newest_ms)

    def _load(self, book: DayBook, symbols: Sequence[str]) -> None:
        for start in range(0, len(symbols), _PIECE):
            piece = symbols[start : start + _PIECE]
            book.load(piece, self._stores.minutes.minutes(piece, self.day))

    def _follow_minutes(self, seen: Seen) -> bool:
        has_changed, more = False, True
        while more:
            changes = self._stores.changes.changes(self._symbols, self._cursor, _CHANGES, seen)
            if changes is None:
                self._read_minutes(seen)
                return True
            own = [bar for bar in changes.bars if self._is_of_day(bar)]
            self._day_book.take(own)
            has_changed |= bool(own)
            self._cursor, more = changes.cursor, changes.more
        self._load(self._day_book, self._day_book.stale)
        return has_changed

    def _is_of_day(self, bar: Bar) -> bool:
        return self.day.open_ms <= bar.timestamp <= self.day.close_ms - MINUTE_MS


def _ended(panel: Panel) -> Panel:
    """Without the days at its end of which nothing is stored."""
    days = len(panel.dates)
    while days and np.isnan(panel.close[:, days - 1]).all():
        days -= 1
    if days == len(panel.dates):
        return panel
    return panel.until(panel.dates[days - 1].item() if days else dt.date.min)
