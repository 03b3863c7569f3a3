"""The condition of one connection and why; the three questions, answered in words."""

from typing import Any

import pytest

from src.core.domain.connection.answers import Answer, Arrivals, answers
from src.core.domain.connection.health import Condition, connection_health
from src.core.domain.market.session import Phase
from tests import status_rows as rows
from tests.status_rows import NOW, connection, down


@pytest.mark.parametrize(
    ("entry", "phase", "condition"),
    [
        (connection(), Phase.REGULAR, Condition.LIVE),
        (connection(messages=0), Phase.REGULAR, Condition.LIVE),
        (connection(last_message_time=NOW - 31_000), Phase.REGULAR, Condition.LATE),
        (connection(last_message_time=NOW - 31_000, ticker_count=4), Phase.REGULAR, Condition.LIVE),
        (connection(last_message_time=NOW - 31_000, ticker_count=1, movable=False), Phase.REGULAR, Condition.LATE),
        (connection(last_message_time=NOW - 301_000, ticker_count=4), Phase.REGULAR, Condition.LATE),
        (connection(last_message_time=NOW - 301_000), Phase.PRE, Condition.LIVE),
        (connection(last_message_time=NOW - 901_000), Phase.PRE, Condition.LATE),
        (connection(last_message_time=NOW - 301_000), Phase.CLOSED, Condition.MARKET_CLOSED),
        (connection(last_message_time=NOW - 301_000, wanted_topics=0), Phase.REGULAR, Condition.LIVE),
        (connection(last_message_time=None, connected_at=NOW - 31_000), Phase.REGULAR, Condition.LATE),
        (connection(paused=True), Phase.REGULAR, Condition.PAUSED),
        (connection(granted=False), Phase.REGULAR, Condition.DISABLED),
        (connection(enabled=False, paused=True), Phase.REGULAR, Condition.DISABLED),
        (down(1, "Gone."), Phase.REGULAR, Condition.DOWN),
        (down(1, "Gone.", "error"), Phase.CLOSED, Condition.DOWN),
        (connection(status="connecting"), Phase.REGULAR, Condition.DOWN),
    ],
)
def test_the_condition_of_a_connection(entry: dict[str, Any], phase: Phase, condition: Condition) -> None:
    health = connection_health(entry, phase, False, None, NOW)
    assert health.condition is condition
    assert health.reason.endswith(".")


def test_a_simulated_feed_never_closes() -> None:
    quiet = connection(last_message_time=NOW - 301_000)
    assert connection_health(quiet, Phase.CLOSED, True, None, NOW).condition is Condition.LATE


def test_what_a_connection_says_itself_is_the_reason() -> None:
    paused, resting = down(1, "Gone.", paused=True), connection(granted=False, reason="Gone.")
    for entry in (down(1, "Gone."), paused, resting):
        assert connection_health(entry, Phase.REGULAR, False, None, NOW).reason == "Gone."


def test_a_connection_that_is_being_paused_says_so() -> None:
    closing = connection_health(connection(paused=True), Phase.REGULAR, False, None, NOW)
    assert closing.reason.startswith("It is being paused")


def test_a_silent_ingesting_process_is_the_reason_of_all_but_what_is_switched_off() -> None:
    assert connection_health(connection(paused=True), Phase.REGULAR, False, "Silent.", NOW) == ("down", "Silent.")
    off = connection_health(connection(2, enabled=False), Phase.REGULAR, False, "Silent.", NOW)
    assert off.condition is Condition.DISABLED
    assert "WEBSOCKET_CONNECTION_2_ENABLED=true" in off.reason


def asked(row: dict[str, Any], phase: Phase = Phase.REGULAR) -> list[Answer]:
    arrivals = Arrivals(row["last_tick_time"], row["book"]["watermark"])
    return answers(row["connections"], row["feed"] == "simulated", arrivals, phase, NOW)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (rows.single_live(), (True, True, True)),
        (rows.multi_live(), (True, True, True)),
        (rows.one_down(), (True, None, True)),
        (rows.one_paused(), (True, True, True)),
        (rows.fewer_granted(), (True, False, True)),
        (rows.one_disabled(), (True, True, True)),
        (rows.wildcard(), (True, True, True)),
        (rows.refused_key(), (False, None, None)),
        (rows.delayed_data(), (True, True, False)),
        (rows.row(connection(), feed="simulated"), (None, None, None)),
        (rows.row(down(1, "Gone.", messages=0), last_tick_time=None), (None, None, None)),
        (rows.row(down(1, "Gone."), last_tick_time=NOW - 121_000), (True, None, None)),
        (rows.row(down(1, "In use.", refusal="too_many")), (True, False, True)),
        (rows.row(connection(errors_by_kind={"not_real_time": 1})), (True, False, True)),
        (
            rows.row(down(1, "Delayed.", messages=0, refusal="not_real_time", errors_by_kind={"not_real_time": 1})),
            (True, False, True),
        ),
        (rows.row(connection(errors_by_kind={"topic_refused": 1}, acknowledged_topics=199)), (True, False, True)),
        (rows.row(connection(errors_by_kind={"topic_refused": 1})), (True, True, True)),
        (rows.row(connection(acknowledged_topics=199)), (True, None, True)),
        (rows.row(connection(url="wss://delayed.massive.com/stocks")), (True, True, False)),
    ],
)
def test_the_answers(row: dict[str, Any], expected: tuple[bool | None, ...]) -> None:
    given = asked(row)
    assert tuple(answer.ok for answer in given) == expected
    assert all(answer.question.endswith("?") and answer.answer.endswith(".") for answer in given)


def test_the_answers_give_figures() -> None:
    assert asked(rows.fewer_granted())[1].answer == (
        "Not all of them: 3 connections are configured, and the plan grants 2."
    )
    assert asked(rows.delayed_data())[2].answer == "Yes: the newest data are 15 minutes behind this machine's clock."
    assert asked(rows.single_live())[2].answer == "No: the newest data are 1 s behind this machine's clock."
    assert "correct MASSIVE_API_KEY" in asked(rows.refused_key())[0].answer


def test_the_age_of_data_tells_nothing_while_the_market_is_closed() -> None:
    assert asked(rows.delayed_data(), Phase.CLOSED)[2].ok is None
    address = rows.row(connection(url="wss://delayed.massive.com/stocks"))
    assert asked(address, Phase.CLOSED)[2].ok is False
