"""The search for patterns beside the feed, on a real database: what is committed, revised, withdrawn, over restarts."""

import datetime as dt
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.pattern_event import KEPT_MS, Span
from src.core.errors import DatabaseUnavailableError
from src.core.services import fallback_pattern_detector
from src.core.services.fallback_pattern_detector import FallbackPatternDetector
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.pattern_store import DatabasePatterns
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE
from tests.reconciling import StoppedClock
from tests.unit.test_aggregation import at
from tests.waiting import wait_for

CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
THURSDAY, FRIDAY = dt.date(2025, 11, 20), dt.date(2025, 11, 21)
QUIET = (100.0, 100.5, 99.5, 100.2)
DOJI = (100.0, 101.0, 99.0, 100.0)


class Bench:
    """Detectors on one database, one after the other, by a clock that stands."""

    def __init__(self, url: str) -> None:
        self.clock = StoppedClock(at(THURSDAY, "12:00"))
        self.database = TickStockDatabase(write_engine(url), self.clock.now_us)
        self._engine = read_engine(url)
        self.store = DatabasePatterns(self._engine, self.database)

    def detector(self) -> FallbackPatternDetector:
        detector = FallbackPatternDetector(self.store, self.clock, lambda: 0, CALENDAR.known_or_usual)
        detector.begin()
        return detector

    def pass_s(self, seconds: int) -> None:
        self.clock.ms += seconds * 1000

    def trade(
        self,
        place: int,
        candle: tuple[float, float, float, float] = QUIET,
        symbol: str = "AAPL",
        volume: float = 100.0,
        tier: Tier = Tier.OFFICIAL,
        withdrawn: bool = False,
        start_ms: int = MINUTE,
    ) -> None:
        minute_ms = start_ms + place * MINUTE_MS
        stamp = self.database.clock.stamp()
        bar = Bar(symbol, minute_ms, *candle, volume, None, None, tier, stamp, withdrawn=withdrawn)
        self.database.merge([bar])

    def events(self, *patterns: str) -> list[tuple[str, int, str, str, bool]]:
        """Symbol, minutes after the open of Thursday, timeframe, pattern and whether withdrawn."""
        spans = [Span(symbol, 0, at(FRIDAY, "23:00")) for symbol in ("AAPL", "IBM")]
        return sorted(
            (one.symbol, (one.timestamp - MINUTE) // MINUTE_MS, one.timeframe, one.pattern, one.withdrawn)
            for one in self.store.events(spans)
            if not patterns or one.pattern in patterns
        )

    def close(self) -> None:
        self.database.close()
        self._engine.dispose()


@pytest.fixture
def bench(sqlite_database_url: str) -> Iterator[Bench]:
    bench = Bench(sqlite_database_url)
    yield bench
    bench.close()


def quiet(bench: Bench, count: int, first: int = 0, start_ms: int = MINUTE) -> None:
    for place in range(first, first + count):
        bench.trade(place, start_ms=start_ms)


def test_a_tick_has_the_bar_looked_at_once_it_is_committed(bench: Bench) -> None:
    detector = bench.detector()
    quiet(bench, 10)
    bench.clock.ms = MINUTE + 11 * MINUTE_MS
    detector.turn()  # looks at everything
    detector.add_market_tick("AAPL", 100.0, 100.0, MINUTE + 10 * MINUTE_MS)
    detector.turn()
    assert bench.events() == []
    bench.trade(10, DOJI)
    bench.trade(10, QUIET, "IBM", 5.0)  # of which no tick tells
    detector.turn()
    assert bench.events() == [("AAPL", 10, "1m", "doji", False)]
    detector.turn()
    assert detector.snapshot()["found"] == 1


def test_what_no_tick_tells_of_is_found_within_half_a_minute(bench: Bench) -> None:
    detector = bench.detector()
    detector.turn()
    quiet(bench, 10)
    bench.trade(10, DOJI)
    detector.turn()
    assert bench.events() == []
    bench.pass_s(30)
    detector.turn()
    assert bench.events("doji") == [("AAPL", 10, "1m", "doji", False)]


def test_periods_are_looked_at_when_they_are_over(bench: Bench) -> None:
    detector = bench.detector()
    quiet(bench, 50)
    for place in range(50, 53):
        bench.trade(place, volume=1000.0)
    bench.clock.ms = MINUTE + 54 * MINUTE_MS
    detector.turn()
    assert [event for event in bench.events("volume_surge") if event[2] == "5m"] == []
    bench.clock.ms = MINUTE + 55 * MINUTE_MS + 10_000
    detector.turn()
    assert ("AAPL", 50, "5m", "volume_surge", False) in bench.events()


def test_a_revised_bar_has_its_patterns_taken_back_and_given_again_and_a_withdrawn_one_too(bench: Bench) -> None:
    detector = bench.detector()
    quiet(bench, 10)
    bench.trade(10, DOJI)
    detector.turn()
    held, taken_back = [[("AAPL", 10, "1m", "doji", is_withdrawn)] for is_withdrawn in (False, True)]
    changes = [
        (held, {}),
        (taken_back, {"place": 10, "candle": QUIET}),
        (held, {"place": 10, "candle": DOJI}),
        (taken_back, {"place": 9, "candle": (100.0, 120.0, 80.0, 100.2)}),  # a bar before it
        (held, {"place": 9, "candle": QUIET}),
        (taken_back, {"place": 10, "candle": DOJI, "withdrawn": True}),
    ]
    revisions = []
    for expected, change in changes:
        if change:
            bench.trade(**change)  # type: ignore[arg-type]  # as given
        bench.pass_s(30)
        detector.turn()
        assert [event for event in bench.events("doji") if event[1] == 10] == expected
        revisions.append(bench.store.present().revision)
    assert revisions == sorted(set(revisions))  # readers are told of each change


def test_live_bars_give_no_events_and_what_rests_on_them_is_taken_back(bench: Bench) -> None:
    detector = bench.detector()
    quiet(bench, 10)
    bench.trade(10, DOJI, tier=Tier.LIVE)
    detector.turn()
    assert bench.events() == []
    bench.trade(10, DOJI)
    bench.pass_s(30)
    detector.turn()
    assert bench.events("doji") == [("AAPL", 10, "1m", "doji", False)]


def test_a_change_decides_the_next_session_too_and_a_split_is_no_gap(bench: Bench) -> None:
    friday_ms = at(FRIDAY, "09:30")
    quiet(bench, 20, 370)
    halves = (50.0, 50.5, 49.5, 50.2)
    bench.trade(0, halves, start_ms=friday_ms)
    bench.clock.ms = friday_ms + MINUTE_MS
    detector = bench.detector()
    detector.turn()
    assert ("AAPL", 1440, "1m", "price_gap", False) in bench.events()
    bench.trade(389, (60.0, 61.0, 50.0, 50.0))  # Thursday's last bar is corrected
    bench.pass_s(30)
    detector.turn()
    assert ("AAPL", 1440, "1m", "price_gap", True) in bench.events()
    bench.trade(389)
    bench.pass_s(30)
    detector.turn()
    assert ("AAPL", 1440, "1m", "price_gap", False) in bench.events()
    with bench.database.numbered() as (connection, _revision):
        connection.execute(
            text(
                "INSERT INTO corporate_actions (id, symbol, date, kind, split_from, split_to, source, loaded_ms)"
                " VALUES ('one', 'AAPL', '2025-11-21', 'split', 1, 2, 'csv', 1)"
            )
        )
    bench.pass_s(30)
    detector.turn()
    assert ("AAPL", 1440, "1m", "price_gap", True) in bench.events()


def test_ticks_beyond_what_may_wait_are_dropped_and_counted_and_everything_is_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fallback_pattern_detector, "MOST_TICKS", 2)
    detector = bench.detector()
    detector.turn()
    quiet(bench, 10)
    bench.trade(10, DOJI)
    with caplog.at_level(logging.WARNING):
        for symbol in ("IBM", "MSFT", "AAPL", "SPY"):
            detector.add_market_tick(symbol, 100.0, 100.0, MINUTE + 10 * MINUTE_MS)
        assert detector.snapshot()["waiting_ticks"] == 2
        assert detector.snapshot()["dropped_ticks"] == 2
        detector.turn()
    assert [record.args for record in caplog.records] == [(2,)]
    assert bench.events("doji") == [("AAPL", 10, "1m", "doji", False)]


def test_a_restart_neither_loses_events_nor_doubles_them(bench: Bench) -> None:
    first = bench.detector()
    quiet(bench, 10)
    bench.trade(10, DOJI)
    first.turn()
    known = bench.events()
    # Killed after bars were committed and before they were looked at, a while ago.
    bench.trade(11, DOJI)
    bench.pass_s(3 * 3600)
    revisions = [bench.store.present().revision]
    for _ in range(2):
        bench.detector().turn()
        assert bench.events() == [*known, ("AAPL", 11, "1m", "doji", False)]
        revisions.append(bench.store.present().revision)
    assert known == [("AAPL", 10, "1m", "doji", False)]
    assert revisions[1:] == [revisions[0] + 1] * 2  # what is known already is not written again


def test_a_piece_that_failed_is_looked_at_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = bench.detector()
    quiet(bench, 10)
    bench.trade(10, DOJI)

    def fail(_events: object) -> None:
        raise DatabaseUnavailableError("It is away.")

    monkeypatch.setattr(bench.store, "write", fail)
    with pytest.raises(DatabaseUnavailableError):
        detector.turn()
    monkeypatch.undo()
    detector.turn()
    assert bench.events() == [("AAPL", 10, "1m", "doji", False)]


def test_events_are_dropped_after_a_week(bench: Bench) -> None:
    detector = bench.detector()
    quiet(bench, 10)
    bench.trade(10, DOJI)
    detector.turn()
    bench.clock.ms = MINUTE + 10 * MINUTE_MS + KEPT_MS
    bench.pass_s(3600)
    detector.turn()
    assert bench.events() == []


def test_it_works_on_a_thread_of_its_own(bench: Bench) -> None:
    quiet(bench, 10)
    bench.trade(10, DOJI)
    detector = FallbackPatternDetector(bench.store, bench.clock, lambda: 0, CALENDAR.known_or_usual)
    detector.start()
    wait_for(lambda: bench.events() == [("AAPL", 10, "1m", "doji", False)])
    detector.stop()
