"""Posts a message when bars stop during a session, and one when they are back. One thread, beside the ingestion."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from src.core.domain.connection.backoff import Backoff
from src.core.domain.connection.health import Condition, Health, feed_health
from src.core.domain.connection.outage import Alert, AlertKind, BarsWatch
from src.core.domain.connection.state import ConnectionStatus
from src.core.domain.market.session import SessionTable
from src.core.errors import MessageRefusedError, MessageUndeliveredError
from src.core.ports import AlertMemory, Messenger
from src.core.services.ingest_start import STANDS_BY
from src.core.services.measurement_service import OPEN_PHASES

logger = logging.getLogger(__name__)

_LOOK_INTERVAL_S = 1.0
_STOP_WAIT_S = 1.0
_FIRST_DELAY_S = 2.0
_LONGEST_DELAY_S = 60.0
_ATTEMPTS = 12  # in some eight minutes


class Origin(NamedTuple):
    """Who posts: the program's version and the machine's name."""

    version: str
    host: str


class AlertService:
    """`snapshot` gives the ingesting half's status, from memory: the database may be what is away.

    `now_ms` reads the wall clock, `monotonic` seconds that never step back, `random` numbers in [0, 1).
    """

    def __init__(
        self,
        snapshot: Callable[[], Mapping[str, Any]],
        sessions: SessionTable,
        messenger: Messenger,
        memory: AlertMemory,
        origin: Origin,
        now_ms: Callable[[], int],
        random: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshot = snapshot
        self._sessions = sessions
        self._messenger = messenger
        self._memory = memory
        self._origin = origin
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._watch = BarsWatch(memory.stopped_ms())
        self._random = random
        self._reason = ""
        self._unsent: list[Alert] = []
        self._attempts = 0
        self._due_s = float("-inf")
        self._backoff = self._new_backoff()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; does not wait for a message that is under way."""
        self._stopping.set()
        self._thread.join(_STOP_WAIT_S)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_INTERVAL_S):
            try:
                self.step()
            except Exception:
                logger.exception("Whether to post an alert could not be decided.")

    def step(self) -> None:
        """Looks once at the ingestion, and sends what is due."""
        status = self._snapshot()
        if status["trouble"] != STANDS_BY:  # who stands by need not tell: another process ingests
            now_ms = self._now_ms()
            phase = self._sessions.phase_or_closed(now_ms)
            expected = status["feed"] == "simulated" or phase in OPEN_PHASES
            trouble = self._trouble(status, feed_health({**status, "written_at": now_ms}, phase, now_ms))
            if alert := self._watch.look(trouble, status["last_tick_time"], expected, now_ms):
                self._take(alert)
        if self._unsent and self._monotonic() >= self._due_s:
            self._send(self._unsent[0])

    def _trouble(self, status: Mapping[str, Any], health: Health) -> str | None:
        """What keeps bars out of the database, a sentence; None while nothing does."""
        if status["trouble"]:
            self._reason = status["trouble"]
        elif health.condition is not Condition.LIVE:
            # An attempt to connect is no reason: what ended the session before it is.
            if not self._reason or status["connection"]["status"] != ConnectionStatus.CONNECTING:
                self._reason = health.reason
        elif status["writer"]["failing_for_s"] is not None:
            self._reason = "Bars arrive, but the database does not take them; they wait in memory."
        else:
            self._reason = ""
        return self._reason or None

    def _take(self, alert: Alert) -> None:
        """Queues it: at most one of each kind, since a return that was not told is taken back by the next stop."""
        logger.log(logging.WARNING if alert.kind is AlertKind.BARS_STOPPED else logging.INFO, "%s", _words(alert))
        if alert.kind is AlertKind.BARS_STOPPED and self._unsent:
            self._drop(len(self._unsent) - 1)
        else:
            self._unsent.append(alert)

    def _send(self, alert: Alert) -> None:
        self._attempts += 1
        try:
            self._messenger.post(self._body(alert))
        except MessageRefusedError as error:
            self._give_up(str(error))
        except MessageUndeliveredError as error:
            if self._attempts >= _ATTEMPTS:
                self._give_up(f"{error} It was tried {_ATTEMPTS} times.")
            else:
                self._due_s = self._monotonic() + self._backoff.next_delay_s(0)
        else:
            self._memory.remember(alert.since_ms if alert.kind is AlertKind.BARS_STOPPED else None)
            logger.info("The alert was posted to the webhook.")
            self._drop(0)

    def _give_up(self, words: str) -> None:
        logger.error("The alert was not posted to the webhook (ALERT_WEBHOOK_URL). %s", words)
        self._drop(0)

    def _drop(self, place: int) -> None:
        del self._unsent[place]
        if place == 0:  # the next begins anew
            self._attempts, self._due_s, self._backoff = 0, float("-inf"), self._new_backoff()

    def _new_backoff(self) -> Backoff:
        return Backoff(self._random, _FIRST_DELAY_S, _LONGEST_DELAY_S)

    def _body(self, alert: Alert) -> dict[str, Any]:
        """What is posted; chat services show `text`. Times are epoch ms."""
        return {
            "text": f"TickStock on {self._origin.host}: {_words(alert)}",
            "event": alert.kind.value,
            "since": alert.since_ms,
            "at": alert.at_ms,
            "reason": alert.reason,
            "feed": self._snapshot()["feed"],
            "host": self._origin.host,
            "version": self._origin.version,
        }


def _words(alert: Alert) -> str:
    since = _clock(alert.since_ms)
    if alert.kind is AlertKind.BARS_STOPPED:
        return f"Bars have stopped since {since}. {alert.reason}"
    return f"Bars are back. They had stopped from {since} to {_clock(alert.at_ms)}."


def _clock(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
