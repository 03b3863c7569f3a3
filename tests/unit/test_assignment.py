"""Who carries which ticker: some cases by hand, and what holds in all."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.connection.assignment import Assignment, Move

ONE, TWO, THREE = IDS = ("connection_1", "connection_2", "connection_3")


def three(limit: int = 1000, **lists: str) -> Assignment:
    """Each letter is a ticker: `three(one="AB", two="BC")`."""
    assignment = Assignment(IDS, limit)
    assignment.own(dict(zip(IDS, (lists.get("one", ""), lists.get("two", ""), lists.get("three", "")), strict=True)))
    return assignment


def carried(assignment: Assignment) -> list[str]:
    return ["".join(assignment.carried(one)) for one in IDS]


def test_what_two_connections_list_belongs_to_the_lower_number() -> None:
    assignment = three(one="CAB", two="DBA", three="ADE")
    assert carried(assignment) == ["CAB", "D", "E"]
    assert assignment.owned() == Counter({ONE: 3, TWO: 1, THREE: 1})


def test_a_list_that_changes_leaves_what_it_keeps_where_it_is_carried() -> None:
    assignment = three(one="AB", two="CD")
    assignment.settle([ONE, THREE], [ONE, THREE])
    assert carried(assignment) == ["AB", "", "CD"]
    assignment.pin("A", THREE)
    assignment.settle([ONE, THREE], [ONE, THREE])
    assignment.own({ONE: "BAE", TWO: "CF"})
    assert carried(assignment) == ["BE", "F", "AC"]
    assert assignment.settle([ONE, THREE], [ONE, THREE]) == [Move("F", TWO, ONE)]
    assert assignment.moved() == {"A": ONE, "C": TWO, "F": TWO}
    assert assignment.carrier("D") is None


def test_a_ticker_that_another_connection_lists_now_moves_there() -> None:
    assignment = three(one="AB", two="C")
    assignment.own({ONE: "A", TWO: "BC"})
    assert assignment.settle(IDS, IDS) == [Move("B", ONE, TWO)]


def test_the_tickers_of_one_that_is_lost_are_spread_by_load_and_return() -> None:
    assignment = three(one="ABCD", two="EFGH", three="IJ")
    moves = assignment.settle([ONE, THREE], [ONE, THREE])
    assert moves == [Move("E", TWO, THREE), Move("F", TWO, THREE), Move("G", TWO, ONE), Move("H", TWO, THREE)]
    assert carried(assignment) == ["ABCDG", "", "EFHIJ"]
    assert assignment.moved() == dict.fromkeys("EFGH", TWO)
    assert assignment.settle([ONE, THREE], [ONE, THREE]) == []
    assert len(assignment.settle(IDS, IDS)) == 4
    assert carried(assignment) == ["ABCD", "EFGH", "IJ"]
    assert assignment.moved() == {}


def test_two_lost_at_once_go_to_the_third_up_to_its_limit_and_the_rest_waits_at_home() -> None:
    assignment = three(limit=4, one="AB", two="CD", three="EF")
    assignment.settle([TWO], [TWO])
    assert carried(assignment) == ["", "ABCD", "EF"]


def test_own_tickers_are_carried_beyond_the_limit() -> None:
    assignment = three(limit=1, one="ABC", two="D")
    assignment.settle([ONE], [ONE])
    assert carried(assignment) == ["ABC", "D", ""]


def test_while_nobody_is_there_nothing_moves() -> None:
    assignment = three(one="AB", two="CD")
    assert assignment.settle([], []) == []
    assert assignment.settle([TWO], []) == []


def test_when_the_one_that_stood_in_is_lost_too_the_next_one_takes_over() -> None:
    assignment = three(one="A", two="B", three="CDE")
    assignment.settle([TWO, THREE], [TWO, THREE])
    assert assignment.carrier("A") == TWO
    assignment.settle([THREE], [THREE])
    assert carried(assignment) == ["", "", "ABCDE"]


def test_a_ticker_stays_with_who_stands_in_while_others_come_and_go() -> None:
    assignment = three(one="A", two="B", three="CDE")
    assignment.settle([TWO, THREE], [TWO, THREE])
    assert assignment.settle([TWO], [TWO]) == [Move(ticker, THREE, TWO) for ticker in "CDE"]
    assert assignment.carrier("A") == TWO


def test_what_is_carried_for_another_does_not_move_again_because_loads_change() -> None:
    assignment = three(one="AB", two="C", three="D")
    assignment.settle([TWO, THREE], [TWO, THREE])
    before = carried(assignment)
    assignment.add("EFGH", [TWO])
    assert assignment.settle([TWO, THREE], [TWO, THREE]) == []
    assert carried(assignment) == [before[0], before[1] + "EFGH", before[2]]


def test_the_whole_market_never_moves() -> None:
    assignment = three(one="*", two="AB")
    assert assignment.settle([TWO], [TWO]) == []
    assignment.settle([ONE], [ONE])
    assert assignment.carried(ONE) == ["*", "A", "B"]


def test_a_ticker_that_was_moved_by_hand_stays_until_its_new_place_is_lost() -> None:
    assignment = three(one="AB", two="C", three="D")
    assignment.pin("A", TWO)
    assert assignment.settle(IDS, IDS) == [Move("A", ONE, TWO)]
    assert assignment.settle([TWO, THREE], [TWO, THREE]) == [Move("B", ONE, THREE)]
    assert assignment.settle([ONE, THREE], [ONE, THREE]) != []
    assert assignment.carrier("A") == ONE
    assignment.settle(IDS, IDS)
    assert assignment.moved() == {}


def test_a_ticker_that_was_moved_home_by_hand_is_as_it_was() -> None:
    assignment = three(one="A", two="B")
    for target in (TWO, ONE):
        assignment.pin("A", target)
        assignment.settle(IDS, IDS)
    assert assignment.moved() == {}


def test_new_tickers_go_where_the_fewest_are_and_known_ones_change_nothing() -> None:
    assignment = three(one="AB", two="C", three="D")
    assert assignment.add("ACEFGH", [ONE, TWO]) == ["E", "F", "G", "H"]
    assert carried(assignment) == ["ABFH", "CEG", "D"]
    assignment.remove("AEZ")
    assert carried(assignment) == ["BFH", "CG", "D"]


_LISTS = st.lists(st.text("ABCDEFGHIJKL*", max_size=8), min_size=3, max_size=3)
_SOME = st.sets(st.sampled_from(IDS))
_STEP = st.tuples(_SOME, _SOME, st.none() | st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(IDS)))


@given(_LISTS, st.integers(0, 12), st.lists(_STEP, max_size=8))
def test_what_holds_whatever_happens(
    lists: list[str], limit: int, steps: list[tuple[set[str], set[str], tuple[str, str] | None]]
) -> None:
    assignment = Assignment(IDS, limit)
    assignment.own(dict(zip(IDS, lists, strict=True)))
    owned = assignment.owned()
    for ticker in "".join(lists):
        assert assignment.owner(ticker) == next(one for one, listed in zip(IDS, lists, strict=True) if ticker in listed)
    for able, up, pin in steps:
        live = able & up
        if pin and pin[0] in assignment.tickers():
            assignment.pin(*pin)
        before = {ticker: assignment.carrier(ticker) for ticker in assignment.tickers()}
        moves = assignment.settle(able, live)
        assert all(before[move.ticker] == move.source != move.target for move in moves)
        assert assignment.settle(able, live) == []
        check_carriers(assignment, able, live, before)
        loads = assignment.loads()
        gained = Counter(move.target for move in moves if move.target != assignment.owner(move.ticker))
        for one in gained:
            assert loads[one] <= max(limit, owned[one] + 1) or pin  # by hand nothing is checked here
    while assignment.settle(IDS, IDS):
        pass
    assert all(assignment.carrier(ticker) in IDS for ticker in assignment.tickers())


def check_carriers(assignment: Assignment, able: set[str], live: set[str], before: dict[str, str | None]) -> None:
    for ticker in assignment.tickers():
        owner, carrier = assignment.owner(ticker), assignment.carrier(ticker)
        if ticker == "*":
            assert carrier == owner
        elif carrier not in able:
            full = all(assignment.loads()[one] >= assignment.ticker_limit for one in live)
            assert owner not in able
            assert full
            assert carrier == (owner if live else before[ticker])
