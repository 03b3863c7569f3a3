"""What a start remembers of the last one, and when it relies on that."""

from pathlib import Path

import pytest

from src.core.domain.market.last_start import AHEAD_US, LastStart, Setup
from src.core.services.listening import Listening
from src.core.services.start_memory import StartMemory
from src.infrastructure.database.last_start_file import LastStartFile, database_digest
from tests.held_clock import HeldClock

SETUP = Setup(database_digest("sqlite:////data/bars.db"), "0007", "massive", (("connection_1", "dow30", ()),))
LISTENING = Listening("dow30", {"connection_1": ("AAPL", "BRK.B")}, ("nope",))
NOW_US = 1_763_649_000_000_000


class Installation:
    """One data folder; each process that is started in it has a memory of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "last_start.json"
        self._folder = folder
        self.clock = HeldClock(NOW_US // 1000)

    def memory(self, setup: Setup = SETUP) -> StartMemory:
        return StartMemory(LastStartFile(self._folder), setup, lambda: self.clock.ms * 1000, self.clock)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_a_first_start_remembers_nothing(installation: Installation) -> None:
    assert installation.memory().recall() is None


def test_the_next_start_knows_what_the_owner_found(installation: Installation) -> None:
    owner = installation.memory()
    owner.go_on((NOW_US // 1000 - 3_000, NOW_US // 1000))
    owner.keep("an-id", LISTENING)
    owner.close()
    last = installation.memory().recall()
    heard = (NOW_US // 1000 - 3_000, NOW_US // 1000)
    assert last == LastStart(SETUP, "an-id", *LISTENING, NOW_US + AHEAD_US, heard)
    assert installation.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "other",
    [
        {"database": database_digest("sqlite:////data/others.db")},
        {"schema": "0008"},
        {"feed": "simulated"},
        {"listeners": (("connection_1", "sp500", ()),)},
    ],
)
def test_a_start_for_something_else_does_not_rely_on_it(installation: Installation, other: dict[str, object]) -> None:
    owner = installation.memory()
    owner.keep("an-id", LISTENING)
    owner.close()
    changed = Setup(**{name: other.get(name, getattr(SETUP, name)) for name in SETUP.__struct_fields__})
    assert installation.memory(changed).recall() is None
    assert installation.memory().recall() is not None


def test_a_file_that_is_damaged_counts_as_none(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    installation.path.write_bytes(b'{"setup": 1}')
    assert installation.memory().recall() is None
    assert "What the last start found cannot be read" in caplog.text


def test_two_processes_of_one_folder_do_not_both_rely_on_it(installation: Installation) -> None:
    owner = installation.memory()
    owner.keep("an-id", LISTENING)
    assert installation.memory().recall() is None
    owner.close()
    assert installation.memory().recall() is not None


def test_who_stands_by_for_another_installation_forgets(installation: Installation) -> None:
    owner = installation.memory()
    owner.keep("an-id", LISTENING)
    standby = installation.memory()
    standby.forget()
    assert installation.path.exists()  # the owner is of this folder
    owner.close()
    standby.forget()
    assert not installation.path.exists()
    assert installation.memory().recall() is None


def test_no_stamp_of_the_next_minute_is_above_what_is_remembered(installation: Installation) -> None:
    """Also where the process is killed, and the clock was set back since."""
    owner = installation.memory()
    owner.keep("an-id", LISTENING)
    for _ in range(5):
        installation.clock.ms += 59_000
        owner.go_on(None)
        last = LastStartFile(installation.path.parent).read()
        assert last is not None
        assert last.stamp_us > installation.clock.ms * 1000
    assert last.heard is None


def test_a_start_without_the_database_goes_on_remembering(installation: Installation) -> None:
    owner = installation.memory()
    owner.go_on((1, 2))
    owner.keep("an-id", LISTENING)
    owner.close()
    apart = installation.memory()
    first = apart.recall()
    installation.clock.ms += 3_600_000
    apart.go_on(None)
    apart.close()
    last = installation.memory().recall()
    assert first is not None
    assert last is not None
    assert last.stamp_us == first.stamp_us + 3_600_000_000
    assert (last.database_id, last.lists, last.heard) == ("an-id", LISTENING.lists, (1, 2))


def test_a_disk_that_takes_nothing_is_said_once(installation: Installation, caplog: pytest.LogCaptureFixture) -> None:
    owner = installation.memory()
    installation.path.with_name("last_start.json.new").mkdir()
    owner.keep("an-id", LISTENING)
    owner.keep("an-id", LISTENING)
    assert caplog.text.count("could not be kept") == 1


def test_the_digest_tells_places_apart_and_no_password() -> None:
    one = database_digest("postgresql+psycopg2://me:one@host/bars?sslpassword=a")
    assert one == database_digest("postgresql+psycopg2://me:other@host/bars?sslpassword=b")
    assert one != database_digest("postgresql+psycopg2://me:one@host:5433/bars")
    assert one != database_digest("postgresql+psycopg2://me:one@host/others")
    assert one != database_digest("postgresql+psycopg2://me:one@host/bars?host=elsewhere")
