"""Which days are due, which run goes on, and what is said of one."""

import datetime as dt

import msgspec
import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.comparison import Comparison
from src.core.domain.market.reconciliation import (
    Request,
    Run,
    RunState,
    check_date,
    date_bounds_ms,
    due_dates,
    is_settled,
    words,
)
from src.core.domain.market.session import CalendarRangeError
from src.core.errors import ActionRefusedError
from src.infrastructure.calendar.session_table import load_session_table
from src.simulator.newyork import NEW_YORK
from tests.bars import bar

CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
THURSDAY = dt.date(2025, 11, 20)
REQUEST = Request("new", THURSDAY, None, None)


def at(text: str) -> int:
    """A New York time as epoch ms."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1000)


def run(state: RunState = RunState.RUNNING, **values: object) -> Run:
    return msgspec.structs.replace(Run("run", THURSDAY, None, None, state, at("2025-11-21 11:05"), 3), **values)  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize(
    ("date", "hours"), [(dt.date(2025, 3, 9), 23), (THURSDAY, 24), (dt.date(2025, 11, 2), 25)], ids=str
)
def test_a_date_has_all_its_minutes_on_days_of_clock_changes_too(date: dt.date, hours: int) -> None:
    first_ms, last_ms = date_bounds_ms(date)
    assert first_ms == at(f"{date} 00:00")
    assert last_ms - first_ms == hours * 3_600_000 - 60_000


def test_a_day_is_due_from_11_05_on_the_next_calendar_day() -> None:
    before = [dt.date(2025, 11, day) for day in (19, 18, 17, 14, 13)]
    assert due_dates(at("2025-11-21 11:04"), CALENDAR) == before
    assert due_dates(at("2025-11-21 11:05"), CALENDAR) == [THURSDAY, *before[:4]]


def test_a_friday_is_due_on_saturday_and_holidays_never() -> None:
    # Thanksgiving was on Thursday the 27th; Friday closed early.
    assert due_dates(at("2025-11-29 11:05"), CALENDAR)[:2] == [dt.date(2025, 11, 28), dt.date(2025, 11, 26)]
    assert due_dates(at("2025-12-01 03:00"), CALENDAR)[0] == dt.date(2025, 11, 28)


def test_11_05_is_of_new_yorks_clock_when_it_changes() -> None:
    assert due_dates(at("2025-03-10 11:05"), None)[0] == dt.date(2025, 3, 9)
    assert due_dates(at("2025-03-10 11:04"), None)[0] == dt.date(2025, 3, 8)


def test_without_a_calendar_every_day_is_due() -> None:
    assert due_dates(at("2025-11-24 12:00"), None) == [dt.date(2025, 11, day) for day in (23, 22, 21, 20, 19)]


def test_outside_of_the_calendar_no_day_is_guessed() -> None:
    with pytest.raises(CalendarRangeError):
        due_dates(at("2031-01-02 12:00"), CALENDAR)


@pytest.mark.parametrize(
    ("date", "settled"),
    [("2025-11-20", "2025-11-20 20:20"), ("2025-11-28", "2025-11-28 17:20"), ("2025-03-10", "2025-03-10 20:20")],
)
def test_a_day_can_be_compared_20_minutes_after_its_post_market(date: str, settled: str) -> None:
    check_date(dt.date.fromisoformat(date), at(settled), CALENDAR)
    with pytest.raises(ActionRefusedError, match=f"{date} is not over: it can be compared from {settled} New York on"):
        check_date(dt.date.fromisoformat(date), at(settled) - 1, CALENDAR)


def test_a_day_without_trades_is_refused_but_where_every_day_trades() -> None:
    for date in (dt.date(2025, 11, 22), dt.date(2025, 11, 27)):
        with pytest.raises(ActionRefusedError, match="Nothing trades"):
            check_date(date, at("2025-12-01 12:00"), CALENDAR)
        check_date(date, at("2025-12-01 12:00"), None)
    with pytest.raises(ActionRefusedError, match="is not over"):
        check_date(THURSDAY, at("2025-11-20 23:59"), None)


def test_a_run_goes_on_when_the_same_is_asked_for_and_it_was_not_done() -> None:
    now_ms = at("2025-11-22 09:00")
    assert run().continues(REQUEST, now_ms)
    assert run(RunState.FAILED).continues(REQUEST, now_ms)
    assert not run(RunState.DONE).continues(REQUEST, now_ms)
    for other in ({"date": dt.date(2025, 11, 19)}, {"symbols": ("AAPL",)}, {"file": "/day.csv.gz"}):
        assert not run().continues(REQUEST._replace(**other), now_ms)  # type: ignore[arg-type]  # as named


def test_what_was_compared_before_the_answers_were_final_is_compared_anew() -> None:
    early = run(started_ms=at("2025-11-20 21:00"))
    assert early.continues(REQUEST, at("2025-11-21 10:59"))
    assert not early.continues(REQUEST, at("2025-11-21 11:00"))
    of_file = run(started_ms=at("2025-11-20 21:00"), file="/day.csv.gz")
    assert of_file.continues(REQUEST._replace(file="/day.csv.gz"), at("2025-11-21 11:00"))


def test_a_day_is_settled_by_a_final_run_of_all_symbols() -> None:
    now_ms = at("2025-11-22 09:00")
    assert is_settled(run(RunState.DONE), now_ms)
    assert is_settled(run(RunState.DONE, started_ms=at("2025-11-20 21:00"), file="/day.csv.gz"), now_ms)
    assert not is_settled(run(RunState.DONE, started_ms=at("2025-11-20 21:00")), now_ms)
    assert not is_settled(run(RunState.DONE, symbols=("AAPL",)), now_ms)
    assert not is_settled(run(), now_ms)


def test_what_failed_is_tried_again_an_hour_later() -> None:
    failed = run(RunState.FAILED, finished_ms=at("2025-11-21 12:00"))
    assert is_settled(failed, at("2025-11-21 12:59"))
    assert not is_settled(failed, at("2025-11-21 13:00"))


def test_what_failed_is_asked_for_again_with_what_is_left_and_done_symbols_are_not() -> None:
    found = Comparison([bar()], [bar(), bar()], [], [bar()])
    ended = run().with_found(390, found).with_symbol("AAPL").with_failure("IBM", "No.").ended(5)
    assert (ended.state, ended.finished_ms, ended.done) == (RunState.FAILED, 5, ("AAPL",))
    again = ended.going_on(REQUEST)
    assert (again.id, again.state, again.done, again.failed) == ("new", RunState.RUNNING, ("AAPL",), {})
    done = again.with_found(10, Comparison([], [], [bar()], [])).with_symbol("IBM").ended(6)
    assert (done.state, done.done, done.done_count) == (RunState.DONE, (), 2)
    assert (done.bars, done.added, done.differed, done.withdrawn) == (400, 1, 2, 1)


def test_a_run_is_told_in_sentences() -> None:
    assert words(run(RunState.DONE, bars=39214, done_count=100, added=3, differed=12, withdrawn=1)) == (
        "2025-11-20: 39,214 bars of 100 symbols compared; 3 were missing, 12 had other values, 1 are withdrawn."
    )
    failed = run(RunState.FAILED, failed={f"S{number}": "No." for number in range(7)}, detail="The key is refused.")
    assert words(failed).endswith(
        " 7 symbols could not be compared: S0, S1, S2, S3, S4 and 2 more. The key is refused."
    )
