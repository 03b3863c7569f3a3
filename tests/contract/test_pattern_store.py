"""Events of patterns and the bars they are found in, on both databases."""

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import insert

from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.pattern_event import PatternEvent, Span, Wanted
from src.core.pattern_ports import ChangedMinutes, Position, Split
from src.infrastructure.database import pattern_store
from src.infrastructure.database.engines import read_engine
from src.infrastructure.database.pattern_store import DatabasePatternReader, DatabasePatterns
from src.infrastructure.database.tables import corporate_actions
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar


@pytest.fixture
def stores(database: TickStockDatabase, database_url: str) -> Iterator[tuple[DatabasePatterns, DatabasePatternReader]]:
    engine = read_engine(database_url)
    yield DatabasePatterns(engine, database), DatabasePatternReader(engine)
    engine.dispose()


def event(place: int = 0, symbol: str = "AAPL", **values: object) -> PatternEvent:
    known = PatternEvent(symbol, MINUTE + place * MINUTE_MS, "1m", "doji", "neutral", 0.75, 5)
    return msgspec.structs.replace(known, **values)


def test_what_changed_is_told_since_a_position_but_for_live_bars(
    database: TickStockDatabase, stores: tuple[DatabasePatterns, DatabasePatternReader]
) -> None:
    store, _reader = stores
    hour_ms = 60 * MINUTE_MS
    assert store.position() is None
    database.merge([bar("AAPL", MINUTE + hour_ms), bar("IBM", MINUTE + hour_ms)])
    begun = store.present()
    store.remember(begun)
    assert store.position() == begun == Position(1, MINUTE + hour_ms)
    assert store.changed(begun) == (begun, [])
    database.merge([bar("MSFT", MINUTE + hour_ms, tier=Tier.LIVE)])
    database.merge([bar("AAPL", MINUTE + hour_ms + at, observed_at=2) for at in (MINUTE_MS, 2 * MINUTE_MS)])
    database.merge([bar("IBM", MINUTE)])  # an hour old: it is noted
    changed = store.changed(begun)
    assert changed is not None
    assert changed[0] == store.present()
    first_ms = MINUTE + hour_ms + MINUTE_MS
    of_apple = ChangedMinutes("AAPL", first_ms, first_ms + MINUTE_MS, 3)
    assert changed[1] == [of_apple, ChangedMinutes("IBM", MINUTE, MINUTE, 4)]
    assert store.changed(begun, ["AAPL", "SPY"]) == (changed[0], [of_apple])
    assert store.changed(begun._replace(revision=99)) is None


def test_minutes_and_splits_are_read(
    database: TickStockDatabase, stores: tuple[DatabasePatterns, DatabasePatternReader]
) -> None:
    store, _reader = stores
    database.merge([bar("AAPL", MINUTE + place * MINUTE_MS) for place in range(4)])
    database.merge([bar("AAPL", MINUTE + MINUTE_MS, withdrawn=True, observed_at=2), bar("IBM")])
    spans = [Span("AAPL", MINUTE, MINUTE + 3 * MINUTE_MS), Span("IBM", MINUTE - 1, MINUTE + 1), Span("SPY", 0, MINUTE)]
    found = store.minutes(spans)
    times = {symbol: [(one.timestamp - MINUTE) // MINUTE_MS for one in bars] for symbol, bars in found.items()}
    assert times == {"AAPL": [0, 2], "IBM": [0]}
    assert store.minutes([]) == {}
    split = {"id": "one", "symbol": "AAPL", "date": dt.date(2025, 11, 21), "kind": "split", "split_from": 1.0}
    with database.numbered() as (connection, _revision):
        connection.execute(insert(corporate_actions), {**split, "split_to": 4.0, "source": "csv", "loaded_ms": 1})
    assert store.splits(dt.date(2025, 11, 21)) == [Split("AAPL", dt.date(2025, 11, 21), 1.0, 4.0)]
    assert store.splits(dt.date(2025, 11, 22)) == []


def test_events_are_kept_taken_back_told_and_dropped(
    stores: tuple[DatabasePatterns, DatabasePatternReader], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reader = stores
    everyone = Wanted(("AAPL", "IBM"))
    surge = event(1, pattern="volume_surge", timeframe="5m", direction="bullish")
    store.write([event(), surge, event(2, "IBM")])
    assert reader.newest(everyone, 10) == [event(), surge, event(2, "IBM")]
    assert reader.newest(everyone, 2) == [surge, event(2, "IBM")]
    assert reader.newest(Wanted(("AAPL",), "5m"), 10) == [surge]
    assert reader.newest(Wanted(("AAPL", "IBM"), None, ("doji", "hammer")), 10) == [event(), event(2, "IBM")]
    assert reader.since(everyone, MINUTE + MINUTE_MS, 1) == [surge]
    written = store.present().revision
    gone = event(withdrawn=True, found_ms=9)
    store.write([gone])
    assert reader.newest(Wanted(("AAPL",)), 10) == [surge]
    assert store.events([Span("AAPL", 0, MINUTE + 1)]) == [gone]
    assert reader.changes(everyone, written, written + 1, 10) == ([gone], written + 1, False)
    assert reader.changes(everyone, 0, written, 10).events == [surge, event(2, "IBM")]
    # Where there is too much, whole revisions are told.
    monkeypatch.setattr(pattern_store, "EVENTS_A_TRANSACTION", 2)
    store.write([event(place) for place in range(10, 15)])
    told = reader.changes(Wanted(("AAPL",)), written + 1, written + 4, 3)
    assert ([one.timestamp for one in told.events], told.revision, told.more) == (
        [MINUTE + place * MINUTE_MS for place in range(10, 14)],
        written + 3,
        True,
    )
    assert reader.changes(Wanted(("AAPL",)), told.revision, written + 4, 3) == ([event(14)], written + 4, False)
    assert store.prune(MINUTE + 12 * MINUTE_MS) == 5
    assert store.prune(MINUTE + 12 * MINUTE_MS) == 0
    assert reader.newest(everyone, 10) == [event(12), event(13), event(14)]
