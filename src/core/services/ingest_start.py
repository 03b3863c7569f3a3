"""A start of the ingestion: until the database is this process's, or without it until it answers."""

import logging
import threading
from collections.abc import Callable

from src.core.domain.market.last_start import LastStart
from src.core.errors import (
    DatabaseUnavailableError,
    FeedMismatchError,
    HistoryLostError,
    OwnershipLostError,
    SchemaError,
)
from src.core.ports import BarWriter, Clock, IngestStore, Ownership
from src.core.services.bar_intake import BarIntake
from src.core.services.gap_service import Before, GapService, Heard
from src.core.services.listening import Listening
from src.core.services.start_memory import StartMemory

logger = logging.getLogger(__name__)

STANDS_BY = "Another process ingests into this database; this one stands by."
TAKEN_OVER = "Another process took over the ingestion into this database."
_WAITS = "Nothing is listened to until it answers: no start has found out yet what to listen to."
_RETRY_S = 1.0
# A database that did not answer for so long is not waited for, if the last start is remembered.
_PATIENCE_S = 5.0


class IngestStart:
    """Owned by the service's thread. `choose` has what is given listened to, or for None what the universes say, which
    raises DatabaseUnavailableError; it gives that. `tell` shows the status, of which `trouble` is a part.

    `apart` is what is relied on until the database answers, `history` up to when each symbol's minutes were accounted
    for once it did (epoch ms).
    """

    def __init__(
        self,
        feed: str,
        ownership: Ownership,
        store: IngestStore,
        memory: StartMemory,
        intake: BarIntake,
        gaps: GapService,
        writer: BarWriter,
        choose: Callable[[Listening | None], Listening],
        tell: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._ownership = ownership
        self._store = store
        self._memory = memory
        self._intake = intake
        self._gaps = gaps
        self._writer = writer
        self._choose = choose
        self._tell = tell
        self._clock = clock
        self.apart: LastStart | None = None
        self.history: dict[str, int] = {}
        self.trouble = "Starting."

    def prepare(self, stopping: threading.Event) -> bool:
        """Waits until this process owns an answering database of the right feed, or may listen without; False when told
        to stop first, or when the database is not for this program."""
        away_s: float | None = None
        while not stopping.is_set():
            asked_s = self._clock.monotonic()
            try:
                if self._ownership.acquire():
                    self._take_up()
                    return True
                away_s = None
                self._stand_by()
            except DatabaseUnavailableError as error:
                away_s = asked_s if away_s is None else away_s
                if self._begin_apart(str(error), is_patient=self._clock.monotonic() - away_s < _PATIENCE_S):
                    return True
            except (FeedMismatchError, SchemaError) as error:
                self._say(str(error))
                return False
            self._clock.wait(stopping, _RETRY_S)
        return False

    def _take_up(self) -> None:
        """All that is needed of the database before the feed."""
        self._store.check_schema()
        self._store.claim_feed(self._feed)
        self._store.load_clock()
        self._writer.prepare()
        self._gaps.flush()  # what a damaged spool lost
        self._intake.seed(self._store.open_live_bars())
        self._account(self._choose(None))
        self.trouble = ""

    def _account(self, listening: Listening) -> None:
        self._store.add_symbols([symbol for symbol in listening.symbols if symbol != "*"])
        self.history = self._gaps.begin(listening.symbols, self._before())
        self._memory.keep(self._store.database_id, listening)

    def _before(self) -> Before:
        heard = self._store.state("heard")
        return Before(None if heard is None else Heard(**heard), self._store.state("history") or {})

    def _stand_by(self) -> None:
        if self._ownership.has_rival:
            self._memory.forget()
        self._say(STANDS_BY)

    def _begin_apart(self, trouble: str, *, is_patient: bool) -> bool:
        """Whether listening can begin without the database, as the last start is remembered."""
        self._writer.hold(trouble)
        last = self.apart = None if is_patient else self._memory.recall()
        if last is None:
            self._say(trouble if is_patient else f"{trouble} {_WAITS}")
            self._tell()
            return False
        logger.warning("%s Listening begins without it; bars wait until it answers.", trouble)
        self._intake.seed(self._writer.prepare_apart(last.database_id, last.stamp_us))
        listening = self._choose(_listening(last))
        self._gaps.begin_apart(listening.symbols, None if last.heard is None else Heard(*last.heard))
        self.trouble = ""
        return True

    def join(self, last: LastStart) -> bool:
        """Whether the database answers, and is what it was: then all goes on with it. Raises what is wrong with it, or
        with relying on `last`."""
        try:
            if not self._owns_what_was_left(last):
                return False
            self._account(_listening(last))
        except HistoryLostError:
            raise
        except DatabaseUnavailableError:
            return False
        self.apart = None
        self._writer.release()
        return True

    def _owns_what_was_left(self, last: LastStart) -> bool:
        """False while the lease may still be that of the life before; raises what `join` does."""
        if not self._ownership.acquire():
            if self._ownership.has_rival:
                raise OwnershipLostError(TAKEN_OVER)
            return False
        self._store.check_schema()
        self._store.claim_feed(self._feed)
        self._store.load_clock()
        if self._store.database_id != last.database_id:
            raise HistoryLostError("The database is another one than at the last start.")
        return True

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            logger.warning(trouble)
        self.trouble = trouble


def _listening(last: LastStart) -> Listening:
    return Listening(last.universe_key, last.lists, last.unknown)
