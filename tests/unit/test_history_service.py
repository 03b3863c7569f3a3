"""Loads beside the feed: asked for, waiting for what is more urgent, interrupted, ended by somebody."""

import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest

from src.core.domain.market.history import Load, LoadState
from src.core.errors import ActionRefusedError, DatabaseUnavailableError
from src.core.ports import Job
from src.core.services.history_service import HistoryService
from tests.history_bench import HistoryBench
from tests.unit.test_history_loader import NOW, SETTLED
from tests.waiting import wait_for

D = dt.date
MakeService = Callable[..., HistoryService]


@pytest.fixture
def bench(sqlite_database_url: str) -> Iterator[HistoryBench]:
    bench = HistoryBench(sqlite_database_url, NOW)
    yield bench
    bench.close()


@pytest.fixture
def make(bench: HistoryBench) -> Iterator[MakeService]:
    made: list[HistoryService] = []

    def make_(urgent: Callable[[], bool] = lambda: False) -> HistoryService:
        made.append(HistoryService(bench.parts, bench.submit_days, urgent))
        return made[-1]

    yield make_
    for service in made:
        service.stop()


def job(load_id: str, symbols: str = "AB") -> Job:
    dates = {"from_date": "2025-10-01", "to_date": str(SETTLED)}
    return Job(load_id, "history.load", {"id": load_id, "timespan": "day", "symbols": list(symbols), **dates}, "ann")


def state(bench: HistoryBench, load_id: str) -> LoadState | None:
    load = bench.log.find(load_id)
    return None if load is None else load.state


def test_what_is_asked_for_is_loaded_one_after_the_other(bench: HistoryBench, make: MakeService) -> None:
    service = make()
    assert service.ask(job("one")) == "It will be loaded, when no gap waits to be repaired."
    assert service.ask(job("two", "BC")) == "It will be loaded after 1 others, when no gap waits to be repaired."
    assert state(bench, "two") is LoadState.WAITING
    service.start(bench.submit)
    wait_for(lambda: state(bench, "two") is LoadState.DONE)
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A", "B", "C"]
    one = bench.log.find("one")
    assert one is not None
    assert (one.actor, one.units_done, one.written) == ("ann", 4, 72)
    wait_for(lambda: service.snapshot()["state"] == "idle")
    assert service.snapshot() == {
        "state": "idle", "id": None, "done": 0, "total": 0, "per_minute": None, "waiting": 0,
    }  # fmt: skip


def test_it_waits_for_what_is_more_urgent_and_says_so(bench: HistoryBench, make: MakeService) -> None:
    urgent = threading.Event()
    urgent.set()
    service = make(urgent.is_set)
    service.ask(job("one"))
    service.start(bench.submit)
    wait_for(lambda: service.snapshot()["state"] == "waiting")
    wait_for(lambda: (bench.log.find("one") or Load).detail == "It waits while gaps are repaired.")
    assert bench.vendor.asked == []
    assert service.snapshot()["total"] == 4
    urgent.clear()
    wait_for(lambda: state(bench, "one") is LoadState.DONE)
    assert (bench.log.find("one") or Load).detail == ""


def test_what_a_stop_interrupts_goes_on_at_the_next_start(bench: HistoryBench, make: MakeService) -> None:
    first = make()
    bench.vendor.before_answer = first.close
    first.ask(job("one", "ABC"))
    first.ask(job("two", "D"))
    first.start(bench.submit)
    wait_for(lambda: bench.vendor.asked)
    first.stop()
    assert state(bench, "one") is LoadState.RUNNING
    bench.vendor.before_answer = lambda: None
    make().start(bench.submit)
    wait_for(lambda: state(bench, "two") is LoadState.DONE)
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A", "B", "C", "D"]


def test_a_load_can_be_ended_while_it_runs_or_waits(bench: HistoryBench, make: MakeService) -> None:
    service = make()
    ended = Job("j", "history.cancel", {"id": "one"}, "bob")

    def cancel() -> None:
        bench.vendor.before_answer = lambda: None
        assert service.cancel(ended) == "It is ended; what it has loaded stays."
        service.cancel(Job("k", "history.cancel", {"id": "two"}, "bob"))

    bench.vendor.before_answer = cancel
    service.ask(job("one", "ABC"))
    service.ask(job("two", "D"))
    service.start(bench.submit)
    wait_for(lambda: state(bench, "two") is LoadState.FAILED)
    assert [symbol for symbol, *_ in bench.vendor.asked] == ["A"]
    one = bench.log.find("one")
    assert one is not None
    assert (one.state, one.detail, one.units_done) == (LoadState.FAILED, "It was ended by bob.", 2)
    with pytest.raises(ActionRefusedError, match="no such load"):
        service.cancel(ended)


def test_nothing_is_taken_on_while_the_database_is_away(
    bench: HistoryBench, make: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(load: Load) -> None:
        raise DatabaseUnavailableError("It is away.")

    monkeypatch.setattr(bench.log, "begin", away)
    with pytest.raises(ActionRefusedError, match="It is away"):
        make().ask(job("one"))


def test_an_error_in_the_program_ends_a_load_and_not_the_others(bench: HistoryBench, make: MakeService) -> None:
    service = make()

    def fail() -> None:
        bench.vendor.before_answer = lambda: None
        raise ZeroDivisionError

    bench.vendor.before_answer = fail
    service.ask(job("one"))
    service.ask(job("two", "C"))
    service.start(bench.submit)
    wait_for(lambda: state(bench, "two") is LoadState.DONE)
    one = bench.log.find("one")
    assert one is not None
    assert (one.state, one.detail) == (
        LoadState.FAILED, "It ended by an error in the program, which its log tells of.",
    )  # fmt: skip
