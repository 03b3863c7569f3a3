"""Who ingests into a PostgreSQL database: processes stop, die and come back, servers do, clocks are set."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database import lease
from src.infrastructure.database.lease import Lease
from tests.conftest import as_settings_give_it
from tests.contract.lease_holder import hurry
from tests.postgres import PostgresServer
from tests.waiting import wait_for

_HASTE = 10.0
_HOUR = "interval '1 hour'"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RENEW_S", "_LASTS_S", "_UNCHANGED_S"):
        monkeypatch.setattr(lease, name, getattr(lease, name))  # so that they are put back
    hurry(_HASTE)


@contextmanager
def holder(url: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process that wants the lease."""
    command = [sys.executable, "-m", "tests.contract.lease_holder", url, str(_HASTE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ask(process: "subprocess.Popen[str]") -> str:
    """What the other process is, once it has asked for the lease."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def set_database_clock(server: PostgresServer, url: str, step: str) -> None:
    """As the row sees it when the server's clock is set forward by `step`: all that was written is older by that."""
    server.execute(f"UPDATE ingest_lease SET expires_at = expires_at - {step}", database=url.rpartition("/")[2])


def test_a_standby_takes_over_from_a_process_that_stops_or_is_killed(postgresql_database_url: str) -> None:
    standby = Lease(postgresql_database_url)
    with holder(postgresql_database_url) as process:
        for _ in range(4):
            assert ask(process) == "owner"
            assert not standby.acquire()
            time.sleep(lease._RENEW_S)  # until the owner asks the database, not its memory
        process.send_signal(signal.SIGSTOP)  # its connection stays open: as when its machine loses its power
        wait_for(standby.acquire)
        process.send_signal(signal.SIGCONT)
        assert ask(process) == "standby"
        standby.release()
        assert ask(process) == "owner"
        process.kill()
        wait_for(standby.acquire)
    standby.release()


def test_a_lease_that_was_left_behind_is_no_rival_and_one_that_is_renewed_is(
    postgresql_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_UNCHANGED_S", 600.0)  # it is not taken, however slow the machine
    left, standby = Lease(postgresql_database_url), Lease(postgresql_database_url)
    assert left.acquire()
    for _ in range(3):
        assert not standby.acquire()
        assert not standby.has_rival
    time.sleep(lease._RENEW_S)  # until the owner asks the database, not its memory
    assert left.acquire()
    assert not standby.acquire()
    assert standby.has_rival
    left.release()
    assert standby.acquire()
    assert not standby.has_rival
    standby.release()


def test_after_a_release_the_next_one_needs_not_wait(postgresql_database_url: str) -> None:
    first, second = Lease(postgresql_database_url), Lease(postgresql_database_url)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    first.release()  # it has none
    assert not first.acquire()
    second.release()


@pytest.mark.parametrize("step", [_HOUR, f"-{_HOUR}"])
def test_the_databases_clock_may_be_set_while_the_owner_lives(
    postgres_server: PostgresServer, postgresql_database_url: str, step: str
) -> None:
    owner, standby = Lease(postgresql_database_url), Lease(postgresql_database_url)
    assert owner.acquire()
    assert not standby.acquire()
    set_database_clock(postgres_server, postgresql_database_url, step)
    assert not standby.acquire()
    time.sleep(lease._RENEW_S)  # until the owner asks the database, not its memory
    assert owner.acquire()
    assert not standby.acquire()
    owner.release()
    standby.release()


@pytest.mark.parametrize("step", [_HOUR, f"-{_HOUR}"])
def test_the_databases_clock_may_be_set_after_the_owner_died(
    postgres_server: PostgresServer, postgresql_database_url: str, step: str
) -> None:
    owner, standby = Lease(postgresql_database_url), Lease(postgresql_database_url)
    assert owner.acquire()
    set_database_clock(postgres_server, postgresql_database_url, step)
    assert not standby.acquire()
    wait_for(standby.acquire)
    time.sleep(lease._RENEW_S)
    assert not owner.acquire()
    standby.release()


def test_of_two_that_take_over_at_one_instant_one_does(
    postgres_server: PostgresServer, postgresql_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_PATIENCE_S", 60.0)  # both wait for a lock, however long the test takes to see it
    owner, *waiting = [Lease(postgresql_database_url) for _ in range(3)]
    name = postgresql_database_url.rpartition("/")[2]
    assert owner.acquire()
    assert not any(one.acquire() for one in waiting)
    time.sleep(lease._LASTS_S)
    with postgres_server.connection(name) as connection, connection.cursor() as cursor, ThreadPoolExecutor() as pool:
        cursor.execute("BEGIN; SELECT * FROM ingest_lease FOR UPDATE")
        answers = [pool.submit(one.acquire) for one in waiting]
        wait_for(lambda: postgres_server.execute(_WAITING, parameters=(name,)) == [(2,)])
        cursor.execute("COMMIT")
    assert sorted(answer.result() for answer in answers) == [False, True]
    for one in waiting:
        one.release()


def test_an_owner_keeps_what_nobody_took_while_the_database_was_away(own_server: PostgresServer) -> None:
    url = as_settings_give_it(own_server.url("bars"))
    owner, standby = Lease(url), Lease(url)
    assert owner.acquire()
    own_server.kill()
    time.sleep(lease._RENEW_S)
    for _ in range(2):  # asked, and not asked again so soon
        with pytest.raises(DatabaseUnavailableError, match="not available"):
            owner.acquire()
    time.sleep(lease._LASTS_S)
    own_server.start()
    wait_for(lambda: answers(owner))
    wait_for(lambda: answers(standby))  # while the owner does not ask
    time.sleep(lease._RENEW_S)
    assert not owner.acquire()
    standby.release()


def answers(ownership: Lease) -> bool:
    """Whether it is the owner; not while the database is away."""
    try:
        return ownership.acquire()
    except DatabaseUnavailableError:
        return False


def test_a_database_that_is_frozen_is_given_up_soon(
    postgres_server: PostgresServer, postgresql_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Lease(postgresql_database_url)
    assert owner.acquire()
    monkeypatch.setattr(lease, "_PATIENCE_S", 0.3)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tickstock-owner' AND datname = %s"
    name = postgresql_database_url.rpartition("/")[2]
    ((backend,),) = postgres_server.execute(query, parameters=(name,))
    os.kill(backend, signal.SIGSTOP)
    time.sleep(lease._RENEW_S)
    started_s = time.monotonic()
    try:
        with pytest.raises(DatabaseUnavailableError):
            owner.acquire()
    finally:
        os.kill(backend, signal.SIGCONT)
    assert time.monotonic() - started_s < 30
    monkeypatch.setattr(lease, "_PATIENCE_S", 60.0)  # it answers again, maybe not so soon
    wait_for(lambda: answers(owner))
    owner.release()
