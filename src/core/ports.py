"""What the core asks of the outside, as small protocols. app.py hands in what fulfils them."""

import datetime as dt
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from src.core.domain.account.account import Account, Role
from src.core.domain.account.session import SessionMark
from src.core.domain.connection.event import ConnectionEvent
from src.core.domain.connection.interruption import Listened
from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import Bar
from src.core.domain.market.cursor import Changes, Cursor
from src.core.domain.market.gaps import Gap, GapCounts, GapEntry, GapRow, GapState, GapTotals
from src.core.domain.market.last_start import LastStart
from src.core.domain.market.quote import Quote, QuoteDay
from src.core.domain.market.reconciliation import Run
from src.core.domain.market.universe import Universe
from src.core.domain.market.vendor_answer import MinuteAnswer, SnapshotDay, VendorTicker


class Clock(Protocol):
    """Time as the program is told it, so that whoever tests it decides how it passes."""

    def now_us(self) -> int:
        """The wall clock in epoch microseconds; it may be set, forward and back."""

    def now_ms(self) -> int:
        """The wall clock in epoch milliseconds."""

    def monotonic(self) -> float:
        """Seconds that never step back."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Waits until `event` is set (True) or the time has passed (False)."""


class ConnectionControl(Protocol):
    """What an administrator can do to the feed's connections. Each gives a sentence that says what was done.

    Raises ActionRefusedError, with a sentence that says what is wrong and what is allowed.
    """

    def pause(self, connection_id: str, actor: str) -> str: ...
    def resume(self, connection_id: str, actor: str) -> str: ...
    def reconnect(self, connection_id: str, actor: str) -> str: ...
    def move(self, ticker: str, connection_id: str, actor: str) -> str: ...


class FeedClient(ConnectionControl, Protocol):
    """A connection to the feed (one, or several that act as one)."""

    def connect(self) -> bool: ...
    def disconnect(self) -> None: ...
    def subscribe(self, tickers: Iterable[str]) -> None: ...
    def unsubscribe(self, tickers: Iterable[str]) -> None: ...
    def assign(self, lists: Mapping[str, Iterable[str]]) -> None: ...
    def assignment(self) -> dict[str, list[str]]: ...
    def moved(self) -> dict[str, str]: ...
    def listened(self) -> list[Listened]: ...
    def snapshot(self) -> dict[str, Any]: ...


class DataAdapter(Protocol):
    """The feed as MarketDataService sees it."""

    @property
    def control(self) -> ConnectionControl: ...
    def assign(self, lists: Mapping[str, Sequence[str]]) -> None: ...
    def connect(self, universe: Sequence[str]) -> bool: ...
    def disconnect(self) -> None: ...
    def assignment(self) -> dict[str, list[str]]: ...
    def moved(self) -> dict[str, str]: ...
    def listened(self) -> list[Listened]: ...
    def snapshot(self) -> dict[str, Any]: ...


class BarSource(Protocol):
    """Where the writer takes bars from: what changed since the last call; it is told once all that is stored."""

    def take_official(self) -> list[Bar]: ...
    def take_live(self) -> list[Bar]: ...
    def committed(self) -> None: ...


class BarWriter(Protocol):
    """What commits bars, on its own thread: it takes them from a BarSource when woken, or every so often.

    `prepare` comes first, before evidence is stamped and open minutes are seeded: it takes up what still waits from
    before. It raises DatabaseUnavailableError. `hold` tells that the database does not answer. A start without it calls
    `prepare_apart` in place of `prepare`, which gives the live bars of the newest minutes that wait: then no bar goes
    to the database before `release`.
    """

    def prepare(self) -> None: ...
    def hold(self, reason: str) -> None: ...
    def prepare_apart(self, database_id: str, stamp_us: int) -> list[Bar]: ...
    def release(self) -> None: ...
    def start(self) -> None: ...
    def wake(self) -> None: ...
    def stop(self) -> None: ...
    def submit(self, bars: Sequence[Bar]) -> bool: ...
    def post_state(self, key: str, value: Any) -> None: ...
    def snapshot(self) -> dict[str, Any]: ...


class Ownership(Protocol):
    """Which process ingests: at most one at a time. When this one may not, `has_rival` says whether that is because
    another one surely lives: a lease may still be that of a process that has died."""

    @property
    def has_rival(self) -> bool: ...
    def acquire(self) -> bool: ...
    def release(self) -> None: ...


class LastStarts(Protocol):
    """Where a start is remembered. `hold` says whether no other process of the folder ingests, until `release`."""

    def hold(self) -> bool: ...
    def release(self) -> None: ...
    def read(self) -> LastStart | None: ...
    def write(self, found: LastStart) -> None: ...
    def remove(self) -> None: ...


Stamps = Callable[[], int]


class IngestStore(Protocol):
    """The database at a start of ingestion. Raises DatabaseUnavailableError while it is away, SchemaError where its
    schema is another one than the program's. `database_id` is known once the clock is loaded.

    `check_kept` asks nothing: it raises HistoryLostError once a write found that the database lacks what was committed.
    """

    database_id: str

    def check_schema(self) -> None: ...
    def claim_feed(self, feed: str) -> None: ...
    def load_clock(self) -> None: ...
    def add_symbols(self, symbols: Sequence[str]) -> None: ...
    def state(self, key: str) -> Any: ...
    def open_live_bars(self) -> list[Bar]: ...
    def check_kept(self) -> None: ...


class Universes(Protocol):
    """What universe keys stand for. Raises DatabaseUnavailableError while the database is away."""

    def resolve(self, key: str) -> Universe: ...
    def names(self) -> list[str]: ...


class MinuteSource(Protocol):
    """The vendor's REST side. Raises VendorError: KeyRefusedError, VendorUnavailableError, or what cannot be used."""

    @property
    def rate(self) -> RequestRate: ...
    def paused_s(self) -> float: ...
    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer: ...
    def snapshot(self) -> dict[str, SnapshotDay]: ...
    def tickers(self) -> Iterator[list[VendorTicker]]: ...
    def close(self) -> None: ...


class RepairStore(Protocol):
    """Stored bars, as their repair reads them. Raises DatabaseUnavailableError while the database is away."""

    def bars_between(self, symbol: str, from_ms: int, to_ms: int) -> dict[int, Bar]: ...
    def dollar_volumes(self) -> dict[str, float]: ...


class Repair(Protocol):
    """What repairs gaps beside the feed, on the caller's thread, until closed."""

    def run(self, symbols: Sequence[str], submit: Callable[[Sequence[Bar]], bool]) -> None: ...
    def listen(self, symbols: Sequence[str]) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...
    def snapshot(self) -> dict[str, Any]: ...


class GapRecorder(Protocol):
    """Where gaps are kept. Raises DatabaseUnavailableError while the database is away."""

    def record(self, gaps: Sequence[Gap]) -> None:
        """Keeps gaps, in place of those of the same id; one whose bounds or symbols changed is to be repaired anew."""

    def growing(self) -> list[Gap]:
        """Those without an end, oldest first."""


class GapQueue(Protocol):
    """What is to be repaired. Raises DatabaseUnavailableError while the database is away."""

    def unexpanded(self) -> list[Gap]:
        """Gaps that have ended and are not divided into symbols yet, oldest first."""

    def expand(self, gap: Gap, due: Mapping[str, int]) -> None:
        """Divides a gap into symbols, each with when to ask first (epoch ms); without any the gap is closed.

        Nothing happens to a gap that changed since it was read: it is among `unexpanded` again.
        """

    def entries(self, until_ms: int, limit: int) -> list[GapEntry]:
        """For at most `limit` symbols that have something due by `until_ms`, the longest due first: all their entries
        that are open or waiting, also those due later, a symbol's entries together, oldest minutes first."""

    def unrepaired(self, first_ms: int, last_ms: int) -> list[GapEntry]:
        """All entries with a minute from `first_ms` to `last_ms`, those among them that were given up as unrepairable;
        a symbol's entries together, oldest minutes first."""

    def note(
        self, entries: Sequence[GapEntry], state: GapState, due_ms: int | None, repaired: int, detail: str
    ) -> None:
        """These entries were asked for: their new state, when they are due next (None for a last state), and what is
        to be said of them. Gaps whose entries all have a last state are closed.

        `repaired` bars count for the gap of the first entry. An entry whose gap changed meanwhile stays due.
        """

    def counts(self) -> GapCounts: ...

    def ask_again(self, gap_id: str | None, now_ms: int) -> int:
        """Makes what is open or waiting due now, of one gap or (None) of all; of one gap also what was given up as
        unrepairable. Gives how many entries that were."""

    def prune(self, before_ms: int) -> None:
        """Forgets gaps repaired before then."""


class GapReader(Protocol):
    """Gaps as the web half reads them. Raises DatabaseUnavailableError while the database is away."""

    def listed(self, limit: int) -> list[GapRow]:
        """What is open or waiting, oldest first, then what is closed, newest first; `limit` in all."""

    def totals(self) -> GapTotals: ...


class StoredBars(Protocol):
    """What is stored of a symbol. Raises DatabaseUnavailableError while the database is away."""

    def bars_between(self, symbol: str, from_ms: int, to_ms: int) -> Mapping[int, Bar]: ...


class KeptSymbols(NamedTuple):
    """The symbols that a day is to be compared of, in order; `whole_market`: every symbol that the vendor has, too."""

    symbols: tuple[str, ...]
    whole_market: bool


class RunLog(Protocol):
    """The runs that compared a day with the vendor's bars. Raises DatabaseUnavailableError while it is away."""

    def begin(self, run: Run, instead_of: Sequence[str] = ()) -> None: ...
    def save(self, run: Run) -> None: ...
    def find(self, run_id: str) -> Run | None: ...
    def of_date(self, date: dt.date) -> list[Run]: ...
    def unfinished(self) -> list[Run]: ...
    def newest(self, limit: int) -> list[Run]: ...
    def kept_symbols(self, from_ms: int, to_ms: int) -> KeptSymbols: ...
    def has_unsettled(self, from_ms: int, to_ms: int) -> bool: ...
    def has_given_up(self, from_ms: int, to_ms: int) -> bool: ...


class FileDay(NamedTuple):
    """All bars that a flat file has of a ticker; `trouble` says what is wrong with them, if something is."""

    symbol: str
    bars: list[Bar]
    trouble: str


class DayFiles(Protocol):
    """The vendor's flat files of minutes, by path. Raises FlatFileError."""

    def check(self, path: str) -> None: ...
    def tickers(self, path: str, bounds_ms: tuple[int, int]) -> list[str]: ...
    def days(self, path: str, wanted: Collection[str], stamp: int) -> Iterable[FileDay]: ...


class Job(NamedTuple):
    """What the web half asks of the ingesting one; `arguments` are what JSON can say."""

    id: str
    kind: str
    arguments: Mapping[str, Any]
    actor: str


class JobAnswer(NamedTuple):
    """What became of a job: `state` is `asked`, `done` or `refused`, `answer` a sentence once it is not `asked`."""

    state: Literal["asked", "done", "refused"]
    answer: str | None


class JobDesk(Protocol):
    """The web half's side of jobs. Raises DatabaseUnavailableError while the database is away."""

    def ask(self, kind: str, arguments: Mapping[str, Any], actor: str) -> str: ...
    def answer(self, job_id: str) -> JobAnswer | None: ...


class JobInbox(Protocol):
    """The ingesting half's side of jobs. Raises DatabaseUnavailableError while the database is away."""

    def waiting(self) -> list[Job]: ...
    def finish(self, job_id: str, answer: JobAnswer) -> None: ...


class EventLog(Protocol):
    """The newest events of connections, newest first. Raises DatabaseUnavailableError while the database is away."""

    def newest(self, limit: int) -> list[ConnectionEvent]: ...


class EventRecorder(Protocol):
    """What keeps events of connections. Raises DatabaseUnavailableError; RowRefusedError for what is never taken."""

    def record(self, events: Sequence[ConnectionEvent]) -> None: ...


class Accounts(Protocol):
    """Who may log in. Raises DatabaseUnavailableError while the database is away."""

    def find(self, login: str) -> tuple[Account, str] | None: ...
    def create(self, login: str, password_hash: str, role: Role) -> bool: ...
    def create_first(self, login: str, password_hash: str) -> bool: ...
    def has_admin(self) -> bool: ...
    def set_password(self, login: str, password_hash: str) -> bool: ...
    def rehash(self, login: str, old_hash: str, new_hash: str) -> None: ...
    def of_session(self, mark: SessionMark) -> Account | None: ...
    def end_session(self, mark: SessionMark) -> None: ...


class Passwords(Protocol):
    """Hashes of passwords. Each call takes some tens of milliseconds and of megabytes."""

    def hash(self, password: str) -> str: ...
    def verify(self, password_hash: str, password: str) -> bool: ...
    def is_outdated(self, password_hash: str) -> bool: ...


class Seen(NamedTuple):
    """The state of the database at one moment; times are epoch ms.

    `revision` is the last one committed, `newest_ms` the newest minute, `symbols_revision` the revision that last added
    symbols, `changes_floor` the revision up to which notes of changes were dropped. `feed_ms`, `universe_ms`,
    `status_ms` and `assignment_ms` say when ingestion wrote those facts, None for never.
    """

    database_id: str
    revision: int
    newest_ms: int
    symbols_revision: int
    changes_floor: int
    feed_ms: int | None
    universe_ms: int | None
    status_ms: int | None
    assignment_ms: int | None


class ChangeReader(Protocol):
    """What changed since a cursor. Raises DatabaseUnavailableError while the database is away."""

    def seen(self, at_least: int = 0) -> Seen: ...
    def changes(self, symbols: Sequence[str], cursor: Cursor, limit: int, seen: Seen) -> Changes | None: ...


class BarReader(Protocol):
    """Bars and facts as the web half reads them. Raises DatabaseUnavailableError while the database is away."""

    def resolve(self, names: Sequence[str], seen: Seen) -> tuple[list[str], list[str]]: ...
    def universe(self, limit: int) -> list[str]: ...
    def recent(self, symbols: Sequence[str], since_ms: int | None, limit: int) -> list[Bar]: ...
    def quotes(self, symbols: Sequence[str], day: QuoteDay) -> list[Quote]: ...
    def state(self, key: Literal["feed", "universe", "status", "assignment"]) -> Any: ...
    def check(self) -> None: ...


class Messenger(Protocol):
    """Where alerts are posted. Raises MessageUndeliveredError for now, MessageRefusedError for good."""

    def post(self, body: Mapping[str, Any]) -> None: ...


class AlertMemory(Protocol):
    """Since when bars have stopped, epoch ms, as far as that was told; None without an outage. Survives restarts."""

    def stopped_ms(self) -> int | None: ...
    def remember(self, stopped_ms: int | None) -> None: ...
