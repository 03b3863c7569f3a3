"""What of history is unknown, in which pieces it is asked for, and what is known afterwards."""

import datetime as dt

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.history import (
    Known,
    Load,
    LoadState,
    Piece,
    Timespan,
    Trading,
    clipped,
    joined,
    learnt,
    pieces,
    settled_date,
    words,
)
from src.core.domain.market.plan_limits import PlanLimits
from src.core.domain.market.rest_evidence import rest_day_tier
from src.core.errors import ActionRefusedError
from src.infrastructure.calendar.session_table import load_session_table

D = dt.date
CALENDAR = Trading(load_session_table(PROJECT_ROOT / "data/sessions.csv"))
ALWAYS = Trading(None)


def ms(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    """A time in UTC."""
    return round(dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC).timestamp() * 1000)


def spans(found: list[Piece]) -> list[tuple[dt.date, dt.date]]:
    return [(piece.from_date, piece.to_date) for piece in found]


def test_what_was_never_asked_for_is_asked_for_month_by_month_the_newest_first() -> None:
    found = pieces("IBM", D(2024, 11, 15), D(2025, 1, 10), {}, ALWAYS)
    assert [piece.month for piece in found] == ["2025-01", "2024-12", "2024-11"]
    assert spans(found) == [
        (D(2025, 1, 1), D(2025, 1, 10)), (D(2024, 12, 1), D(2024, 12, 31)), (D(2024, 11, 15), D(2024, 11, 30)),
    ]  # fmt: skip


def test_what_is_known_is_not_asked_for() -> None:
    known = {"2025-01": Known(D(2025, 1, 10), D(2025, 1, 20), 7), "2024-12": Known(D(2024, 12, 1), D(2024, 12, 31), 0)}
    found = pieces("IBM", D(2024, 12, 1), D(2025, 1, 31), known, ALWAYS)
    assert spans(found) == [(D(2025, 1, 21), D(2025, 1, 31)), (D(2025, 1, 1), D(2025, 1, 9))]
    assert pieces("IBM", D(2025, 1, 10), D(2025, 1, 20), known, ALWAYS) == []


def test_between_what_is_known_and_what_is_wanted_nothing_stays_unknown() -> None:
    known = {"2025-01": Known(D(2025, 1, 20), D(2025, 1, 22), 3)}
    assert spans(pieces("IBM", D(2025, 1, 2), D(2025, 1, 3), known, ALWAYS)) == [(D(2025, 1, 2), D(2025, 1, 19))]
    assert spans(pieces("IBM", D(2025, 1, 30), D(2025, 1, 31), known, ALWAYS)) == [(D(2025, 1, 23), D(2025, 1, 31))]


def test_days_on_which_nothing_trades_are_not_asked_for() -> None:
    assert pieces("IBM", D(2025, 11, 22), D(2025, 11, 23), {}, CALENDAR) == []
    assert pieces("IBM", D(2025, 11, 27), D(2025, 11, 27), {}, CALENDAR) == []  # Thanksgiving
    assert len(pieces("IBM", D(2025, 11, 27), D(2025, 11, 28), {}, CALENDAR)) == 1
    assert len(pieces("IBM", D(2025, 11, 22), D(2025, 11, 23), {}, ALWAYS)) == 1


def test_outside_of_the_calendar_weekdays_may_trade() -> None:
    assert CALENDAR.on(D(2003, 1, 3))
    assert not CALENDAR.on(D(2003, 1, 4))


def test_one_request_asks_for_months_that_adjoin() -> None:
    known = {"2024-12": Known(D(2024, 12, 1), D(2024, 12, 31), 0)}
    queue = pieces("IBM", D(2024, 8, 1), D(2025, 2, 28), known, ALWAYS)
    assert [piece.month for piece in joined(queue, 12)] == ["2025-02", "2025-01"]
    assert [piece.month for piece in joined(queue[2:], 3)] == ["2024-11", "2024-10", "2024-09"]
    assert len(joined(queue, 1)) == 1


def test_only_settled_days_become_known() -> None:
    piece = Piece("IBM", D(2025, 11, 1), D(2025, 11, 20))
    bars = {D(2025, 11, day).toordinal(): 2 for day in range(1, 21)}
    assert learnt(piece, None, bars, D(2025, 11, 18)) == Known(D(2025, 11, 1), D(2025, 11, 18), 36)
    assert learnt(piece, None, bars, D(2025, 12, 1)) == Known(D(2025, 11, 1), D(2025, 11, 20), 40)
    today = Piece("IBM", D(2025, 11, 19), D(2025, 11, 20))
    known = Known(D(2025, 11, 1), D(2025, 11, 18), 36)
    assert learnt(today, known, bars, D(2025, 11, 18)) == known
    assert learnt(today, None, bars, D(2025, 11, 18)) is None
    assert learnt(today, known, bars, D(2025, 11, 19)) == Known(D(2025, 11, 1), D(2025, 11, 19), 38)


def test_a_day_is_settled_at_11_the_next_day_in_new_york() -> None:
    assert settled_date(ms(2025, 11, 20, 15, 59)) == D(2025, 11, 18)
    assert settled_date(ms(2025, 11, 20, 16)) == D(2025, 11, 19)
    assert settled_date(ms(2025, 7, 1, 15)) == D(2025, 6, 30)


def test_a_day_that_can_still_trade_is_no_evidence() -> None:
    date = D(2025, 11, 20)
    assert rest_day_tier(date, ms(2025, 11, 21, 0, 59)) is None
    tiers = [rest_day_tier(date, at) for at in (ms(2025, 11, 21, 1), ms(2025, 11, 21, 1, 20), ms(2025, 11, 21, 16))]
    assert [tier and tier.name for tier in tiers] == ["EARLY", "OFFICIAL", "FINAL"]


def test_dates_to_come_and_before_the_vendors_first_are_left_out() -> None:
    now_ms = ms(2025, 11, 20, 18)
    assert clipped(D(2025, 1, 1), None, now_ms) == (D(2025, 1, 1), D(2025, 11, 19))
    assert clipped(D(2025, 1, 1), D(2030, 1, 1), now_ms) == (D(2025, 1, 1), D(2025, 11, 20))
    assert clipped(D(1900, 1, 1), D(2004, 1, 1), now_ms) == (D(2003, 1, 1), D(2004, 1, 1))
    with pytest.raises(ActionRefusedError, match="the last day with bars is 2025-11-19"):
        clipped(D(2025, 11, 20), None, now_ms)
    with pytest.raises(ActionRefusedError, match="lies before --from"):
        clipped(D(2025, 1, 2), D(2025, 1, 1), now_ms)


def test_what_the_plan_refused_once_is_not_asked_for_again() -> None:
    limits = PlanLimits()
    assert limits.reason("A", D(2020, 1, 31)) == ""
    limits.refused("A", D(2020, 1, 31), "too old")
    assert limits.reason("A", D(2020, 1, 31)) == "too old"
    assert limits.reason("A", D(2019, 12, 31)) == "too old"
    assert limits.reason("A", D(2020, 2, 29)) == ""
    assert limits.reason("B", D(2019, 12, 31)) == ""


def test_what_three_symbols_are_refused_nobody_is_granted_unless_somebody_was() -> None:
    limits = PlanLimits()
    for symbol in "ABC":
        limits.refused(symbol, D(2020, 1, 31), "too old")
    assert limits.reason("D", D(2020, 1, 31)) == "too old"
    assert limits.reason("D", D(2020, 2, 29)) == ""
    limits.granted(D(2019, 6, 1))
    assert limits.reason("D", D(2020, 1, 31)) == ""
    assert limits.reason("D", D(2019, 5, 31)) == "too old"


def load(**values: object) -> Load:
    fields: dict[str, object] = {
        "id": "1", "kind": "rest", "timespan": Timespan.DAY, "symbols": ("A",), "files": None,
        "from_date": D(2025, 1, 1), "to_date": D(2025, 1, 31), "actor": "who", "state": LoadState.WAITING,
        "asked_ms": 1,
    }  # fmt: skip
    return Load(**{**fields, **values})  # type: ignore[arg-type]  # as given


def test_a_load_counts_what_was_loaded_and_what_failed() -> None:
    ended = load().going_on(5).with_unit(20, 19).with_unit(0, 0).with_failure("B", "why", 3).ended(9)
    assert (ended.state, ended.units_total, ended.units_done, ended.units_empty, ended.units_failed) == (
        LoadState.FAILED, 5, 2, 1, 3,
    )  # fmt: skip
    assert words(ended) == (
        "Of 5 months of days 1 were loaded, 1 are empty, 3 failed; 20 bars were read, and 19 of them were not stored "
        "like this before. It failed for B."
    )
    again = ended.going_on(3)
    assert (again.state, again.units_total, again.units_done, again.failures) == (LoadState.RUNNING, 5, 2, {})
    assert load().going_on(0).ended(9).state is LoadState.DONE
    assert words(load().going_on(0).ended(9)).startswith("There was nothing to ask for")
    assert load().going_on(4).ended(9, "Trouble.").state is LoadState.FAILED
