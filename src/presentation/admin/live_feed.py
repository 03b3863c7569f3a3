"""What administrators are told while they watch: read once and made once, however many they are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any, NamedTuple

import msgspec

from src.core.domain.market.bar import Bar
from src.core.domain.market.cursor import Cursor
from src.core.ports import BarReader, ChangeReader, Seen
from src.core.services.connection_status_service import ConnectionStatusService
from src.core.services.gap_report_service import GapReportService
from src.presentation.admin.coalesce import TickCoalescer

MOST_SYMBOLS = 1000
_MOST_TICKS = 500  # in one list
_TICKS_INTERVAL_S = 0.1
_SECOND_S = 1.0
_MOST_EVENTS = 100  # in one list
_MOST_GAPS = 100  # in one list
_ANY_TICKER = "*"
# Bars of one symbol in one look; when more changed (history is being filled), the newest are read instead.
_MOST_BARS_A_SYMBOL = 20
# What changes all the time, and is told each second by other events: no change of status.
_COUNTERS = ("message_count", "messages_per_second", "rates", "last_message_time", "uptime_seconds")
_EACH_SECOND = (
    "summary", "pipeline", "repair", "reconciliation", "storage", "retention", "patterns", "ingest_age_ms", "timestamp",
    "answers",
)  # fmt: skip


class LiveTick(msgspec.Struct, frozen=True, gc=False):
    """The newest bar of a symbol: its close, its volume, and its minute's start in epoch ms."""

    connection_id: str
    symbol: str
    price: float
    volume: float
    timestamp: int


class LiveSources(NamedTuple):
    """Where the feed reads."""

    connections: ConnectionStatusService
    gaps: GapReportService
    reader: BarReader
    changes: ChangeReader


class LiveFeed:
    """Looks at the database when told to, and tells what is new by `tell(event, data)`. For one thread alone.

    `look` raises DatabaseUnavailableError while the database is away, and goes on where it was once it is back;
    `look_without_database` raises it where nothing is known without one.
    """

    def __init__(self, sources: LiveSources, tell: Callable[[str, Any], None]) -> None:
        self._sources = sources
        self._tell = tell
        self._ticks = TickCoalescer(_MOST_TICKS)
        self._carriers: dict[str, str] = {}
        self._cursor: Cursor | None = None
        self._status: dict[str, Any] = {}
        self._gaps: dict[str, Any] | None = None
        self._event_id: int | None = None
        self._written: tuple[int | None, int | None] | None = None
        self._second_s = self._ticks_s = float("-inf")

    def look(self, at_s: float) -> None:
        """Reads what is new and tells it; `at_s` is of a clock that never steps back."""
        seen = self._sources.changes.seen()
        new_second = at_s - self._second_s >= _SECOND_S
        if new_second or (seen.status_ms, seen.assignment_ms) != self._written:
            self._look_at_connections(seen)
        if new_second:
            self._second_s = at_s
            self._tell_second()
            self._look_at_gaps()
        self._read_ticks(seen)
        if at_s - self._ticks_s >= _TICKS_INTERVAL_S and (ticks := self._ticks.take()):
            self._ticks_s = at_s
            self._tell("tick_update", self._told(ticks))

    def look_without_database(self, at_s: float) -> None:
        """Tells each second what the ingesting half tells on this machine meanwhile, if it does."""
        if at_s - self._second_s >= _SECOND_S:
            self._second_s = at_s
            self._status = self._sources.connections.status()
            self._tell_second()

    def greeting(self) -> list[tuple[str, Any]]:
        """Events for somebody who has just come: how things are, and the newest tick of every symbol."""
        ticks = self._told(self._ticks.newest())
        lists = [ticks[start : start + _MOST_TICKS] for start in range(0, len(ticks), _MOST_TICKS)]
        return [("status_update", self._status), *(("tick_update", part) for part in lists)]

    def _look_at_connections(self, seen: Seen) -> None:
        status = self._sources.connections.status()
        if _lasting(status) != _lasting(self._status):
            self._tell("status_update", status)
        self._status, self._written = status, (seen.status_ms, seen.assignment_ms)
        self._look_at_events()
        self._look_at_carriers()

    def _look_at_events(self) -> None:
        events = self._sources.connections.events(_MOST_EVENTS)
        newest = events[0]["id"] if events else 0
        if self._event_id is not None and newest > self._event_id:
            self._tell("event_update", [event for event in events if event["id"] > self._event_id])
        self._event_id = newest

    def _look_at_gaps(self) -> None:
        gaps = self._sources.gaps.gaps(_MOST_GAPS)
        if self._gaps is not None and gaps != self._gaps:
            self._tell("gaps_update", gaps)
        self._gaps = gaps

    def _look_at_carriers(self) -> None:
        """Which connection carries which symbol; of those that are new the newest bar is read."""
        carriers = carriers_of(self._sources.connections.tickers(), self._sources.reader.universe)
        new = [symbol for symbol in carriers if symbol not in self._carriers]
        if carriers.keys() != self._carriers.keys():
            self._ticks.keep(carriers.keys())
        self._carriers = carriers
        if new and self._cursor is not None:
            self._ticks.add(self._sources.reader.recent(new, None, 1))

    def _tell_second(self) -> None:
        status = self._status
        self._tell("metrics_update", self._sources.connections.metrics())
        self._tell("summary_update", {name: status[name] for name in _EACH_SECOND})

    def _read_ticks(self, seen: Seen) -> None:
        cursor = self._cursor
        if cursor is not None and (cursor.database_id, cursor.revision) == (seen.database_id, seen.revision):
            return
        symbols = list(self._carriers)
        found = cursor and self._sources.changes.changes(symbols, cursor, _MOST_BARS_A_SYMBOL, seen)
        # Where nothing leads on, or more changed than is to be shown, the newest bars are all that counts.
        bars: Iterable[Bar]
        if found is None or found.more:
            bars, self._cursor = self._sources.reader.recent(symbols, None, 1), _end_of(seen)
        else:
            bars, self._cursor = found.bars, found.cursor
        self._ticks.add(bar for bar in bars if not bar.withdrawn)

    def _told(self, bars: Iterable[Bar]) -> list[LiveTick]:
        return live_ticks(bars, self._carriers)


def live_ticks(bars: Iterable[Bar], carriers: Mapping[str, str]) -> list[LiveTick]:
    """Bars as ticks of the connections that carry their symbols; those of symbols that none carries are left out."""
    return [
        LiveTick(carriers[bar.symbol], bar.symbol, bar.close, bar.volume, bar.timestamp)
        for bar in bars
        if bar.symbol in carriers
    ]


def carriers_of(tickers: Mapping[str, Sequence[str]], universe: Callable[[int], list[str]]) -> dict[str, str]:
    """The connection that carries a symbol, for at most 1,000 of them, of every connection some.

    A connection that carries `*` carries what `universe(limit)` gives, but for what another one carries.
    """
    rows = zip_longest(*([(ticker, name) for ticker in carried] for name, carried in tickers.items()))
    pairs = (pair for row in rows for pair in row if pair is not None and pair[0] != _ANY_TICKER)
    carriers = dict(islice(pairs, MOST_SYMBOLS))
    for name, carried in tickers.items():
        if _ANY_TICKER in carried:
            carriers = {**dict.fromkeys(universe(MOST_SYMBOLS), name), **carriers}
    return dict(islice(carriers.items(), MOST_SYMBOLS))


def _lasting(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status without what changes by itself; of the answers, whether they are good ones."""
    connections = [
        {name: value for name, value in connection.items() if name not in _COUNTERS}
        for connection in status.get("connections", ())
    ]
    rest = {name: value for name, value in status.items() if name not in _EACH_SECOND}
    return {**rest, "connections": connections, "answers": [answer["ok"] for answer in status.get("answers", ())]}


def _end_of(seen: Seen) -> Cursor:
    return Cursor(seen.database_id, seen.revision, seen.newest_ms)
