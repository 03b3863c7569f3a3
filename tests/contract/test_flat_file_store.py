"""Flat files are merged into every database as all other evidence is, and what that changed is counted."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.flat_file import DayBatch, FileEnded, MinuteBatch, MinuteRow, bar_of
from src.core.domain.market.history import Load, LoadState, Timespan
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.history_ports import StoredRows
from src.core.services.file_import import FileImport, ImportConduct
from src.import_process import _PAUSE_SHARE, _ROWS, import_parts
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.flat_file_process import messages_of
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.file_batches import decode_batch, encode_rows
from src.infrastructure.database.flat_file_store import FlatFileStore
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, day, stored_bars, stored_days
from tests.flat_files import line, write

FINAL = Tier.FINAL.value


class Importer:
    """Merges files, batch by batch."""

    def __init__(self, url: str, database: TickStockDatabase) -> None:
        self.url = url
        self._engine = read_engine(url)
        self._store = FlatFileStore(database, self._engine)
        self._clock = database.clock

    def take(self, path: str, rows: int = 5_000) -> StoredRows:
        """All of a file that has no bad row."""
        taken = StoredRows(0, 0, ())
        for message in messages_of(path, self._clock.stamp(), self._engine.dialect.name, rows):
            if isinstance(message, MinuteBatch | DayBatch):
                merge = self._store.merge_minutes if isinstance(message, MinuteBatch) else self._store.merge_days
                stored = merge(message)  # type: ignore[arg-type]  # of its kind
                taken = StoredRows(
                    taken.bars + stored.bars, taken.written + stored.written, [*taken.refused, *stored.refused]
                )
            elif isinstance(message, FileEnded):
                assert message == FileEnded(path)
        return taken

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """What the database says."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()


@pytest.fixture
def importer(database: TickStockDatabase, database_url: str) -> Iterator[Importer]:
    importer = Importer(database_url, database)
    yield importer
    importer.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of three tickers, one of which nobody has heard of, with a fraction of a share."""
    lines = [line(ticker, minute) for ticker in ("AAPL", "BACpL", "NEW") for minute in range(4)]
    return write(tmp_path / "day.csv.gz", [*lines, line("NEW", 4, volume="12.345678", high="10.500001")])


def unstamped(bars: list[Bar]) -> list[Bar]:
    return [msgspec.structs.replace(one, observed_at=0) for one in bars]


def test_what_the_file_says_is_what_is_stored(importer: Importer, path: str) -> None:
    assert importer.take(path, 5) == StoredRows(13, 13, [])
    with gzip.open(path, "rt") as file:
        told = [row.rstrip().split(",") for row in file][1:]
    assert unstamped(stored_bars(importer.url)) == [
        Bar(ticker, int(start) // 10**6, *map(float, (op, high, low, cl, volume)), None, int(count), FINAL, 0)
        for ticker, volume, op, cl, high, low, start, count in told
    ]
    assert ("NEW",) in importer.query("SELECT symbol FROM symbols")


def test_the_same_file_again_changes_nothing_that_anybody_sees(importer: Importer, path: str) -> None:
    importer.take(path, 5)
    seen = "SELECT symbol, timestamp, close, volume, tier, revision FROM ohlcv_1min ORDER BY symbol, timestamp"
    noted = "SELECT revision, symbol, from_ms, to_ms FROM bar_changes ORDER BY revision, symbol"
    state = "SELECT revision, symbols_revision FROM write_state"
    before = importer.query(seen), importer.query(noted), importer.query(state)
    assert importer.take(path, 5) == StoredRows(13, 0, [])
    assert (importer.query(seen), importer.query(noted), importer.query(state)) == before


def test_a_file_that_was_corrected_changes_what_it_corrects(importer: Importer, path: str, tmp_path: Path) -> None:
    importer.take(path)
    (before,) = importer.query("SELECT max(revision) FROM ohlcv_1min")
    corrected = [line("AAPL", 0), line("AAPL", 1, volume="101"), line("AAPL", 9)]
    assert importer.take(write(tmp_path / "corrected.csv.gz", corrected)) == StoredRows(3, 2, [])
    stored = [one for one in stored_bars(importer.url) if one.symbol == "AAPL"]
    assert [(one.timestamp - MINUTE) // 60_000 for one in stored] == [0, 1, 2, 3, 9]
    assert stored[1].volume == 101
    changed = importer.query(f"SELECT count(*) FROM ohlcv_1min WHERE revision > {before[0]}")
    assert changed == [(2,)]


def test_it_outranks_what_the_feed_told_and_keeps_its_vwap(
    importer: Importer, database: TickStockDatabase, path: str
) -> None:
    official = bar("AAPL", close=99.0, volume=100.0, vwap=99.5, observed_at=database.clock.stamp())
    database.merge([official])
    assert importer.take(path) == StoredRows(13, 13, [])
    stored = next(one for one in stored_bars(importer.url) if one.symbol == "AAPL")
    assert (stored.close, stored.tier, stored.vwap, stored.trade_count) == (10.5, FINAL, 99.5, 7)


def test_what_is_newer_and_final_is_not_replaced(importer: Importer, database: TickStockDatabase, path: str) -> None:
    newer = bar("AAPL", close=99.0, volume=5.0, tier=FINAL, observed_at=database.clock.stamp() + 10**12)
    database.merge([newer])
    assert importer.take(path) == StoredRows(13, 12, [])
    assert newer in stored_bars(importer.url)


def test_followers_of_changes_are_told_where_old_minutes_changed(
    importer: Importer, database: TickStockDatabase, path: str
) -> None:
    database.merge([bar("AAPL", MINUTE + 22 * 60_000)])
    importer.take(path)
    ((revision,),) = importer.query("SELECT max(revision) FROM ohlcv_1min")
    # All but the last 20 minutes before the newest.
    assert importer.query("SELECT revision, symbol, from_ms, to_ms FROM bar_changes ORDER BY symbol") == [
        (revision, ticker, MINUTE, MINUTE + 2 * 60_000 - 1) for ticker in ("AAPL", "BACpL", "NEW")
    ]


def test_what_the_feed_tells_is_committed_between_any_two_batches(
    database_url: str, database: TickStockDatabase, tmp_path: Path
) -> None:
    """However long a file is, a live bar waits for one batch at most: each is a transaction of 1,000 rows, and then
    nothing holds the database for as long as that took."""
    clock, engines = TurnsForOthers(database), (read_engine(database_url), row_engine(database_url))
    importing = TickStockDatabase(write_engine(database_url), clock.now_us)
    importing.load_clock()
    parts = import_parts(importing, *engines, clock, _ROWS)
    path = write(tmp_path / "long.csv.gz", [line("A", minute) for minute in range(3_500)])
    load = Load("one", "files", Timespan.MINUTE, None, (path,), None, None, "somebody", LoadState.RUNNING, 1)
    parts.log.begin(load)
    conduct = ImportConduct(threading.Event(), lambda _progress: None, _PAUSE_SHARE)
    assert FileImport(parts, load, conduct).run().written == 3_500
    live = [one.timestamp for one in stored_bars(database_url) if one.symbol == "LIVE"]
    assert len(live) == 4
    assert clock.rows == [999, 1_999, 2_999, 3_500], "what is stored of the file at each turn of the feed"
    importing.close()
    for engine in engines:
        engine.dispose()


class TurnsForOthers(SystemClock):
    """Has a live bar committed whenever an import pauses."""

    def __init__(self, feed: TickStockDatabase) -> None:
        self._feed = feed
        self._told_s = 0.0
        self.rows: list[int] = []

    def monotonic(self) -> float:
        """Each look is a second later, so that a batch takes one."""
        self._told_s += 1.0
        return self._told_s

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        assert timeout_s == 1.0
        self._feed.merge([bar("LIVE", MINUTE + len(self.rows) * 60_000, tier=Tier.LIVE.value)])
        with self._feed._engine.connect() as connection:
            counted = text("SELECT count(*) FROM ohlcv_1min WHERE symbol = 'A'")
            self.rows.append(connection.execute(counted).scalar_one())
        return event.is_set()


def test_a_row_that_the_database_refuses_is_told_and_the_others_are_stored(importer: Importer, path: str) -> None:
    poison = {
        "sqlite": "CREATE TRIGGER poison BEFORE INSERT ON ohlcv_1min WHEN NEW.volume > 12 AND NEW.volume < 13"
        " BEGIN SELECT RAISE(ABORT, 'poison'); END",
        "postgresql": "ALTER TABLE ohlcv_1min ADD CONSTRAINT poison CHECK (volume NOT BETWEEN 12 AND 13)",
    }
    engine = write_engine(importer.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(poison[engine.dialect.name])
    engine.dispose()
    stored = importer.take(path)
    assert (stored.bars, len(stored.refused)) == (12, 1)
    assert "poison" in stored.refused[0]
    assert len(stored_bars(importer.url)) == 12


def test_a_file_of_days_goes_to_the_days(importer: Importer, database: TickStockDatabase, tmp_path: Path) -> None:
    provisional = day("AAPL", close=99.0, tier=Tier.LIVE.value)
    start = str(date_bounds_ms(provisional.date)[0] * 10**6)
    database.merge_daily([provisional])
    path = write(tmp_path / "days.csv.gz", [line("AAPL", start=start), line("IBM", start=start, volume="0.5")])
    assert importer.take(path) == StoredRows(2, 2, [])
    assert importer.take(path) == StoredRows(2, 0, [])
    stored = stored_days(importer.url)
    assert [(one.symbol, one.date, one.close, one.volume, one.tier) for one in stored] == [
        ("AAPL", provisional.date, 10.5, 100.0, FINAL),
        ("IBM", provisional.date, 10.5, 0.5, FINAL),
    ]
    assert stored_bars(importer.url) == []


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_encoded_rows_are_decoded_as_they_were(name: str) -> None:
    rows: list[MinuteRow] = [
        ("BACpL", MINUTE, 10.0, 1e-7, -9.5, 10.5, 0.1, 3, None),
        ("S", MINUTE, 10.0, 1e16, 9.5, 10.5, 123456789.123456, None, 10.25),
    ]
    batch = MinuteBatch(encode_rows(name, rows), 2, 2, 55, ["BACpL", "S"], [MINUTE] * 2, [MINUTE] * 2)
    assert decode_batch(name, batch) == [bar_of(row, 55) for row in rows]
