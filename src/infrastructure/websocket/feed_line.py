"""One connection as the manager keeps it: the client, the thread that opens and closes it, and what it knows of it."""

import threading
from collections.abc import Collection
from typing import NamedTuple

from src.core.domain.connection.hearing import Hearing
from src.core.domain.connection.interruption import Interruption
from src.core.domain.connection.presence import Presence
from src.core.domain.connection.state import ConnectionStatus, Ending, StatusChange
from src.core.domain.market.gaps import GapReason
from src.infrastructure.websocket.massive_client import MassiveWebSocketClient

# `disconnect` of a client waits for its two threads, 2 s each.
_CLOSE_S = 4.5


class ConnectionSpec(NamedTuple):
    """One connection as configured. `name` is for people."""

    connection_id: str
    name: str
    enabled: bool


class Awaited(NamedTuple):
    """A ticker whose topics are not acknowledged yet. `gap_until_s`: where a gap ends with that, when it is taken to
    have ended even so."""

    gap_until_s: float | None


class FeedLine:
    """A client, and the books of it. All but `open`, `close` and `end` belongs to the manager and its lock.

    Opening and closing a client can take seconds, for which neither the manager nor the other connections are to wait:
    a thread of the line does it, always to what was asked for last.
    """

    def __init__(self, number: int, spec: ConnectionSpec, client: MassiveWebSocketClient, now_s: float) -> None:
        self.number = number
        self.spec = spec
        self.client = client
        self.presence = Presence(now_s)
        self.hearing = Hearing(now_s)
        self.messages = 0  # counted by the socket's thread alone
        self.heard_ms: int | None = None  # event time of the newest that came in this session; of the same thread
        self.since_s: float | None = None  # when the first ticker of this session was acknowledged
        self.silent = False  # while the others hear
        self.opens_anew = False  # for that reason
        self.status = ConnectionStatus.DISCONNECTED
        self.ending: Ending | None = None  # of the last session, until the next one is accepted
        self.settled = False  # the first attempt ended, however it did
        self.sessions = 0
        self.held: set[str] = set()  # the tickers that the client was told to subscribe to
        self.awaited: dict[str, Awaited] = {}
        self.paused_by: str | None = None
        self.close_by_s: float | None = None  # for a pause: once others have taken its tickers over, or then
        self.rest_until_s: float | None = None  # the plan does not grant it
        self._changed = threading.Condition()
        self._wish: tuple[bool, str] = (False, "")  # open or not, and the reason for closing
        self._anew = False
        self._ending = False
        self._thread: threading.Thread | None = None

    # -- what the manager's lock guards --------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The connection's id, such as `connection_1`."""
        return self.spec.connection_id

    @property
    def up(self) -> bool:
        """Whether the key is accepted."""
        return self.status is ConnectionStatus.CONNECTED

    @property
    def hears(self) -> bool:
        """Whether it is up, and has not gone silent."""
        return self.up and not self.silent

    @property
    def allowed(self) -> bool:
        """Whether it is to be up: enabled, not paused, not resting."""
        return self.spec.enabled and self.paused_by is None and self.rest_until_s is None

    def take(self, change: StatusChange, gap_until_s: float) -> None:
        """Takes a change of the client's status; with a new session all is to be acknowledged."""
        self.status = change.status
        self.settled |= change.status is not ConnectionStatus.CONNECTING
        if change.ending is not None:
            self.ending = change.ending
        self.awaited = {}
        self.silent = self.opens_anew = False
        if self.up:
            self.sessions += 1
            self.ending = self.heard_ms = self.since_s = None
            self.awaited = dict.fromkeys(self.held, Awaited(gap_until_s))

    def interruption(
        self, tickers: Collection[str], reason: GapReason, detail: str, goes_on: bool = True
    ) -> Interruption | None:
        """What is to be told of these tickers when it is lost; None where it never listened, so that they are missed
        already."""
        if not tickers or (self.heard_ms is None and self.since_s is None):
            return None
        since_s = 0.0 if self.since_s is None else self.since_s
        return Interruption(self.id, tuple(sorted(tickers)), self.heard_ms, since_s, reason, detail, goes_on)

    # -- its thread ----------------------------------------------------------------------------------------------

    def begin(self, now_s: float) -> None:
        """Starts the thread, and opens the client; nothing is known of how it behaves, and nothing is paused."""
        self.presence, self.hearing, self.settled = Presence(now_s), Hearing(now_s), False
        self.paused_by = self.close_by_s = self.rest_until_s = self.ending = None
        self._wish, self._anew, self._ending = (True, ""), False, False
        self._thread = threading.Thread(target=self._run, name="feed-line", daemon=True)
        self._thread.start()

    def open(self, reason: str = "", anew: bool = False) -> None:
        """Asks for the client to run; `anew`: to be closed before, with a reason."""
        self._ask((True, reason), anew)

    def close(self, reason: str) -> None:
        """Asks for the client to be closed, with a reason for people."""
        self._ask((False, reason), False)

    def end(self) -> None:
        """Asks for the client to be closed and the thread to end; `join` waits for it."""
        with self._changed:
            self._wish, self._ending = (False, "Disconnected on request."), True
            self._changed.notify()

    def join(self) -> None:
        """Waits some seconds at most for the thread to end."""
        if self._thread is not None:
            self._thread.join(_CLOSE_S)

    def _ask(self, wish: tuple[bool, str], anew: bool) -> None:
        with self._changed:
            if not self._ending:
                self._wish, self._anew = wish, self._anew or anew
                self._changed.notify()

    def _run(self) -> None:
        is_open = False
        while True:
            with self._changed:
                while not (self._ending or self._anew or self._wish[0] != is_open):
                    self._changed.wait()
                (wish_open, reason), anew, ending = self._wish, self._anew, self._ending
                self._anew = False
            if is_open and (anew or not wish_open):
                self.client.disconnect(reason)
            if wish_open and (anew or not is_open):
                self.client.start()
            is_open = wish_open
            if ending:
                return
