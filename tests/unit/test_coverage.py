"""What a symbol's day is told to be, and which of its minutes are missing."""

import pytest

from src.core.domain.market.coverage import DayState, Known, Span, Stored, count_states, missing_spans, state_of
from tests.bars import MINUTE

_BARS = Stored(400, 390, is_final=False)
_NONE = Stored(0, 0, is_final=False)


@pytest.mark.parametrize(
    ("stored", "known", "state"),
    [
        (_BARS, Known(), DayState.UNCONFIRMED),
        (_BARS._replace(is_final=True), Known(), DayState.FINAL),
        (_BARS, Known(is_settled=True), DayState.FINAL),
        (_BARS._replace(is_final=True), Known(has_open_gap=True), DayState.OPEN),
        (_BARS._replace(is_final=True), Known(has_open_gap=True, has_lost_gap=True), DayState.LOST),
        (_BARS, Known(goes_on=True), DayState.TODAY),
        (_BARS, Known(goes_on=True, has_open_gap=True), DayState.OPEN),
        (_NONE, Known(), DayState.MISSING),
        (_NONE, Known(is_settled=True), DayState.EMPTY),
        (_NONE, Known(did_not_trade=True), DayState.EMPTY),
        (_BARS, Known(did_not_trade=True), DayState.UNCONFIRMED),
        (_NONE, Known(is_pruned=True, has_lost_gap=True), DayState.PRUNED),
    ],
)
def test_what_is_wrong_comes_first_then_what_the_vendor_confirmed(
    stored: Stored, known: Known, state: DayState
) -> None:
    assert state_of(stored, known) is state


def test_missing_minutes_that_follow_each_other_are_one_span() -> None:
    at = [MINUTE + place * 60_000 for place in range(6)]
    assert missing_spans({at[1], at[4]}, at[0], at[5]) == [Span(at[0], at[0]), Span(at[2], at[3]), Span(at[5], at[5])]
    assert [span.minutes for span in missing_spans(set(), at[0], at[5])] == [6]
    assert missing_spans(set(at), at[0], at[5]) == []
    assert missing_spans(set(), at[1], at[0]) == [], "of a phase that has not begun"


def test_only_states_that_occur_are_counted() -> None:
    states = [DayState.OPEN, DayState.FINAL, DayState.OPEN]
    assert count_states(states) == {DayState.FINAL: 1, DayState.OPEN: 2}
