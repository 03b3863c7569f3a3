"""`/readyz`: what has to hold, what is named beside it, and what the status code says."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from src.infrastructure.database.engines import sqlite_file
from src.infrastructure.database.write_trouble import write_trouble
from src.infrastructure.observability.status_file import StatusFile
from tests.conftest import as_settings_give_it
from tests.postgres import PostgresServer
from tests.sites import StatusSite, now_ms
from tests.status_rows import database_away, down, gaps_open, multi_live, one_disabled, one_down, one_paused, row

_GONE = "The feed closed the connection (code 1006). Trying again in 4 s."


@pytest.fixture
def site(tmp_path: Path, sqlite_database_url: str) -> Iterator[StatusSite]:
    site = StatusSite(tmp_path, DATABASE_URL=sqlite_database_url)
    yield site
    site.close()


def ready(site: StatusSite, status: int) -> tuple[dict[str, bool], dict[str, str], Any]:
    """What holds and what is said, each by name, and the whole answer."""
    answer = site.client.get("/readyz")
    assert answer.status_code == status, answer.text
    body = json.loads(answer.data)
    assert body["ready"] == (status == 200)
    checks = body["checks"]
    return {c["name"]: c["ok"] for c in checks}, {c["name"]: c["message"] for c in checks}, body


def test_all_is_well(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    holds, _, _ = ready(site, 200)
    assert list(holds) == [
        "database", "ingest", "storage", "feed", "connection_1", "connection_2", "connection_3", "gaps"
    ]  # fmt: skip
    assert all(holds.values())


def test_one_connection_of_three_down_is_named_and_no_reason_to_be_unready(site: StatusSite) -> None:
    site.report(one_down(now_ms()))
    holds, said, body = ready(site, 200)
    assert [name for name, ok in holds.items() if not ok] == ["connection_2"]
    assert said["connection_2"] == f"connection_2: {_GONE}"
    optional = [c["name"] for c in body["checks"] if not c["required"]]
    assert optional == ["connection_1", "connection_2", "connection_3", "gaps"]


def test_open_gaps_are_named_and_no_reason_to_be_unready(site: StatusSite) -> None:
    site.report(gaps_open(now_ms()))
    holds, said, _ = ready(site, 200)
    assert [name for name, ok in holds.items() if not ok] == ["gaps"]
    assert said["gaps"] == "4 open: Asking for AAPL; 57 symbols wait, liquid ones first."


def test_all_connections_down_is_unready(site: StatusSite) -> None:
    site.report(row(down(1, _GONE), down(2, _GONE), now_ms=now_ms()))
    holds, said, _ = ready(site, 503)
    assert not holds["feed"]
    assert said["feed"] == _GONE


def test_who_is_paused_or_switched_off_has_not_failed(site: StatusSite) -> None:
    site.report(one_paused(now_ms()))
    assert ready(site, 200)[0]["connection_3"]


def test_who_is_switched_off_is_not_spoken_of(site: StatusSite) -> None:
    site.report(one_disabled(now_ms()))
    assert "connection_2" not in ready(site, 200)[0]


def test_a_database_that_takes_no_bars_is_named_with_what_waits(site: StatusSite) -> None:
    """As the ingesting half tells by its file: the row is as old as the trouble."""
    away = database_away(now_ms())
    site.report(multi_live(now_ms() - 600_000))
    StatusFile(site.settings.data_dir / "status.json").write(away)
    holds, said, _ = ready(site, 503)
    assert (holds["database"], holds["ingest"], holds["storage"]) == (True, True, False)
    assert said["storage"].startswith("The database has taken no bars since ")
    assert "12,345 bars wait, 12,000 of them on disk; at the present rate there is room for 9 hours." in said["storage"]


def test_a_database_that_does_not_answer_is_told_of_by_the_file(tmp_path: Path, sqlite_database_url: str) -> None:
    site = StatusSite(tmp_path, DATABASE_URL=sqlite_database_url)
    StatusFile(tmp_path / "status.json").write(database_away(now_ms()))
    sqlite_file(sqlite_database_url).write_bytes(b"not a database" * 1000)
    holds, _, _ = ready(site, 503)
    assert holds == {"database": False, "storage": False}
    site.close()


def test_while_the_database_is_away_the_status_is_told_by_the_file(tmp_path: Path, sqlite_database_url: str) -> None:
    site = StatusSite(tmp_path, DATABASE_URL=sqlite_database_url)
    universe = {"key": "dow30", "symbols": ["AAPL", "IBM"], "unknown": [], "changed_at": 5}
    file = StatusFile(tmp_path / "status.json")
    sqlite_file(sqlite_database_url).write_bytes(b"not a database" * 1000)
    assert site.client.get("/api/status").status_code == 503
    assert site.client.get("/healthz").status_code == 200
    file.write({**database_away(now_ms()), "universe": universe})
    answer = site.client.get("/api/status")
    assert answer.status_code == 200
    assert answer.json["universe"] == {
        "key": "dow30", "count": 2, "unknown": [], "changed_at": 5, "symbols": ["AAPL", "IBM"]
    }  # fmt: skip
    assert not answer.json["storage"]["ok"]
    assert "12,345 bars wait" in answer.json["storage"]["words"]
    assert site.client.get("/").status_code == 200
    waiting = {"trouble": "Nothing is listened to.", "universe": {**universe, "symbols": ["*"]}}
    file.write({**database_away(now_ms()), **waiting})
    answer = site.client.get("/api/status")
    assert (answer.json["condition"], answer.json["reason"]) == ("down", "Nothing is listened to.")
    assert answer.json["universe"]["symbols"] == []
    site.close()


def test_a_database_that_hesitates_is_no_reason_to_be_unready(site: StatusSite) -> None:
    hesitating = database_away(now_ms())
    hesitating["writer"]["storage"]["since"] = now_ms() - 5_000
    StatusFile(site.settings.data_dir / "status.json").write(hesitating)
    assert ready(site, 200)[0]["storage"]


def test_a_database_that_is_locked_for_long_is_named(site: StatusSite) -> None:
    site.report(multi_live(now_ms() - 30_000))
    with closing(sqlite3.connect(sqlite_file(site.settings.database_url))) as other:
        other.execute("BEGIN IMMEDIATE")
        holds, said, _ = ready(site, 503)
    assert (holds["database"], holds["ingest"]) == (True, False)
    assert said["ingest"].startswith("The ingesting process has not reported for 3")
    assert said["ingest"].endswith("The database cannot be written (database is locked).")


def test_a_full_disk_is_named(site: StatusSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a size that is made up: a real one would need a file system of its own."""
    site.report(multi_live(now_ms() - 30_000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    assert "The disk is full: 1 MB are free where the database is." in ready(site, 503)[1]["ingest"]


def test_a_process_that_just_ended_is_not_blamed_on_the_database(site: StatusSite) -> None:
    site.report(multi_live(now_ms() - 30_000))
    assert ready(site, 503)[1]["ingest"].endswith(" s.")


def test_a_schema_that_is_not_ours_is_named(site: StatusSite) -> None:
    with closing(sqlite3.connect(sqlite_file(site.settings.database_url))) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    holds, said, _ = ready(site, 503)
    assert holds == {"database": False}
    assert "9999" in said["database"]


def test_a_postgresql_that_can_be_written_has_no_trouble(postgres_server: PostgresServer) -> None:
    assert write_trouble(as_settings_give_it(postgres_server.url("postgres"))) is None


def test_a_postgresql_that_is_away_is_told_without_its_password() -> None:
    said = write_trouble("postgresql+psycopg2://somebody:verysecret@127.0.0.1:9/none")
    assert said is not None
    assert "refused" in said
    assert "verysecret" not in said
