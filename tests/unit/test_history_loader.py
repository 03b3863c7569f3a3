"""Loads of history on an SQLite file: what is asked for, stored and known, and what fails."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from src.core.domain.market.bar import Tier
from src.core.domain.market.gaps import Gap, GapReason, GapState
from src.core.domain.market.history import LoadState, Timespan, words
from src.core.domain.market.reconciliation import date_bounds_ms
from src.core.errors import DatabaseUnavailableError, VendorError, VendorUnavailableError
from src.core.services.history_loader import survey
from src.infrastructure.database.engines import read_engine
from src.infrastructure.database.gap_store import DatabaseGapReader
from tests.bars import stored_bars, stored_days
from tests.history_bench import HistoryBench

D = dt.date
NOW = round(dt.datetime(2025, 11, 20, 18, tzinfo=dt.UTC).timestamp() * 1000)  # Thursday, 13:00 New York
SETTLED = D(2025, 11, 19)
YEAR = (D(2024, 11, 20), SETTLED)


@pytest.fixture
def bench(sqlite_database_url: str) -> Iterator[HistoryBench]:
    bench = HistoryBench(sqlite_database_url, NOW)
    yield bench
    bench.close()


def test_a_year_of_days_is_one_request_and_is_asked_for_once(bench: HistoryBench, sqlite_database_url: str) -> None:
    ended = bench.run(bench.load(["A", "B"], *YEAR))
    assert (ended.state, ended.units_total, ended.units_done, ended.units_empty) == (LoadState.DONE, 26, 26, 0)
    assert bench.vendor.asked == [
        ("A", *YEAR),
        ("B", *YEAR),
    ]
    days = stored_days(sqlite_database_url)
    assert (len(days), ended.bars, ended.written) == (2 * 261, 522, 522)
    assert {day.tier for day in days} == {Tier.FINAL}
    assert bench.log.find(ended.id) == ended
    bench.vendor.asked.clear()
    again = bench.run(bench.load(["A", "B"], *YEAR))
    assert (again.state, again.units_total, bench.vendor.asked) == (LoadState.DONE, 0, [])


def test_what_it_comes_to_is_known_before(bench: HistoryBench) -> None:
    load = bench.load(["A", "B"], *YEAR)
    assert survey(load, bench.log, bench.parts.trading) == (26, 2, ("A", "B"))
    minutes = bench.load(["A", "B"], *YEAR, Timespan.MINUTE)
    assert survey(minutes, bench.log, bench.parts.trading) == (26, 26, ("A", "B"))
    bench.run(load)
    assert len(bench.vendor.asked) == 2
    assert survey(load, bench.log, bench.parts.trading) == (0, 0, ())


def test_minutes_are_asked_for_by_the_month_the_newest_first(bench: HistoryBench, sqlite_database_url: str) -> None:
    ended = bench.run(bench.load(["A"], D(2025, 9, 15), SETTLED, Timespan.MINUTE))
    assert [dates for _, *dates in bench.vendor.asked] == [
        [D(2025, 11, 1), SETTLED], [D(2025, 10, 1), D(2025, 10, 31)], [D(2025, 9, 15), D(2025, 9, 30)],
    ]  # fmt: skip
    assert (ended.bars, len(stored_bars(sqlite_database_url))) == (48, 48)
    assert bench.log.months("A", Timespan.MINUTE)["2025-10"][:2] == (D(2025, 10, 1), D(2025, 10, 31))
    assert bench.log.months("A", Timespan.DAY) == {}


def test_years_before_a_symbol_was_listed_take_few_requests_and_are_known_afterwards(bench: HistoryBench) -> None:
    bench.vendor.listed = D(2025, 11, 3)
    load = bench.load(["A"], D(2023, 1, 1), SETTLED, Timespan.MINUTE)
    ended = bench.run(load)
    assert (ended.units_total, ended.units_done, ended.units_empty) == (35, 35, 34)
    months = [(to_date - from_date).days // 28 for _, from_date, to_date in bench.vendor.asked]
    assert months == [0, 1, 2, 4, 6, 6, 6, 6, 3]
    assert survey(load, bench.log, bench.parts.trading).units == 0


def test_what_is_not_settled_is_asked_for_again_and_nothing_else(bench: HistoryBench, sqlite_database_url: str) -> None:
    bench.run(bench.load(["A"], D(2025, 11, 3), D(2025, 11, 20)))
    bench.vendor.asked.clear()
    bench.run(bench.load(["A"], D(2025, 11, 3), D(2025, 11, 20)))
    assert bench.vendor.asked == [("A", D(2025, 11, 20), D(2025, 11, 20))]
    bench.clock.ms += 86_400_000
    bench.run(bench.load(["A"], D(2025, 11, 3), D(2025, 11, 21)))
    assert bench.vendor.asked[1:] == [("A", D(2025, 11, 20), D(2025, 11, 21))]
    assert bench.log.months("A", Timespan.DAY) == {"2025-11": (D(2025, 11, 3), D(2025, 11, 20), 14)}
    assert len(stored_days(sqlite_database_url)) == 15


def test_gaps_are_closed_by_the_final_minutes_of_a_load(bench: HistoryBench, sqlite_database_url: str) -> None:
    for name, symbol, date in (("old", "A", D(2025, 10, 6)), ("new", "A", D(2025, 11, 20)), ("other", "B", SETTLED)):
        gap = Gap(name, symbol, (symbol,), *date_bounds_ms(date), GapReason.DROP, "", NOW)
        bench.gaps.record([gap])
        bench.gaps.expand(gap, {symbol: NOW})
    old = [entry for entry in bench.gaps.entries(NOW, 9) if entry.gap_id == "old"]
    bench.gaps.note(old, GapState.UNREPAIRABLE, None, 0, "The plan does not include it.")
    bench.run(bench.load(["A"], D(2025, 9, 15), D(2025, 11, 20)))
    assert len(bench.gaps.unrepaired(0, NOW)) == 3, "days close no gap"
    bench.run(bench.load(["A"], D(2025, 9, 15), D(2025, 11, 20), Timespan.MINUTE))
    assert [entry.gap_id for entry in bench.gaps.unrepaired(0, NOW)] == ["new", "other"]
    engine = read_engine(sqlite_database_url)
    closed = next(row for row in DatabaseGapReader(engine).listed(9) if row.id == "old")
    assert (closed.state, closed.repaired_bars) == ("repaired", 1)
    engine.dispose()


def test_years_that_the_plan_does_not_include_fail_with_the_reason_after_some_requests(bench: HistoryBench) -> None:
    bench.vendor.granted_from = D(2025, 7, 1)
    ended = bench.run(bench.load([f"S{number:02}" for number in range(20)], D(2024, 1, 1), SETTLED))
    assert (ended.state, ended.units_done, ended.units_failed) == (LoadState.FAILED, 20 * 5, 20 * 18)
    assert set(ended.failures.values()) == {"The plan does not include these years."}
    assert len(ended.failures) == 20
    # Three symbols find out what the plan includes, month by month; the others ask for that alone.
    assert Counter(symbol for symbol, *_ in bench.vendor.asked) == {
        f"S{number:02}": 7 if number < 3 else 1 for number in range(20)
    }
    assert bench.vendor.asked[-1][1:] == (D(2025, 7, 1), SETTLED)
    assert "--from 2025-07-01 asks for nothing that was refused. Of 2025-06 the plan may grant" in words(ended)


def test_a_refused_key_ends_a_load_soon(bench: HistoryBench) -> None:
    bench.vendor.granted_from = D(2030, 1, 1)
    ended = bench.run(bench.load([f"S{number:02}" for number in range(20)], D(2024, 1, 1), SETTLED))
    assert (ended.state, ended.units_done, ended.units_failed) == (LoadState.FAILED, 0, 20 * 23)
    assert len(bench.vendor.asked) == 6
    assert ended.detail == ""


def test_what_fails_is_named_and_asked_for_by_the_next_load(bench: HistoryBench) -> None:
    bench.vendor.errors = [VendorError("It cannot be read.")]
    ended = bench.run(bench.load(["A", "B"], D(2025, 10, 1), SETTLED))
    assert (ended.units_done, ended.units_failed, ended.failures) == (2, 2, {"A": "It cannot be read."})
    bench.vendor.asked.clear()
    assert bench.run(bench.load(["A", "B"], D(2025, 10, 1), SETTLED)).state is LoadState.DONE
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A"]


def test_a_month_with_a_day_that_cannot_be_right_is_not_known(bench: HistoryBench, sqlite_database_url: str) -> None:
    bench.vendor.unusable = {D(2025, 10, 7)}
    ended = bench.run(bench.load(["A"], D(2025, 9, 1), SETTLED))
    assert (ended.units_done, ended.units_failed) == (2, 1)
    assert ended.failures == {"A": "On 1 days the vendor tells what cannot be right."}
    assert sorted(bench.log.months("A", Timespan.DAY)) == ["2025-09", "2025-11"]
    assert len(stored_days(sqlite_database_url)) == 22 + 22 + 13


def test_an_empty_answer_takes_no_well_known_month_back(bench: HistoryBench, sqlite_database_url: str) -> None:
    load = bench.load(["A"], D(2025, 10, 1), D(2025, 10, 31), Timespan.MINUTE)
    bench.run(load)
    bench.vendor.silent = {"A"}
    with bench._engines[1].begin() as connection:
        connection.exec_driver_sql("DELETE FROM history_months")
    ended = bench.run(bench.load(["A"], D(2025, 10, 1), D(2025, 10, 31), Timespan.MINUTE))
    assert ended.failures == {"A": "The vendor tells no bar, and 23 are stored; they were left as they are."}
    assert not any(bar.withdrawn for bar in stored_bars(sqlite_database_url))


def test_bars_that_are_stored_already_are_not_written_again(bench: HistoryBench, sqlite_database_url: str) -> None:
    bench.run(bench.load(["A"], D(2025, 10, 1), D(2025, 10, 31)))
    stored = stored_days(sqlite_database_url)
    with bench._engines[1].begin() as connection:
        connection.exec_driver_sql("DELETE FROM history_months")
    ended = bench.run(bench.load(["A"], D(2025, 10, 1), D(2025, 10, 31)))
    assert (ended.bars, ended.written) == (23, 0)
    assert stored_days(sqlite_database_url) == stored


def test_what_was_provisional_becomes_the_vendors(bench: HistoryBench, sqlite_database_url: str) -> None:
    bench.run(bench.load(["A"], D(2025, 10, 1), D(2025, 10, 3)))
    days = stored_days(sqlite_database_url)
    with bench._engines[1].begin() as connection:
        connection.exec_driver_sql("DELETE FROM history_months")
        connection.exec_driver_sql("DELETE FROM ohlcv_daily")
    live = [msgspec.structs.replace(day, tier=Tier.LIVE.value) for day in days]
    bench.submit_days([live[0], msgspec.structs.replace(live[1], close=1.25)])
    ended = bench.run(bench.load(["A"], D(2025, 10, 1), D(2025, 10, 3)))
    assert (ended.bars, ended.written) == (3, 2)
    assert {(day.tier, day.close) for day in stored_days(sqlite_database_url)} == {(Tier.FINAL, 2.0)}


def test_a_vendor_that_is_away_is_waited_for(bench: HistoryBench) -> None:
    bench.vendor.errors = [VendorUnavailableError("It does not answer.")] * 4
    ended = bench.run(bench.load(["A"], D(2025, 11, 3), SETTLED))
    assert (ended.state, ended.detail) == (LoadState.DONE, "")
    assert bench.clock.waits == [30, 60, 120, 240]
    assert "It does not answer. It is asked again in 240 s." in [load.detail for load in bench.told]


def test_a_load_ends_when_the_vendor_is_away_for_half_an_hour(bench: HistoryBench) -> None:
    bench.vendor.errors = [VendorUnavailableError("It does not answer.")] * 99
    ended = bench.run(bench.load(["A", "B"], D(2025, 11, 3), SETTLED))
    assert (ended.state, ended.detail, ended.units_done) == (LoadState.FAILED, "It does not answer.", 0)
    assert 1_800 <= sum(bench.clock.waits) < 2_100


def test_a_load_that_is_told_to_stop_goes_on_where_it_was(bench: HistoryBench) -> None:
    load = bench.load(["A", "B", "C"], D(2025, 10, 1), SETTLED)
    bench.vendor.before_answer = lambda: bench.stopping.set() if len(bench.vendor.asked) == 2 else None
    stopped = bench.run(load)
    assert (stopped.state, stopped.has_ended) == (LoadState.RUNNING, False)
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A", "B"]  # what was asked for is kept
    bench.stopping.clear()
    kept = bench.log.find(load.id)
    assert kept is not None
    ended = bench.run(kept)
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A", "B", "C"]
    assert (ended.state, ended.units_total, ended.units_done) == (LoadState.DONE, 6, 6)


def test_a_database_that_is_away_is_waited_for(bench: HistoryBench, monkeypatch: pytest.MonkeyPatch) -> None:
    load = bench.load(["A", "B"], D(2025, 10, 1), SETTLED)
    failures = iter([True, True, False, True])

    def sometimes(name: str, owner: object) -> None:
        real = getattr(owner, name)

        def act(*arguments: object) -> object:
            if next(failures, False):
                raise DatabaseUnavailableError("It is away.")
            return real(*arguments)

        monkeypatch.setattr(owner, name, act)

    sometimes("submit_days", bench)
    sometimes("learn", bench.log)
    ended = bench.run(load)
    assert (ended.state, ended.units_done, ended.written) == (LoadState.DONE, 4, 2 * 36)
    assert len(bench.vendor.asked) == 2
    assert len(bench.clock.waits) == 3


def test_bars_that_cannot_be_stored_fail(bench: HistoryBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "submit_days", lambda days: False)
    ended = bench.run(bench.load(["A"], D(2025, 10, 1), SETTLED))
    assert (ended.units_failed, ended.failures) == (2, {"A": "Its bars could not be stored."})
    assert bench.log.months("A", Timespan.DAY) == {}
