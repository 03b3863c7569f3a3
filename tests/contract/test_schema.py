"""Migrations build what the program works with, and a newer schema is refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from src.core.errors import SchemaError
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.tables import metadata


def test_an_empty_database_gets_exactly_the_tables_of_the_program(database_url: str) -> None:
    engine = read_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    told = [(kind, thing.name) for kind, thing in differences]
    # To take it away on SQLite would copy all bars, and there it costs nothing that could be measured.
    reference = [("remove_fk", "fk_ohlcv_1min_symbol")] if database_url.startswith("sqlite") else []
    assert told == reference


def test_what_is_pending_is_told_without_making_a_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert migrate.pending(url) == ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
    assert not (tmp_path / "none.db").exists()
    migrate.upgrade(url)
    assert migrate.pending(url) == []
    migrate.check_schema(url)


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    def database_id() -> object:
        engine = read_engine(database_url)
        with engine.connect() as connection:
            found = connection.execute(text("SELECT database_id FROM write_state")).scalar_one()
        engine.dispose()
        return found

    before = database_id()
    migrate.upgrade(database_url)
    assert database_id() == before


def test_an_older_program_refuses_a_newer_schema(database_url: str) -> None:
    engine = write_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for ask in (migrate.pending, migrate.upgrade, migrate.check_schema):
        with pytest.raises(SchemaError, match="schema 9999, which is newer than this program"):
            ask(database_url)


def test_a_program_without_its_schema_says_how_to_get_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'some.db'}"
    with pytest.raises(SchemaError, match=r"There is no database .*some.db: put it back if it was moved"):
        migrate.check_schema(url)
    (tmp_path / "some.db").touch()
    lacking = ", ".join(migrate.all_revisions())
    with pytest.raises(SchemaError, match=f"lacks the schema changes {lacking}; apply them with"):
        migrate.check_schema(url)
