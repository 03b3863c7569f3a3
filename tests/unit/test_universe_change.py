"""What a wish makes of universes, in memory."""

import pytest

from src.core.domain.market.universe import hint, near
from src.core.domain.market.universe_change import Plan, Wish, in_use
from src.core.domain.market.universe_definition import (
    Definition,
    Member,
    SymbolFacts,
    UniverseBook,
    UniverseEdit,
    check_new_name,
    words,
)
from src.core.domain.market.universe_text import read_universes
from src.core.errors import UniverseError

NAMES = ["dow30", "sp500", "nasdaq100", "SPY", "market_leaders:top_100"]
COMPANIES = {"AAPL": "Apple Inc.", "MSFT": "Microsoft", "BRK.B": "Berkshire", "BACpL": None, "IBM": None}


def group(name: str, *symbols: str) -> Definition:
    return Definition(name, "CUSTOM", "", tuple(Member(symbol) for symbol in symbols))


def book(*groups: Definition, listening: str = "", refreshed: bool = False, **entries: tuple[str, ...]) -> UniverseBook:
    symbols = {symbol: SymbolFacts(name, None, None, None, True) for symbol, name in COMPANIES.items()}
    keys = {"key": listening, "keys": [listening]} if listening else None
    return UniverseBook({one.name: one for one in groups}, entries, symbols, keys, {"at": 1} if refreshed else None)


def planned(content: str, book_: UniverseBook, wish: Wish) -> Plan:
    return Plan(book_, wish).of_drafts(read_universes(content.encode()).drafts)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("SP500", ["sp500"]),
        ("S&P 500", ["sp500"]),
        ("dow", ["dow30"]),
        ("dow3", ["dow30"]),
        ("nasdaq", ["nasdaq100"]),
        ("nadsaq100", ["nasdaq100"]),
        ("market_leaders", ["market_leaders:top_100"]),
        ("zzzz", []),
        ("", []),
        (":::", []),
    ],
)
def test_what_may_be_meant(typed: str, meant: list[str]) -> None:
    assert near(typed, NAMES) == meant


def test_a_hint_names_what_may_be_meant_or_what_there_is() -> None:
    assert hint(["dow", "zzzz"], NAMES) == "Did you mean dow30?"
    assert hint(["zzzz"], NAMES) == "There are dow30, sp500, nasdaq100, SPY, market_leaders:top_100."
    assert hint(["zzzz"], [str(number) for number in range(99)]).endswith("28, 29, ...")


def test_tickers_are_taken_as_people_type_them() -> None:
    plan = planned("aapl\nBRK-B\nBACpL\nAAPL\nNVDA\nnflx\n", book(), Wish(name="mine"))
    assert plan.problems == []
    [(name, after)] = plan.edits()
    assert (name, after and after.symbols) == ("mine", ["AAPL", "BRK.B", "BACpL", "NVDA", "NFLX"])
    new, respelled, twice = plan.notes
    assert new.endswith("taken as spelled: NVDA (line 5), NFLX (line 6)")
    assert respelled.endswith("aapl as AAPL, BRK-B as BRK.B")
    assert twice.endswith("the first counts: AAPL (line 1 and line 4)")


def test_what_is_no_ticker_is_named_with_its_line_and_what_may_be_meant() -> None:
    plan = planned("AAPL\nApple Inc\n231.4\n<b>\nMSTF\n", book(refreshed=True), Wish(name="mine"))
    assert plan.problems == [
        ("line 2", "'Apple Inc' is not a ticker. Did you mean AAPL?"),
        ("line 3", "'231.4' is not a ticker."),
        ("line 4", "'<b>' is not a ticker."),
        ("line 5", "The vendor's list has no ticker MSTF. Did you mean MSFT?"),
    ]
    assert planned("MSTF\n", book(refreshed=True), Wish(name="mine", unknown=True)).problems == []


def test_the_same_again_changes_nothing() -> None:
    mine = group("mine", "AAPL", "MSFT")
    assert planned("AAPL\nMSFT\n", book(mine), Wish(name="mine")).edits() == []
    assert planned("MSFT\n", book(mine), Wish(name="mine", keep=True)).edits() == []
    [change] = planned("MSFT\nAAPL\n", book(mine), Wish(name="mine")).changes()
    assert words(change) == "mine has another order."


def test_a_file_replaces_or_adds() -> None:
    mine = group("mine", "AAPL", "MSFT")
    assert planned("IBM\nAAPL\n", book(mine), Wish(name="mine")).edits() == [
        UniverseEdit("mine", group("mine", "IBM", "AAPL"))
    ]
    assert planned("IBM\nAAPL\n", book(mine), Wish(name="mine", keep=True)).edits() == [
        UniverseEdit("mine", group("mine", "AAPL", "MSFT", "IBM"))
    ]


def test_what_is_listened_to_is_emptied_by_force_alone() -> None:
    stored = book(group("mine", "AAPL"), group("other", "IBM"), listening="SPY:mine")
    assert in_use(stored) == {"mine"}
    for plan in (Plan(stored, Wish(skip=True)).gone("mine"), Plan(stored, Wish(skip=True)).without("mine", ["AAPL"])):
        assert (plan.edits(), [where for where, _text in plan.problems]) == ([], ["mine"])
    assert Plan(stored, Wish(force=True)).gone("mine").edits() == [UniverseEdit("mine", None)]
    assert Plan(stored, Wish()).gone("other").edits() == [UniverseEdit("other", None)]


def test_who_takes_out_what_is_not_there_is_told() -> None:
    plan = Plan(book(group("mine", "AAPL", "BRK.B")), Wish()).without("mine", ["brk-b", "APPL"])
    assert plan.problems == [("'APPL'", "mine does not have it. Did you mean AAPL?")]
    with pytest.raises(UniverseError, match=r"There is no universe 'min'. Did you mean mine\?"):
        Plan(book(group("mine", "AAPL")), Wish()).without("min", ["AAPL"])


def test_an_entry_of_an_older_version_is_left_alone() -> None:
    plan = planned("AAPL\n", book(old=("MSFT",)), Wish(name="old"))
    assert plan.edits() == []
    assert "cache_entries" in plan.problems[0].text


@pytest.mark.parametrize("name", ["mine", "market_leaders:top_50", "S&P 500", "a:b:c:d", "2nd_list"])
def test_names_that_can_be(name: str) -> None:
    assert check_new_name(name, NAMES) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "cannot be the name"),
        (":a", "cannot be the name"),
        ("a::b", "cannot be the name"),
        ("a,b", "cannot be the name"),
        ("a/b", "cannot be the name"),
        ("a" * 49, "cannot be the name"),
        ("listening", "meaning of its own"),
        ("DOW30", "There is dow30 already"),
        ("SPY:dow30", "means the universes SPY and dow30 together"),
    ],
)
def test_names_that_cannot_be(name: str, words: str) -> None:
    with pytest.raises(UniverseError, match=words):
        check_new_name(name, NAMES)


def test_a_file_of_several_cannot_be_renamed_and_one_without_a_name_needs_one() -> None:
    with pytest.raises(UniverseError, match="several universes"):
        planned("group,symbol\na,AAPL\nb,IBM\n", book(), Wish(name="mine"))
    assert "give a name" in planned("AAPL\n", book(), Wish()).problems[0].text


def test_a_universe_that_a_file_has_twice_is_said_and_none_of_its_tickers_is_lost_in_silence() -> None:
    text = '{"universes": [{"name": "a", "symbols": ["AAPL"]}, {"name": "%s", "symbols": ["MSFT"]}]}'
    plan = planned(text % "a", book(), Wish())
    assert [(one.where, "more than once" in one.text) for one in plan.problems] == [("a", True)]
    plan = planned(text % "A", book(), Wish())
    assert "differs by case alone" in plan.problems[0].text
