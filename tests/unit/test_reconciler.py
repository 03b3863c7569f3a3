"""What a run does when something fails, and with a flat file; on an SQLite file."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.gaps import Gap, GapReason, GapState
from src.core.domain.market.reconciliation import RunState
from src.core.errors import DatabaseUnavailableError, KeyRefusedError, VendorError, VendorUnavailableError
from src.infrastructure.database.stored_minutes import DatabaseMinutes
from tests.bars import MINUTE, stored_bars
from tests.reconciling import DAY, NOW, Bench, Vendor, at, final, request, shown


@pytest.fixture
def bench(sqlite_database_url: str) -> Iterator[Bench]:
    bench = Bench(sqlite_database_url, Vendor(), NOW)
    yield bench
    bench.close()


def test_symbols_that_fail_are_named_and_only_they_are_asked_for_the_next_time(bench: Bench) -> None:
    bench.submit([at(0), at(0, "IBM"), at(0, "MSFT")])
    bench.vendor.bars = [final(0), final(0, "IBM"), final(0, "MSFT")]
    bench.vendor.errors = {"IBM": VendorError("The vendor's answer cannot be read.")}
    run = bench.run(request())
    assert (run.state, run.failed) == (RunState.FAILED, {"IBM": "The vendor's answer cannot be read."})
    assert bench.log.find(run.id) == run
    bench.vendor.errors, bench.vendor.asked = {}, []
    again = bench.run(request())
    assert bench.vendor.asked == ["IBM"]
    assert (again.state, again.done_count, again.bars, again.failed) == (RunState.DONE, 3, 3, {})
    assert [one.id for one in bench.log.of_date(DAY)] == [again.id]
    bench.run(request())
    assert len(bench.log.of_date(DAY)) == 2


def test_a_run_that_died_goes_on_and_what_it_did_since_it_was_kept_last_changes_nothing(
    bench: Bench, sqlite_database_url: str
) -> None:
    bench.submit([at(0), at(0, "IBM"), at(0, "MSFT")])
    bench.vendor.bars = [final(0, close=7.0), final(0, "IBM", close=7.0), final(0, "MSFT", close=7.0)]
    bench.vendor.errors = {"MSFT": MemoryError()}  # type: ignore[dict-item]  # as a process dies
    with pytest.raises(MemoryError):
        bench.run(request())
    before = [one for one in stored_bars(sqlite_database_url) if one.symbol != "MSFT"]
    (died,) = bench.log.unfinished()
    assert died.done == ("AAPL",)
    bench.vendor.errors, bench.vendor.asked = {}, []
    run = bench.run(request())
    assert bench.vendor.asked == ["IBM", "MSFT"]
    assert (run.state, run.done_count, run.differed) == (RunState.DONE, 3, 2)
    assert [one for one in stored_bars(sqlite_database_url) if one.symbol != "MSFT"] == before


def test_a_refused_key_and_a_vendor_that_is_away_end_the_run(bench: Bench) -> None:
    bench.submit([at(0, symbol) for symbol in ("A", "B", "C", "D")])
    bench.vendor.errors = {"B": KeyRefusedError("The vendor refuses the key.")}
    run = bench.run(request())
    assert (run.state, run.detail, run.done) == (RunState.FAILED, "The vendor refuses the key.", ("A",))
    bench.vendor.errors = {symbol: VendorUnavailableError("Away.") for symbol in "BCD"}
    bench.vendor.asked = []
    run = bench.run(request())
    assert bench.vendor.asked == ["B", "C", "D"]
    assert (run.state, run.detail, run.done) == (RunState.FAILED, "Away.", ("A",))


def test_an_empty_day_is_not_believed_of_a_symbol_with_many_official_minutes(
    bench: Bench, sqlite_database_url: str
) -> None:
    bench.submit([at(place) for place in range(11)] + [at(place, "THIN") for place in range(10)])
    run = bench.run(request())
    assert list(run.failed) == ["AAPL"]
    assert run.withdrawn == 10
    assert [one.symbol for one in shown(sqlite_database_url)] == ["AAPL"] * 11


def test_bars_outside_of_the_day_are_not_of_the_answer(bench: Bench, sqlite_database_url: str) -> None:
    bench.vendor.bars = [final(0), final(1440), final(-1440)]
    assert bench.run(request("AAPL")).added == 1
    assert len(stored_bars(sqlite_database_url)) == 1


def test_newer_evidence_than_the_answer_stays(bench: Bench, sqlite_database_url: str) -> None:
    newer = at(0, close=5.0, tier=Tier.FINAL.value, observed_at=NOW * 1000 + 10**12)
    bench.submit([newer])
    bench.vendor.bars = [final(0)]
    assert bench.run(request("AAPL")).differed == 0
    assert stored_bars(sqlite_database_url) == [newer]


def test_a_run_waits_for_a_database_that_is_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.vendor.bars = [final(0)]
    asked, read = [], DatabaseMinutes.bars_between

    def away_twice(self: DatabaseMinutes, *arguments: object) -> object:
        asked.append(arguments)
        if len(asked) < 3:
            raise DatabaseUnavailableError("The database is not available.")
        return read(self, *arguments)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(DatabaseMinutes, "bars_between", away_twice)
    assert bench.run(request("AAPL")).state is RunState.DONE
    assert bench.clock.waits == [0.2, 0.4]
    assert bench.vendor.asked == ["AAPL"]


def test_what_cannot_be_stored_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "submit", lambda _bars: False)
    bench.vendor.bars = [final(0)]
    assert bench.run(request("AAPL")).failed == {"AAPL": "Its bars could not be stored."}


def test_how_far_a_run_is_is_told_and_kept(bench: Bench) -> None:
    bench.submit([at(0), at(0, "IBM")])
    bench.vendor.bars = [final(0), final(0, "IBM")]
    run = bench.run(request())
    assert [(one.done_count, one.total) for one in bench.told] == [(0, 2), (1, 2), (2, 2), (2, 2)]
    assert bench.log.newest(5) == [run]


def test_a_flat_file_is_compared_and_its_absent_vwap_replaces_nothing(
    bench: Bench, sqlite_database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "day.csv.gz"
    start_ns = MINUTE * 1_000_000
    with gzip.open(path, "wt") as file:
        file.write("ticker,volume,open,close,high,low,window_start,transactions\n")
        for symbol, place, volume in (("AAPL", 0, 100), ("AAPL", 1, 100), ("NEW", 0, 5)):
            file.write(f"{symbol},{volume},149.75,150.25,151.25,149.25,{start_ns + place * 60 * 10**9},4\n")
    bench.submit([at(0), at(1, volume=99.0), at(2), at(0, "IBM")])
    run = bench.run(request()._replace(file=str(path)))
    assert (run.state, run.file, run.done_count) == (RunState.DONE, str(path), 2)
    assert (run.added, run.differed, run.withdrawn) == (0, 1, 2)
    same, corrected = shown(sqlite_database_url)
    assert (same.vwap, same.trade_count, same.tier) == (150.0, 4, Tier.FINAL)
    assert (corrected.vwap, corrected.volume, corrected.tier) == (None, 100.0, Tier.FINAL)
    bench.database.set_state("universe", {"key": "SYMBOLS", "symbols": ["*"], "unknown": []})
    assert bench.run(request()._replace(file=str(path))).added == 1
    assert "NEW" in {one.symbol for one in stored_bars(sqlite_database_url)}


def test_a_flat_file_that_is_not_fit_ends_the_run_before_anything_is_compared(
    bench: Bench, sqlite_database_url: str, tmp_path: Path
) -> None:
    bench.submit([at(0)])
    before = stored_bars(sqlite_database_url)
    (tmp_path / "day.csv.gz").write_bytes(b"no gzip")
    run = bench.run(request()._replace(file=str(tmp_path / "day.csv.gz")))
    assert run.state is RunState.FAILED
    assert "it has to be a whole gzip file" in run.detail
    assert stored_bars(sqlite_database_url) == before


# -- minutes that wait to be repaired --------------------------------------------------------------------------------


def test_gaps_within_the_day_are_closed_with_what_was_repaired_in_them(bench: Bench) -> None:
    gaps = {
        "inside": Gap("inside", "*", ("AAPL", "IBM"), MINUTE, MINUTE + 3 * MINUTE_MS, GapReason.DROP, "", 5),
        "beyond": Gap("beyond", "*", ("AAPL",), MINUTE, MINUTE + 1440 * MINUTE_MS, GapReason.RESTART, "", 6),
    }
    bench.gaps.record(list(gaps.values()))
    for gap in gaps.values():
        bench.gaps.expand(gap, dict.fromkeys(gap.symbols or (), 7))
    bench.submit([at(0), at(5)])
    bench.vendor.bars = [final(place) for place in (0, 1, 5, 6)]
    bench.vendor.errors = {"IBM": VendorError("No.")}
    bench.run(request("AAPL", "IBM"))
    assert {(one.gap_id, one.symbol) for one in bench.gaps.entries(2**62, 9)} == {("inside", "IBM"), ("beyond", "AAPL")}
    assert [(row.id, row.repaired_bars, row.symbols_done) for row in bench.listed_gaps()] == [
        ("inside", 1, 1), ("beyond", 0, 0),
    ]  # fmt: skip
    bench.vendor.errors = {}
    bench.run(request("AAPL", "IBM"))
    assert [(row.id, row.state) for row in bench.listed_gaps()] == [("beyond", "open"), ("inside", "repaired")]


def given_up(bench: Bench, gap: Gap) -> None:
    bench.gaps.record([gap])
    bench.gaps.expand(gap, dict.fromkeys(gap.symbols or (), 7))
    for entry in [one for one in bench.gaps.entries(2**62, 9) if one.gap_id == gap.id]:
        bench.gaps.note([entry], GapState.UNREPAIRABLE, None, 0, "No.")


def test_a_gap_that_was_given_up_is_repaired_when_its_day_is_final(bench: Bench) -> None:
    given_up(bench, Gap("one", "*", ("AAPL", "IBM"), MINUTE, MINUTE + 3 * MINUTE_MS, GapReason.DROP, "", 5))
    assert [row.state for row in bench.listed_gaps()] == ["unrepairable"]
    bench.vendor.bars = [final(place) for place in (0, 1, 5)]
    bench.vendor.errors = {"IBM": VendorError("Still not.")}
    bench.run(request("AAPL", "IBM"))
    assert [(row.state, row.repaired_bars) for row in bench.listed_gaps()] == [("unrepairable", 2)]
    bench.vendor.errors = {}
    bench.run(request("AAPL", "IBM"))
    assert [(row.state, row.repaired_bars, row.closed_ms) for row in bench.listed_gaps()] == [("repaired", 2, NOW)]


def test_what_was_given_up_and_is_of_other_days_too_is_asked_about_again(bench: Bench) -> None:
    given_up(bench, Gap("two", "*", ("AAPL", "IBM"), MINUTE, MINUTE + 1440 * MINUTE_MS, GapReason.RESTART, "", 5))
    bench.vendor.errors = {"AAPL": VendorError("Still not.")}
    bench.run(request("AAPL"))
    assert bench.gaps.entries(2**62, 9) == []
    bench.vendor.errors = {}
    bench.run(request("AAPL", "IBM"))
    assert [(one.symbol, one.due_ms, one.attempts) for one in bench.gaps.entries(2**62, 9)] == [
        ("AAPL", NOW, 0), ("IBM", NOW, 0),
    ]  # fmt: skip


def test_minutes_that_cannot_be_right_are_left_as_they_are_and_their_symbol_is_named(
    bench: Bench, sqlite_database_url: str
) -> None:
    bench.submit([at(0), at(1, close=7.0), at(2)])
    bench.vendor.bars = [final(0), final(3)]
    bench.vendor.unusable = frozenset({MINUTE + MINUTE_MS})
    run = bench.run(request("AAPL"))
    assert run.failed == {"AAPL": "Of 1 minutes the vendor tells what cannot be right."}
    assert (run.added, run.differed, run.withdrawn, run.done) == (1, 0, 1, ())
    assert [(one.timestamp, one.close) for one in shown(sqlite_database_url)] == [
        (MINUTE, 150.25), (MINUTE + MINUTE_MS, 7.0), (MINUTE + 3 * MINUTE_MS, 150.25),
    ]  # fmt: skip
