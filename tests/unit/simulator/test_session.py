"""One client's conversation: authentication, topics, and the silences of the real feed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.simulator.session import Session
from src.simulator.wire import Event


def ask(session: Session, action: str, params: object = "") -> list[tuple[str, str]]:
    """The statuses and messages that answer one request."""
    reply = session.receive(json.dumps({"action": action, "params": params}))
    return [(element["status"], element["message"]) for element in map(json.loads, reply.elements)]


@pytest.fixture
def session() -> Session:
    session = Session()
    ask(session, "auth", "any key")
    return session


def test_any_key_but_an_empty_one_is_accepted() -> None:
    assert ask(Session(), "auth", "any key") == [("auth_success", "authenticated")]
    refused = Session()
    assert ask(refused, "auth", "") == [("auth_failed", "authentication failed")]
    assert not refused.authenticated


def test_a_required_key_is_required_and_a_wrong_one_ends_the_connection() -> None:
    session = Session(key="right")
    reply = session.receive('{"action":"auth","params":"wrong"}')
    assert reply.drop
    assert json.loads(reply.elements[0])["status"] == "auth_failed"
    assert not session.receive('{"action":"auth","params":"right"}').drop
    assert session.authenticated


def test_nothing_is_subscribed_before_authentication() -> None:
    session = Session()
    assert ask(session, "subscribe", "AM.AAPL") == [("error", "not authenticated")]
    assert not session.topics


def test_every_new_topic_is_acknowledged_once(session: Session) -> None:
    assert ask(session, "subscribe", "AM.AAPL,A.AAPL, AM.BRK.B") == [
        ("success", "subscribed to: AM.AAPL"),
        ("success", "subscribed to: A.AAPL"),
        ("success", "subscribed to: AM.BRK.B"),
    ]
    assert ask(session, "subscribe", "AM.AAPL,AM.AAPL,AM.KO,AM.KO") == [("success", "subscribed to: AM.KO")]


@pytest.mark.parametrize("topic", ["T.AAPL", "Q.*", "a.AAPL", "AAPL", "", "A.", ".AAPL"])
def test_an_unknown_channel_is_met_with_silence(session: Session, topic: str) -> None:
    assert ask(session, "subscribe", f"{topic},A.KO") == [("success", "subscribed to: A.KO")]
    assert session.topics == {"A.KO"}


def test_unsubscribing_ends_a_topic_and_is_silent_for_others(session: Session) -> None:
    ask(session, "subscribe", "AM.AAPL,AM.*")
    assert ask(session, "unsubscribe", "AM.*,AM.KO") == [("success", "unsubscribed to: AM.*")]
    assert session.topics == {"AM.AAPL"}
    assert not session.wants(Event("AM", "AM.KO", "{}"))


def test_a_topic_is_split_at_its_first_dot_and_tickers_keep_their_case(session: Session) -> None:
    ask(session, "subscribe", "AM.BRK.B,A.BACpL")
    assert session.wants(Event("AM", "AM.BRK.B", "{}"))
    assert not session.wants(Event("A", "A.BRK.B", "{}"))
    assert session.wants(Event("A", "A.BACpL", "{}"))
    assert not session.wants(Event("A", "A.BACPL", "{}"))


def test_a_wildcard_is_of_one_channel(session: Session) -> None:
    ask(session, "subscribe", "AM.*")
    assert session.wants(Event("AM", "AM.KO", "{}"))
    assert not session.wants(Event("A", "A.KO", "{}"))


@pytest.mark.parametrize(
    "message",
    ["", "no json", "[]", "1", "null", "{}", '{"action":null}', '{"action":["auth"]}', '{"action":"auth","params":3}',
     '{"action":"leave"}', b"\xff\xfe", "[" * 100_000],
)  # fmt: skip
def test_what_is_no_request_gets_an_error_and_no_more(message: str | bytes) -> None:
    session = Session()
    reply = session.receive(message)
    assert [json.loads(element)["status"] for element in reply.elements] == ["error"]
    assert not reply.drop
    assert ask(session, "auth", "key") == [("auth_success", "authenticated")]


@given(key=st.text(st.characters(), min_size=1))
def test_any_text_can_be_a_key(key: str) -> None:
    assert ask(Session(), "auth", key) == [("auth_success", "authenticated")]
    assert ask(Session(key=key), "auth", key) == [("auth_success", "authenticated")]
    assert ask(Session(key=key + "x"), "auth", key)[0][0] == "auth_failed"
