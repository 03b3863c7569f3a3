"""The books of a subscription."""

from src.core.domain.connection.watchdog import Breadth
from src.infrastructure.websocket.topics import Topics
from tests.bars import minute


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


def test_a_missing_topic_is_asked_for_again_after_a_minute_five_and_then_each_fifteen() -> None:
    topics = Topics()
    topics.want(["A.AAPL", "A.MSFT"], 0.0)
    topics.acknowledge("A.AAPL", True)
    topics.overdue(10.5)
    asked_s = [second for second in range(3600) if topics.again(second) == ["A.MSFT"]]
    assert asked_s == [60, 300, 1200, 2100, 3000]
    topics.acknowledge("A.MSFT", True)
    assert not any(topics.again(second) for second in range(3600, 7200))


def test_what_is_dropped_or_asked_for_anew_is_not_repeated() -> None:
    topics = Topics()
    topics.want(["A.AAPL", "A.MSFT"], 0.0)
    topics.overdue(10.5)
    topics.drop(["A.AAPL"])
    assert topics.again(60.0) == ["A.MSFT"]
    topics.resubscribe(100.0)
    assert topics.again(3600.0) == []


def test_the_breadth_is_of_what_is_acknowledged_in_the_fuller_channel() -> None:
    topics = Topics()
    topics.want([f"{channel}.T{place}" for channel in ("AM", "A") for place in range(3)], 0.0)
    assert topics.breadth == Breadth(0, False, False)
    for topic in ("AM.T0", "AM.T1", "AM.T2", "AM.T2"):
        topics.acknowledge(topic, True)
    assert topics.breadth == Breadth(3, False, False)
    topics.acknowledge("A.T0", True)
    assert topics.breadth == Breadth(3, False, True)
    topics.drop(["A.T0", "AM.T0"])
    assert topics.breadth == Breadth(2, False, False)
    topics.forget_acknowledgements()
    assert topics.breadth == Breadth(0, False, False)


def test_the_breadth_of_the_whole_market_is_no_count() -> None:
    topics = Topics()
    topics.want(["AM.*", "A.*"], 0.0)
    topics.acknowledge("AM.*", True)
    assert topics.breadth == Breadth(0, True, False)
    topics.acknowledge("A.*", True)
    assert topics.breadth == Breadth(0, True, True)
    assert topics.silent(1e9) == []
    topics.drop(["AM.*", "A.*"])
    assert topics.breadth == Breadth(0, False, False)


def test_silent_are_the_acknowledged_tickers_of_which_nothing_came() -> None:
    topics = Topics()
    topics.want(["AM.AAPL", "AM.MSFT", "A.AAPL", "A.MSFT", "A.IBM"], 0.0)
    for topic in ("AM.AAPL", "AM.MSFT", "A.AAPL", "A.MSFT"):
        topics.acknowledge(topic, True, 100.0)
    topics.hear([minute(0, ticker="AAPL"), minute(0, ticker="GOOGL")])
    assert topics.silent(100.0) == []
    assert topics.silent(100.1) == ["AM.MSFT"]
    topics.hear([minute(0, ticker="MSFT")])
    assert topics.silent(1e9) == []
