"""The databases of the fault matrix, and what can happen to them."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg2
from psycopg2.sql import SQL

from src.infrastructure.database.engines import sqlite_file
from tests.conftest import as_settings_give_it
from tests.integration.faults.relay import Relay
from tests.ports import free_port
from tests.postgres import PostgresServer

_POISON = "a row that this database does not take"


class Database(Protocol):
    """A database that can be made to fail; each of these ends by what it gives."""

    kind: str

    @property
    def url(self) -> str:
        """Where it is now."""

    @property
    def configured_url(self) -> str:
        """Where the program is told that it is."""

    @property
    def data_dir(self) -> Path | None:
        """The program's folder, where that matters."""

    def hold_lock(self) -> Callable[[], None]:
        """Another process holds what every commit needs."""

    def take_away(self) -> Callable[[], None]:
        """Nothing can be stored in it."""

    def poison(self, symbol: str, start_ms: int) -> Callable[[], None]:
        """It refuses the bars of a symbol from a minute on."""

    def close(self) -> None:
        """Makes it well again for whoever uses it next."""


class SqliteDatabase:
    """A file."""

    kind = "sqlite"

    def __init__(self, url: str) -> None:
        self.url = self.configured_url = url
        self.data_dir = sqlite_file(url).parent

    def fill_disk(self) -> Callable[[], None]:
        """The disk on which it is gets full."""
        filler = sqlite_file(self.url).with_name("filler")
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return filler.unlink

    def hold_lock(self) -> Callable[[], None]:
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        return connection.close

    take_away = hold_lock

    def poison(self, symbol: str, start_ms: int) -> Callable[[], None]:
        connection = self._connect()
        for event in ("INSERT", "UPDATE"):
            connection.execute(
                f"CREATE TRIGGER poison_{event} BEFORE {event} ON ohlcv_1min WHEN NEW.symbol = '{symbol}' "
                f"AND NEW.timestamp >= {start_ms} BEGIN SELECT RAISE(ABORT, '{_POISON}'); END"
            )

        def heal() -> None:
            connection.execute("DROP TRIGGER poison_INSERT")
            connection.execute("DROP TRIGGER poison_UPDATE")
            connection.close()

        return heal

    def close(self) -> None:
        """Nothing is shared."""

    def _connect(self) -> sqlite3.Connection:
        # The fault may be ended on another thread than it began on.
        return sqlite3.connect(sqlite_file(self.url), isolation_level=None, timeout=10, check_same_thread=False)


class PostgresDatabase:
    """A database of the test run's server, which is killed, stopped and moved as a whole."""

    kind = "postgresql"
    data_dir = None

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server = server
        self._name = name
        self._second_port = free_port()

    @property
    def url(self) -> str:
        return as_settings_give_it(self._server.url(self._name))

    @property
    def configured_url(self) -> str:
        """That it can be at either of two ports."""
        path, _, name = self.url.rpartition("/")
        secret = path.rpartition("@")[0]
        ports = (self._server.port, self._second_port)
        return f"{secret}@/{name}?" + "&".join(f"host=127.0.0.1:{port}" for port in ports)

    def kill(self) -> Callable[[], None]:
        """All its processes are killed; it recovers when it is started again."""
        self._server.kill()
        return self._start

    def stop(self) -> Callable[[], None]:
        """It is stopped in an orderly way."""
        self._server.stop()
        return self._start

    take_away = stop

    def hold_lock(self) -> Callable[[], None]:
        connection = psycopg2.connect(self._server.url(self._name))
        connection.cursor().execute("LOCK TABLE ohlcv_1min IN ACCESS EXCLUSIVE MODE")
        return _closing(connection)

    def poison(self, symbol: str, start_ms: int) -> Callable[[], None]:
        self._execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NEW.symbol = '{symbol}' AND extract(epoch FROM NEW.timestamp) * 1000 >= {start_ms} "
            f"THEN RAISE EXCEPTION '{_POISON}'; END IF; RETURN NEW; END $$"
        )
        self._execute(
            "CREATE TRIGGER poison BEFORE INSERT OR UPDATE ON ohlcv_1min FOR EACH ROW EXECUTE FUNCTION poison()"
        )
        return lambda: self._execute("DROP FUNCTION poison CASCADE")

    def end_connections(self) -> None:
        """Every connection to it is ended, as when a server fails over."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        self._server.execute(query, parameters=(self._name,))

    def move(self) -> None:
        """It is killed, and started at its other port."""
        self._server.kill()
        self._server.start(self._second_port)

    def close(self) -> None:
        self._start()

    def _start(self) -> None:
        if not self._server.is_running:
            self._server.start()

    def _execute(self, statement: str) -> None:
        self._server.execute(SQL(statement), self._name)


class DistantDatabase(PostgresDatabase):
    """One whose program has a line to it that can become slow."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        super().__init__(server, name)
        self._relay = Relay(server.port)
        self._relay.start()

    @property
    def configured_url(self) -> str:
        """At the other end of the line."""
        return self.url.replace(f":{self._server.port}/", f":{self._relay.port}/")

    def delay(self, seconds: float) -> Callable[[], None]:
        """All that is said takes so many seconds of the machine on its way."""
        self._relay.delay_s = seconds

        def heal() -> None:
            self._relay.delay_s = 0.0

        return heal

    def close(self) -> None:
        self._relay.stop()
        super().close()


def _closing(connection: Any) -> Callable[[], None]:
    def close() -> None:
        with suppress(psycopg2.Error):
            connection.rollback()
        connection.close()

    return close
