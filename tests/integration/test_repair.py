"""Gaps are repaired from the simulator's REST side: hours of a market in seconds."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.bar import MINUTE_MS, Bar, Tier
from src.core.domain.market.gaps import GapReason, GapState
from src.core.errors import KeyRefusedError
from src.core.services import repair_scope
from src.core.services.repair_service import RepairService
from src.simulator.habits import RestHabits
from src.simulator.history import MarketHistory
from src.simulator.market import SyntheticMarket
from src.simulator.rate_limit import Rate
from tests.bars import bar, stored_bars
from tests.integration.repair_bench import NOW, SYMBOLS, UNIVERSE, Bench, NotedRest
from tests.scripted_vendor import Vendor
from tests.waiting import wait_for

MakeBench = Callable[..., Bench]
_FEW = SYMBOLS[:6]
_DAY_MIN = 1440
_FROZEN = 1e-6  # a speed at which time passes by jumps alone
_SLOW = 0.2


@pytest.fixture
def make_bench(sqlite_database_url: str) -> Iterator[MakeBench]:
    benches: list[Bench] = []

    def make(url: str = sqlite_database_url, **choices: Any) -> Bench:
        benches.append(Bench(url, **choices))
        benches[-1].server.start()
        return benches[-1]

    yield make
    for bench in benches:
        bench.server.stop()
        bench.close()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


def test_a_queue_of_gaps_on_the_free_plan_is_worked_off_within_its_limit(
    make_bench: MakeBench, database_url: str
) -> None:
    bench = make_bench(database_url, rate=Rate(5, 60), speed=600.0)
    bench.rate = RequestRate(5, 60)
    bench.gap(-10, -4)
    bench.gap(-3, -1, SYMBOLS[:3])
    with bench.running() as repair:
        gaps = bench.repaired(repair)
        told = repair.snapshot()
    assert bench.exact(-30, -4) > 300
    assert bench.exact(-30, -1, SYMBOLS[:3]) > 50
    assert {(gap.state, gap.symbols_total, gap.symbols_done) for gap in gaps} == {
        (GapState.REPAIRED, 3, 3),
        (GapState.REPAIRED, 20, 20),
    }
    assert sum(gap.repaired_bars for gap in gaps) == told["repaired_bars"] >= len(stored_bars(database_url))
    assert 20 < len(bench.rest.asked) == told["asked"] <= 43  # young minutes twice, all of a symbol's gaps at once
    times_ms = sorted(bench.rest.asked_ms)
    assert all(later - earlier >= 60_000 for earlier, later in zip(times_ms, times_ms[5:], strict=False))
    assert (told["state"], told["empty_at"], told["now"]) == ("idle", None, None)


def test_a_restart_goes_on_where_it_was_and_asks_nothing_twice(make_bench: MakeBench) -> None:
    bench = make_bench(speed=1.0)
    bench.gap(-120, -60)
    bench.rate = RequestRate(5, 60)
    with bench.running() as repair:
        wait_for(lambda: bench.gaps.counts().symbols == 15)
        told = repair.snapshot()
        assert told["state"] == "asking"
        assert told["open_gaps"] == 1
        assert told["waiting_symbols"] == 15
        assert 3 * MINUTE_MS < told["empty_at"] - NOW < 5 * MINUTE_MS
    before = bench.rest.symbols
    bench.rate = RequestRate(100, 1)
    with bench.running() as repair:
        (gap,) = bench.repaired(repair)
    assert sorted(before + bench.rest.symbols) == sorted(SYMBOLS)
    assert bench.exact(-140, -60) == gap.repaired_bars > 500


def test_the_most_traded_come_first_and_hints_last(make_bench: MakeBench) -> None:
    bench = make_bench()
    dollars = {symbol: float(1 + 7 * place % 20) for place, symbol in enumerate(SYMBOLS)}
    bench.database.merge([bar(symbol, NOW - 240 * MINUTE_MS, 1.5, dollars[symbol]) for symbol in SYMBOLS])
    liquid = max(SYMBOLS, key=lambda symbol: dollars[symbol])
    bench.gap(-60, -60, [liquid], GapReason.SUSPECT)
    bench.gap(-90, -60, SYMBOLS[:2], GapReason.HISTORY)
    bench.gap(-120, -110, [symbol for symbol in SYMBOLS[2:] if symbol != liquid])
    with bench.running() as repair:
        bench.repaired(repair)
    by_dollars = sorted(SYMBOLS, key=lambda symbol: -dollars[symbol])
    holes = [symbol for symbol in by_dollars if symbol not in (*SYMBOLS[:2], liquid)]
    history = [symbol for symbol in by_dollars if symbol in SYMBOLS[:2]]
    assert bench.rest.symbols == [*holes, *history, liquid]


def test_a_vendor_that_wants_patience_is_left_alone_and_everything_is_repaired(make_bench: MakeBench) -> None:
    bench = make_bench(rate=Rate(6, 60), speed=_SLOW)
    bench.gap(-120, -110)
    with bench.running() as repair:
        wait_for(lambda: "It asks for patience." in repair.snapshot()["words"])
        bench.repaired(repair)
    assert bench.exact(-140, -110) > 300
    assert sorted(bench.rest.symbols) == sorted(SYMBOLS)


def test_a_vendor_that_lags_is_asked_again_until_it_does_not(make_bench: MakeBench) -> None:
    bench = make_bench(habits=RestHabits(lag_s=600.0))
    bench.gap(-3, 0, _FEW)
    with bench.running() as repair:
        bench.repaired(repair)
    assert bench.exact(-23, 0, _FEW) > 100
    assert len(_FEW) < len(bench.rest.asked) <= len(_FEW) * 4


def test_history_is_asked_for_at_once_and_the_forming_minute_is_not_taken(make_bench: MakeBench) -> None:
    bench = make_bench(speed=_SLOW)
    bench.clock.jump(5_000)
    bench.gap(-600, 0, SYMBOLS[:3], GapReason.HISTORY)
    with bench.running() as repair:
        wait_for(lambda: repair.snapshot()["asked"] == 3)
        assert NOW in bench.official("AAPL", 0, 0)
        assert not [one for one in stored_bars(bench.url) if one.timestamp == NOW]
        bench.repaired(repair)
    assert bench.exact(-600, 0, SYMBOLS[:3]) > 1000
    assert [to_ms - from_ms for _, from_ms, to_ms in bench.rest.asked[3:]] == [25 * MINUTE_MS] * 3


def test_what_the_vendor_corrected_or_took_back_is_corrected_and_withdrawn(make_bench: MakeBench) -> None:
    bench = make_bench(habits=RestHabits(contradict=0.2, cancel=0.2))
    from_min, to_min = -3 * _DAY_MIN, -3 * _DAY_MIN + 60
    bench.database.merge(told_by_the_feed(from_min - 20, to_min))
    bench.gap(from_min, to_min, _FEW)
    with bench.running() as repair:
        (gap,) = bench.repaired(repair)
    assert bench.exact(from_min - 20, to_min, _FEW) > 300
    withdrawn = [one for one in stored_bars(bench.url) if one.withdrawn]
    assert 30 < len(withdrawn) < gap.repaired_bars


def told_by_the_feed(from_min: int, to_min: int) -> list[Bar]:
    """Every minute as the feed told it: without what the vendor changed later."""
    history = MarketHistory(SyntheticMarket(7, UNIVERSE))
    bounds = (NOW + from_min * MINUTE_MS, NOW + to_min * MINUTE_MS)
    bars = []
    for symbol in _FEW:
        for start_ms, element in history.minutes(symbol, *bounds, NOW, ascending=True):
            told = msgspec.json.decode(element)
            prices = [told[key] for key in "ohlc"]
            bars.append(Bar(symbol, start_ms, *prices, told["v"], told["vw"], None, Tier.OFFICIAL, 1))
    return bars


def test_minutes_just_before_a_drop_are_looked_at_once_more(make_bench: MakeBench) -> None:
    bench = make_bench()
    late = told_by_the_feed(-30, -1)
    bench.database.merge([msgspec.structs.replace(one, volume=one.volume + 1) for one in late])
    bench.gap(-10, -1, _FEW)
    with bench.running() as repair:
        bench.repaired(repair)
    assert bench.exact(-30, -1, _FEW) == len(late)


def test_a_gap_that_grows_is_said_to(make_bench: MakeBench) -> None:
    bench = make_bench(speed=_SLOW)
    bench.gaps.record([bench.gap(-20, -10, _FEW)._replace(to_ms=None)])
    with bench.running() as repair:
        wait_for(lambda: repair.snapshot()["open_gaps"] == 1)
        assert "still grows" in repair.snapshot()["words"]


def test_a_clock_that_was_days_ahead_for_a_while_holds_up_no_repair(make_bench: MakeBench) -> None:
    bench = make_bench(speed=_SLOW)
    gap = bench.gap(-120, -60, _FEW)
    bench.gaps.expand(gap, dict.fromkeys(_FEW, NOW + 2 * _DAY_MIN * MINUTE_MS))
    with bench.running():
        wait_for(lambda: not bench.gaps.counts().open_gaps)
    assert bench.exact(-140, -60, _FEW) > 300


_FOREIGN = {"results": [], "next_url": "http://127.0.0.2:1/v2/steal-the-key"}
_CIRCLE = {"results": [], "next_url": "/v2/circle"}


def is_asked(bench: Bench, repair: RepairService, times: int) -> bool:
    """Whether the newest gap was asked about so often. The repair looks at the time anew: the clock may have jumped
    after it looked, and before it began to wait."""
    repair._news.set()
    return bench.reader.listed(1)[0].attempts == times


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"{", "cannot be read"),
        (200, _FOREIGN, "another host"),
        (200, _CIRCLE, "run in a circle"),
        (404, b"{}", "refused the request"),
    ],
)
def test_answers_that_cannot_be_used_are_asked_for_again_and_given_up_after_a_day(
    make_bench: MakeBench, vendor: Vendor, status: int, body: Any, says: str
) -> None:
    bench = make_bench(speed=_FROZEN)
    bench.base_url = vendor.url
    vendor.script = [(status, {}, body)]
    opened = bench.gap(-120, -60, ["AAPL"])
    moments_min: list[int] = []
    with bench.running() as repair:
        while not moments_min or bench.gaps.counts().open_gaps:
            moments_min.append((bench.clock.now_ms() - NOW) // MINUTE_MS)
            wait_for(lambda: is_asked(bench, repair, len(moments_min)))
            bench.clock.jump_to(bench.gaps.counts().next_due_ms or 0)
    assert moments_min == [0, 1, 5, 16, *range(60, _DAY_MIN + 1, 60)]
    (gap,) = bench.reader.listed(9)
    assert (gap.state, says in (gap.trouble or "")) == (GapState.UNREPAIRABLE, True)
    bench.base_url = ""
    bench.gaps.ask_again(opened.id, bench.clock.now_ms())
    with bench.running() as repair:
        bench.repaired(repair)
    assert bench.exact(-140, -60, ["AAPL"]) == 81


def test_an_empty_answer_takes_nothing_back_until_it_comes_again(make_bench: MakeBench, vendor: Vendor) -> None:
    bench = make_bench(speed=_SLOW)
    bench.base_url = vendor.url
    from_min = -3 * _DAY_MIN
    bench.database.merge([one for one in told_by_the_feed(from_min, from_min + 9) if one.symbol == "AAPL"])
    vendor.script = [(200, {}, {})]
    bench.gap(from_min, from_min + 9, ["AAPL"])
    with bench.running() as repair:
        for asked in (1, 2):
            wait_for(lambda asked=asked: bench.reader.listed(1)[0].attempts == asked)
            assert not any(one.withdrawn for one in stored_bars(bench.url))
            assert "without any bar, and 10 are stored" in repair.snapshot()["last_error"]
            wait_for(lambda: "asked about again. AAPL: The vendor answered without" in repair.snapshot()["words"])
            bench.clock.jump_to(bench.gaps.counts().next_due_ms or 0)
        (gap,) = bench.repaired(repair)
    assert gap.repaired_bars == 10
    assert all(one.withdrawn for one in stored_bars(bench.url))


def test_a_refused_key_stops_the_asking_until_a_person_wants_it(make_bench: MakeBench) -> None:
    bench = make_bench(key="another", speed=_SLOW)
    bench.gap(-120, -60)
    with bench.running() as repair:
        wait_for(lambda: repair.snapshot()["state"] == "refused")
        assert "Unknown API Key" in repair.snapshot()["words"]
        assert repair.is_urgent()
        answered = bench.server._rest._count
        bench.clock.jump(14 * MINUTE_MS)
        repair.wake()
        wait_for(lambda: bench.server._rest._count == answered + 1)
        wait_for(lambda: repair.snapshot()["state"] == "refused")
        # Minute by minute: what is awaited may begin to be so only now.
        wait_for(lambda: bench.clock.jump(MINUTE_MS) or bench.server._rest._count > answered + 1)
    assert bench.gaps.counts().symbols == 20


def test_a_symbol_that_the_plan_lacks_does_not_hold_up_the_others(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(speed=600.0)
    granted = NotedRest.minute_bars

    def minute_bars(self: NotedRest, symbol: str, from_ms: int, to_ms: int) -> Any:
        if symbol == "AAPL":
            raise KeyRefusedError("The vendor refuses the key (403, NOT_AUTHORIZED).")
        return granted(self, symbol, from_ms, to_ms)

    monkeypatch.setattr(NotedRest, "minute_bars", minute_bars)
    bench.gap(-120, -60)
    with bench.running():
        wait_for(lambda: bench.gaps.counts().symbols == 1)
        wait_for(lambda: "Other symbols are granted" in (bench.reader.listed(1)[0].trouble or ""))


def test_a_vendor_that_is_away_is_asked_again_and_nothing_is_given_up(make_bench: MakeBench, vendor: Vendor) -> None:
    bench = make_bench(speed=600.0)
    bench.base_url = vendor.url
    vendor.script = [(503, {}, b"")]
    bench.gap(-120, -60, SYMBOLS[:2])
    with bench.running() as repair:
        wait_for(lambda: repair.snapshot()["state"] == "paused" and len(vendor.asked) > 8)
        assert "503" in repair.snapshot()["last_error"]
        assert {path.split("/")[4] for path, _ in vendor.asked} == set(SYMBOLS[:2])
        assert bench.gaps.counts().symbols == 2
        wait_for(repair.is_urgent)
        held_back = [("paused", False)] * 2  # in the moment between two attempts it is not urgent either
        wait_for(lambda: [(repair.snapshot()["state"], repair.is_urgent()) for _ in held_back] == held_back)
        vendor.script.append((200, {}, {}))
        bench.repaired(repair)


def volumes_at(bench: Bench, symbols: tuple[str, ...]) -> dict[str, float]:
    """The day's volume of these symbols now."""
    found = [msgspec.json.decode(one) for one in bench.source.history.snapshot(symbols, bench.clock.now_ms())]
    return {one["ticker"]: one["day"]["v"] for one in found}


def test_of_a_wide_gap_only_symbols_whose_days_volume_moved_are_asked_for(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair_scope, "WIDE", 5)
    bench = make_bench(speed=_FROZEN)
    bench.volumes = {**volumes_at(bench, SYMBOLS), "AAPL": 1.0, "MSFT": 1.0}
    bench.gap(-120, -60, None)
    with bench.running(("*",)) as repair:
        (gap,) = bench.repaired(repair)
    assert sorted(bench.rest.symbols) == ["AAPL", "MSFT"]
    assert gap.symbols_total == 2
    assert bench.exact(-140, -60, ("AAPL", "MSFT")) > 100


def test_a_snapshot_is_believed_when_it_has_settled(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair_scope, "WIDE", 5)
    bench = make_bench(speed=_FROZEN)
    bench.volumes = {**volumes_at(bench, SYMBOLS), "AAPL": 1.0, "MSFT": 1.0}
    bench.gap(-10, -2)
    with bench.running() as repair:
        wait_for(lambda: repair.snapshot()["asked"] == 2)
        bench.repaired(repair)  # by then all have traded, so all are asked for
    assert sorted(bench.rest.symbols[:2]) == ["AAPL", "MSFT"]
    assert sorted(bench.rest.symbols[2:]) == sorted(SYMBOLS)
    assert bench.exact(-30, -2) > 300


def test_without_a_snapshot_everybody_is_asked_for(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: NotedRest) -> Any:
        raise KeyRefusedError("Your plan has no snapshot.")

    monkeypatch.setattr(repair_scope, "WIDE", 5)
    monkeypatch.setattr(NotedRest, "snapshot", refuse)
    bench = make_bench()
    bench.gap(-120, -60, None)
    with bench.running() as repair:
        bench.repaired(repair)
    assert sorted(bench.rest.symbols) == sorted(SYMBOLS)


def test_who_is_not_in_the_snapshot_is_asked_for(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair_scope, "WIDE", 5)
    monkeypatch.setattr(NotedRest, "snapshot", lambda _: {})  # as it is told in the place of an error
    bench = make_bench()
    bench.gap(-120, -60)
    with bench.running() as repair:
        bench.repaired(repair)
    assert bench.exact(-140, -60) > 500
