"""The books of a subscription."""

from src.infrastructure.websocket.topics import Topics


def test_a_topic_is_missing_only_once_its_acknowledgement_is_overdue() -> None:
    topics = Topics()
    topics.want(["A.AAPL", "A.MSFT"], 100.0)
    assert topics.missing() == []
    topics.acknowledge("A.AAPL", True)
    assert topics.overdue(99.0) == []
    assert topics.overdue(101.0) == ["A.MSFT"]
    assert topics.missing() == ["A.MSFT"]
    topics.resubscribe(200.0)
    assert topics.missing() == []
    topics.forget_acknowledgements()
    assert topics.missing() == ["A.AAPL", "A.MSFT"]
