"""Which process ingests into a PostgreSQL database: the one whose name stands in a row, for as long as it renews it."""

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, NullPool, create_engine, text

from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.engines import database_errors, network

_RENEW_S = 2.0
_LASTS_S = 6.0
# So long a standby sees the row unchanged before it believes that its owner is gone.
_UNCHANGED_S = 3.0
# A question is given up after this: whoever asks has more to do.
_PATIENCE_S = 2.0

_RENEW = text(
    "UPDATE ingest_lease SET owner = :owner, expires_at = clock_timestamp() + make_interval(secs => :lasts_s)"
    " WHERE id = 1 AND (owner = :owner OR owner IS NULL)"
)
_LOOK = text("SELECT owner, expires_at FROM ingest_lease WHERE id = 1")
_TAKE = text(
    "UPDATE ingest_lease SET owner = :owner, expires_at = clock_timestamp() + make_interval(secs => :lasts_s)"
    " WHERE id = 1 AND owner = :other AND expires_at = :expires_at AND NOT"
    " expires_at BETWEEN clock_timestamp() AND clock_timestamp() + make_interval(secs => :lasts_s)"
)
_RELEASE = text("UPDATE ingest_lease SET owner = NULL, expires_at = NULL WHERE id = 1 AND owner = :owner")


class Lease:
    """The row of `ingest_lease` in the PostgreSQL database at `url`; connects to nothing yet.

    All is measured on the database's clock, which the processes share. The owner renews the row as `acquire` is called,
    so it stays owner only while its service lives. A standby takes the row once it has run out: within 6 s of the
    owner's death, however that came: killed, stopped, cut off, or down with its machine.

    The database's clock may be set, too. So what has run out is believed only of a row that has not changed for 3 s
    either, seconds of the standby's own: a living owner would have renewed it. And a row that ends later than a
    renewal can make it tells of no living owner.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self, url: str) -> None:
        # Real seconds, as the database's are: who lets the program's clock race cannot let the database's race.
        limits = {"connect_timeout": "2", "tcp_user_timeout": "2000"}
        arguments = {**network(url, "tickstock-owner"), **limits}
        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
        # Host and process are for people; the rest tells this life from any other.
        self._owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._connection: Connection | None = None
        self._held = False
        self._ask_s = 0.0  # when the owner is to ask again
        self._trouble = ""  # why its last question was not answered
        self._other: tuple[Any, ...] = ()  # another's row, and since when it is as it is
        self._other_since_s = 0.0
        self.has_rival = False  # another's row was seen to change: a living process renews it

    def acquire(self) -> bool:
        """True when this process is the owner now; False while another one is. To be called each second or so.

        DatabaseUnavailableError when the database does not answer within some seconds. That may change; until it says
        otherwise, an owner is one. An owner asks every 2 s, whoever waits to be one at every call.
        """
        if self._held and time.monotonic() < self._ask_s:
            if self._trouble:
                raise DatabaseUnavailableError(self._trouble)
            return True
        try:
            with self._connected() as connection:
                self._held = self._renew_or_take(connection)
            self._trouble = ""
        except DatabaseUnavailableError as error:
            self._trouble = str(error)
            raise
        finally:
            self._ask_s = time.monotonic() + _RENEW_S
        return self._held

    def release(self) -> None:
        """Gives the lease up, where the database can be told; else it runs out."""
        if self._held and not self._trouble:
            with contextlib.suppress(DatabaseUnavailableError), self._connected() as connection:
                connection.execute(_RELEASE, {"owner": self._owner})
        self._held = False
        self._disconnect()

    def _renew_or_take(self, connection: Connection) -> bool:
        mine = {"owner": self._owner, "lasts_s": _LASTS_S}
        if connection.execute(_RENEW, mine).rowcount:
            self.has_rival = False
            return True
        row = tuple(connection.execute(_LOOK).one())
        now_s = time.monotonic()
        if row != self._other:
            self.has_rival = bool(self._other)
            self._other, self._other_since_s = row, now_s
        if now_s - self._other_since_s < _UNCHANGED_S:
            return False
        other, expires_at = row
        return bool(connection.execute(_TAKE, {**mine, "other": other, "expires_at": expires_at}).rowcount)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection, for 2 s; one that failed is used no more. Raises DatabaseUnavailableError."""
        try:
            with database_errors():
                if self._connection is None:
                    self._connection = self._engine.connect()
                    self._connection.exec_driver_sql(f"SET statement_timeout = {_PATIENCE_S * 1000:.0f}")
                with _time_limit(self._connection):
                    yield self._connection
        except DatabaseUnavailableError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # closing it in order would ask the server once more
            self._connection.close()
            self._connection = None


@contextlib.contextmanager
def _time_limit(connection: Connection) -> Iterator[None]:
    """Cuts the connection when what is done on it takes too long: a server that is frozen answers nothing, ever, and
    the driver would wait."""
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as line:
        timer = threading.Timer(_PATIENCE_S, _cut, [line])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        line.shutdown(socket.SHUT_RDWR)
