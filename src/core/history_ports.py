"""The ports of history: what loads, imports, makes, drops and tells it, and of the lists of symbols."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.adjustment import Close, CorporateAction
from src.core.domain.market.bar import Bar, EvidenceClock, Tier
from src.core.domain.market.coverage import Day, Stored
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.daily_plan import DayOfMinutes, Minutes, NotedChanges, Stretch
from src.core.domain.market.flat_file import DayBatch, MinuteBatch
from src.core.domain.market.history import Known, Load, Piece, Timespan
from src.core.domain.market.universe_definition import UniverseBook, UniverseEdit
from src.core.domain.market.vendor_answer import DayAnswer, MinuteAnswer, VendorTicker


class SymbolStore(Protocol):
    """Where what is said of symbols is kept. Raises DatabaseUnavailableError while the database is away."""

    def refreshed_ms(self) -> int | None: ...
    def refresh(self, tickers: Sequence[VendorTicker]) -> int: ...


class UniverseStore(Protocol):
    """Universes as people change them. Raises DatabaseUnavailableError while the database is away."""

    def book(self) -> UniverseBook: ...

    def change(self, edit: Callable[[UniverseBook], Sequence[UniverseEdit]]) -> None:
        """Changes what `edit` says of the book, all of it or, where it raises, nothing. It may be called again, with
        the book as it is then."""


class HistorySource(Protocol):
    """The vendor's REST side as history is loaded from it; raises as MinuteSource does."""

    @property
    def rate(self) -> RequestRate: ...
    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer: ...
    def daily_bars(self, symbol: str, from_date: dt.date, to_date: dt.date) -> DayAnswer: ...


class StoredDays(Protocol):
    """Stored days of a symbol. Raises DatabaseUnavailableError while the database is away."""

    def days_between(self, symbol: str, from_date: dt.date, to_date: dt.date) -> Sequence[DailyBar]: ...


class LoadLog(Protocol):
    """Loads of history, and what is known. Raises DatabaseUnavailableError while the database is away."""

    def begin(self, load: Load) -> None: ...
    def save(self, load: Load) -> None: ...
    def learn(self, load: Load, months: Sequence[tuple[Piece, Known]], asked_ms: int) -> None: ...
    def find(self, load_id: str) -> Load | None: ...
    def unfinished(self) -> list[Load]: ...
    def newest(self, limit: int) -> list[Load]: ...
    def months(self, symbol: str, timespan: Timespan) -> Mapping[str, Known]: ...


class StoredRows(NamedTuple):
    """What became of a batch of a flat file: how many bars were taken, how many of these were not stored like this
    before, and why the database refused others, a sentence each."""

    bars: int
    written: int
    refused: Sequence[str]


class FileBars(Protocol):
    """Where bars of flat files are merged with what is stored. Raises DatabaseUnavailableError while that is away."""

    def merge_minutes(self, batch: MinuteBatch) -> StoredRows: ...
    def merge_days(self, batch: DayBatch) -> StoredRows: ...
    def tidy(self) -> None: ...


STOPPED_STATUS = 75  # a temporary failure, as sysexits.h calls it


class ImportProcess(Protocol):
    """A process that carries out an import of files."""

    def wait(self, timeout_s: float) -> int:
        """Its status once it has ended, STOPPED_STATUS if it was told to before it was done; TimeoutError while it has
        not."""

    def end(self) -> None: ...


class DayGaps(NamedTuple):
    """Gaps by symbol, as the first and the last minute (epoch ms; None: grows): those that are open or wait, and those
    that were given up. `of_all` concern every symbol."""

    open: dict[str, list[tuple[int, int | None]]]
    lost: dict[str, list[tuple[int, int | None]]]
    of_all: list[tuple[int, int | None]]


class Settled(NamedTuple):
    """What REST was asked for when its bars were final: by symbol and month (YYYY-MM) the first and the last date, for
    minutes and for daily bars; and the symbols and dates of the vendor's daily bars. Dates are New York, YYYY-MM-DD."""

    minutes: Mapping[tuple[str, str], tuple[str, str]]
    daily: Mapping[tuple[str, str], tuple[str, str]]
    traded: Collection[tuple[str, str]]


class Coverage(Protocol):
    """What is known of symbols' days. Any thread may call; methods raise DatabaseUnavailableError."""

    def stored(self, symbols: Sequence[str], days: Sequence[Day]) -> Mapping[str, Sequence[Stored]]: ...
    def bars(self, symbol: str, from_ms: int, to_ms: int) -> list[Bar]: ...
    def gaps(self, from_ms: int, to_ms: int) -> DayGaps: ...
    def settled(self, symbols: Sequence[str], first: str, last: str) -> Settled: ...
    def pruned_before_ms(self) -> int: ...


class Freshness(Protocol):
    """How new symbols' bars are, and what changed late. Any thread may call; raises DatabaseUnavailableError."""

    def newest(self, symbols: Sequence[str]) -> Mapping[str, tuple[int, Tier]]: ...
    def late_changes(self, from_ms: int, to_ms: int) -> Mapping[str, Sequence[tuple[int, int]]]: ...


class Pruned(NamedTuple):
    """What was dropped so far: all minutes before `before_ms` (epoch ms), `bars` of them in the database's life."""

    before_ms: int
    bars: int


class Pruner(Protocol):
    """Drops old minutes. One thread at a time; methods raise DatabaseUnavailableError."""

    def pruned(self) -> Pruned: ...
    def heard_ms(self) -> int: ...
    def prune(self, before_ms: int, go_on: Callable[[int, float], bool]) -> int: ...


class BarArchive(Protocol):
    """Stored bars of the past, a page at a time. Raises DatabaseUnavailableError while the database is away."""

    def minutes(self, symbol: str, from_ms: int, to_ms: int, limit: int) -> list[Bar]: ...
    def days(self, symbol: str, from_date: dt.date, to_date: dt.date, limit: int) -> list[DailyBar]: ...
    def actions(self, symbol: str) -> list[CorporateAction]: ...
    def closes_before(self, symbol: str, dates: Iterable[dt.date]) -> Mapping[dt.date, Close]: ...


class DayMaker(Protocol):
    """Makes days of stored minutes. Raises DatabaseUnavailableError while the database is away."""

    def stretches(self, wanted: Sequence[Minutes]) -> list[Stretch | None]: ...
    def withdrawn(self, days: Sequence[DayOfMinutes], stamp: int) -> list[DailyBar]: ...
    def symbols_between(self, from_ms: int, to_ms: int) -> list[str]: ...
    def noted_since(self, revision: int | None) -> NotedChanges: ...
    def has_provisional(self, date: dt.date) -> bool: ...


class DayStore(Protocol):
    """Keeps days and the small facts of who makes them. Raises DatabaseUnavailableError while the database is away."""

    clock: EvidenceClock

    def merge_daily(self, bars: Iterable[DailyBar]) -> Any: ...
    def state(self, key: str) -> Any: ...
    def set_state(self, key: str, value: Any) -> None: ...


class MarketDays(Protocol):
    """The vendor's days and splits of the whole market. Raises VendorError, KeyRefusedError among them."""

    def market_day(self, date: dt.date) -> list[DailyBar]: ...
    def splits(self, from_date: dt.date, to_date: dt.date) -> Iterator[CorporateAction]: ...
