"""The PostgreSQL server that other tests use: it starts anywhere, survives what tests do to it, and leaves nothing."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from src.config.settings import PROJECT_ROOT
from tests.migrated_databases import MigratedDatabases
from tests.ports import free_port
from tests.postgres import (
    CHOICE,
    Installation,
    PostgresServer,
    debian_installation,
    find_installation,
    wheel_installation,
)
from tests.postgres_keeper import data_folder, processes_of
from tests.waiting import wait_for

INSTALLATIONS = [found for found in (debian_installation(), wheel_installation()) if found]

_each_installation = pytest.mark.parametrize("installation", INSTALLATIONS, ids=lambda found: found.origin)

_RUN_ONE = """
import os, sys
from pathlib import Path
from tests.postgres import Installation, PostgresServer
with PostgresServer(Installation(Path(sys.argv[1]), sys.argv[2])) as server:
    assert server.execute("SELECT 1") == [(1,)]
    server.kill()
    server.start()
    print(os.getuid(), server.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that a test may kill."""
    with PostgresServer() as server:
        yield server


def has_shared_memory(segment: int) -> bool:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return segment in [int(line.split()[1]) for line in lines]


def segment_of(server: PostgresServer) -> int:
    return int((data_folder(server.folder) / "postmaster.pid").read_text().splitlines()[6].split()[1])


def accepts(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def run_one(installation: Installation, *before: str) -> "subprocess.Popen[str]":
    """A process of its own that starts a server and then waits for the end of its input."""
    command = [*before, sys.executable, "-c", _RUN_ONE, str(installation.bin), installation.origin]
    return subprocess.Popen(command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_there_is_a_server_without_debians() -> None:
    assert "wheel" in [installation.origin for installation in INSTALLATIONS]


@_each_installation
def test_the_variable_chooses(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, installation.origin)
    assert find_installation() == installation


@_each_installation
def test_it_answers_on_loopback_only_and_leaves_nothing(installation: Installation) -> None:
    with PostgresServer(installation) as server:
        (version,) = server.execute("SHOW server_version")[0]
        assert str(installation).startswith(version)
        assert server.execute("SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database LIMIT 1") == [
            ("UTF8", "C")
        ]
        assert accepts("127.0.0.1", server.port)
        assert not accepts("127.0.0.2", server.port)
        assert processes_of(server.folder)
        segment = segment_of(server)
    assert_nothing_is_left(server, segment)


def assert_nothing_is_left(server: PostgresServer, segment: int) -> None:
    assert processes_of(server.folder) == []
    assert not server.folder.exists()
    assert not has_shared_memory(segment)
    assert not accepts("127.0.0.1", server.port)


@_each_installation
def test_what_was_committed_survives_a_kill_and_a_move_to_another_port(installation: Installation) -> None:
    with PostgresServer(installation) as server:
        first_port = server.port
        server.execute("CREATE TABLE kept AS SELECT 1 AS number")
        with server.connection() as connection, connection.cursor() as cursor:
            server.kill()
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute("SELECT 1")
        assert processes_of(server.folder) == []
        server.start()
        assert server.port == first_port
        server.stop()
        server.start(free_port())
        assert server.port != first_port
        assert server.execute("SELECT number FROM kept") == [(1,)]


def test_a_server_that_was_killed_leaves_nothing_either(server: PostgresServer) -> None:
    segment = segment_of(server)
    server.kill()
    assert has_shared_memory(segment)
    server.close()
    assert_nothing_is_left(server, segment)


@_each_installation
def test_it_ends_with_the_process_that_started_it(installation: Installation) -> None:
    with run_one(installation) as process:
        _, folder = process.stdout.readline().split()
        assert processes_of(Path(folder))
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: not Path(folder).exists())
    assert processes_of(Path(folder)) == []


@_each_installation
def test_an_ordinary_user_can_run_it(installation: Installation) -> None:
    # Root's own files, such as this project and its .venv, may be closed to others; so that user may read all.
    as_other = (
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search"
    )
    with run_one(installation, *(as_other.split() if os.getuid() == 0 else [])) as process:
        told, _ = process.communicate()
        assert process.returncode == 0
    uid, folder = told.split()
    assert int(uid) != 0
    assert not Path(folder).exists()


def test_two_servers_do_not_disturb_each_other(server: PostgresServer, postgres_server: PostgresServer) -> None:
    server.create_database("mine")
    assert postgres_server.execute("SELECT 1 FROM pg_database WHERE datname = 'mine'") == []
    server.close()
    assert postgres_server.execute("SELECT 1") == [(1,)]


def test_the_log_tells_why_it_does_not_start(server: PostgresServer, postgres_server: PostgresServer) -> None:
    server.stop()
    with pytest.raises(RuntimeError, match="Address already in use"):
        server.start(postgres_server.port)


@pytest.mark.parametrize(("durable", "fsync"), [(False, "off"), (True, "on")])
def test_only_a_durable_one_forces_to_disk(durable: bool, fsync: str) -> None:
    with PostgresServer(durable=durable) as server:
        assert server.execute("SHOW fsync") == [(fsync,)]
        assert server.execute("SHOW full_page_writes") == [(fsync,)]


def test_a_database_is_a_copy_of_its_template_and_goes_with_its_connections(postgres_server: PostgresServer) -> None:
    postgres_server.create_database("model")
    postgres_server.execute("CREATE TABLE things AS SELECT 7 AS number", "model")
    postgres_server.create_database("copy", template="model")
    with postgres_server.connection("copy"):
        assert postgres_server.execute("SELECT number FROM things", "copy") == [(7,)]
        postgres_server.drop_database("copy")
    postgres_server.drop_database("model")
    names = [name for (name,) in postgres_server.execute("SELECT datname FROM pg_database")]
    assert not {"copy", "model"} & set(names)


def test_the_url_of_a_role_has_its_password(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE ROLE visitor LOGIN PASSWORD 'a/b@c:d%'")
    with psycopg2.connect(postgres_server.url("postgres", "visitor", "a/b@c:d%")) as connection:
        assert connection.info.user == "visitor"
    connection.close()
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(postgres_server.url("postgres", "visitor", "another"))
    postgres_server.execute("DROP ROLE visitor")


def test_the_fixtures_database_is_empty(postgres_url: str) -> None:
    connection = psycopg2.connect(postgres_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
        assert cursor.fetchone() == (0,)
    connection.close()


def content(server: PostgresServer, name: str) -> str:
    """The database's schema and rows, as its dump tells them."""
    command = [server.program("pg_dump"), "--inserts", "--no-sync", server.url(name)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.sub(r"(?m)^\\(un)?restrict .*", "", dump)  # a random word of each dump's own


def test_a_database_that_comes_back_is_as_new_under_another_name(
    postgres_server: PostgresServer, migrated_databases: MigratedDatabases
) -> None:
    name = migrated_databases.take()
    for statement in (
        "UPDATE symbols SET name = 'another' WHERE symbol = 'AAPL'",
        "DELETE FROM group_memberships WHERE symbol = 'AAPL'",
        "INSERT INTO symbols (symbol, first_seen_ms) VALUES ('NEW', 1)",
        "INSERT INTO service_state VALUES ('feed', '\"massive\"', 1)",
        "INSERT INTO definition_groups (name, type) VALUES ('mine', 'CUSTOM')",
        "INSERT INTO group_memberships (group_name, symbol, position) VALUES ('mine', 'NEW', 1)",
        "UPDATE write_state SET revision = 7",
        "UPDATE ingest_lease SET owner = 'me'",
    ):
        postgres_server.execute(statement, name)
    with postgres_server.connection(name):
        migrated_databases.give_back(name)
    other = migrated_databases.take()
    assert other != name
    assert postgres_server.execute("SELECT 1 FROM pg_database WHERE datname = %s", parameters=(name,)) == []
    assert sorted(content(postgres_server, other)) == sorted(content(postgres_server, "migrated"))
    migrated_databases.give_back(other)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE ohlcv_1min RENAME TO elsewhere",
        "ALTER TABLE ohlcv_1min ADD CHECK (symbol <> 'S1234')",
        "GRANT SELECT ON symbols TO PUBLIC",
        "CREATE FUNCTION seven() RETURNS int LANGUAGE sql RETURN 7",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = own', current_database()); END $$",
    ],
)
def test_a_database_of_another_schema_does_not_come_back(
    postgres_server: PostgresServer, migrated_databases: MigratedDatabases, change: str
) -> None:
    name = migrated_databases.take()
    number = postgres_server.execute("SELECT oid FROM pg_database WHERE datname = %s", parameters=(name,))
    postgres_server.execute(change, name)
    migrated_databases.give_back(name)
    assert postgres_server.execute("SELECT 1 FROM pg_database WHERE oid = %s", parameters=number[0]) == []
