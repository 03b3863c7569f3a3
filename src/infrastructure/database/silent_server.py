"""Gives up a PostgreSQL server that takes a question and never answers, such as one that is frozen or whose disk hangs.

Its own limit for a statement does not hold then, nor does TCP find anything wrong, and the driver waits for ever.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from psycopg2 import OperationalError
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class that psycopg2 spells small
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - the same

_LOOK_S = 1.0


class _Question:
    """What waits for an answer: on which socket, and until when (monotonic seconds)."""

    def __init__(self, descriptor: int, until_s: float) -> None:
        self.descriptor = descriptor
        self.until_s = until_s
        self.is_given_up = False


class _Watch:
    """Cuts the connections of questions that took too long. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: set[_Question] = set()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def of(self, connection: Connection, limit_s: float) -> Iterator[None]:
        """While a question is asked. OperationalError when it was not answered within `limit_s` seconds."""
        question = _Question(connection.fileno(), time.monotonic() + limit_s)
        with self._lock:
            self._questions.add(question)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database-patience", daemon=True)
                self._thread.start()
        try:
            yield
        except OperationalError as error:
            if question.is_given_up:
                raise OperationalError(f"it has not answered for {limit_s:.0f} s") from error
            raise
        finally:
            with self._lock:
                self._questions.remove(question)

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            now_s = time.monotonic()
            with self._lock:  # within it no socket is closed, so none is taken for another one
                for question in self._questions:
                    if now_s >= question.until_s and not question.is_given_up:
                        question.is_given_up = True
                        _cut(question.descriptor)


def _cut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)


_WATCH = _Watch()


def patient(limit_s: float) -> Callable[..., Connection]:
    """What psycopg2 makes connections by, of which no question takes longer; a transaction is several of them."""

    class PatientCursor(Cursor):  # type: ignore[misc]  # psycopg2 tells no types
        def execute(self, *arguments: Any) -> None:
            with _WATCH.of(self.connection, limit_s):
                super().execute(*arguments)

        def copy_expert(self, *arguments: Any) -> None:
            with _WATCH.of(self.connection, limit_s):
                super().copy_expert(*arguments)

    class PatientConnection(Connection):  # type: ignore[misc]  # the same
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.cursor_factory = PatientCursor

        def commit(self) -> None:
            with _WATCH.of(self, limit_s):
                super().commit()

        def rollback(self) -> None:
            with _WATCH.of(self, limit_s):
                super().rollback()

    return PatientConnection
