"""When days are compared: asked for, interrupted, due; beside what is more urgent. On an SQLite file."""

import datetime as dt
from collections.abc import Callable, Iterator

import msgspec
import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.bar import Tier
from src.core.domain.market.gaps import Gap, GapReason, GapState
from src.core.domain.market.reconciliation import Run, RunState
from src.core.domain.market.session import SessionTable
from src.core.errors import ActionRefusedError, DatabaseUnavailableError, VendorError
from src.core.ports import Job
from src.core.services.reconciliation_service import ReconciliationService
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.data_sources.flat_files import FlatFiles
from src.infrastructure.database.reconciliation_store import DatabaseReconciliations
from tests.bars import MINUTE, stored_bars
from tests.reconciling import DAY, NOW, Bench, Vendor, at, final
from tests.waiting import wait_for

CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
# 2025-11-21 11:05 New York: from then on Thursday is due.
DUE = MINUTE - 9 * 3_600_000 - 1_800_000 + 86_400_000 + 11 * 3_600_000 + 5 * 60_000
ONE_DAY = 86_400_000

MakeService = Callable[..., ReconciliationService]


@pytest.fixture
def bench(sqlite_database_url: str) -> Iterator[Bench]:
    bench = Bench(sqlite_database_url, Vendor([final(0), final(1)]), NOW)
    yield bench
    bench.close()


@pytest.fixture
def make(bench: Bench) -> Iterator[MakeService]:
    made: list[ReconciliationService] = []

    def make_(
        calendar: SessionTable | None = CALENDAR, urgent: Callable[[], bool] = lambda: False, lag_ms: int = 0
    ) -> object:
        means = (bench.reconciler, bench.log, FlatFiles(), calendar, bench.clock)
        made.append(ReconciliationService(*means, lambda: lag_ms, urgent))
        return made[-1]

    yield make_  # type: ignore[misc]  # it is what is said
    for service in made:
        service.stop()


def job(date: dt.date = DAY, symbols: list[str] | None = None, file: str | None = None, job_id: str = "job") -> Job:
    return Job(job_id, "reconcile", {"date": date.isoformat(), "symbols": symbols, "file": file}, "admin")


def done(bench: Bench) -> list[Run]:
    return [run for run in bench.log.newest(9) if run.state is RunState.DONE]


def test_a_day_is_compared_by_itself_once_it_is_11_05(
    bench: Bench, make: MakeService, sqlite_database_url: str
) -> None:
    bench.submit([at(0, close=9.0)])
    bench.clock.ms = DUE - 1
    service = make()
    service.start(bench.submit)
    wait_for(lambda: len(bench.clock.waits) > 3)
    assert bench.vendor.asked == []
    bench.clock.ms = DUE
    wait_for(lambda: done(bench))
    assert {one.tier for one in stored_bars(sqlite_database_url)} == {Tier.FINAL}
    wait_for(lambda: service.snapshot()["state"] == "idle")
    assert service.snapshot() == {
        "state": "idle", "date": None, "done": 0, "total": 0,
        "last": {
            "date": "2025-11-20", "state": "done", "bars": 2, "added": 1, "differed": 1, "withdrawn": 0, "failed": 0,
            "finished_at": DUE,
        },
    }  # fmt: skip
    bench.clock.waits.clear()
    wait_for(lambda: len(bench.clock.waits) > 3)
    assert bench.vendor.asked == ["AAPL"]


def test_days_are_over_by_the_feeds_time(bench: Bench, make: MakeService) -> None:
    bench.submit([at(0)])
    bench.clock.ms = DUE + 500 * ONE_DAY
    make(lag_ms=500 * ONE_DAY).start(bench.submit)
    wait_for(lambda: done(bench))
    assert done(bench)[0].date == DAY


def test_days_of_before_are_compared_too_the_newest_first(bench: Bench, make: MakeService) -> None:
    # Thursday, Wednesday; Friday of the week before, which is the fifth; and the day before that.
    bench.submit([at(0), at(-1440, "WED"), at(-6 * 1440, "FRI"), at(-7 * 1440, "OLD")])
    bench.clock.ms = DUE
    make().start(bench.submit)
    wait_for(lambda: len(done(bench)) == 3)
    bench.clock.waits.clear()
    wait_for(lambda: len(bench.clock.waits) > 3)
    assert bench.vendor.asked == ["AAPL", "WED", "FRI"]


def test_a_day_whose_bars_are_final_is_not_asked_for(bench: Bench, make: MakeService) -> None:
    bench.submit([final(0)])
    make().start(bench.submit)
    wait_for(lambda: len(bench.clock.waits) > 3)
    assert bench.vendor.asked == []


def test_a_day_of_which_nothing_was_heard_is_compared_where_its_gap_was_given_up(
    bench: Bench, make: MakeService, sqlite_database_url: str
) -> None:
    bench.database.set_state("universe", {"key": "SYMBOLS", "symbols": ["AAPL"], "unknown": []})
    service = make()
    service.start(bench.submit)
    wait_for(lambda: len(bench.clock.waits) > 3)
    assert bench.vendor.asked == []
    gap = Gap("one", "*", ("AAPL",), MINUTE, MINUTE + 60_000, GapReason.RESTART, "", 5)
    bench.gaps.record([gap])
    bench.gaps.expand(gap, {"AAPL": 7})
    bench.gaps.note(bench.gaps.entries(7, 1), GapState.UNREPAIRABLE, None, 0, "No.")
    wait_for(lambda: done(bench))
    assert [row.state for row in bench.listed_gaps()] == ["repaired"]
    assert [one.tier for one in stored_bars(sqlite_database_url)] == [Tier.FINAL, Tier.FINAL]


def test_where_every_day_trades_a_saturday_is_compared(bench: Bench, make: MakeService) -> None:
    bench.submit([at(2 * 1440)])
    bench.clock.ms = DUE + 2 * ONE_DAY
    make(None).start(bench.submit)
    wait_for(lambda: done(bench))
    assert done(bench)[0].date == dt.date(2025, 11, 22)


def test_outside_of_the_calendar_nothing_is_compared(
    bench: Bench, make: MakeService, caplog: pytest.LogCaptureFixture
) -> None:
    bench.clock.ms = NOW + 20 * 365 * ONE_DAY
    make().start(bench.submit)
    wait_for(lambda: "No day is compared of its own accord. The trading calendar covers" in caplog.text)


def test_symbols_that_failed_are_tried_again_an_hour_later(bench: Bench, make: MakeService) -> None:
    bench.submit([at(0), at(0, "IBM")])
    bench.vendor.errors = {"IBM": VendorError("No.")}
    service = make()
    service.start(bench.submit)
    wait_for(lambda: [run.failed for run in bench.log.newest(9)] == [{"IBM": "No."}])
    wait_for(lambda: service.snapshot()["state"] == "idle")
    bench.clock.waits.clear()
    wait_for(lambda: len(bench.clock.waits) > 3)
    bench.vendor.errors = {}
    bench.vendor.bars.append(final(0, "IBM"))
    bench.clock.ms += 3_600_000
    wait_for(lambda: done(bench))
    assert bench.vendor.asked == ["AAPL", "IBM", "IBM"]


def test_what_was_interrupted_goes_on_at_the_start(bench: Bench, make: MakeService) -> None:
    bench.submit([at(0), at(0, "IBM")])
    begun = Run("begun", DAY, ("AAPL", "IBM"), None, RunState.RUNNING, NOW - 60_000, 2, done=("AAPL",), done_count=1)
    bench.log.begin(begun)
    make().start(bench.submit)
    wait_for(lambda: [run.id for run in done(bench)][-1:] == ["begun"])
    assert bench.vendor.asked[0] == "IBM"
    wait_for(lambda: bench.log.unfinished() == [])  # the whole day, of its own accord, follows


def test_what_was_found_last_is_known_after_a_restart(bench: Bench, make: MakeService) -> None:
    bench.log.begin(Run("one", DAY, None, None, RunState.FAILED, DUE, 2, NOW - 1, 9, failed={"IBM": "No."}))
    bench.log.begin(Run("two", DAY, ("AAPL",), None, RunState.WAITING, NOW, 0))
    service = make()
    bench.vendor.errors = {"AAPL": VendorError("No.")}
    service._recall()
    last = service.snapshot()["last"]
    assert (last["state"], last["bars"], last["failed"]) == ("failed", 9, 1)


def test_what_was_interrupted_before_the_answers_were_final_is_begun_anew(bench: Bench, make: MakeService) -> None:
    bench.submit([at(0), at(0, "IBM")])
    begun = Run("begun", DAY, None, None, RunState.RUNNING, DUE - ONE_DAY // 2, 2, done=("AAPL",), done_count=1)
    bench.log.begin(begun)
    make().start(bench.submit)
    wait_for(lambda: len(done(bench)) == 1)
    assert sorted(set(bench.vendor.asked)) == ["AAPL", "IBM"]
    assert bench.log.unfinished() == []


def test_what_is_asked_for_is_compared_with_the_jobs_id(bench: Bench, make: MakeService) -> None:
    bench.submit([final(0)])
    service = make()
    service.start(bench.submit)
    assert service.ask(job(symbols=["AAPL"])) == "2025-11-20 will be compared."
    wait_for(lambda: done(bench))
    assert bench.log.find("job") == done(bench)[0]
    assert done(bench)[0].symbols == ("AAPL",)


def test_days_that_are_asked_for_wait_for_each_other(bench: Bench, make: MakeService) -> None:
    service = make()
    service.ask(job(job_id="one"))
    assert service.ask(job(job_id="two")) == "2025-11-20 will be compared after 1 others."
    for number in range(98):
        service.ask(job(job_id=str(number)))
    with pytest.raises(ActionRefusedError, match="100 days wait to be compared already"):
        service.ask(job(job_id="more"))


def test_what_waits_survives_a_stop(bench: Bench, make: MakeService) -> None:
    bench.submit([final(0)])
    before = make()
    before.ask(job(symbols=["AAPL"], job_id="one"))
    before.ask(job(symbols=["AAPL"], job_id="two"))
    before.stop()
    make().start(bench.submit)
    wait_for(lambda: {run.id for run in done(bench)} == {"one", "two"})


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (job(dt.date(2025, 11, 24)), "2025-11-24 is not over"),
        (job(dt.date(2025, 11, 16)), "Nothing trades on 2025-11-16"),
        (job(dt.date(1999, 11, 16)), "The trading calendar covers"),
        (job(file="/nowhere/day.csv.gz"), "The process that ingests says: /nowhere/day.csv.gz cannot be read"),
    ],
)
def test_what_cannot_be_compared_is_refused(make: MakeService, asked: Job, reason: str) -> None:
    with pytest.raises(ActionRefusedError, match=reason):
        make().ask(asked)


def test_repairs_come_before_what_is_done_of_its_own_accord_but_not_before_what_is_asked_for(
    bench: Bench, make: MakeService
) -> None:
    bench.submit([at(0)])
    urgent = [True]
    service = make(CALENDAR, lambda: bool(urgent))
    service.start(bench.submit)
    wait_for(lambda: service.snapshot()["state"] == "waiting")
    assert bench.vendor.asked == []
    urgent.clear()
    wait_for(lambda: done(bench))
    urgent.append(True)
    service.ask(job(symbols=["AAPL"]))
    wait_for(lambda: len(done(bench)) == 2)


def test_a_stop_ends_the_thread_and_keeps_the_run(bench: Bench, make: MakeService) -> None:
    bench.submit([at(0)])
    service = make(CALENDAR, lambda: True)
    service.start(bench.submit)
    wait_for(lambda: service.snapshot()["state"] == "waiting")
    service.stop()
    assert [run.state for run in bench.log.newest(9)] == [RunState.RUNNING]


def test_a_database_that_is_away_at_the_start_loses_nothing_that_is_asked_for(
    bench: Bench, make: MakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away_thrice(log: DatabaseReconciliations, date: dt.date) -> list[Run]:
        asked.append(date)
        if len(asked) < 4:
            raise DatabaseUnavailableError("Away.")
        return []

    monkeypatch.setattr(DatabaseReconciliations, "of_date", away_thrice)
    service = make()
    service.start(bench.submit)
    service.ask(job(symbols=["AAPL"]))
    wait_for(lambda: bench.log.find("job") is not None and done(bench))


def test_an_error_of_the_program_ends_neither_the_thread_nor_what_comes_after(
    bench: Bench, make: MakeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = make()
    monkeypatch.setattr(bench.vendor, "bars", None)
    service.ask(job(symbols=["AAPL"], job_id="bad"))
    service.start(bench.submit)
    wait_for(lambda: "A day could not be compared." in caplog.text)
    bench.vendor.bars = [final(0)]
    service.ask(job(symbols=["IBM"], job_id="good"))
    wait_for(lambda: [run.id for run in done(bench)] == ["good"])
    assert msgspec.structs.asdict(done(bench)[0])["done_count"] == 1
