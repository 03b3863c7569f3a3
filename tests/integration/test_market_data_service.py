"""The ingesting half as a whole, against the simulator, and beside another one."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from src.app import build_runtime, create_app
from src.config.settings import Settings, parse_settings
from src.core.domain.connection.state import ConnectionStatus, StatusChange
from src.core.domain.market.bar import Tier
from src.core.domain.market.tick import SecondAggregate
from src.core.domain.market.universe import Universe
from src.core.domain.market.universe_change import Wish
from src.core.errors import DatabaseUnavailableError
from src.core.services.background import Background
from src.core.services.market_data_service import FALLBACK_UNIVERSE, MarketDataService
from src.core.services.universe_service import UniverseService
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.clock import SystemClock
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import read_engine, row_engine, sqlite_file, write_engine
from src.infrastructure.database.gap_store import DatabaseGapReader
from src.infrastructure.database.universe_store import DatabaseUniverses
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select
from tests.bars import reader_of, second, stored_bars
from tests.clocks import RacingClock
from tests.waiting import wait_for


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    # Of the hundreds that some tests subscribe to, these trade: all of them would take seconds of work at each start.
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(FALLBACK_UNIVERSE)))) as server:
        yield server


class Installation:
    """Settings, database and services of one data folder."""

    def __init__(self, tmp_path: Path, simulator: SimulatorServer) -> None:
        self._keys = {"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": str(simulator.port), "BACKFILL_DAYS": "0"}
        self.started: list[MarketDataService] = []
        self.clock: SystemClock | RacingClock = SystemClock()
        migrate.upgrade(self.settings().database_url)

    def settings(self, **keys: str) -> Settings:
        return parse_settings({**self._keys, **keys})

    def start(self, **keys: str) -> MarketDataService:
        service = self.service(**keys)
        self.started.append(service)
        service.start()
        return service

    def service(self, **keys: str) -> MarketDataService:
        service = build_runtime(self.settings(**keys), clock=self.clock)
        assert service is not None
        return service

    def status(self) -> Any:
        return self.state("status")

    def state(self, key: str) -> Any:
        reader = reader_of(self.settings().database_url)
        state = reader.state(key)
        reader.close()
        return state


@pytest.fixture
def installation(tmp_path: Path, simulator: SimulatorServer) -> Iterator[Installation]:
    installation = Installation(tmp_path, simulator)
    yield installation
    for service in installation.started:
        service.stop()


def test_a_stop_waits_for_nothing_else_before_bars_are_stored(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, writes = Background.stop, list[bool]()

    def note_and_stop(background: Background) -> None:
        writes.append(service._writer._alive())
        stop(background)

    monkeypatch.setattr(Background, "stop", note_and_stop)
    service = installation.start()
    wait_for(installation.status)
    service.stop()
    assert writes == [False]


def test_a_clock_that_is_ahead_ends_no_day_early(installation: Installation) -> None:
    service = installation.start()
    beside = service._background
    lags = (beside.reconciliations._lag_ms, beside.daily._parts.lag_ms, beside.repair._lag_ms)
    assert lags == (service.intake.surely_behind_ms,) * 3


def test_bars_of_the_default_universe_flow_into_the_database(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.start()
    assert service.running
    wait_for(lambda: len({bar.symbol for bar in stored_bars(installation.settings().database_url)}) >= 4)
    assert service.stats.ticks > 0
    assert service.data_adapter.snapshot()["acknowledged_topics"] == 200
    wait_for(installation.status)
    assert installation.status()["universe_size"] == 100
    universe = installation.state("universe")
    assert (universe["key"], universe["unknown"]) == ("market_leaders:top_100", [])
    assert universe["symbols"][:8] == list(FALLBACK_UNIVERSE)
    assert caplog.text == ""
    service.stop()
    assert not service.running


def test_a_union_of_universes_is_subscribed_to(installation: Installation) -> None:
    service = installation.start(SYMBOL_UNIVERSE_KEY="SPY:nasdaq100")
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 2 * 517)
    wait_for(lambda: installation.state("universe"))
    assert installation.state("universe")["key"] == "SPY:nasdaq100"
    assert len(set(installation.state("universe")["symbols"])) == 517


def test_symbols_win_over_the_universe(installation: Installation) -> None:
    service = installation.service(SYMBOLS="AAPL,BRK.B", SYMBOL_UNIVERSE_KEY="dow30")
    assert service._get_universe() == ("AAPL", "BRK.B")


def test_parts_of_a_universe_that_do_not_exist_are_warned_of(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.service(SYMBOL_UNIVERSE_KEY="dow30:nope")
    assert len(service._get_universe()) == 30
    assert "SYMBOL_UNIVERSE_KEY names what does not exist: nope. There are DIA, QQQ, " in caplog.text
    assert "listening to" not in caplog.text


def test_a_universe_without_symbols_falls_back_to_eight_with_a_warning(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.start(SYMBOL_UNIVERSE_KEY="nope")
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 16)
    assert "The universe nope has no symbols; listening to AAPL, GOOGL," in caplog.text
    wait_for(lambda: installation.state("universe"))
    expected = {"key": "fallback", "keys": ["nope"], "symbols": list(FALLBACK_UNIVERSE), "unknown": ["nope"]}
    written = installation.state("universe")
    assert written.pop("changed_at") > 0
    assert written == expected


def test_a_database_that_is_away_is_no_empty_universe(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer = RelationshipCache.resolve
    away = [True, True]

    def resolve(self: RelationshipCache, key: str) -> Universe:
        if away:
            away.pop()
            raise DatabaseUnavailableError("The database is not available: it sleeps.")
        return answer(self, key)

    monkeypatch.setattr(RelationshipCache, "resolve", resolve)
    service = installation.start(SYMBOL_UNIVERSE_KEY="dow30")
    wait_for(lambda: service.data_adapter.snapshot()["acknowledged_topics"] == 60)
    assert "it sleeps" in caplog.text
    assert "listening to" not in caplog.text


def test_a_start_brings_the_history_of_new_symbols_and_what_was_missed_since_the_last(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    url = installation.settings().database_url

    def loaded() -> set[tuple[str, int]]:
        return {(bar.symbol, bar.timestamp) for bar in stored_bars(url) if bar.tier != Tier.LIVE}

    installation.clock = clock = RacingClock(SystemClock().now_ms(), 1.0)
    service = installation.start(BACKFILL_DAYS="1", SYMBOLS="AAPL,MSFT")
    wait_for(lambda: service.snapshot()["repair"]["state"] == "waiting")
    service.stop()
    before = loaded()
    assert len(before) > 1000
    assert {symbol for symbol, _ in before} == {"AAPL", "MSFT"}
    lost = sorted(before)[-5:]
    forget(url, lost)
    service = installation.start(BACKFILL_DAYS="1", SYMBOLS="AAPL,MSFT,NFLX,ZZZZ")
    wait_for(lambda: "has no bar of ZZZZ" in caplog.text)
    clock.jump(180_000)
    wait_for(lambda: set(lost) <= loaded())
    service.stop()
    assert sum(symbol == "NFLX" for symbol, _ in loaded()) > 500


def forget(url: str, keys: list[tuple[str, int]]) -> None:
    """Deletes bars, as if they had never come."""
    engine = write_engine(url)
    with engine.begin() as connection:
        for symbol, timestamp in keys:
            query = text("DELETE FROM ohlcv_1min WHERE symbol = :symbol AND timestamp = :timestamp")
            assert connection.execute(query, {"symbol": symbol, "timestamp": timestamp}).rowcount == 1
    engine.dispose()


def test_a_second_process_stands_by_until_the_first_ends(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    owner = installation.start(SYMBOLS="AAPL")
    wait_for(lambda: owner.stats.ticks)
    standby = installation.start(SYMBOLS="AAPL")
    wait_for(lambda: "stands by" in caplog.text)
    assert standby.stats.ticks == 0
    owner.stop()
    wait_for(lambda: standby.stats.ticks)


def test_a_database_of_the_other_feed_is_left_alone(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    service = installation.start(SYMBOLS="AAPL")
    wait_for(lambda: service.stats.ticks)
    service.stop()
    before = stored_bars(installation.settings().database_url)
    other = installation.start(
        MASSIVE_API_KEY="k",
        MASSIVE_WS_URL="ws://127.0.0.1:9/stocks",
        DATABASE_URL=installation.settings().database_url,
    )
    wait_for(lambda: not other.running)
    assert 'holds bars of the feed "simulated"' in caplog.text
    assert stored_bars(installation.settings().database_url) == before


def test_a_lock_file_that_cannot_be_used_is_said_and_waited_for(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    lock = sqlite_file(installation.settings().database_url).with_name("simulated.db.lock")
    lock.mkdir()
    service = installation.start(SYMBOLS="AAPL")
    wait_for(lambda: f"The lock file {lock} cannot be used" in caplog.text)
    lock.rmdir()
    wait_for(lambda: service.stats.ticks)


def test_an_error_in_the_loop_commits_what_is_held_and_is_told(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crashed = threading.Event()
    service = build_runtime(installation.settings(SYMBOLS="AAPL"), crashed.set)
    assert service is not None
    installation.started.append(service)
    monkeypatch.setattr(service, "_beat", lambda: 1 / 0)
    service._handle_ticks([second(0)], "connection_1")
    service.start()
    assert crashed.wait(60)
    assert "Ingestion ended by an error" in caplog.text
    assert not service.running
    assert len(stored_bars(installation.settings().database_url)) >= 1


def test_the_role_web_ingests_nothing(installation: Installation) -> None:
    assert build_runtime(installation.settings(ROLE="web")) is None


def test_create_app_starts_nothing(tmp_path: Path) -> None:
    create_app(parse_settings({"DATA_DIR": str(tmp_path / "new")}))
    assert not (tmp_path / "new").exists()


def test_one_aggregate_is_handled_like_a_frame_of_one(installation: Installation) -> None:
    service = build_runtime(installation.settings(SYMBOLS="AAPL"))
    assert service is not None
    service._handle_tick_data(SecondAggregate("AAPL", 1_763_649_000_000, 1.0, 2.0, 0.5, 1.5, 10.0))
    assert service.stats.ticks == 1
    assert [bar.close for bar in service.intake.take_live()] == [1.5]
    assert service.intake.take_official() == []


def test_a_lost_frame_makes_what_is_open_partial_and_is_counted(installation: Installation) -> None:
    service = build_runtime(installation.settings(SYMBOLS="AAPL"))
    assert service is not None
    service._handle_ticks([second(0), second(61, ticker="IBM")], "connection_1")
    assert [bar.partial for bar in service.intake.take_live()] == [False, False]
    lost = StatusChange(ConnectionStatus.CONNECTED, "A frame could not be read.", lost_frame=True)
    service._handle_status(lost)
    service._handle_incomplete({"AAPL", "IBM", "MSFT"})
    assert [bar.partial for bar in service.intake.take_live()] == [True, True]
    service._handle_ticks([second(62, ticker="MSFT"), second(120, ticker="MSFT")], "connection_1")
    assert [bar.partial for bar in service.intake.take_live()] == [True, False]
    snapshot = service.snapshot()
    assert snapshot["lost_frames"] == 1
    assert snapshot["last_lost_frame_time"] <= snapshot["written_at"]


def test_after_a_restart_the_open_minute_is_widened_and_not_shrunk(installation: Installation) -> None:
    unreachable = {"MASSIVE_API_KEY": "k", "MASSIVE_WS_URL": "ws://127.0.0.1:9/stocks"}
    url = installation.settings(**unreachable).database_url
    migrate.upgrade(url)
    first = installation.start(**unreachable)
    wait_for(lambda: first.snapshot()["connection"]["errors"])  # it runs; the feed is not there
    first._handle_ticks([second(0, 10.0, 100.0), second(20, 14.0, 50.5)], "connection_1")
    first.stop()
    (before,) = stored_bars(url)
    assert (before.open, before.close, before.volume, before.partial) == (9.99, 14.0, 150.5, False)
    again = installation.start(**unreachable)
    wait_for(lambda: again.snapshot()["connection"]["errors"])
    again._handle_ticks([second(20, 14.0, 50.5), second(40, 8.0, 25.0)], "connection_1")
    again.stop()
    (after,) = stored_bars(url)
    assert (after.open, after.high, after.low, after.close) == (9.99, 14.02, 7.98, 8.0)
    assert (after.volume, after.partial, after.tier) == (175.5, True, Tier.LIVE)


def test_who_loses_the_database_to_another_process_closes_the_feed(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Event()
    service = build_runtime(installation.settings(), ended.set)
    assert service is not None
    installation.started.append(service)
    service.start()
    wait_for(lambda: service.snapshot()["connection"]["status"] == "connected")
    monkeypatch.setattr(service._ownership, "acquire", lambda: False)
    assert ended.wait(60)
    assert service.snapshot()["connection"]["status"] == "disconnected"
    assert "Another process took over" in caplog.text


def test_while_the_database_cannot_be_asked_the_owner_goes_on(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = installation.start()
    wait_for(lambda: service.snapshot()["connection"]["status"] == "connected")
    asked = threading.Event()

    def away() -> bool:
        asked.set()
        raise DatabaseUnavailableError("It is away.")

    monkeypatch.setattr(service._ownership, "acquire", away)
    assert asked.wait(60)
    written = service.snapshot()["written_at"]
    wait_for(lambda: service.snapshot()["written_at"] > written)
    assert service.running


# -- a universe that changes while it is listened to -----------------------------------------------------------------


def test_a_universe_that_changes_is_subscribed_to_without_a_reconnect(installation: Installation) -> None:
    url = installation.settings().database_url
    store = DatabaseUniverses(read_engine(url), row_engine(url), installation.clock.now_ms)
    universes = UniverseService(store)
    universes.add("mine", ["AAPL", "MSFT"], Wish(), is_new=True)
    service = installation.start(SYMBOL_UNIVERSE_KEY="mine", BACKFILL_DAYS="1")
    wait_for(lambda: {bar.symbol for bar in stored_bars(url)} == {"AAPL", "MSFT"})
    universes.import_file(b"AAPL\nNVDA\n", Wish(name="mine"))
    wait_for(lambda: "NVDA" in {bar.symbol for bar in stored_bars(url) if bar.tier == Tier.LIVE})
    snapshot = service.data_adapter.snapshot()
    assert (snapshot["reconnects"], snapshot["wanted_topics"]) == (0, 4)
    assert service.data_adapter.assignment() == {"connection_1": ["AAPL", "NVDA"]}
    wait_for(lambda: installation.state("universe")["symbols"] == ["AAPL", "NVDA"])
    wait_for(lambda: ("history", ("NVDA",)) in ended_gaps(url))
    universes.delete("mine", Wish(force=True))
    wait_for(lambda: installation.state("universe")["unknown"] == ["mine"])
    assert service.data_adapter.assignment() == {"connection_1": ["AAPL", "NVDA"]}
    store.close()


def ended_gaps(url: str) -> set[tuple[str, tuple[str, ...] | None]]:
    """The reasons and symbols of gaps that grow no more."""
    engine = read_engine(url)
    gaps = DatabaseGapReader(engine).listed(100)
    engine.dispose()
    return {(gap.reason.value, gap.symbols) for gap in gaps if gap.to_ms is not None}
