"""The guide to PostgreSQL, carried out on a real server: its SQL as it stands there, its backup, its three roles."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.bar import Tier
from src.core.errors import SchemaError
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import bar, reader_of, stored_bars
from tests.conftest import as_settings_give_it
from tests.postgres import PostgresServer

GUIDE = (PROJECT_ROOT / "docs/guides/postgresql.md").read_text()
ROLES = ("tickstock_owner", "tickstock_writer", "tickstock_reader")
MAKE = ("Make the database", "A role for each task")


def blocks(heading: str, language: str = "") -> list[str]:
    """The blocks of code of a section, of those of one language (none: commands of a shell)."""
    section = re.split(r"^## ", GUIDE.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def password_of(role: str) -> str:
    return f"{role}: p@ss/word?"


def url_of(server: PostgresServer, role: str, database: str = "tickstock") -> str:
    return server.url(database, role, password_of(role))


def psql(server: PostgresServer, url: str, script: str, answers: str = "") -> str:
    """Runs a script; `answers` is what its user types when asked for passwords."""
    file = server.folder / "guide.sql"
    file.write_text(script)
    done = subprocess.run(
        [server.program("psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={file}", url],
        input=answers,
        capture_output=True,
        text=True,
        start_new_session=True,  # without a terminal, it reads passwords from its input
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_database(server: PostgresServer) -> None:
    for heading in MAKE:
        (block,) = blocks(heading, "sql")
        psql(server, server.url("postgres"), block, passwords_for(block))


def passwords_for(script: str) -> str:
    """What its user types, each password twice."""
    return "".join(f"{password_of(role)}\n" * 2 for role in re.findall(r"\\password (\w+)", script))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server with the guide's roles and database, which the owner has brought to this schema."""
    with PostgresServer() as server:
        make_database(server)
        migrate.upgrade(as_settings_give_it(url_of(server, "tickstock_owner")))
        yield server


@pytest.fixture
def bars_url(server: PostgresServer) -> str:
    """The writer's URL, of the guide's database with an official bar and an old live one."""
    url = as_settings_give_it(url_of(server, "tickstock_writer"))
    database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
    database.merge([bar("AAPL"), bar("MSFT", tier=Tier.LIVE.value)])
    database.claim_feed("simulated")
    database.set_state("status", {"connection": {"status": "connected"}, "writer": {}})
    database.close()
    return url


def refusal(server: PostgresServer, role: str, statement: str) -> str:
    """What the server says to a role that tries this in the guide's database."""
    connection = psycopg2.connect(url_of(server, role))
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege) as refused:
            cursor.execute(statement)
    finally:
        connection.close()
    return str(refused.value)


def test_the_writer_can_do_all_that_ingesting_needs(server: PostgresServer, bars_url: str) -> None:
    assert migrate.pending(bars_url) == []
    migrate.check_schema(bars_url)
    ownership = ownership_of(bars_url)
    assert ownership.acquire()
    ownership.release()
    database = TickStockDatabase(write_engine(bars_url), lambda: time.time_ns() // 1000)
    database.load_clock()
    database.add_symbols(["NFLX"])
    database.forget_old_changes()
    database.open_live_bars()
    database.close()
    assert [stored.symbol for stored in stored_bars(bars_url)] == ["AAPL", "MSFT"]


def test_the_reader_can_do_all_that_answering_needs(server: PostgresServer, bars_url: str) -> None:
    url = as_settings_give_it(url_of(server, "tickstock_reader"))
    migrate.check_schema(url)
    reader = reader_of(url)
    assert [found.symbol for found in reader.recent(["AAPL"], None, 10)] == ["AAPL"]
    assert reader.state("feed") == "simulated"
    reader.close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("tickstock_writer", "CREATE TABLE mine (number integer)"),
        ("tickstock_writer", "DROP TABLE ohlcv_1min"),
        ("tickstock_writer", "ALTER TABLE ohlcv_1min ADD COLUMN mine integer"),
        ("tickstock_writer", "TRUNCATE ohlcv_1min"),
        ("tickstock_reader", "INSERT INTO symbols (symbol, first_seen_ms) VALUES ('X', 0)"),
        ("tickstock_reader", "UPDATE write_state SET revision = 0"),
        ("tickstock_reader", "DELETE FROM ohlcv_1min"),
        ("tickstock_reader", "CREATE TEMPORARY TABLE mine (number integer)"),
    ],
)
def test_nobody_can_do_more_than_the_role_is_for(server: PostgresServer, role: str, statement: str) -> None:
    assert re.search("permission denied|must be owner", refusal(server, role, statement))


def test_a_migration_is_the_owners(server: PostgresServer) -> None:
    server.create_database("unmade")
    for role in ("tickstock_writer", "tickstock_reader"):
        with pytest.raises(SchemaError, match="migrate with the URL of the role that owns the tables"):
            migrate.upgrade(as_settings_give_it(url_of(server, role, "unmade")))


def test_other_users_of_the_server_are_kept_out(server: PostgresServer) -> None:
    server.execute("CREATE ROLE stranger LOGIN PASSWORD %s", parameters=(password_of("stranger"),))
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(url_of(server, "stranger"))


def test_tables_of_later_versions_are_granted_too(server: PostgresServer) -> None:
    psql(server, url_of(server, "tickstock_owner"), "CREATE TABLE later (id serial PRIMARY KEY, word text)")
    psql(server, url_of(server, "tickstock_writer"), "INSERT INTO later (word) VALUES ('new')")
    assert "new" in psql(server, url_of(server, "tickstock_reader"), "SELECT word FROM later")
    psql(server, url_of(server, "tickstock_owner"), "DROP TABLE later")


def test_roles_can_be_added_to_a_database_in_use() -> None:
    with PostgresServer() as server:
        (make,), (grant,) = (blocks(heading, "sql") for heading in MAKE)
        psql(server, server.url("postgres"), make, passwords_for(make))
        migrate.upgrade(as_settings_give_it(url_of(server, "tickstock_owner")))
        psql(server, server.url("postgres"), grant, passwords_for(grant))
        url = as_settings_give_it(url_of(server, "tickstock_writer"))
        database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
        assert database.merge([bar("AAPL")]).revision == 1
        database.close()


@pytest.mark.parametrize("heading", ["Connections", "Look into it"])
def test_what_the_reader_is_told_to_ask_is_answered(server: PostgresServer, bars_url: str, heading: str) -> None:
    (block,) = blocks(heading, "sql")
    assert "(0 rows)" not in psql(server, url_of(server, "tickstock_reader"), block)


def test_settings_that_are_recommended_exist(server: PostgresServer) -> None:
    (block,) = blocks("Settings of the server", "sql")
    psql(server, server.url("postgres"), block)


def shell(server: PostgresServer, command: str, folder: Path) -> None:
    """Runs a command of the guide, with this server in the place of the one that it names."""
    passwords = folder / "pgpass"
    escaped = {role: re.sub(r"([\\:])", r"\\\1", password_of(role)) for role in ROLES}
    passwords.write_text("".join(f"*:*:*:{role}:{password}\n" for role, password in escaped.items()))
    passwords.chmod(0o600)
    path = f"{server.program('psql').parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PGPORT": str(server.port), "PGPASSFILE": str(passwords)}
    local = command.replace("db.example.com", "127.0.0.1")
    done = subprocess.run(["bash", "-ec", local], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_backup_brings_back_what_was_lost(server: PostgresServer, bars_url: str, tmp_path: Path) -> None:
    (back_up,), (restore,), (new_id,) = blocks("Back up"), blocks("Restore"), blocks("Restore", "sql")
    before = server.execute("SELECT database_id, revision FROM write_state", "tickstock")
    shell(server, back_up, tmp_path)
    server.execute("DELETE FROM ohlcv_1min", "tickstock")
    shell(server, restore, tmp_path)
    psql(server, url_of(server, "tickstock_owner"), new_id)

    after = server.execute("SELECT database_id, revision FROM write_state", "tickstock")
    assert before[0][0] != after[0][0]
    assert before[0][1] == after[0][1]
    assert [stored.symbol for stored in stored_bars(bars_url)] == ["AAPL", "MSFT"]
    migrate.check_schema(bars_url)
    database = TickStockDatabase(write_engine(bars_url), lambda: time.time_ns() // 1000)
    assert database.merge([bar("IBM")]).refused == 0
    database.close()
    server.execute("DELETE FROM ohlcv_1min WHERE symbol = 'IBM'", "tickstock")


def test_a_backup_can_be_restored_on_another_server(server: PostgresServer, bars_url: str, tmp_path: Path) -> None:
    (back_up,), (restore,) = blocks("Back up"), blocks("Restore")
    shell(server, back_up, tmp_path)
    with PostgresServer() as other:
        make_database(other)
        shell(other, restore, tmp_path)
        url = as_settings_give_it(url_of(other, "tickstock_reader"))
        assert [stored.symbol for stored in stored_bars(url)] == ["AAPL", "MSFT"]


def test_a_password_file_serves_instead_of_a_password(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    password = password_of("tickstock_reader").replace(":", r"\:")
    file.write_text(f"127.0.0.1:{server.port}:tickstock:tickstock_reader:{password}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    url = as_settings_give_it(f"postgresql://tickstock_reader@127.0.0.1:{server.port}/tickstock")
    assert migrate.pending(url) == []
