"""The check of the schema at the start of a process, which a database that is away only puts off."""

import logging
import threading
from collections.abc import Callable

from src.core.errors import DatabaseUnavailableError, SchemaError

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0


class SchemaWatch:
    """`check` raises SchemaError or DatabaseUnavailableError; `end` ends the process."""

    def __init__(self, check: Callable[[], None], end: Callable[[], None]) -> None:
        self._check = check
        self._end = end
        self._stopping = threading.Event()

    def start(self) -> None:
        """Raises SchemaError. While the database is away, looks again until it answers; ends the process then, if its
        schema is not this program's."""
        try:
            self._check()
        except DatabaseUnavailableError as error:
            logger.warning("%s Until it answers, pages and the API say so.", error)
            threading.Thread(target=self._look_again, name="schema-watch", daemon=True).start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()

    def _look_again(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self._check()
            except DatabaseUnavailableError:
                continue
            except SchemaError as error:
                logger.error(str(error))  # noqa: TRY400  the sentence says it all
                self._end()
            return
