"""The schema is looked at when the database answers, whenever that is."""

import threading

import pytest

from src.bootstrap import schema_watch
from src.bootstrap.schema_watch import SchemaWatch
from src.core.errors import DatabaseUnavailableError, SchemaError
from tests.waiting import wait_for


class Checks:
    """What the database says to one look after the other; the last answer stays."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.looks = 0

    def __call__(self) -> None:
        self.looks += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_watch, "_LOOK_EVERY_S", 0.01)


def away() -> DatabaseUnavailableError:
    return DatabaseUnavailableError("The database is not available: it sleeps.")


def test_a_schema_that_is_another_one_ends_the_start() -> None:
    with pytest.raises(SchemaError):
        SchemaWatch(Checks(SchemaError("Too old.")), lambda: None).start()


def test_a_database_that_is_away_ends_nothing_until_its_schema_is_known(caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()
    checks = Checks(away(), away(), SchemaError("The database has schema 0099, which is newer."))
    SchemaWatch(checks, ended.set).start()
    assert "it sleeps. Until it answers, pages and the API say so." in caplog.text
    assert ended.wait(60)
    assert "The database has schema 0099" in caplog.text


def test_a_schema_that_is_right_is_not_looked_at_again() -> None:
    ended = threading.Event()
    checks = Checks(away(), away(), None)
    SchemaWatch(checks, ended.set).start()
    wait_for(lambda: not any(thread.name == "schema-watch" for thread in threading.enumerate()))
    assert (checks.looks, ended.is_set()) == (3, False)


def test_who_stops_looks_no_more() -> None:
    watch = SchemaWatch(Checks(away()), lambda: None)
    watch.start()
    watch.stop()
    wait_for(lambda: not any(thread.name == "schema-watch" for thread in threading.enumerate()))
