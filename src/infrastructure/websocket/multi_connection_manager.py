"""Several connections to the feed that act as one: whose tickers are where, and what happens when one is lost.

What is to be done is decided under one lock, which no client is ever called with; it is done outside of it, by one
thread at a time. Callbacks come on the sockets' threads.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from src.core.domain.connection.assignment import TICKER_LIMIT, WHOLE_MARKET, Assignment
from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.interruption import Interruption, Listened
from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.domain.market.gaps import GapReason
from src.core.domain.market.tick import TickData
from src.core.errors import ActionRefusedError
from src.infrastructure.websocket import connection_health
from src.infrastructure.websocket.feed_line import ConnectionSpec, FeedLine
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient, OnStatus, OnTicks
from src.infrastructure.websocket.switchboard import ACK_DEADLINE_S, Hooks, Switchboard

logger = logging.getLogger(__name__)

_WATCH_INTERVAL_S = 0.25


@dataclass(frozen=True)
class ManagerConfig:
    """The connections, in the order of their numbers; `client` is what their clients have in common.

    `on_incomplete` gets the tickers of which something may have been missed until now (`*`: all), `on_interrupted`
    those that are missed from now on, until `on_resumed` gets them, by name; these two come in order, and may not
    wait. `on_event` gets what is done to connections. All are called on any thread, and may not call the manager.
    """

    api_key: str
    client: ClientConfig
    connections: tuple[ConnectionSpec, ...]
    on_incomplete: Callable[[Collection[str]], None]
    on_interrupted: Callable[[Interruption], None]
    on_resumed: Callable[[Collection[str]], None]
    on_event: Callable[[ConnectionEvent], None]
    ticker_limit: int = TICKER_LIMIT


class MultiConnectionManager:
    """A drop-in for one client, of up to `max_connections` of them. Any thread may call; the actions can take as long
    as sending a command does."""

    def __init__(
        self, config: ManagerConfig, on_tick_callback: OnTicks, on_status_callback: OnStatus, max_connections: int
    ) -> None:
        self._config = config
        self._on_ticks = on_tick_callback
        self._on_status = on_status_callback
        self._monotonic = config.client.clock.monotonic
        specs = config.connections[:max_connections]
        self._lines = {
            spec.connection_id: FeedLine(number, spec, self._client(spec), self._monotonic())
            for number, spec in enumerate(specs, 1)
        }
        self._enabled = [line for line in self._lines.values() if line.spec.enabled]
        self._assignment = Assignment([line.id for line in self._enabled], config.ticker_limit)
        now_ms = config.client.clock.now_ms
        hooks = Hooks(config.on_incomplete, config.on_interrupted, config.on_resumed, config.on_event, now_ms)
        self._board = Switchboard(self._enabled, self._assignment, hooks)
        self._lock = threading.Lock()  # the books: never held while a client is called
        self._changed = threading.Condition(self._lock)
        self._acting = threading.Lock()  # held by the one thread that looks, decides and acts
        self._running = False
        self._watcher: threading.Thread | None = None

    def _client(self, spec: ConnectionSpec) -> MassiveWebSocketClient:
        config = replace(self._config.client, connection_id=spec.connection_id)
        return MassiveWebSocketClient(self._config.api_key, self._handle_ticks, self._handle_status, config)

    # -- as one client -------------------------------------------------------------------------------------------

    def connect(self) -> bool:
        """Starts all connections and waits until the first attempt of each ended; True when one is connected.

        False is not the end: they go on trying until `disconnect`.
        """
        with self._lock:
            if not self._running:
                self._start()
            self._changed.wait_for(
                lambda: not self._running or all(line.settled for line in self._enabled),
                self._config.client.connect_timeout_s,
            )
            return any(line.up for line in self._enabled)

    def _start(self) -> None:
        self._running = True
        for line in self._enabled:
            line.begin(self._monotonic())
        self._watcher = threading.Thread(target=self._watch, name="feed-manager", daemon=True)
        self._watcher.start()

    def disconnect(self) -> None:
        """Closes all connections for good, in some seconds at most; `connect` may be called again."""
        with self._lock:
            self._running = False
            self._changed.notify_all()
        for line in self._enabled:
            line.end()
        for line in self._enabled:
            line.join()
        if self._watcher is not None:
            self._watcher.join(2)

    def assign(self, lists: Mapping[str, Iterable[str]]) -> None:
        """Takes the tickers of every connection, by its id, in place of all that was listed."""
        with self._lock:
            self._assignment.own(lists)
        self._step()

    def subscribe(self, tickers: Iterable[str]) -> None:
        """Wants these tickers too; one that no connection lists goes to the one with the fewest."""
        with self._lock:
            able = [line.id for line in self._enabled if line.presence.able]
            self._assignment.add(tickers, able or [line.id for line in self._enabled])
        self._step()

    def unsubscribe(self, tickers: Iterable[str]) -> None:
        """Wants these tickers no more, wherever they are."""
        with self._lock:
            self._assignment.remove(tickers)
        self._step()

    # -- what it says --------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """The health of all as one, with the fields of one client, and beside them `connections`, one entry each."""
        said = {line.id: line.client.snapshot() for line in self._lines.values()}
        with self._lock:
            entries = [connection_health.entry(line, said[line.id], self._assignment) for line in self._lines.values()]
        return {**connection_health.overall(entries), "connections": entries}

    def get_health_status(self) -> dict[str, Any]:
        """The connections by id, with `total_connections` (enabled ones), `connected_count`, `total_tickers`,
        `total_ticks_received` and `total_errors`."""
        snapshot = self.snapshot()
        entries = snapshot["connections"]
        return {
            "total_connections": len(self._enabled),
            "connected_count": sum(one["status"] == ConnectionStatus.CONNECTED for one in entries),
            "total_tickers": sum(one["ticker_count"] for one in entries),
            "total_ticks_received": snapshot["messages"],
            "total_errors": snapshot["errors"],
            "connections": {one["connection_id"]: one for one in entries},
        }

    def get_ticker_assignment(self, ticker: str) -> str | None:
        """Which connection carries the ticker now; None for one that is not listened to."""
        with self._lock:
            return self._assignment.carrier(ticker)

    def get_connection_tickers(self, connection_id: str) -> set[str]:
        """The tickers that a connection carries now."""
        with self._lock:
            return set(self._assignment.carried(connection_id))

    def assignment(self) -> dict[str, list[str]]:
        """The tickers that each connection carries now."""
        with self._lock:
            return {connection_id: self._assignment.carried(connection_id) for connection_id in self._lines}

    def moved(self) -> dict[str, str]:
        """The tickers that are not with the connection that lists them, each with that connection."""
        with self._lock:
            return self._assignment.moved()

    def listened(self) -> list[Listened]:
        """What each connection that listens heard last."""
        with self._lock:
            return [
                Listened(line.heard_ms, line.since_s)
                for line in self._enabled
                if line.up and line.held and line.since_s is not None
            ]

    # -- what an administrator does ------------------------------------------------------------------------------

    def pause(self, connection_id: str, actor: str) -> str:
        """Closes a connection until `resume`, once others have taken its tickers over."""
        with self._lock:
            line = self._usable(connection_id)
            if line.paused_by is not None:
                raise ActionRefusedError(f"{line.id} is paused already, by {line.paused_by}.")
            line.paused_by, line.close_by_s = actor, self._monotonic() + ACK_DEADLINE_S
            others = any(other.up and other.allowed for other in self._enabled)
        self._tell(line.id, EventKind.PAUSED, f"Paused by {actor}.", actor)
        self._step()
        if others:
            return f"{line.id} is paused; what can be moved of its tickers goes to the others."
        return f"{line.id} is paused. No other connection is live: nothing is received until one is resumed."

    def resume(self, connection_id: str, actor: str) -> str:
        """Opens a paused connection again."""
        with self._lock:
            line = self._usable(connection_id)
            if line.paused_by is None:
                raise ActionRefusedError(f"{line.id} is not paused.")
            line.paused_by = line.close_by_s = None
        self._tell(line.id, EventKind.RESUMED, f"Resumed by {actor}.", actor)
        line.open()
        self._step()
        return f"{line.id} connects again; its tickers return when it has been connected for a while."

    def reconnect(self, connection_id: str, actor: str) -> str:
        """Closes a connection and opens it at once, whatever it was waiting for."""
        with self._lock:
            line = self._usable(connection_id)
            if line.paused_by is not None:
                raise ActionRefusedError(f"{line.id} is paused, by {line.paused_by}; resume it instead.")
            line.rest_until_s = line.ending = None
        self._tell(line.id, EventKind.RECONNECT_ASKED, f"Asked for by {actor}.", actor)
        line.open(f"Closed by {actor}, to connect anew.", anew=True)
        return f"{line.id} connects anew."

    def move(self, ticker: str, connection_id: str, actor: str) -> str:
        """Moves a ticker to a connection, until ingestion starts again or that connection is lost."""
        with self._lock:
            line = self._usable(connection_id)
            symbol = self._listed(ticker)
            self._check_target(line, symbol)
            self._board.move_by_hand(symbol, line.id)
        self._tell(line.id, EventKind.TICKERS_MOVED, f"{symbol} was moved here by {actor}.", actor)
        self._step()
        return f"{symbol} is carried by {line.id} now."

    def _usable(self, connection_id: str) -> FeedLine:
        line = self._lines.get(connection_id)
        if line is None:
            raise ActionRefusedError(f"There is no {connection_id}; there are {', '.join(self._lines)}.")
        if not line.spec.enabled:
            raise ActionRefusedError(f"{connection_id} is disabled in the settings; enable it there and start again.")
        if not self._running:
            raise ActionRefusedError("The feed is not connected to; start ingestion first.")
        return line

    def _listed(self, ticker: str) -> str:
        """The ticker as it is listed; without case where that is not ambiguous."""
        if self._assignment.owner(ticker) is not None:
            return ticker
        alike = [one for one in self._assignment.tickers() if one.casefold() == ticker.casefold()]
        if len(alike) != 1:
            raise ActionRefusedError(f"{ticker} is not listened to; only a ticker of one of the connections can move.")
        return alike[0]

    def _check_target(self, line: FeedLine, ticker: str) -> None:
        if ticker == WHOLE_MARKET:
            raise ActionRefusedError("A subscription to the whole market (*) cannot be moved.")
        if line.paused_by is not None:
            raise ActionRefusedError(f"{line.id} is paused; resume it before tickers are moved there.")
        if not (line.up and line.presence.able and line.allowed):
            raise ActionRefusedError(
                f"{line.id} is not live at the moment; tickers can move to a live connection only."
            )
        if self._assignment.carrier(ticker) == line.id:
            raise ActionRefusedError(f"{ticker} is carried by {line.id} already.")
        if self._assignment.owner(ticker) != line.id and self._assignment.loads()[line.id] >= self._config.ticker_limit:
            raise ActionRefusedError(f"{line.id} carries {self._config.ticker_limit} tickers, which is the limit.")

    # -- the sockets' threads ------------------------------------------------------------------------------------

    def _handle_ticks(self, ticks: list[TickData], connection_id: str) -> None:
        line = self._lines[connection_id]
        line.messages += len(ticks)
        if line.heard_ms is None or ticks[-1].timestamp > line.heard_ms:
            line.heard_ms = ticks[-1].timestamp
        self._on_ticks(ticks, connection_id)

    def _handle_status(self, change: StatusChange) -> None:
        line = self._lines[change.connection_id]
        with self._lock:
            was_up = line.up
            if change.lost_frame:
                self._tell_lost_frame(line, change.reason)
            else:
                line.take(change, self._monotonic() + ACK_DEADLINE_S)
            if was_up and not line.up and self._running:
                self._board.interrupt(line, change.reason)
            incomplete = self._reach(line) if change.lost_frame or line.up else set()
            self._changed.notify_all()
        if incomplete:
            self._config.on_incomplete(incomplete)
        self._on_status(change)

    def _tell_lost_frame(self, line: FeedLine, detail: str) -> None:
        """What the frame held is missed, of any ticker of the connection; it listens on."""
        if interruption := line.interruption(line.held, GapReason.FRAME, detail, goes_on=False):
            self._config.on_interrupted(interruption)

    def _reach(self, line: FeedLine) -> set[str]:
        """Whose bars may lack something when that connection does: all, where it is the only one."""
        return set(line.held) if len(self._enabled) > 1 else {WHOLE_MARKET}

    # -- looking, deciding, acting -------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            with self._lock:
                if self._running:
                    self._changed.wait(_WATCH_INTERVAL_S)
                if not self._running:
                    return
            try:
                self._step()
            except Exception:
                logger.exception("A look at the connections failed; the next one follows.")

    def _step(self) -> None:
        """One look at all connections, and what follows from it."""
        with self._acting:
            with self._lock:
                awaiting = self._board.awaiting()
            missing = [(one, one.line.client.unacknowledged(one.tickers)) for one in awaiting]
            with self._lock:
                acts = self._board.decide(missing, self._monotonic())
            for act in acts:
                act()

    def _tell(self, connection_id: str, kind: EventKind, reason: str, actor: str) -> None:
        self._config.on_event(
            ConnectionEvent(connection_id, self._config.client.clock.now_ms(), kind, reason, actor=actor)
        )
