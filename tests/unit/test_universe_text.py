"""Files of universes as people bring them, and as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.domain.market.universe import GROUP_TYPES
from src.core.domain.market.universe_definition import Definition, Member, one_line
from src.core.domain.market.universe_text import Draft, read_universes, to_csv, to_json


def typed(content: str | bytes) -> list[str]:
    """The tickers of a file with one universe and nothing wrong."""
    reading = read_universes(content.encode() if isinstance(content, str) else content)
    assert reading.problems == []
    [draft] = reading.drafts
    return [entry.typed for entry in draft.entries]


@pytest.mark.parametrize(
    "content",
    [
        "AAPL\nBRK-B\nmsft\n",
        "\ufeffAAPL\r\nBRK-B\r\nmsft",
        "AAPL,BRK-B,msft",
        "AAPL; BRK-B; msft",
        "# banks\nAAPL\n\n# others\nBRK-B\n   \nmsft\n",
        "Ticker\nAAPL\nBRK-B\nmsft\n",
        "Name;Ticker;Weight (%)\nApple;AAPL;6,5\nBerkshire;BRK-B;1.234,5\nMicrosoft;msft;-\n",
        "Fund Holdings as of,2026-01-02\n\nName,Ticker,Sector\nApple,AAPL,IT\nBerkshire,BRK-B,Fin\nMicrosoft,msft,IT\n",
        "symbol\tname\nAAPL\tApple\nBRK-B\tBerkshire\nmsft\tMicrosoft\n",
        "AAPL,Apple\nBRK-B,Berkshire\nmsft,Microsoft\n",
        "position,symbol\n3,msft\n1,AAPL\n2,BRK-B\n",
        '["AAPL", "BRK-B", "msft"]',
        '{"symbols": ["AAPL", "BRK-B", {"ticker": "msft", "weight": 3}]}',
        "AAPL\nBRK-B\nmsft\n".encode("utf-16"),
        "symbol,name\nAAPL,Müller\nBRK-B,\nmsft,\n".encode("cp1252"),
    ],
)
def test_lists_of_any_form_are_read(content: str | bytes) -> None:
    assert typed(content) == ["AAPL", "BRK-B", "msft"]


def test_weights_are_read_with_points_and_commas() -> None:
    reading = read_universes(b"ticker;weight\nAAPL;6,5\nMSFT;1.234,5\nIBM;0.25%\nGE;\n")
    assert [entry.weight for entry in reading.drafts[0].entries] == [6.5, 1234.5, 0.25, None]


def test_all_that_is_wrong_is_named_with_its_line() -> None:
    content = (
        "group,type,position,symbol,weight\nmine,HOUSE,0,,\nmine,,x,AAPL,\n,,1,MSFT,\nmine,,1,,\nmine,,2,IBM,abc\n"
    )
    reading = read_universes(content.encode())
    assert [where for where, _text in reading.problems] == ["line 2", "line 3", "line 4", "line 5", "line 6"]
    assert "there are UNIVERSE, ETF" in reading.problems[0].text
    assert reading.problems[4].text == "Its weight is 'abc'; allowed are numbers."


@pytest.mark.parametrize(
    ("content", "where", "words"),
    [
        (b"", "the file", "names no ticker"),
        (b"group,type,position,symbol\n", "the file", "names no ticker"),
        (b"PK\x03\x04rest", "the file", "save it as CSV"),
        (b'{"name": "a",\n "symbols": [}', "line 2", "no JSON"),
        (b"[" * 100_000, "the file", "no JSON"),
        (b'{"name": "a"}', "the file", "no list of tickers"),
        (b'{"universes": 5}', "universes", "not a list"),
        (b'["AAPL", 5]', "entry 2", "no ticker"),
        (b'[{"symbol": "AAPL", "weight": NaN}]', "entry 1", "weight"),
        (b'["AAPL"' + b', "AAPL"' * 50_001 + b"]", "the file", "allowed are 50,000"),
    ],
)
def test_what_is_no_universe_says_what_it_is(content: bytes, where: str, words: str) -> None:
    [problem] = read_universes(content).problems
    assert (problem.where, words in problem.text) == (where, True), problem


def test_a_file_with_several_universes_keeps_them_apart_and_in_order() -> None:
    content = "group,type,position,symbol,description\na,custom,0,,The first\na,,2,B,\na,,1,A,\nb:c,,1,C,\n"
    first, second = read_universes(content.encode()).drafts
    assert first[:3] == ("a", "CUSTOM", "The first")
    assert [entry.typed for entry in first.entries] == ["A", "B"]
    assert second == Draft("b:c", None, None, second.entries)


definitions = st.lists(
    st.builds(
        Definition,
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 :;,\"'._]{0,10}[a-z0-9]", fullmatch=True),
        st.sampled_from(GROUP_TYPES),
        st.text(max_size=30).map(one_line),
        st.lists(
            st.builds(Member, st.from_regex(r"[A-Z]{1,5}(\.[A-Z])?", fullmatch=True), st.none() | st.floats(-1e9, 1e9)),
            max_size=4,
        ).map(tuple),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.name,
)


@given(definitions)
def test_what_is_written_is_read_back_exactly(universes: list[Definition]) -> None:
    for text in (to_csv(universes), to_json(universes)):
        reading = read_universes(text.encode())
        assert reading.problems == []
        read = [
            Definition(name, type_ or "", text or "", tuple(Member(one.typed, one.weight) for one in entries))
            for name, type_, text, entries in reading.drafts
        ]
        assert read == universes


def test_what_no_database_takes_is_left_out_of_a_description_and_refused_as_a_weight() -> None:
    assert one_line("a\0b\ud800c\n d") == "abc d"
    reading = read_universes(b'{"symbols": [{"symbol": "AAPL", "weight": 1' + b"0" * 400 + b"}]}")
    assert [problem.where for problem in reading.problems] == ["entry 1"]
