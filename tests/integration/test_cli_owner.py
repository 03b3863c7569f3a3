"""Who carries a command out: itself where nobody writes bars, the service that ingests, or itself after others."""

import threading

import pytest

from src.cli_owner import chosen_symbols, here_or_by_owner, reading_of
from src.config.settings import Settings, parse_settings
from src.core.errors import ActionRefusedError
from src.infrastructure.clock import SystemClock
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.ownership import ownership_of
from src.infrastructure.database.tickstock_db import TickStockDatabase


@pytest.fixture
def settings(sqlite_database_url: str) -> Settings:
    return parse_settings({"DATABASE_URL": sqlite_database_url})


def who(settings: Settings, clock: SystemClock) -> str:
    reading = reading_of(settings.database_url, clock)

    def here(lost: threading.Event) -> str:
        assert not lost.is_set()
        assert not ownership_of(settings.database_url).acquire()
        return "here"

    return here_or_by_owner(settings, reading, clock, here, lambda: "owner")


def test_what_nobody_else_owns_is_worked_on_here_and_let_go_afterwards(settings: Settings) -> None:
    assert who(settings, SystemClock()) == "here"
    other = ownership_of(settings.database_url)
    assert other.acquire()
    other.release()


def test_what_is_listened_to_is_a_universe_of_commands(settings: Settings) -> None:
    reading = reading_of(settings.database_url, SystemClock())
    with pytest.raises(ActionRefusedError, match="Nothing is listened to yet"):
        chosen_symbols(reading, None, "listening")
    database = TickStockDatabase(write_engine(settings.database_url), SystemClock().now_us)
    database.set_state("universe", {"symbols": ["MSFT", "AAPL"]})
    database.close()
    reading = reading_of(settings.database_url, SystemClock())
    assert chosen_symbols(reading, None, "listening") == ("AAPL", "MSFT")
    with pytest.raises(ActionRefusedError, match="Did you mean listening"):
        chosen_symbols(reading, None, "listenin")


def test_another_command_is_waited_for(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    other = ownership_of(settings.database_url)
    assert other.acquire()

    class Clock(SystemClock):
        """Seconds pass with each look; the other one ends at the third."""

        looks = 0

        def monotonic(self) -> float:
            return super().monotonic() + 2 * self.looks

        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            self.looks += 1
            if self.looks == 3:
                other.release()
            return event.is_set() if self.looks <= 3 else super().wait(event, timeout_s)

    clock = Clock()
    assert who(settings, clock) == "here"
    assert clock.looks >= 3
    said = capsys.readouterr().out
    assert said == "Another command writes bars into this database, or was killed; this one waits for its turn.\n"


def test_a_service_that_tells_its_status_is_asked(settings: Settings) -> None:
    other, system = ownership_of(settings.database_url), SystemClock()
    assert other.acquire()
    database = TickStockDatabase(write_engine(settings.database_url), system.now_us)
    database.set_state("status", {"written_at": 1})

    class Clock(SystemClock):
        """The service tells its status once more when it was looked for."""

        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            database.set_state("status", {"written_at": self.now_ms()})
            return super().wait(event, timeout_s)

    assert who(settings, Clock()) == "owner"
    database.close()
    other.release()
