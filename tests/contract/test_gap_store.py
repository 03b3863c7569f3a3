"""Gaps in their tables: opened, divided into symbols, repaired and listed; the same on every database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from src.core.domain.market.gaps import Gap, GapCounts, GapEntry, GapReason, GapState, GapTotals
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.gap_store import DatabaseGapReader, DatabaseGapStore
from tests.bars import MINUTE
from tests.held_clock import HeldClock

_NOW = MINUTE + 600_000
_STEP = 60_000


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(_NOW)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = row_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine, clock: HeldClock) -> DatabaseGapStore:
    return DatabaseGapStore(engine, clock.now_ms)


@pytest.fixture
def reader(database_url: str) -> Iterator[DatabaseGapReader]:
    engine = read_engine(database_url)
    yield DatabaseGapReader(engine)
    engine.dispose()


def gap(
    id_: str = "one",
    symbols: tuple[str, ...] | None = ("AAPL", "BACpL"),
    minutes: int | None = 3,
    opened_ms: int = _NOW,
    reason: GapReason = GapReason.DROP,
) -> Gap:
    """A gap that begins at MINUTE and has so many minutes."""
    to_ms = None if minutes is None else MINUTE + (minutes - 1) * _STEP
    return Gap(id_, "connection_1", symbols, MINUTE, to_ms, reason, 'The line\'s "dead".', opened_ms)


def expanded(store: DatabaseGapStore, one: Gap, due_ms: int = _NOW) -> list[GapEntry]:
    """Its entries, once it is recorded and divided."""
    store.record([one])
    store.expand(one, dict.fromkeys(one.symbols or (), due_ms))
    return [entry for entry in store.entries(due_ms, 100) if entry.gap_id == one.id]


def test_what_grows_is_found_after_a_restart_until_it_ended(store: DatabaseGapStore) -> None:
    growing, ended = gap(minutes=None), gap("two")
    store.record([growing, ended])
    assert store.growing() == [growing]
    assert store.unexpanded() == [ended]
    now_ended = growing._replace(to_ms=MINUTE)
    store.record([now_ended])
    assert store.growing() == []
    assert store.unexpanded() == [now_ended, ended]


def test_gaps_are_found_oldest_first_whatever_their_names(store: DatabaseGapStore) -> None:
    everything, later = gap("z", None), gap("a", opened_ms=_NOW + 1)
    store.record([later, everything])
    assert store.unexpanded() == [everything, later]


def test_a_gap_is_divided_into_symbols_that_fall_due(store: DatabaseGapStore) -> None:
    store.record([gap()])
    store.expand(gap(), {"AAPL": _NOW + 5, "BACpL": _NOW})
    assert store.unexpanded() == []
    assert store.entries(_NOW - 1, 9) == []
    common = (MINUTE, MINUTE + 2 * _STEP, GapReason.DROP, GapState.OPEN)
    assert store.entries(_NOW, 9) == [GapEntry("one", "BACpL", *common, _NOW, 0)]
    assert [entry.symbol for entry in store.entries(_NOW + 5, 9)] == ["BACpL", "AAPL"]
    assert [entry.symbol for entry in store.entries(_NOW + 5, 1)] == ["BACpL"]
    assert store.counts() == GapCounts(1, 2, 2, _NOW)


def test_a_gap_of_no_symbols_is_closed(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    store.record([gap(symbols=None)])
    store.expand(gap(symbols=None), {})
    assert store.unexpanded() == []
    (row,) = reader.listed(9)
    assert (row.state, row.closed_ms, row.symbols_total) == (GapState.REPAIRED, _NOW, 0)


def test_all_of_a_due_symbol_comes_together(store: DatabaseGapStore) -> None:
    expanded(store, gap())
    expanded(store, gap("two", ("AAPL",), 9), _NOW + 99)
    assert [(entry.symbol, entry.gap_id) for entry in store.entries(_NOW, 9)] == [
        ("AAPL", "one"), ("AAPL", "two"), ("BACpL", "one"),
    ]  # fmt: skip
    assert store.counts() == GapCounts(2, 3, 2, _NOW)


def test_a_repair_goes_through_its_states(store: DatabaseGapStore, reader: DatabaseGapReader, clock: HeldClock) -> None:
    apple, bank = expanded(store, gap())
    store.note([apple], GapState.WAITING, _NOW + 1_000, 3, "")
    store.note([bank], GapState.OPEN, _NOW + 2_000, 0, "The vendor's answer is not JSON.")
    assert store.entries(_NOW, 9) == []
    assert store.entries(_NOW + 1_000, 9) == [apple._replace(state=GapState.WAITING, due_ms=_NOW + 1_000, attempts=1)]
    (row,) = reader.listed(9)
    assert (row.state, row.attempts, row.repaired_bars, row.due_ms) == (GapState.OPEN, 2, 3, _NOW + 1_000)
    assert (row.symbols_total, row.symbols_done, row.checked_ms) == (2, 0, _NOW)
    assert row.trouble == "BACpL: The vendor's answer is not JSON."
    store.note([bank], GapState.WAITING, _NOW + 3_000, 0, "")
    assert reader.listed(9)[0].state is GapState.WAITING
    store.note([apple], GapState.REPAIRED, None, 1, "")
    assert reader.listed(9)[0].state is GapState.WAITING
    clock.ms += 7
    store.note([bank], GapState.REPAIRED, None, 0, "")
    (row,) = reader.listed(9)
    assert (row.state, row.closed_ms, row.repaired_bars, row.symbols_done) == (GapState.REPAIRED, _NOW + 7, 4, 2)
    assert (row.attempts, row.due_ms, row.trouble) == (5, None, None)
    assert store.counts() == GapCounts(0, 0, 0, None)


def test_what_is_repaired_stays_so_when_it_is_said_twice(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    apple, bank = expanded(store, gap())
    store.note([apple], GapState.REPAIRED, None, 0, "")
    store.note([apple], GapState.REPAIRED, None, 0, "")
    assert reader.listed(9)[0].symbols_done == 1
    store.note([bank, apple], GapState.REPAIRED, None, 0, "")
    assert (reader.listed(9)[0].symbols_done, reader.listed(9)[0].state) == (2, GapState.REPAIRED)


def test_bars_count_for_one_gap_where_a_request_answers_several(
    store: DatabaseGapStore, reader: DatabaseGapReader
) -> None:
    expanded(store, gap(symbols=("AAPL",)))
    both = expanded(store, gap("two", ("AAPL",), 9)) + store.entries(_NOW, 9)[:1]
    store.note(both, GapState.REPAIRED, None, 5, "")
    assert sorted(row.repaired_bars for row in reader.listed(9)) == [0, 5]
    assert reader.totals() == GapTotals(0, 0, 2, 0, 5, 0, None)


def test_a_gap_that_grew_while_it_was_asked_for_stays_due(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    (apple,) = expanded(store, gap(symbols=("AAPL",)))
    wider = gap(symbols=("AAPL",), minutes=5)
    store.record([wider])
    store.note([apple], GapState.REPAIRED, None, 2, "")
    assert store.unexpanded() == [wider]
    store.expand(gap(symbols=("AAPL",)), {"AAPL": _NOW})  # as it was read before
    assert store.unexpanded() == [wider]
    store.expand(wider, {"AAPL": _NOW})
    store.note([apple], GapState.REPAIRED, None, 0, "")
    assert [entry.to_ms for entry in store.entries(_NOW, 9)] == [wider.to_ms]
    store.note(store.entries(_NOW, 9), GapState.REPAIRED, None, 0, "")
    (row,) = reader.listed(9)
    assert (row.state, row.repaired_bars, row.symbols_done) == (GapState.REPAIRED, 2, 1)


def test_a_gap_that_grew_after_its_repair_is_open_again(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    entries = expanded(store, gap())
    store.record([gap()])  # the same again, as after an outcome that was unknown
    store.note(entries, GapState.REPAIRED, None, 0, "")
    store.record([gap()])
    assert reader.listed(9)[0].state is GapState.REPAIRED
    store.record([gap(minutes=9)])
    assert store.unexpanded() == [gap(minutes=9)]
    assert (reader.listed(9)[0].state, reader.listed(9)[0].closed_ms) == (GapState.OPEN, None)


def test_what_was_given_up_can_be_asked_for_again(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    apple, bank = expanded(store, gap())
    store.note([apple], GapState.UNREPAIRABLE, None, 0, "The vendor knows no such ticker.")
    store.note([bank], GapState.REPAIRED, None, 0, "")
    (row,) = reader.listed(9)
    assert (row.state, row.closed_ms, row.symbols_done) == (GapState.UNREPAIRABLE, _NOW, 2)
    assert row.trouble == "AAPL: The vendor knows no such ticker."
    assert store.counts().entries == 0
    assert store.ask_again(None, _NOW + 1) == 0
    assert store.ask_again("one", _NOW + 1) == 1
    assert [entry.symbol for entry in store.entries(_NOW + 1, 9)] == ["AAPL"]
    assert reader.listed(9)[0].state is GapState.OPEN
    store.note(store.entries(_NOW + 1, 9), GapState.REPAIRED, None, 1, "")
    (row,) = reader.listed(9)
    assert (row.state, row.symbols_done, row.repaired_bars) == (GapState.REPAIRED, 2, 1)


def test_what_was_given_up_is_closed_when_somebody_found_that_nothing_is_missing(
    store: DatabaseGapStore, reader: DatabaseGapReader, clock: HeldClock
) -> None:
    apple, bank = expanded(store, gap())
    store.note([apple], GapState.UNREPAIRABLE, None, 0, "No.")
    store.note([bank], GapState.UNREPAIRABLE, None, 0, "No.")
    expanded(store, gap("elsewhere", ("AAPL",))._replace(from_ms=MINUTE - 9 * _STEP, to_ms=MINUTE - _STEP))
    given_up = store.unrepaired(MINUTE + _STEP, MINUTE + 99 * _STEP)
    assert given_up == [one._replace(state=GapState.UNREPAIRABLE, attempts=1) for one in (apple, bank)]
    store.note(given_up[:1], GapState.REPAIRED, None, 2, "")
    row = reader.listed(9)[1]
    assert (row.id, row.state, row.repaired_bars, row.symbols_done) == ("one", GapState.UNREPAIRABLE, 2, 2)
    clock.ms += 7
    store.note(given_up[1:], GapState.REPAIRED, None, 0, "")
    row = reader.listed(9)[1]
    assert (row.state, row.closed_ms, row.symbols_done, row.trouble) == (GapState.REPAIRED, _NOW + 7, 2, None)
    assert [one.gap_id for one in store.unrepaired(0, 2**62)] == ["elsewhere"]


def test_what_waits_can_be_asked_for_now(store: DatabaseGapStore) -> None:
    expanded(store, gap(), _NOW + 10_000)
    expanded(store, gap("two", ("IBM",)), _NOW + 10_000)
    assert store.ask_again("two", _NOW) == 1
    assert [entry.symbol for entry in store.entries(_NOW, 9)] == ["IBM"]
    assert store.ask_again(None, _NOW) == 2
    assert store.counts().next_due_ms == _NOW
    assert store.ask_again("no such gap", _NOW) == 0


def test_impatience_counts_no_attempts(store: DatabaseGapStore) -> None:
    store.record([gap()])
    store.expand(gap(), {"AAPL": _NOW})
    for _ in range(3):
        store.note(store.entries(_NOW, 9), GapState.OPEN, _NOW + _STEP, 0, "The vendor is confused.")
        assert store.ask_again("one", _NOW) == 1
        store.note(store.entries(_NOW, 9), GapState.OPEN, _NOW + _STEP, 0, "The vendor is confused.")
        assert store.ask_again(None, _NOW) == 1
    (entry,) = store.entries(_NOW, 9)
    assert entry.attempts == 0


def test_people_see_what_is_open_before_what_is_closed(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    names = tuple(f"T{number}" for number in range(30))
    for number, id_ in enumerate(("old", "new")):
        done = gap(id_, opened_ms=_NOW - 1_000)
        entries = expanded(store, done)
        store._now_ms = lambda number=number: _NOW + number
        store.note(entries, GapState.REPAIRED, None, 0, "")
    store.record([gap("b", None, None, _NOW + 5), gap("a", names, 2, _NOW + 9)])
    assert [row.id for row in reader.listed(9)] == ["b", "a", "new", "old"]
    assert [row.id for row in reader.listed(3)] == ["b", "a", "new"]
    everything, many = reader.listed(2)
    assert (everything.symbols, everything.to_ms, many.symbols) == (None, None, names[:20])
    assert reader.totals() == GapTotals(2, 0, 2, 0, 0, 0, None)


def test_old_repairs_are_forgotten_but_not_what_is_missing(store: DatabaseGapStore, reader: DatabaseGapReader) -> None:
    store.note(expanded(store, gap()), GapState.REPAIRED, None, 0, "")
    apple, bank = expanded(store, gap("lost"))
    store.note([apple], GapState.UNREPAIRABLE, None, 0, "No.")
    store.note([bank], GapState.REPAIRED, None, 0, "")
    store.record([gap("two")])
    store.prune(_NOW)
    assert len(reader.listed(9)) == 3
    store.prune(_NOW + 1)
    assert [row.id for row in reader.listed(9)] == ["two", "lost"]
    assert reader.listed(9)[1].trouble == "AAPL: No."


def test_a_whole_market_is_divided_and_closed_in_few_statements(
    store: DatabaseGapStore, reader: DatabaseGapReader
) -> None:
    symbols = tuple(f"T{number}" for number in range(12_000))
    entries = expanded(store, gap(symbols=symbols))
    assert len(entries) == 100
    everything = store.entries(_NOW, 20_000)
    assert len(everything) == 12_000
    store.note(everything, GapState.REPAIRED, None, 0, "")
    (row,) = reader.listed(9)
    assert (row.state, row.symbols_total, row.symbols_done) == (GapState.REPAIRED, 12_000, 12_000)


def test_an_unreachable_database_says_so(tmp_path: object) -> None:
    store = DatabaseGapStore(row_engine(f"sqlite:///{tmp_path}/none.db"), lambda: _NOW)
    with pytest.raises(DatabaseUnavailableError):
        store.record([gap()])
    with pytest.raises(DatabaseUnavailableError):
        store.unexpanded()
