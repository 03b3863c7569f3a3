"""A start whose database is away: it listens by what the last one found, and goes on with the database once it can."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from src.app import build_runtime, create_app
from src.config.settings import Settings, parse_settings
from src.core.domain.market.bar import Bar
from src.core.errors import DatabaseUnavailableError
from src.core.services import ingest_start
from src.core.services.market_data_service import FALLBACK_UNIVERSE, MarketDataService
from src.infrastructure.clock import SystemClock
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import sqlite_file
from src.infrastructure.database.spool import Spool
from src.infrastructure.observability.status_file import StatusFile
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.bars import MINUTE, minute, second, stored_bars
from tests.waiting import wait_for

_UNREACHABLE = {"MASSIVE_API_KEY": "k", "MASSIVE_WS_URL": "ws://127.0.0.1:9/stocks", "SYMBOLS": "AAPL,IBM"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(FALLBACK_UNIVERSE)))) as server:
        yield server


class House:
    """A data folder with an SQLite database, the lives that are begun in it, and the lock that takes it away."""

    def __init__(self, folder: Path, **keys: str) -> None:
        self.folder = folder
        self.settings: Settings = parse_settings({"DATA_DIR": str(folder), "BACKFILL_DAYS": "0", **keys})
        self.url = self.settings.database_url
        self.file = sqlite_file(self.url)
        self.lives: list[MarketDataService] = []
        self.crashed = threading.Event()
        migrate.upgrade(self.url)

    def live(self, **keys: str) -> MarketDataService:
        service = build_runtime(self.settings.model_copy(update=keys), self.crashed.set)
        assert service is not None
        self.lives.append(service)
        service.start()
        return service

    def lived_before(self, **keys: str) -> None:
        """One life has found the database well."""
        service = self.live(**keys)
        wait_for((self.folder / "last_start.json").exists)
        service.stop()

    def lock(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, isolation_level=None, timeout=60, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.file, timeout=60)) as connection, connection:
            connection.execute(statement)

    def spooled(self, database_id: str) -> list[Bar]:
        spool = Spool(self.folder / "spool.db", lambda keys, words: None, SystemClock().now_ms)
        spool.open(database_id)
        bars = spool.take(1000)
        spool.close()
        return bars

    def database_id(self) -> str:
        with closing(sqlite3.connect(self.file)) as connection:
            return str(connection.execute("SELECT database_id FROM write_state").fetchone()[0])


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_start, "_PATIENCE_S", 0.1)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One whose feed cannot be reached: what comes is told by the test."""
    house = House(tmp_path, **_UNREACHABLE)
    yield house
    for service in house.lives:
        service.stop()


def listens(service: MarketDataService) -> bool:
    return bool(service.snapshot()["connection"]["errors"])  # it tries


def test_what_comes_while_the_database_is_away_is_told_kept_and_stored(
    tmp_path: Path, simulator: SimulatorServer
) -> None:
    house = House(tmp_path, SIMULATOR_PORT=str(simulator.port), SYMBOLS="AAPL,MSFT")
    house.lived_before()
    lock = house.lock()
    service = house.live()
    wait_for(lambda: service.stats.ticks)
    client = create_app(house.settings).test_client()
    wait_for(lambda: client.get("/api/status").json["last_message_time"])
    told = client.get("/api/status").json
    assert (told["universe"]["symbols"], told["storage"]["ok"] in (True, False)) == (["AAPL", "MSFT"], True)
    assert "taken no bars since" in told["storage"]["words"]
    assert service.snapshot()["trouble"] == ""
    assert stored_bars(house.url) == []
    lock.close()
    wait_for(lambda: {bar.symbol for bar in stored_bars(house.url)} == {"AAPL", "MSFT"})
    wait_for(lambda: service.snapshot()["writer"]["storage"]["since"] is None)
    wait_for(lambda: service.snapshot()["repair"]["state"] == "waiting")  # what needs the database runs, too
    service.stop()
    assert not (tmp_path / "spool.db").exists()


def test_lives_without_the_database_keep_what_is_in_the_spool_and_what_is_new(house: House) -> None:
    """The second ends by itself, as if it were told to stop; the third one meets the database again."""
    house.lived_before()
    lock = house.lock()
    for number in range(2):
        service = house.live()
        wait_for(lambda: listens(service))  # noqa: B023  it is called here
        service._handle_ticks([minute(number, close=10.0 + number), second(600, ticker="IBM")], "connection_1")
        service.stop()
        assert len(house.spooled(house.database_id())) == number + 2
    service = house.live()
    wait_for(lambda: listens(service))
    service._handle_ticks([minute(0, close=99.0), minute(2, close=12.0)], "connection_1")
    lock.close()
    wait_for(lambda: len(stored_bars(house.url)) == 4)
    closes = {(bar.symbol, bar.timestamp): bar.close for bar in stored_bars(house.url)}
    assert [closes["AAPL", MINUTE + n * 60_000] for n in range(3)] == [99.0, 11.0, 12.0]  # the later word counts
    wait_for(lambda: not (house.folder / "spool.db").exists())


def test_a_first_start_waits_and_says_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    lock = house.lock()
    service = house.live()
    wait_for(lambda: "no start has found out yet what to listen to" in caplog.text)
    client = create_app(house.settings).test_client()
    told = client.get("/api/status").json
    assert told["condition"] == "down"
    assert "Nothing is listened to until it answers" in told["reason"]
    assert client.get("/readyz").status_code == 503
    assert not listens(service)
    lock.close()
    wait_for(lambda: listens(service))
    wait_for(lambda: not StatusFile(house.folder / "status.json").read())


def test_another_database_in_its_place_gets_nothing_that_was_not_for_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.lived_before()
    before = house.database_id()
    lock = house.lock()
    service = house.live()
    wait_for(lambda: listens(service))
    service._handle_ticks([minute(0)], "connection_1")
    lock.execute("UPDATE write_state SET database_id = '00000000000040008000000000000000'")
    lock.execute("COMMIT")
    lock.close()
    assert house.crashed.wait(60)
    assert "The database is another one than at the last start. Ingestion begins anew" in caplog.text
    assert stored_bars(house.url) == []
    assert [bar.symbol for bar in house.spooled(before)] == ["AAPL"]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE service_state SET value = '\"simulated\"' WHERE key = 'feed'", 'bars of the feed "simulated"'),
        ("UPDATE alembic_version SET version_num = '9999'", "has schema 9999, which is newer"),
    ],
)
def test_a_database_that_is_not_for_this_program_gets_nothing(
    house: House, caplog: pytest.LogCaptureFixture, change: str, words: str
) -> None:
    house.lived_before()
    lock = house.lock()
    service = house.live()
    wait_for(lambda: listens(service))
    service._handle_ticks([minute(0)], "connection_1")
    lock.execute(change)
    lock.execute("COMMIT")
    lock.close()
    assert house.crashed.wait(60)
    assert words in caplog.text
    assert stored_bars(house.url) == []
    assert len(house.spooled(house.database_id())) == 1


def test_a_universe_that_was_changed_meanwhile_is_listened_to_once_the_database_answers(tmp_path: Path) -> None:
    house = House(tmp_path, **{**_UNREACHABLE, "SYMBOLS": "", "SYMBOL_UNIVERSE_KEY": "dow30"})
    house.lived_before()
    lock = house.lock()
    service = house.live()
    wait_for(lambda: listens(service))
    lock.execute("DELETE FROM group_memberships WHERE symbol = 'IBM'")
    lock.execute("COMMIT")
    lock.close()
    wait_for(lambda: service.snapshot()["universe_size"] == 29)
    assert not house.crashed.is_set()
    service.stop()
    house.lock()
    again = house.live()
    wait_for(lambda: again.snapshot()["universe_size"] == 29)  # by what was remembered of the change
    again.stop()


def test_who_finds_another_owner_closes_the_feed_and_writes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house.lived_before()
    answers = [DatabaseUnavailableError("It is away.")]

    def acquire() -> bool:
        if answers:
            raise answers[0]
        return False

    service = build_runtime(house.settings, house.crashed.set)
    assert service is not None
    house.lives.append(service)
    monkeypatch.setattr(service._ownership, "acquire", acquire)
    service.start()
    wait_for(lambda: listens(service))
    service._handle_ticks([minute(0)], "connection_1")
    answers.clear()
    assert house.crashed.wait(60)
    assert "This one stops listening and stands by." in caplog.text
    assert service.snapshot()["connection"]["status"] == "disconnected"
    assert stored_bars(house.url) == []
    assert len(house.spooled(house.database_id())) == 1


def test_evidence_of_such_a_life_is_newer_than_all_before_though_the_clock_was_set_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.live()
    wait_for(lambda: listens(first))
    first._handle_ticks([minute(0, close=1.0)], "connection_1")
    wait_for(lambda: stored_bars(house.url))
    first.stop()
    lock = house.lock()
    now_us = SystemClock.now_us
    monkeypatch.setattr(SystemClock, "now_us", lambda self: now_us(self) - 3_600_000_000)
    service = house.live()
    wait_for(lambda: listens(service))
    service._handle_ticks([minute(0, close=2.0)], "connection_1")
    lock.close()
    wait_for(lambda: [bar.close for bar in stored_bars(house.url)] == [2.0])
