"""A repair by itself: a real database, the simulator's real REST side, and one clock that races for both."""

import asyncio
import json
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import MINUTE_MS, Bar
from src.core.domain.market.gaps import Gap, GapReason, GapRow
from src.core.domain.market.vendor_answer import MinuteAnswer
from src.core.services.repair_service import RepairService
from src.infrastructure.data_sources.massive_rest import MassiveRest, RestConfig
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.gap_store import DatabaseGapReader, DatabaseGapStore
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.simulator.clock import Clock
from src.simulator.habits import FAITHFUL, RestHabits
from src.simulator.history import MarketHistory
from src.simulator.market import SyntheticMarket
from src.simulator.rate_limit import Rate
from src.simulator.server import SimulatorServer
from src.simulator.source import Publisher
from src.simulator.universe import default_universe
from tests.bars import stored_bars
from tests.clocks import RacingClock
from tests.waiting import wait_for

NOW = 1_763_650_800_000  # 2025-11-20, 10:00:00 New York
UNIVERSE = default_universe()[:20]
SYMBOLS = tuple(one.symbol for one in UNIVERSE)


class Past:
    """A simulated market of which only the past is served."""

    description = "the past of a synthetic market"

    def __init__(self, habits: RestHabits) -> None:
        self.history = MarketHistory(SyntheticMarket(7, UNIVERSE), habits)

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Publishes nothing."""
        await asyncio.Event().wait()


class NotedRest(MassiveRest):
    """The vendor's REST side, and what it answered to."""

    def __init__(self, config: RestConfig, clock: RacingClock, database: TickStockDatabase) -> None:
        super().__init__(config, clock, database.clock.stamp)
        self.clock = clock
        self.asked: list[tuple[str, int, int]] = []
        self.asked_ms: list[int] = []

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer:
        """Asks."""
        answer = super().minute_bars(symbol, from_ms, to_ms)
        self.asked.append((symbol, from_ms, to_ms))
        self.asked_ms.append(answer.span.asked_ms)
        return answer

    @property
    def symbols(self) -> list[str]:
        """Whom it told about, in order."""
        return [symbol for symbol, _, _ in self.asked]


class Bench:
    """What a repair works on; `gap` opens gaps, `running` repairs, `exact` compares with the vendor's bars."""

    def __init__(
        self,
        url: str,
        habits: RestHabits = FAITHFUL,
        rate: Rate | None = None,
        speed: float = 300.0,
        key: str | None = None,
    ) -> None:
        self.clock = RacingClock(NOW, speed)
        self.source = Past(habits)
        self.server = SimulatorServer(self.source, clock=self.clock, rest_rate=rate, key=key)
        self.base_url = ""
        self.rate = RequestRate(100, 1)
        self.url = url
        self.database = TickStockDatabase(write_engine(url), self.clock.now_us)
        self.database.load_clock()
        self.gaps = DatabaseGapStore(row_engine(url), self.clock.now_ms)
        self.reader = DatabaseGapReader(read_engine(url))
        self.volumes: dict[str, float] = {}
        self.rest: NotedRest

    def gap(
        self,
        from_min: int,
        to_min: int,
        symbols: Sequence[str] | None = SYMBOLS,
        reason: GapReason = GapReason.DROP,
    ) -> Gap:
        """Opens a gap between two minutes, counted from the bench's first moment."""
        bounds = (NOW + from_min * MINUTE_MS, NOW + to_min * MINUTE_MS)
        listed = None if symbols is None else tuple(symbols)
        gap = Gap(uuid.uuid4().hex, "connection_1", listed, *bounds, reason, "", self.clock.now_ms())
        self.gaps.record([gap])
        return gap

    @contextmanager
    def running(self, symbols: Sequence[str] = SYMBOLS) -> Iterator[RepairService]:
        """A repair from its start to its stop."""
        config = RestConfig(self.base_url or self.server.rest_url, "KEY", self.rate)
        self.rest = NotedRest(config, self.clock, self.database)
        gaps = DatabaseGapStore(row_engine(self.url), self.clock.now_ms)  # with a connection of its own
        read = read_engine(self.url)
        repair = RepairService(self.rest, gaps, DatabaseMinutes(read), self.clock, lambda: 0, lambda gap: self.volumes)
        thread = threading.Thread(target=repair.run, args=(symbols, self._write), name="repair")
        thread.start()
        try:
            yield repair
        finally:
            repair.close()
            thread.join(60)
            assert not thread.is_alive()
            read.dispose()

    def _write(self, bars: Sequence[Bar]) -> bool:
        self.database.merge(bars)
        return True

    def repaired(self, repair: RepairService) -> list[GapRow]:
        """The gaps once nothing is to be done any more; hours of waiting pass at once."""

        def done() -> bool:
            counts = self.gaps.counts()
            now = repair.snapshot()["state"]
            if now == "waiting" and counts.open_gaps:
                self.clock.jump_to(counts.next_due_ms or self.clock.now_ms() + MINUTE_MS)
            elif now == "paused":
                self.clock.jump(5_000)
            return now == "idle" and not counts.open_gaps

        wait_for(done)
        return self.reader.listed(100)

    def official(self, symbol: str, from_min: int, to_min: int) -> dict[int, Any]:
        """What the vendor has of a symbol now."""
        bounds = (NOW + from_min * MINUTE_MS, NOW + to_min * MINUTE_MS)
        found = self.source.history.minutes(symbol, *bounds, self.clock.now_ms(), ascending=True)
        return {start_ms: json.loads(element) for start_ms, element in found}

    def exact(self, from_min: int, to_min: int, symbols: Collection[str] = SYMBOLS) -> int:
        """Asserts that what is stored of these minutes is what the vendor has; how many bars."""
        bars = [bar for bar in stored_bars(self.url) if not bar.withdrawn and bar.symbol in symbols]
        stored = {(bar.symbol, bar.timestamp): _values(bar) for bar in bars if _within(bar, from_min, to_min)}
        official = {
            (symbol, start_ms): {key: element.get(key) for key in _KEYS}
            for symbol in symbols
            for start_ms, element in self.official(symbol, from_min, to_min).items()
        }
        assert stored == official
        return len(stored)

    def close(self) -> None:
        """Lets go of the database."""
        self.database.close()


_KEYS = ("o", "h", "l", "c", "v", "vw", "n")


def _within(bar: Bar, from_min: int, to_min: int) -> bool:
    return NOW + from_min * MINUTE_MS <= bar.timestamp <= NOW + to_min * MINUTE_MS


def _values(bar: Bar) -> Mapping[str, Any]:
    values = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap, bar.trade_count)
    return dict(zip(_KEYS, values, strict=True))
