"""What every database has to do: merge by evidence, number its revisions, keep every digit."""

import functools
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier, merge_evidence
from src.core.domain.market.quote import QuoteDay
from src.core.errors import DatabaseUnavailableError, FeedMismatchError, HistoryLostError
from src.infrastructure.database.engines import read_engine, sqlite_file, write_engine
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, evidence, evidence_with_absent_values, reader_of, stored_bars
from tests.waiting import insist

_EACH_EXAMPLE_USES_ANOTHER_MINUTE = [HealthCheck.function_scoped_fixture]


def revision_of(url: str, symbol: str = "AAPL") -> int:
    engine = read_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT revision FROM ohlcv_1min WHERE symbol = :symbol"), {"symbol": symbol})
        revision: int = found.scalar_one()
    engine.dispose()
    return revision


def execute(url: str, *statements: str) -> None:
    """Runs statements in one transaction, as somebody else."""
    engine = write_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_bar_comes_back_as_it_went_in(database: TickStockDatabase, database_url: str) -> None:
    original = bar("BACpL", volume=1234.567891, vwap=None, trade_count=12)
    database.merge([original])
    assert stored_bars(database_url) == [original]


def test_the_statements_of_one_answer_see_one_moment(database: TickStockDatabase, database_url: str) -> None:
    volume = text("SELECT sum(volume) FROM ohlcv_1min")
    database.merge([bar(volume=100.0)])
    engine = read_engine(database_url)
    with engine.connect() as connection:
        before = connection.execute(volume).scalar_one()
        database.merge([bar(volume=300.0, observed_at=2 * 10**15)])
        assert connection.execute(volume).scalar_one() == before == 100
    with engine.connect() as connection:
        assert connection.execute(volume).scalar_one() == 300
    engine.dispose()


@given(st.lists(st.floats(-1e15, 1e15).map(lambda number: float(f"{number:.15g}")), min_size=1, max_size=50))
@settings(suppress_health_check=_EACH_EXAMPLE_USES_ANOTHER_MINUTE, deadline=None)
def test_decimals_of_15_digits_come_out_equal(
    database: TickStockDatabase, database_url: str, prices: list[float]
) -> None:
    symbols = [f"S{place}" for place in range(len(prices))]
    bars = [
        Bar(symbol, MINUTE, price, price, price, price, abs(price), price, None, 2, database.clock.stamp())
        for symbol, price in zip(symbols, prices, strict=True)
    ]
    database.merge(bars)
    stored = {bar.symbol: bar for bar in stored_bars(database_url)}
    assert [stored[symbol].close for symbol in symbols] == prices
    assert [stored[symbol].volume for symbol in symbols] == [abs(price) for price in prices]


_minutes = iter(range(MINUTE, MINUTE + 10**12, 60_000))


@given(evidence() | evidence_with_absent_values(), st.data())
@settings(suppress_health_check=_EACH_EXAMPLE_USES_ANOTHER_MINUTE, deadline=None)
def test_order_and_repetition_of_evidence_end_in_the_same_row_as_in_memory(
    database: TickStockDatabase, database_url: str, accounts: list[Bar], data: st.DataObject
) -> None:
    timestamp = next(_minutes)
    accounts = [Bar(bar.symbol, timestamp, *_rest(bar)) for bar in accounts]
    shuffled = data.draw(st.permutations(accounts + data.draw(st.lists(st.sampled_from(accounts), max_size=4))))
    for account in shuffled:
        database.merge([account])
    (stored,) = [bar for bar in stored_bars(database_url) if bar.timestamp == timestamp]
    assert stored == functools.reduce(merge_evidence, accounts)


def _rest(bar: Bar) -> tuple[object, ...]:
    return tuple(getattr(bar, name) for name in Bar.__struct_fields__[2:])


def test_an_older_account_fills_an_absent_vwap_while_the_volume_is_the_same(
    database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar(tier=Tier.FINAL.value, vwap=None, volume=100.0)])
    database.merge([bar(vwap=149.0, volume=99.0), bar("IBM")])
    assert stored_bars(database_url)[0].vwap is None
    revision = database.merge([bar(vwap=150.5, trade_count=7, volume=100.0)]).revision
    stored = stored_bars(database_url)[0]
    assert (stored.vwap, stored.trade_count, stored.tier) == (150.5, 7, Tier.FINAL)
    assert revision_of(database_url) == revision


def test_accounts_of_one_minute_in_one_batch_are_merged(database: TickStockDatabase, database_url: str) -> None:
    database.merge([bar(close=2.0, observed_at=2), bar(close=3.0, observed_at=3), bar(close=1.0, observed_at=1)])
    assert [bar.close for bar in stored_bars(database_url)] == [3.0]


def test_revisions_grow_with_every_change_that_readers_see(database: TickStockDatabase, database_url: str) -> None:
    first = database.merge([bar(observed_at=1)]).revision
    assert revision_of(database_url) == first
    second = database.merge([bar(close=200.0, observed_at=2)]).revision
    assert revision_of(database_url) == second
    assert first is not None
    assert second is not None
    assert second > first


def test_evidence_that_confirms_moves_the_stamp_and_not_the_revision(
    database: TickStockDatabase, database_url: str
) -> None:
    first = database.merge([bar(observed_at=1)]).revision
    database.merge([bar(observed_at=3)])
    assert revision_of(database_url) == first
    # Between the two in time, later in arrival, and different: the bar was confirmed after it.
    database.merge([bar(close=999.0, observed_at=2)])
    assert stored_bars(database_url) == [bar(observed_at=3)]


@pytest.mark.parametrize("change", ["revision = revision - 1", "database_id = 'another'"])
def test_a_database_that_lacks_what_was_committed_is_written_to_no_more(
    database: TickStockDatabase, database_url: str, change: str
) -> None:
    database.load_clock()
    database.merge([bar(observed_at=1)])
    database.set_state("heard", 1)
    database.check_kept()
    execute(database_url, f"UPDATE write_state SET {change}")
    with pytest.raises(HistoryLostError):
        database.set_state("heard", 2)
    with pytest.raises(HistoryLostError):
        database.check_kept()
    with pytest.raises(HistoryLostError):
        database.merge([bar(close=150.0, observed_at=2)])
    assert database.state("heard") == 1
    assert stored_bars(database_url) == [bar(observed_at=1)]


def test_a_file_that_was_deleted_or_replaced_is_written_to_no_more(
    sqlite_database_url: str, migrated_file: Path
) -> None:
    database = TickStockDatabase(write_engine(sqlite_database_url), lambda: 10**15)
    database.load_clock()
    database.merge([bar(observed_at=1)])
    file = sqlite_file(sqlite_database_url)
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    with pytest.raises(DatabaseUnavailableError):
        database.merge([bar("IBM")])
    backup = shutil.copy(migrated_file, file.with_name("backup"))
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    Path(backup).rename(file)
    with pytest.raises(HistoryLostError):
        database.merge([bar("IBM")])
    assert stored_bars(sqlite_database_url) == []
    database.close()


def test_a_server_that_crashed_may_take_live_bars_back(postgresql_database_url: str) -> None:
    database = TickStockDatabase(write_engine(postgresql_database_url), lambda: 10**15)
    database.merge([bar(observed_at=1)])
    database.merge([bar("LIVE", tier=Tier.LIVE.value)])
    execute(postgresql_database_url, "UPDATE write_state SET revision = revision - 1")
    database.merge([bar("IBM")])
    database.check_kept()
    database.close()


def test_many_rows_are_committed_in_transactions_of_5000(database: TickStockDatabase, database_url: str) -> None:
    bars = [bar(f"S{place}") for place in range(12_000)]
    assert database.merge(bars) == (3, ())
    assert len(stored_bars(database_url)) == 12_000


def test_a_bad_record_fails_alone(
    database: TickStockDatabase, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"timestamp": MINUTE, "open": 1, "high": 2, "low": 0.5, "close": 1.5, "volume": 10}
    records = [{"symbol": f"S{place}", **good} for place in range(5_000)]
    records[1_234] = {**records[1_234], "high": 0.1}
    assert database.write_ohlcv_1min_batch(records) == (4_999, 1)
    assert len(stored_bars(database_url)) == 4_999
    assert "not coherent" in caplog.text


_POISON = {
    "sqlite": (
        "CREATE TRIGGER poison BEFORE INSERT ON ohlcv_1min WHEN NEW.symbol = 'S1234'"
        " BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    ),
    "postgresql": ("ALTER TABLE ohlcv_1min ADD CONSTRAINT poison CHECK (symbol <> 'S1234')",),
}


def test_a_row_that_the_database_refuses_fails_alone(
    database: TickStockDatabase, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(database_url, *_POISON[database_url.partition(":")[0].partition("+")[0]])
    merged = database.merge([bar(f"S{place}") for place in range(5_000)])
    assert merged.refused == 1
    stored = {bar.symbol for bar in stored_bars(database_url)}
    assert len(stored) == 4_999
    assert "S1234" not in stored
    (said,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "refused a row" in said
    assert "S1234" in said


def test_a_symbol_that_was_deleted_meanwhile_is_added_again(database: TickStockDatabase, database_url: str) -> None:
    database.merge([bar("AAPL")])
    execute(database_url, "DELETE FROM ohlcv_1min", "DELETE FROM group_memberships", "DELETE FROM symbols")
    assert database.merge([bar("AAPL"), bar("IBM")]).refused == 0
    assert [bar.symbol for bar in stored_bars(database_url)] == ["AAPL", "IBM"]


def test_a_missing_table_is_no_fault_of_the_rows(database: TickStockDatabase, database_url: str) -> None:
    execute(database_url, "ALTER TABLE ohlcv_1min RENAME TO elsewhere")
    with pytest.raises(DatabaseUnavailableError, match="ohlcv_1min"):
        database.merge([bar()])
    execute(database_url, "ALTER TABLE elsewhere RENAME TO ohlcv_1min")
    database.merge([bar()])
    assert stored_bars(database_url) == [bar()]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timestamp": datetime(2025, 11, 20, 14, 30)}, "no time zone"),  # noqa: DTZ001  what is refused here
        ({"timestamp": "yesterday"}, "neither a datetime nor"),
        ({"tier": "best"}, "allowed are live, early, official and final"),
        ({"volume": "many"}, "wrong type"),
        ({"open": None}, "wrong type"),
        ({"symbol": 7}, "not a ticker"),
    ],
)
def test_a_refused_record_says_why(
    database: TickStockDatabase, caplog: pytest.LogCaptureFixture, change: dict[str, object], says: str
) -> None:
    record = {"symbol": "AAPL", "timestamp": MINUTE, "open": 1, "high": 2, "low": 0.5, "close": 1.5, "volume": 10}
    assert database.write_ohlcv_1min_batch([{**record, **change}]) == (0, 1)
    assert says in caplog.text


def test_write_ohlcv_1min_takes_datetimes_and_says_whether_it_stored(
    database: TickStockDatabase, database_url: str
) -> None:
    at = datetime(2025, 11, 20, 14, 30, tzinfo=UTC)
    assert database.write_ohlcv_1min("AAPL", at, 1, 2, 0.5, 1.5, 100)
    assert not database.write_ohlcv_1min("AAPL", at, 1, 0.2, 0.5, 1.5, 100)
    (stored,) = stored_bars(database_url)
    assert (stored.timestamp, stored.close, stored.tier) == (MINUTE, 1.5, Tier.OFFICIAL)


def test_stamps_go_on_after_a_restart_with_the_clock_set_back(database_url: str) -> None:
    before = TickStockDatabase(write_engine(database_url), lambda: 2_000_000_000_000_000)
    before.write_ohlcv_1min("AAPL", MINUTE, 1, 2, 0.5, 1.5, 100)
    before.close()
    after = TickStockDatabase(write_engine(database_url), lambda: 1_000_000_000_000_000)
    after.write_ohlcv_1min("AAPL", MINUTE, 1, 2, 0.5, 1.75, 100)
    after.close()
    assert [bar.close for bar in stored_bars(database_url)] == [1.75]


def test_two_feeds_never_mix(database: TickStockDatabase) -> None:
    database.claim_feed("simulated")
    database.claim_feed("simulated")
    with pytest.raises(FeedMismatchError, match='holds bars of the feed "simulated"'):
        database.claim_feed("massive")


def test_open_minutes_are_those_near_each_symbols_newest(database: TickStockDatabase) -> None:
    live = Tier.LIVE.value
    database.merge(
        [
            bar("AAPL", MINUTE - 3 * 60_000, tier=live),
            bar("AAPL", MINUTE - 2 * 60_000, tier=live),
            bar("AAPL", MINUTE - 60_000),
            bar("AAPL", MINUTE, tier=live),
            bar("IBM", MINUTE - 90 * 60_000, tier=live),
        ]
    )
    seeds = {(bar.symbol, bar.timestamp) for bar in database.open_live_bars()}
    assert seeds == {("AAPL", MINUTE - 2 * 60_000), ("AAPL", MINUTE), ("IBM", MINUTE - 90 * 60_000)}


def test_a_locked_database_is_unavailable_and_the_same_call_succeeds_later(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.database.engines._BUSY_TIMEOUT_S", 0.05)
    database = TickStockDatabase(write_engine(database_url), lambda: 1)
    other = write_engine(database_url)
    with other.begin() as connection:
        connection.execute(text("UPDATE write_state SET revision = revision"))
        with pytest.raises(DatabaseUnavailableError, match="lock"):
            database.merge([bar()])
    database.merge([bar()])
    assert stored_bars(database_url) == [bar()]
    other.dispose()
    database.close()


def test_writers_on_several_threads_take_turns(database: TickStockDatabase, database_url: str) -> None:
    threads = [
        threading.Thread(
            target=lambda place=place: [
                insist(lambda n=n: database.merge([bar(f"S{place}", observed_at=n)])) for n in range(50)
            ]
        )
        for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [bar.observed_at for bar in stored_bars(database_url)] == [49] * 4


def test_readers_cannot_write(database_url: str) -> None:
    engine = read_engine(database_url)
    with engine.connect() as connection, pytest.raises(Exception, match=r"read-?only"):
        connection.execute(text("UPDATE write_state SET revision = 5"))
    engine.dispose()


def test_the_file_is_written_ahead_and_synchronised(sqlite_database_url: str) -> None:
    engine = write_engine(sqlite_database_url)
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize(
    ("volumes", "day_volume"),
    [
        ([0.1, 0.2, 0.7, 1.5], 2.5),
        ([1e15, 1e15, 0.000001], 2e15),
        ([1_234_567.123456, 0.000001], 1234567.123457),
    ],
)
def test_the_days_volume_is_exact_and_absurd_volumes_do_not_break_it(
    database: TickStockDatabase, database_url: str, volumes: list[float], day_volume: float
) -> None:
    database.merge([bar(timestamp=MINUTE + place * 60_000, volume=volume) for place, volume in enumerate(volumes)])
    reader = reader_of(database_url)
    (quote,) = reader.quotes(["AAPL"], QuoteDay(MINUTE, 0, 0))
    assert quote.day_volume == day_volume
    reader.close()


def test_a_withdrawn_bar_is_kept_told_to_who_follows_changes_and_counts_nowhere(
    database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar(), bar(timestamp=MINUTE + 60_000, volume=50.0)])
    reader = reader_of(database_url)
    database.merge([bar(withdrawn=True, observed_at=2)])
    assert [one.withdrawn for one in stored_bars(database_url)] == [True, False]
    assert [one.timestamp for one in reader.recent(["AAPL"], None, 10)] == [MINUTE + 60_000]
    assert [one.timestamp for one in reader.recent(["AAPL"], MINUTE, 10)] == [MINUTE + 60_000]
    assert [quote.day_volume for quote in reader.quotes(["AAPL"], QuoteDay(MINUTE, 0, 0))] == [50.0]
    database.merge([bar(observed_at=3)])  # the vendor has it again
    assert len(reader.recent(["AAPL"], None, 10)) == 2


def test_stored_bars_of_a_span_are_found_by_their_start(database: TickStockDatabase, database_url: str) -> None:
    bars = [bar(timestamp=MINUTE + place * 60_000) for place in range(5)]
    database.merge([*bars, bar("IBM", timestamp=MINUTE + 60_000)])
    engine = read_engine(database_url)
    found = DatabaseMinutes(engine).bars_between("AAPL", MINUTE + 60_000, MINUTE + 180_000)
    assert found == {one.timestamp: one for one in bars[1:4]}
    engine.dispose()


def test_how_much_symbols_trade_is_read_some_at_a_time(
    database: TickStockDatabase, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.database.stored_minutes._SYMBOLS_A_SNAPSHOT", 2)
    newest = [bar("A", MINUTE + place * 60_000, close=2.0, volume=10.0) for place in range(40)]
    database.merge([*newest, bar("B", close=4.0, volume=0.5), bar("C", close=1.0)])
    engine = read_engine(database_url)
    found = DatabaseMinutes(engine).dollar_volumes()
    assert {symbol: found[symbol] for symbol in "ABC"} == {"A": 600.0, "B": 2.0, "C": 100.0}
    assert len(found) > 500, "the symbols of the universes, too"
    assert found["AAPL"] == 0
    engine.dispose()
