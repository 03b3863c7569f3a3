"""Whom to ask about gaps, about which minutes, and when again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.bar import MINUTE_MS
from src.core.domain.market.gaps import Gap, GapEntry, GapReason, GapState
from src.core.domain.market.repair_plan import (
    LONGEST_REQUEST_MS,
    Heard,
    Verdict,
    after_answer,
    after_failure,
    covers,
    empty_at_ms,
    first_due_ms,
    in_order,
    requests,
)
from tests.bars import MINUTE

_LAG = 2_000
_OPEN, _WAITING, _REPAIRED = GapState.OPEN, GapState.WAITING, GapState.REPAIRED


def at(minutes: float) -> int:
    """So many minutes after MINUTE, which is the last minute of the gaps here."""
    return MINUTE + round(minutes * MINUTE_MS)


def entry(symbol: str = "AAPL", **changes: Any) -> GapEntry:
    """An open entry of the ten minutes up to MINUTE, due at once."""
    return GapEntry("gap", symbol, at(-9), at(0), GapReason.DROP, _OPEN, 0, 0)._replace(**changes)


@pytest.mark.parametrize(
    ("reason", "due_ms"),
    [
        (GapReason.DROP, at(2) + _LAG),
        (GapReason.UNOFFICIAL, at(2) + _LAG),
        (GapReason.SUSPECT, at(21.5) + _LAG),
        (GapReason.LATE, at(21.5) + _LAG),
        (GapReason.HISTORY, at(0.5)),
    ],
)
def test_a_gap_is_asked_for_when_the_vendor_can_have_it(reason: GapReason, due_ms: int) -> None:
    gap = Gap("id", "connection_1", ("AAPL",), at(-9), at(0), reason, "", at(0.5))
    assert first_due_ms(gap, _LAG) == due_ms


@pytest.mark.parametrize(
    ("asked_min", "newest_min", "stored_min", "verdict"),
    [
        (2, 0, None, Verdict(_WAITING, at(21.5) + _LAG)),
        (2, -1, None, Verdict(_OPEN, at(6) + _LAG)),
        (2, None, None, Verdict(_OPEN, at(6) + _LAG)),
        (6, -1, None, Verdict(_OPEN, at(17) + _LAG)),
        (17, -1, None, Verdict(_WAITING, at(21.5) + _LAG)),
        (21.5, -1, None, Verdict(_REPAIRED, None)),
        (21.5, -1, -1, Verdict(_REPAIRED, None)),
        (21.5, -3, -1, Verdict(_WAITING, at(36) + _LAG)),
        (36, -3, -1, Verdict(_WAITING, at(66) + _LAG)),
        (66, -3, -1, Verdict(_REPAIRED, None)),
        (600, None, None, Verdict(_REPAIRED, None)),
    ],
)
def test_after_an_answer(
    asked_min: float, newest_min: float | None, stored_min: float | None, verdict: Verdict
) -> None:
    newest_ms, stored_ms = (None if minutes is None else at(minutes) for minutes in (newest_min, stored_min))
    assert after_answer(entry(), Heard(at(asked_min), newest_ms, stored_ms), _LAG) == verdict


def test_young_history_is_asked_for_once_more_whatever_it_ended_with() -> None:
    heard = Heard(at(0.5), at(-30), None)
    assert after_answer(entry(reason=GapReason.HISTORY), heard, 0) == Verdict(_WAITING, at(21.5))


def test_what_cannot_be_used_is_asked_for_again_for_a_day() -> None:
    now_ms, asked_min = 0, []
    for attempts in range(27):
        verdict = after_failure(entry(attempts=attempts, state=_WAITING), now_ms)
        assert verdict.state is _WAITING
        now_ms = verdict.due_ms or 0
        asked_min.append(now_ms // MINUTE_MS)
    assert asked_min == [1, 5, 16, *range(60, 1441, 60)]
    assert after_failure(entry(attempts=27), now_ms) == Verdict(GapState.UNREPAIRABLE, None)


def test_one_request_covers_all_gaps_of_a_symbol_and_what_was_revised_before_each() -> None:
    first, second = entry(), entry(gap_id="other", from_ms=at(300), to_ms=at(310))
    (request,) = requests([second, first])
    assert (request.from_ms, request.to_ms, request.entries) == (at(-29), at(310), (first, second))
    asked = [minute for minute in range(-40, 320) if covers(request, at(minute))]
    assert asked == [*range(-29, 1), *range(280, 311)]


def test_history_is_asked_for_as_it_is_and_then_its_end_alone() -> None:
    history = entry(from_ms=at(-900), reason=GapReason.HISTORY)
    assert [(one.from_ms, one.to_ms) for one in requests([history])] == [(at(-900), at(0))]
    assert [(one.from_ms, one.to_ms) for one in requests([history._replace(state=_WAITING)])] == [(at(-25), at(0))]


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 100_000)), min_size=1, max_size=5))
def test_requests_hold_a_month_at_most_and_leave_no_minute_out(gaps: list[tuple[int, int]]) -> None:
    entries = [
        entry(gap_id=str(i), from_ms=at(start), to_ms=at(start + length)) for i, (start, length) in enumerate(gaps)
    ]
    made = requests(entries)
    assert all(one.to_ms - one.from_ms < LONGEST_REQUEST_MS for one in made)
    for one in entries:
        minute_ms = one.from_ms - 20 * MINUTE_MS
        while minute_ms <= one.to_ms:  # from the beginning of each request to its end
            request = next(made_one for made_one in made if made_one.from_ms <= minute_ms <= made_one.to_ms)
            assert one in request.entries or any(other.from_ms <= minute_ms for other in request.entries)
            minute_ms = request.to_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS


def test_the_order_is_by_reason_then_holes_before_rechecks_then_by_dollars_then_by_name() -> None:
    queue = {
        "LATE": [entry("LATE", reason=GapReason.LATE)],
        "HIST": [entry("HIST", reason=GapReason.HISTORY)],
        "UNOF": [entry("UNOF", reason=GapReason.UNOFFICIAL)],
        "AGAIN": [entry("AGAIN", state=_WAITING)],
        "BIG": [entry("BIG")],
        "SMALL": [entry("SMALL")],
        "ALSO": [entry("ALSO")],
        "SOON": [entry("SOON", due_ms=11)],
        "MIXED": [entry("MIXED", reason=GapReason.LATE), entry("MIXED", due_ms=11)],
        "LAST": [entry("LAST")],
    }
    dollars = {"BIG": 9.0, "LATE": 99.0, "LAST": 99.0}
    order = in_order(queue, dollars, {"LAST"}, now_ms=10)
    assert order == ["BIG", "ALSO", "SMALL", "AGAIN", "UNOF", "HIST", "LATE", "MIXED", "LAST"]


def test_when_the_queue_will_be_empty() -> None:
    assert empty_at_ms({}, 0, 12_000, 0) is None
    settled = {symbol: [entry(symbol)] for symbol in ("A", "B", "C")}
    assert empty_at_ms(settled, at(60), 12_000, 0) == at(60) + 3 * 12_000
    young = {"A": [entry("A", due_ms=at(2))], "B": [entry("B", state=_WAITING, due_ms=at(9))]}
    assert empty_at_ms(young, at(1), 12_000, 0) == at(21.5) + 12_000
