"""Days are compared with the vendor's bars, the same on every database."""

import itertools
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from src.core.domain.market.bar import Bar, Tier
from src.core.domain.market.reconciliation import Run, RunState, date_bounds_ms
from src.core.domain.market.vendor_answer import MinuteAnswer
from src.core.errors import VendorUnavailableError
from src.infrastructure.database.engines import read_engine
from tests.bars import stored_bars
from tests.reconciling import DAY, NOW, Bench, Vendor, at, final, request, shown

_numbers = itertools.count()


def revision(url: str) -> int:
    engine = read_engine(url)
    with engine.connect() as connection:
        found: int = connection.execute(text("SELECT revision FROM write_state")).scalar_one()
    engine.dispose()
    return found


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    bench = Bench(database_url, Vendor(), NOW)
    yield bench
    bench.close()


# -- whatever is stored, whatever the vendor has ---------------------------------------------------------------------

_PLACES = st.dictionaries(st.integers(0, 7), st.tuples(st.integers(1, 2), st.integers(1, 2), st.booleans()))


def _bars(symbol: str, places: dict[int, tuple[int, int, bool]], tier: int, stamp: int) -> list[Bar]:
    return [
        at(place, symbol, close=float(close), volume=volume + 0.123456, tier=tier, observed_at=stamp, trade_count=5,
           withdrawn=flag and tier != Tier.FINAL, vwap=None if tier == Tier.LIVE else volume + 0.5)
        for place, (close, volume, flag) in places.items()
    ]  # fmt: skip


@given(_PLACES, _PLACES, _PLACES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_what_is_stored_becomes_what_the_vendor_has(bench: Bench, live: object, official: object, has: object) -> None:
    symbol = f"T{next(_numbers)}"
    stored = [*_bars(symbol, live, Tier.LIVE.value, 1), *_bars(symbol, official, Tier.OFFICIAL.value, 2)]  # type: ignore[arg-type]  # drawn
    bench.submit(stored)
    bench.vendor.bars = _bars(symbol, has, Tier.FINAL.value, NOW * 1000 + 10**9)  # type: ignore[arg-type]  # drawn
    assert bench.run(request(symbol)).state is RunState.DONE
    result = bench.minutes.bars_between(symbol, *date_bounds_ms(DAY))
    told = sorted(bench.vendor.bars, key=lambda one: one.timestamp)
    seen = [one for _, one in sorted(result.items()) if not one.withdrawn]
    assert [one.values[:9] for one in seen] == [one.values[:9] for one in told]
    again = bench.run(request(symbol))
    assert (again.bars, again.added, again.differed, again.withdrawn) == (len(result), 0, 0, 0)
    assert result == bench.minutes.bars_between(symbol, *date_bounds_ms(DAY))


# -- a run -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_difference_is_merged_and_counted(bench: Bench, database_url: str) -> None:
    bench.submit([
        at(0), at(1, close=9.0), at(2, tier=Tier.LIVE.value, partial=True, close=1.0), at(3),
        at(4, tier=Tier.LIVE.value), at(5, withdrawn=True), at(6, volume=7.0), at(7, "IBM"),
    ])  # fmt: skip
    bench.vendor.bars = [final(place) for place in (0, 1, 2, 5, 6, 8)]
    run = bench.run(request("AAPL"))
    assert (run.state, run.bars, run.added, run.differed, run.withdrawn) == (RunState.DONE, 8, 1, 4, 2)
    expected = [msgspec.structs.replace(one, observed_at=0) for one in bench.vendor.bars]
    assert shown(database_url) == [*expected, msgspec.structs.replace(at(7, "IBM"), observed_at=0)]


def test_a_second_run_writes_no_bar(bench: Bench, database_url: str) -> None:
    bench.submit([at(0), at(1)])
    bench.vendor.bars = [final(0), final(2, trade_count=3)]
    first = bench.run(request())
    assert (first.added, first.differed, first.withdrawn) == (1, 0, 1)
    before = revision(database_url), stored_bars(database_url)
    bench.vendor.bars = [msgspec.structs.replace(one, observed_at=one.observed_at + 10**6) for one in bench.vendor.bars]
    second = bench.run(request())
    assert (second.state, second.added, second.differed, second.withdrawn) == (RunState.DONE, 0, 0, 0)
    assert (revision(database_url), stored_bars(database_url)) == before


def test_without_names_all_that_is_listened_to_or_stored_that_day_is_compared(bench: Bench) -> None:
    bench.submit([at(0, "OLD"), at(-3 * 1440, "GONE")])
    bench.database.set_state("universe", {"key": "dow30", "symbols": ["AAPL", "IBM"], "unknown": []})
    run = bench.run(request())
    assert bench.vendor.asked == ["AAPL", "IBM", "OLD"]
    assert (run.total, run.done_count) == (3, 3)
    assert not bench.log.kept_symbols(*date_bounds_ms(DAY)).whole_market


def test_of_the_whole_market_every_known_symbol_is_compared(bench: Bench) -> None:
    bench.submit([at(-3 * 1440, "GONE")])
    bench.database.set_state("universe", {"key": "SYMBOLS", "symbols": ["*"], "unknown": []})
    kept = bench.log.kept_symbols(*date_bounds_ms(DAY))
    assert kept.whole_market
    assert {"GONE", "AAPL"} <= set(kept.symbols)


def test_an_interrupted_run_goes_on_where_it_was(bench: Bench, database_url: str) -> None:
    class Stops(Vendor):
        def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> MinuteAnswer:
            if symbol == "MSFT":
                bench.stopping.set()
                raise VendorUnavailableError("The program is stopping.")
            return super().minute_bars(symbol, from_ms, to_ms)

    bench.submit([at(0), at(0, "IBM"), at(0, "MSFT"), at(0, "SPY")])
    everything = [final(0), final(1), final(0, "IBM"), final(0, "MSFT"), final(0, "SPY", close=7.0)]
    bench.vendor = Stops(everything)
    run = bench.run(request())
    assert (run.state, run.done, run.failed) == (RunState.RUNNING, ("AAPL", "IBM"), {})
    assert bench.log.unfinished() == [run]
    bench.stopping.clear()
    bench.vendor = Vendor(everything)
    run = bench.run(request())
    assert bench.vendor.asked == ["MSFT", "SPY"]
    assert (run.state, run.total, run.done_count, run.added, run.differed) == (RunState.DONE, 4, 4, 1, 1)
    assert shown(database_url) == [msgspec.structs.replace(one, observed_at=0) for one in everything]
    assert bench.log.unfinished() == []


# -- the log of runs -------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_kept(bench: Bench) -> None:
    run = Run(
        "one", DAY, ("AAPL", "BRK.B"), "/a'b\"☃.csv.gz", RunState.FAILED, 5, 9, 7, 1, 2, 3, 4, ("AAPL",), 1,
        {"BRK.B": "It's \"no\"."}, "A sentence.",
    )  # fmt: skip
    bench.log.begin(run)
    assert bench.log.find("one") == run
    assert bench.log.find("1' OR '1'='1") is None
    bench.log.begin(msgspec.structs.replace(run, id="two"), ["one"])
    assert [one.id for one in bench.log.newest(9)] == ["two"]
    bench.log.save(msgspec.structs.replace(run, id="two", state=RunState.RUNNING, bars=8))
    assert [one.bars for one in bench.log.unfinished()] == [8]


def test_the_newest_runs_come_first_and_old_ones_are_forgotten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.infrastructure.database.reconciliation_store._KEPT", 3)
    for number in range(5):
        bench.log.begin(Run(str(number), DAY, None, None, RunState.DONE, number, 0))
    assert [one.id for one in bench.log.newest(9)] == ["4", "3", "2"]
    assert [one.id for one in bench.log.newest(2)] == ["4", "3"]


def test_a_day_is_unsettled_while_a_bar_of_it_is_not_final(bench: Bench) -> None:
    assert not bench.log.has_unsettled(*date_bounds_ms(DAY))
    bench.submit([at(1440), at(-1440), final(0)])
    assert not bench.log.has_unsettled(*date_bounds_ms(DAY))
    bench.submit([at(1)])
    assert bench.log.has_unsettled(*date_bounds_ms(DAY))
