"""Schema changes at a start, and the copy made before."""

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from src.bootstrap.schema import BackupError, back_up, database_words, prepare_schema, sqlite_file
from src.core.domain.market.last_start import LastStart, Setup
from src.infrastructure.database import migrate
from src.infrastructure.database.last_start_file import LastStartFile, database_digest

NOW = dt.datetime(2026, 11, 20, 14, 30, 5, tzinfo=dt.UTC)


def make_database(path: Path, rows: int = 1) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE kept (number)")
        connection.executemany("INSERT INTO kept VALUES (?)", [(number,) for number in range(rows)])
        connection.commit()


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM kept").fetchone()[0])


@pytest.mark.parametrize("left_empty", [False, True])
def test_a_new_database_is_made_without_a_copy(tmp_path: Path, left_empty: bool) -> None:
    if left_empty:
        (tmp_path / "bars.db").touch()
    said: list[str] = []
    url = f"sqlite:///{tmp_path}/bars.db"
    prepare_schema(url, tmp_path, NOW, said.append)
    assert migrate.pending(url) == []
    assert [line.rpartition(" ")[0] for line in said] == ["The database's schema was brought to"]
    assert not (tmp_path / "backups").exists()


def test_a_database_that_has_gone_is_made_anew_with_a_warning(tmp_path: Path) -> None:
    said: list[str] = []
    url = f"sqlite:///{tmp_path}/bars.db"
    setup = Setup(database_digest(url), "0001", "massive", ())
    LastStartFile(tmp_path).write(LastStart(setup, "an-id", "", {}, (), 1, None))
    prepare_schema(url, tmp_path, NOW, said.append)
    assert "bars.db at the last start, and there is none now" in said[0]
    (tmp_path / "bars.db").rename(tmp_path / "other.db")
    prepare_schema(f"sqlite:///{tmp_path}/third.db", tmp_path, NOW, said.append)
    assert len(said) == 3, "of another database nothing was known"


def test_a_schema_that_is_up_to_date_is_left_in_silence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bars.db"
    migrate.upgrade(url)
    said: list[str] = []
    prepare_schema(url, tmp_path, NOW, said.append)
    assert said == []


def test_a_database_is_copied_before_its_schema_changes(tmp_path: Path) -> None:
    make_database(tmp_path / "bars.db")
    url = f"sqlite:///{tmp_path}/bars.db"
    first = migrate.pending(url)[0]
    said: list[str] = []
    prepare_schema(url, tmp_path, NOW, said.append)
    copy = tmp_path / "backups" / f"bars-20261120T143005Z-before-{first}.db"
    assert rows_in(copy) == 1
    assert said[0] == f"The database was copied to {copy} before its schema is changed."
    assert migrate.pending(f"sqlite:///{copy}"), "the copy has the schema of before"
    assert migrate.pending(url) == []


def test_a_database_that_cannot_be_copied_is_not_changed(tmp_path: Path) -> None:
    make_database(tmp_path / "bars.db")
    (tmp_path / "backups").touch()
    url = f"sqlite:///{tmp_path}/bars.db"
    with pytest.raises(BackupError, match=r"could not be copied to .*so its schema was not changed"):
        prepare_schema(url, tmp_path, NOW, print)
    assert migrate.pending(url)


def test_a_copy_is_consistent_while_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "bars.db"
    make_database(path)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO kept VALUES (2)")
        writer.commit()
        writer.execute("INSERT INTO kept VALUES (3)")
        assert rows_in(back_up(path, tmp_path / "backups", "now-before-x")) == 2


def test_the_newest_five_copies_of_a_database_are_kept(tmp_path: Path) -> None:
    make_database(tmp_path / "bars.db")
    make_database(tmp_path / "other.db")
    folder = tmp_path / "backups"
    back_up(tmp_path / "other.db", folder, "0-before-1")
    for number in range(1, 8):
        back_up(tmp_path / "bars.db", folder, f"{number}-before-{9 - number}")
    names = sorted(copy.name for copy in folder.iterdir())
    assert names == [*(f"bars-{number}-before-{9 - number}.db" for number in range(3, 8)), "other-0-before-1.db"]


def test_a_copy_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bars.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(BackupError, match="file is not a database"):
        back_up(tmp_path / "bars.db", tmp_path / "backups", "0-before-1")
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////srv/var/bars.db", "/srv/var/bars.db"),
        ("postgresql+psycopg2://me:hush@db/bars", "postgresql://me:***@db/bars"),
        ("postgresql+psycopg2://db/bars?user=me&password=hush", "postgresql://db/bars"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, words: str) -> None:
    assert database_words(url) == words


def test_only_an_sqlite_url_has_a_file() -> None:
    assert sqlite_file("sqlite:////srv/bars.db") == Path("/srv/bars.db")
    assert sqlite_file("postgresql+psycopg2://db/bars") is None


def test_a_database_server_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgraded: list[str] = []
    monkeypatch.setattr(migrate, "pending", lambda _url: ["0002", "0003"])
    monkeypatch.setattr(migrate, "upgrade", upgraded.append)
    said: list[str] = []
    prepare_schema("postgresql+psycopg2://db/bars", tmp_path, NOW, said.append)
    assert upgraded == ["postgresql+psycopg2://db/bars"]
    assert said == ["The database's schema was brought to 0003."]
