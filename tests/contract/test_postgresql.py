"""What only a database server brings: restarts, roles without rights, connections that must not leak."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from src.core.domain.market.bar import Tier
from src.core.errors import DatabaseUnavailableError, SchemaError
from src.infrastructure.database import engines, migrate, silent_server
from src.infrastructure.database.engines import database_errors, read_engine, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, reader_of, stored_bars
from tests.conftest import as_settings_give_it
from tests.postgres import PostgresServer
from tests.waiting import insist, wait_for


def connections(server: PostgresServer, name: str) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    return int(server.execute(query, parameters=(name,))[0][0])


def test_after_a_restart_the_same_calls_succeed(own_server: PostgresServer) -> None:
    url = as_settings_give_it(own_server.url("bars"))
    database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
    reader = reader_of(url)
    database.merge([bar("AAPL")])
    assert len(reader.recent(["AAPL"], None, 5)) == 1
    own_server.kill()
    with pytest.raises(DatabaseUnavailableError, match="not available"):
        database.merge([bar("IBM")])
    with pytest.raises(DatabaseUnavailableError):
        reader.recent(["AAPL"], None, 5)
    own_server.start()
    database.merge([bar("IBM")])
    assert len(reader.recent(["AAPL", "IBM"], None, 5)) == 2
    database.close()
    reader.close()


def test_a_connection_that_breaks_while_bars_are_copied_is_replaced(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = as_settings_give_it(own_server.url("bars"))
    database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
    database.merge([bar("AAPL")])
    # The server ends the connection after the transaction took its number, just before the rows are sent.
    take = database._take_revision

    def take_and_break(*arguments: object) -> tuple[int, int]:
        taken = take(*arguments)  # type: ignore[arg-type]  handed on as they came
        monkeypatch.undo()
        own_server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tickstock-ingest'"
        )
        return taken

    monkeypatch.setattr(database, "_take_revision", take_and_break)
    with pytest.raises(DatabaseUnavailableError):
        database.merge([bar("IBM")])
    assert database.merge([bar("IBM")]).refused == 0
    assert [stored.symbol for stored in stored_bars(url)] == ["AAPL", "IBM"]
    database.close()


def test_a_server_that_never_answers_is_given_up(own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = as_settings_give_it(own_server.url("bars"))
    with monkeypatch.context() as impatience:
        impatience.setattr(engines, "_READER_PATIENCE_S", 0.6)
        impatience.setattr(engines, "_WRITER_PATIENCE_S", 0.6)
        database, engine = TickStockDatabase(write_engine(url), lambda: 1), read_engine(url)
    monkeypatch.setattr(silent_server, "_LOOK_S", 0.1)
    insist(lambda: database.merge([bar()]))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with frozen(own_server):
            with pytest.raises(DatabaseUnavailableError, match="it has not answered for 1 s"), database_errors():
                connection.execute(text("SELECT 1"))
            insist(lambda: database.merge([bar("IBM")]))  # on a new connection: the old one does not answer
    assert [stored.symbol for stored in stored_bars(url)] == ["AAPL", "IBM"]
    engine.dispose()
    database.close()


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """The processes of the server that serve TickStock stand still."""
    found = server.execute("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tickstock-%'")
    for (backend,) in found:
        os.kill(backend, signal.SIGSTOP)
    try:
        yield
    finally:
        for (backend,) in found:
            os.kill(backend, signal.SIGCONT)


def test_connections_are_bounded_and_none_leaks(own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_S", 60.0)  # for one of the few connections
    url = as_settings_give_it(own_server.url("bars"))
    database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
    reader = reader_of(url)
    database.merge([bar(f"S{place}", MINUTE + minute * 60_000) for place in range(20) for minute in range(30)])

    def work(place: int) -> None:
        for count in range(20):
            later = bar(f"S{place}", close=float(count + 2), observed_at=count)
            insist(lambda later=later: database.merge([later]))
            reader.recent([f"S{place}"], None, 30)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connections(own_server, "tickstock-ingest") <= 2
    assert connections(own_server, "tickstock-web") <= 8
    holding = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    wait_for(lambda: own_server.execute(holding) == [(0,)])  # the watch of revisions may be looking just now
    database.close()
    reader.close()
    # A server ends its process for a connection a moment after the connection was closed.
    wait_for(lambda: connections(own_server, "tickstock-ingest") == 0)
    wait_for(lambda: connections(own_server, "tickstock-web") <= 1)  # the watch of revisions may look once more


def test_a_role_without_rights_is_told_what_to_do(own_server: PostgresServer) -> None:
    own_server.create_database("fresh")
    own_server.execute("CREATE ROLE humble LOGIN PASSWORD 'x'")
    with pytest.raises(SchemaError, match=r"may not do .*; run \.venv/bin/flask migrate with the URL of the role"):
        migrate.upgrade(as_settings_give_it(own_server.url("fresh", "humble", "x")))
    database = TickStockDatabase(write_engine(as_settings_give_it(own_server.url("bars", "humble", "x"))), lambda: 1)
    with pytest.raises(DatabaseUnavailableError, match="permission denied"):
        database.merge([bar()])
    database.close()


def test_only_batches_of_live_bars_do_not_wait_for_the_disk(postgresql_database_url: str) -> None:
    database = TickStockDatabase(write_engine(postgresql_database_url), lambda: time.time_ns() // 1000)
    settings: list[str] = []
    merge = database._dialect.merge

    def noting(connection: object, *rest: object) -> None:
        settings.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())  # type: ignore[attr-defined]  a Connection
        merge(connection, *rest)  # type: ignore[arg-type]  handed on as they came

    object.__setattr__(database._dialect, "merge", noting)
    try:
        database.merge([bar(tier=Tier.LIVE.value)])
        database.merge([bar(tier=Tier.LIVE.value), bar("IBM")])
        database.merge([bar("IBM", close=2.0, observed_at=2)])
    finally:
        object.__setattr__(database._dialect, "merge", merge)
    assert settings == ["off", "on", "on"]
    database.close()


def test_times_and_digits_are_the_servers_own_types(postgresql_database_url: str) -> None:
    database = TickStockDatabase(write_engine(postgresql_database_url), lambda: time.time_ns() // 1000)
    database.merge([bar(close=150.123456789012, volume=0.000001)])
    database.close()
    engine = create_engine(postgresql_database_url)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT timestamp AT TIME ZONE 'UTC', close, volume FROM ohlcv_1min")).one()
    engine.dispose()
    assert [str(value) for value in row] == ["2025-11-20 14:30:00", "150.123456789012", "0.000001"]
