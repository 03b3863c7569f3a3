"""What is said of what the feed sends and cannot be used: how often, and in which words."""

from src.infrastructure.websocket.refusals import OncePerMinute, Refusals, plain


def test_the_first_is_said_then_one_a_minute_with_how_many_there_were() -> None:
    pace = OncePerMinute()
    assert pace.due("a", 1, 100.0) == 1
    assert [pace.due("a", 2, 100.0 + second) for second in range(60)] == [0] * 60
    assert pace.due("b", 3, 130.0) == 3
    assert pace.due("a", 1, 160.0) == 121
    assert pace.due("a", 1, 220.0) == 1


def test_refusals_are_counted_always_and_explained_once_a_minute() -> None:
    refusals = Refusals("KEY")
    (line,) = refusals.take({"no_price": 3}, {"no_price": b'{"ev":"AM"}'}, 0.0)
    assert "3 x no_price (open, high, low or close is missing or null)" in line
    assert line.endswith('such as {"ev":"AM"}')
    assert refusals.take({"no_price": 2, "no_time": 1}, {"no_price": b"", "no_time": b""}, 59.0)[0].count("no_time")
    assert "6 x no_price" in refusals.take({"no_price": 4}, {"no_price": b""}, 60.0)[0]
    assert refusals.counts() == {"no_price": 9, "no_time": 1}


def test_a_specimen_is_one_short_printable_line_without_the_key() -> None:
    refusals = Refusals("s3cr3t")
    specimen = b"\x1b[31mred\r\nforged line \xff\xe2\x80\xae" + b"x" * 173 + b"s3cr3t" + b"y" * 10_000_000
    (line,) = refusals.take({"not_an_object": 1}, {"not_an_object": specimen}, 0.0)
    assert "?[31mred??forged line �?x" in line
    assert line.isprintable()
    assert len(line) < 400
    assert "s3c" not in line
    assert line.endswith("...")


def test_texts_of_the_feed_are_cleaned_for_people() -> None:
    assert plain("not authorized", "KEY") == "not authorized"
    assert plain("bad KEY: KEY\x00", "KEY") == "bad ***: ***?"
    assert plain("Zürich", "") == "Zürich"
    assert plain("x" * 201, "") == "x" * 200 + "..."
