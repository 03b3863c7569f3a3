"""Gaps of the whole program: a drop while it runs and a kill with a restart leave exactly what was missed."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from src.app import build_runtime
from src.config.settings import parse_settings
from src.core.domain.market.gaps import GapReason, GapRow
from src.core.services.market_data_service import MarketDataService
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapReader
from src.simulator.faults import Drop, Outage
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from tests.bars import MINUTE
from tests.clocks import RacingClock
from tests.integration.faults.program import Program
from tests.waiting import wait_for

_START_MS = MINUTE + 3_605_000  # 5 s into a minute, an hour after the opening
_STEP = 60_000
_AWAY_MS = 5 * _STEP


class Bench:
    """A feed, a database and a clock that can jump; it runs at the machine's speed."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.clock = RacingClock(_START_MS, 1.0, folder / "clock")
        self.simulator = SimulatorServer(LiveSource(SyntheticMarket(7)), clock=self.clock)
        self.folder = folder
        self.started: list[MarketDataService] = []
        self._engine = read_engine(url)
        self._gaps = DatabaseGapReader(self._engine)

    def environment(self, symbols: str = "AAPL,MSFT", **keys: str) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self.url,
            "MASSIVE_API_KEY": "key",
            "MASSIVE_WS_URL": self.simulator.url,
            "MASSIVE_REST_URL": self.simulator.rest_url,
            "SYMBOLS": symbols,
            "BACKFILL_DAYS": "0",
            **keys,
        }

    def start(self, on_crash: Callable[[], None] = lambda: None, **keys: str) -> MarketDataService:
        service = build_runtime(parse_settings(self.environment(**keys)), on_crash, clock=self.clock)
        assert service is not None
        self.started.append(service)
        service.start()
        return service

    def gaps(self) -> list[GapRow]:
        return self._gaps.listed(100)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction of somebody else's."""
        engine = write_engine(self.url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def heard_ms(self) -> int:
        """Up to when the database says that was heard; 0 for never."""
        with self._engine.connect() as connection:
            heard = connection.execute(text("SELECT value FROM service_state WHERE key = 'heard'")).scalar()
        return int(json.loads(heard)["event_ms"]) if heard else 0

    def close(self) -> None:
        for service in self.started:
            service.stop()
        self._engine.dispose()


@pytest.fixture
def bench(tmp_path: Path, sqlite_database_url: str) -> Iterator[Bench]:
    bench = Bench(tmp_path, sqlite_database_url)
    with bench.simulator:
        yield bench
        bench.close()


def minute(at_ms: int) -> int:
    """So many minutes after that of the start; on a busy machine the clock goes on meanwhile."""
    return at_ms // _STEP - _START_MS // _STEP


def minutes(gap: GapRow) -> tuple[int, int | None]:
    """The first and the last."""
    return minute(gap.from_ms), None if gap.to_ms is None else minute(gap.to_ms)


def ends(bench: Bench) -> bool:
    return bool(bench.gaps()) and all(gap.to_ms is not None for gap in bench.gaps())


def test_a_drop_leaves_a_gap_of_what_was_missed(bench: Bench) -> None:
    service = bench.start()
    wait_for(lambda: service.stats.ticks > 2)
    assert bench.gaps() == []
    outage = bench.simulator.faults.begin(Outage())
    bench.simulator.faults.do(Drop())
    wait_for(bench.gaps)
    (growing,) = bench.gaps()
    assert (growing.reason, growing.scope, growing.symbols) == (GapReason.DROP, "connection_1", ("AAPL", "MSFT"))
    assert minutes(growing) == (minute(service.intake.watermark_ms) - 1, None)
    assert service.snapshot()["gaps"]["missing"] == ["AAPL", "MSFT"]
    bench.clock.jump(_AWAY_MS)
    before_ms = bench.clock.now_ms()
    bench.simulator.faults.end(outage)
    wait_for(lambda: ends(bench))
    (gap,) = bench.gaps()
    assert (gap.id, gap.from_ms) == (growing.id, growing.from_ms)
    assert minute(before_ms) <= minute(gap.to_ms or 0) <= minute(bench.clock.now_ms())


def test_a_kill_leaves_a_gap_until_the_next_life_is_acknowledged(bench: Bench) -> None:
    program = Program(bench.environment(SSL_CERT_FILE=""), bench.folder / "clock", bench.folder / "program.log")
    program.start()
    wait_for(bench.heard_ms)
    program.kill()
    assert bench.gaps() == []
    heard_ms = bench.heard_ms()
    bench.clock.jump(_AWAY_MS)
    outage = bench.simulator.faults.begin(Outage())
    program.start()
    wait_for(bench.gaps)
    program.kill()  # nothing came in that life
    assert [(gap.reason, minutes(gap)) for gap in bench.gaps()] == [(GapReason.RESTART, (minute(heard_ms) - 1, None))]
    bench.simulator.faults.end(outage)
    before_ms = bench.clock.now_ms()
    program.start()
    wait_for(lambda: ends(bench))
    program.stop()
    (gap,) = bench.gaps()
    assert (gap.reason, gap.scope, gap.symbols) == (GapReason.RESTART, "*", ("AAPL", "MSFT"))
    assert minute(gap.from_ms) == minute(heard_ms) - 1
    assert minute(before_ms) <= minute(gap.to_ms or 0) <= minute(bench.clock.now_ms())


def test_a_database_that_was_restored_while_it_ran_leaves_a_gap_from_its_backup_on(bench: Bench) -> None:
    crashed = threading.Event()
    service = bench.start(on_crash=crashed.set)
    wait_for(bench.heard_ms)
    backup_ms = bench.heard_ms() - 30 * _STEP
    heard = json.dumps({"event_ms": backup_ms, "at_ms": backup_ms})
    with bench.changing() as connection:
        connection.exec_driver_sql("UPDATE write_state SET revision = 0")
        connection.exec_driver_sql("UPDATE service_state SET value = ? WHERE key = 'heard'", (heard,))
    wait_for(crashed.is_set)
    wait_for(lambda: not service.running)
    assert bench.heard_ms() == backup_ms
    bench.start()
    wait_for(lambda: ends(bench))
    (gap,) = bench.gaps()
    assert (gap.reason, minute(gap.from_ms)) == (GapReason.RESTART, minute(backup_ms) - 1)


def test_a_stop_and_a_new_symbol_leave_their_gaps(bench: Bench) -> None:
    service = bench.start()
    wait_for(bench.heard_ms)
    service.stop()
    assert bench.gaps() == []
    heard_ms = bench.heard_ms()
    bench.start(symbols="AAPL,NVDA", BACKFILL_DAYS="1")
    wait_for(lambda: ends(bench) and len(bench.gaps()) == 2)
    restart, history = sorted(bench.gaps(), key=lambda gap: -gap.from_ms)
    assert (restart.reason, restart.symbols) == (GapReason.RESTART, ("AAPL", "NVDA"))
    assert minute(restart.from_ms) == minute(heard_ms) - 1
    assert (history.reason, history.scope, history.symbols) == (GapReason.HISTORY, "NVDA", ("NVDA",))
    assert minute(history.from_ms) == -(24 * 60 + 6 * 60 + 30)
