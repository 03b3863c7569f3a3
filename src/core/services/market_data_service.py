"""The ingesting half: feed to bar book, bar book to writer. One background thread; the feed has its own."""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.interruption import Interruption
from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.domain.market.tick import MinuteAggregate, TickData
from src.core.errors import (
    DatabaseUnavailableError,
    FeedMismatchError,
    HistoryLostError,
    OwnershipLostError,
    SchemaError,
)
from src.core.ports import (
    BarSource,
    BarWriter,
    Clock,
    ConnectionControl,
    DataAdapter,
    IngestStore,
    Ownership,
    Universes,
)
from src.core.services.background import Background
from src.core.services.bar_intake import BarIntake
from src.core.services.connection_desk import ConnectionDesk
from src.core.services.gap_service import GapService, Heard
from src.core.services.ingest_start import TAKEN_OVER, IngestStart
from src.core.services.listening import Listener, Listening, resolve
from src.core.services.start_memory import StartMemory
from src.core.services.universe_watch import Change, UniverseWatch, say

logger = logging.getLogger(__name__)

FALLBACK_UNIVERSE = ("AAPL", "GOOGL", "MSFT", "TSLA", "AMZN", "NFLX", "META", "NVDA")
# The status is written each second, and as soon as a connection changes, but ten times a second at most.
_BEAT_S = 0.9
_LEAST_BEAT_S = 0.1

OnTicks = Callable[[list[TickData], str], None]
OnStatus = Callable[[StatusChange], None]


class FeedCallbacks(NamedTuple):
    """What the feed calls, on its threads: with aggregates and the connection that brought them, changes of a
    connection's status, symbols of which something may have been missed until now, those that are missed from now on
    and those that are heard again, and what happened to connections."""

    on_ticks: OnTicks
    on_status: OnStatus
    on_incomplete: Callable[[Collection[str]], None]
    on_interrupted: Callable[[Interruption], None]
    on_resumed: Callable[[Collection[str]], None]
    on_event: Callable[[ConnectionEvent], None]


@dataclass(frozen=True)
class ServiceConfig:
    """What to listen to: one listener for each connection, at least one. `mode` is `single` or `multi`."""

    feed: str
    mode: str
    listeners: tuple[Listener, ...]


class MarketDataService:
    """Listens to the feed and keeps the bars flowing to the writer, from `start` until `stop`.

    `intake` is what the writer takes bars from, `gaps` what keeps book of what may be missing. `make_adapter` gets what
    the feed is to call; `on_crash` is called after an error in the program ended the ingestion, for whoever can start
    it again.
    """

    def __init__(
        self,
        config: ServiceConfig,
        ownership: Ownership,
        store: IngestStore,
        memory: StartMemory,
        universes: Universes,
        intake: BarIntake,
        gaps: GapService,
        make_adapter: Callable[[FeedCallbacks], DataAdapter],
        make_desk: Callable[[ConnectionControl], ConnectionDesk],
        make_writer: Callable[[BarSource], BarWriter],
        background: Background,
        clock: Clock,
        on_crash: Callable[[], None],
    ) -> None:
        self._config = config
        self._ownership = ownership
        self._store = store
        self._memory = memory
        self._universes = universes
        self.intake = intake
        self._gaps = gaps
        self._background = background
        self._add_market_tick = background.patterns.add_market_tick
        self._clock = clock
        self._on_crash = on_crash
        self.data_adapter = make_adapter(
            FeedCallbacks(
                self._handle_ticks,
                self._handle_status,
                self._handle_incomplete,
                gaps.interrupted,
                gaps.resumed,
                self._handle_event,
            )
        )
        self._desk = make_desk(self.data_adapter.control)
        self._writer = make_writer(intake)
        self.running = False
        self.stats = intake.stats
        self._universe: tuple[str, ...] = ()
        self._listening = Listening("", {}, ())
        self._universe_facts: dict[str, Any] = {}
        self._watch = UniverseWatch(config.listeners, universes)
        self._assignment: dict[str, Any] = {}
        self._news = threading.Event()  # a connection changed: its status is to be told
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._history: dict[str, int] = {}  # up to when each symbol's minutes were accounted for at this start
        self._start = IngestStart(
            config.feed, ownership, store, memory, intake, gaps, self._writer, self._choose, self._tell, clock
        )

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the background thread; it waits for the database, at a first start, then for the feed."""
        if self.running:
            return
        self.running = True
        self._stopping.clear()
        self._thread = self._spawn("market-data-service", self._service_loop)

    def stop(self) -> None:
        """Closes the feed, commits what is held and ends the threads; safe to call twice."""
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(8)
        self.running = False

    def _spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def _service_loop(self) -> None:
        crashed = False
        try:
            self._serve()
        except HistoryLostError as error:
            crashed = True
            logger.warning("%s Ingestion begins anew, with a gap from what it holds.", error)
        except OwnershipLostError as error:
            crashed = True
            logger.warning("%s This one stops listening and stands by.", error)
        except (FeedMismatchError, SchemaError) as error:
            crashed = True
            logger.warning("%s Ingestion begins anew.", error)
        except Exception:
            crashed = True
            logger.exception("Ingestion ended by an error in the program.")
        self._shut_down()
        if crashed:
            self._on_crash()

    def _serve(self) -> None:
        """From the first look at the database until told to stop."""
        if not self._start.prepare(self._stopping):
            return
        self._writer.start()
        self._writer.post_state("universe", self._universe_facts)
        if self._start.apart is None:
            self._use_database()
        self._spawn("feed-connect", self._connect)
        while not self._stopping.wait(_LEAST_BEAT_S):  # of the machine's time, so that no clock makes it spin
            self._clock.wait(self._news, _BEAT_S)
            self._news.clear()
            self._beat()
            self._store.check_kept()
            if (last := self._start.apart) is None:
                self._check_ownership()
                self._mind_universe()
            elif self._start.join(last):
                self._use_database()

    def _use_database(self) -> None:
        """Starts what needs the database: all but the feed and the writer, which can do without."""
        self._history = self._start.history
        self._writer.post_state("history", self._history)
        self._spawn("repair", self._run_repair)
        self._background.start(self._writer.submit)
        self._desk.start()

    def _check_ownership(self) -> None:
        """Raises OwnershipLostError once another process ingests; while the database is away, the owner goes on."""
        with contextlib.suppress(DatabaseUnavailableError):
            if not self._ownership.acquire():
                raise OwnershipLostError(TAKEN_OVER)

    def _connect(self) -> None:
        if not self._stopping.is_set():
            self.data_adapter.connect(self._universe)
        if self._stopping.is_set():  # told to stop in between: the last word counts
            self.data_adapter.disconnect()

    def _run_repair(self) -> None:
        self._background.repair.run(self._universe, self._writer.submit)

    def _beat(self) -> None:
        self.intake.seal(self._clock.now_ms())
        heard = self._post_heard()
        self._memory.go_on(None if heard is None else (heard.event_ms, heard.at_ms))
        self._gaps.doubt(self.intake.take_doubts())
        self._tell()
        assignment = {"tickers": self.data_adapter.assignment(), "moved": self.data_adapter.moved()}
        if assignment != self._assignment:
            self._assignment = assignment
            self._writer.post_state("assignment", {"changed_at": self._clock.now_ms(), **assignment})
        self._writer.wake()

    def _tell(self) -> None:
        self._writer.post_state("status", self.snapshot())

    def _post_heard(self) -> Heard | None:
        if (heard := self._gaps.heard(self.data_adapter.listened())) is not None:
            self._writer.post_state("heard", heard._asdict())
        return heard

    def _shut_down(self) -> None:
        self.data_adapter.disconnect()
        self._post_heard()
        self._background.close()
        if self._universe:
            self._tell()  # readers see at once that it has ended
        self._writer.stop()
        self._background.stop()  # only now: where the database hangs and time is short, bars come before all else
        self._desk.stop()
        self._memory.close()
        self._ownership.release()
        self.running = False

    # -- the universe --------------------------------------------------------------------------------------------

    def _get_universe(self) -> tuple[str, ...]:
        """The symbols that the connections list, else the fallback of eight on the first one, with a warning.

        Raises DatabaseUnavailableError: a database that is away has not said that a universe is empty.
        """
        found = listening = resolve(self._config.listeners, self._universes)
        if not listening.symbols:
            key, symbols = listening.key, ", ".join(FALLBACK_UNIVERSE)
            logger.warning("The universe %s has no symbols; listening to %s.", key, symbols)
            lists = {**listening.lists, self._config.listeners[0].connection_id: FALLBACK_UNIVERSE}
            listening = Listening("fallback", lists, listening.unknown)
        return self._listen_to(found, listening)

    def _choose(self, last: Listening | None) -> Listening:
        """Listens to what the last start did, or for None to what the universes say."""
        self._universe = self._get_universe() if last is None else self._listen_to(last, last)
        return self._listening

    def _listen_to(self, found: Listening, listening: Listening) -> tuple[str, ...]:
        self._watch.begin(found, listening)
        self._listening, self._universe_facts = listening, self._facts(listening)
        self.data_adapter.assign(listening.lists)
        return listening.symbols

    def _mind_universe(self) -> None:
        """Listens to what the universes are now, where they changed; while the database is away, none is known to."""
        with contextlib.suppress(DatabaseUnavailableError):
            if (change := self._watch.look()) is not None:
                self._relisten(change)

    def _relisten(self, change: Change) -> None:
        """Subscribes to what is new, and lets go of what is not listed any more; what is missed of it becomes a gap.

        Raises DatabaseUnavailableError; then it may be called again.
        """
        symbols = change.listening.symbols
        self._store.add_symbols(change.added)
        self._history = self._gaps.relist(symbols, change.added, change.removed, self._history)
        self._universe, self._universe_facts = symbols, self._facts(change.listening)
        self._memory.keep(self._store.database_id, change.listening)
        self.data_adapter.assign(change.listening.lists)
        self._background.repair.listen(symbols)
        self._watch.take(change)
        self._writer.post_state("universe", self._universe_facts)
        self._writer.post_state("history", self._history)
        say(change)

    def _facts(self, listening: Listening) -> dict[str, Any]:
        """What others are told of it; `keys` are those of universes by which it is chosen."""
        keys = [listener.universe_key for listener in self._config.listeners if listener.universe_key]
        facts = {"key": listening.key, "keys": keys, "symbols": listening.symbols, "unknown": listening.unknown}
        return {**facts, "changed_at": self._clock.now_ms()}

    # -- the feed's threads --------------------------------------------------------------------------------------

    def _handle_ticks(self, ticks: list[TickData], _connection_id: str) -> None:
        """Merges one frame's aggregates, whoever brought them; wakes the writer when an official bar is among them, and
        tells the search for patterns of those."""
        if self.intake.merge(ticks, self._clock.now_ms()):
            self._writer.wake()
            for tick in ticks:
                if isinstance(tick, MinuteAggregate):
                    self._add_market_tick(tick.ticker, tick.price, tick.volume, tick.timestamp)

    def _handle_tick_data(self, tick: TickData) -> None:
        """Merges one aggregate."""
        self._handle_ticks([tick], "connection_1")

    def _handle_status(self, change: StatusChange) -> None:
        self._desk.note_status(change)
        self._news.set()
        if change.lost_frame:
            self.intake.lose_frame(self._clock.now_ms())
            return
        level = logging.WARNING if change.status is ConnectionStatus.ERROR else logging.INFO
        words = ("Feed %s, %s: %s", change.connection_id, change.status.value, change.reason)
        logger.log(level, *words, extra={"connection": change.connection_id})

    def _handle_incomplete(self, symbols: Collection[str]) -> None:
        """What was missed of these symbols is not known: any open minute may lack a second of it."""
        self.intake.interrupt(None if "*" in symbols else symbols)

    def _handle_event(self, event: ConnectionEvent) -> None:
        self._desk.note(event)
        self._news.set()
        level = logging.WARNING if event.event is EventKind.FEWER_GRANTED else logging.INFO
        words = ("Feed %s, %s: %s", event.connection_id, event.event.value, event.reason)
        logger.log(level, *words, extra={"connection": event.connection_id})

    # -- health --------------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The ingesting half's status as plain values; times are epoch ms."""
        feed, writer = self.data_adapter.snapshot(), self._writer.snapshot()
        connections = feed.pop("connections")
        return {
            "written_at": self._clock.now_ms(),
            "feed": self._config.feed,
            "trouble": self._start.trouble,
            "universe_size": None if "*" in self._universe else len(self._universe),
            "mode": self._config.mode,
            "connection": feed,
            "connections": connections,
            "ticks": self.stats.ticks,
            "last_tick_time": self.stats.last_tick_ms,
            "lost_frames": self.stats.lost_frames,
            "last_lost_frame_time": self.stats.last_lost_frame_ms,
            "book": self.intake.snapshot(),
            "writer": writer,
            "desk": self._desk.snapshot(),
            "gaps": self._gaps.snapshot(),
            "pipeline": self.intake.pipeline(writer["waiting_bars"]),
            **self._background.snapshot(),
        }
