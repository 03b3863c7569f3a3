"""The manager and its clients against the simulator: failover, limits of the plan, an administrator's actions."""

import contextlib
import functools
import random
import threading
import time
from collections.abc import Callable

import pytest

from src.core.domain.connection import hearing, presence
from src.core.domain.connection.event import EventKind
from src.core.errors import ActionRefusedError
from src.simulator.faults import Drop, MaxConnections, Mute, Outage
from tests.integration.connections import LISTS, ONE, THREE, TICKERS, TWO, bench
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits for what is down or back; the test that shows the real ones undoes it."""
    monkeypatch.setattr(presence, "MOVE_AFTER_S", 1.5)
    monkeypatch.setattr(presence, "RETURN_AFTER_S", 1.0)


def test_each_connection_carries_its_own_and_overlaps_are_subscribed_once() -> None:
    with bench() as it:
        it.connect({**LISTS, TWO: ["AAPL", *LISTS[TWO], "SPY"]})
        assert it.manager.assignment() == {**LISTS, TWO: [*LISTS[TWO], "SPY"], THREE: ["QQQ", "TSLA", "GOOGL"]}
        assert it.topics() == [6, 6, 6]
        it.wait_all_heard()
        assert {ticker: ids for ticker, ids in it.heard.items() if len(ids) > 1} == {}
        assert it.heard["SPY"] == {TWO}
        wait_for(lambda: [one.heard_ms is not None for one in it.manager.listened()] == [True] * 3)
        health = it.manager.get_health_status()
        assert (health["connected_count"], health["total_tickers"]) == (3, 9)
        assert it.manager.get_ticker_assignment("SPY") == TWO
        assert it.manager.get_ticker_assignment("IBM") is None
        assert it.manager.get_connection_tickers(ONE) == set(LISTS[ONE])
        assert {change.connection_id for change in it.statuses} == {ONE, TWO, THREE}


def test_the_tickers_of_a_dead_connection_are_live_within_ten_seconds_and_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # by the real waits
    with bench() as it:
        it.connect()
        it.wait_all_heard()
        it.forget_starts()
        outage = it.server.faults.begin(Outage())
        it.server.faults.do(Drop(connections=(it.on_server(4),)))
        wait_for(lambda: it.entry(TWO)["status"] != "connected")
        (lost,) = it.interruptions
        assert (lost.connection_id, lost.tickers, lost.goes_on) == (TWO, ("AMZN", "META"), True)
        assert lost.heard_ms is not None
        assert len(it.manager.listened()) == 2
        assert it.resumed == []
        down_s = it.clock.monotonic()
        it.wait(it.manager.moved)
        assert it.clock.monotonic() - down_s > presence.MOVE_AFTER_S - 1
        it.wait_all_heard()
        assert it.clock.monotonic() - down_s < 10
        assert it.manager.moved() == {"AMZN": TWO, "META": TWO}
        assert it.heard["AMZN"] == it.heard["META"] == {ONE}
        assert it.entry(TWO)["lent"] == 2
        assert it.entry(ONE)["borrowed"] == 2
        assert it.kinds(TWO) == [EventKind.TICKERS_MOVED]
        assert it.events[-1].reason == "2 tickers that it carried moved: 2 to connection_1."
        assert {"AMZN", "META"} in it.incomplete
        wait_for(lambda: {"AMZN", "META"} <= set().union(*it.resumed))
        assert it.interruptions == [lost]
        it.server.faults.end(outage)
        it.forget_starts()
        it.wait(lambda: it.manager.moved() == {})
        it.wait_acknowledged()
        wait_for(lambda: it.topics() == [4, 6, 8])
        assert it.kinds(TWO) == [EventKind.TICKERS_MOVED, EventKind.TICKERS_RETURNED]
        assert it.incomplete == it.interruptions == []  # the old carrier let go when the new one was acknowledged
        it.wait_all_heard()


def test_a_short_drop_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # by the real waits
    with bench() as it:
        it.connect()
        it.server.faults.do(Drop(connections=(it.on_server(4),)))
        wait_for(lambda: it.entry(TWO)["reconnects"] == 1)
        it.wait_all_heard()
        assert it.manager.moved() == {}
        assert it.events == []
        assert set(LISTS[TWO]) in it.incomplete
        assert not any({"AAPL", "SPY"} & tickers for tickers in it.incomplete[-1:])


def test_two_down_at_once_are_carried_by_the_third_and_all_down_moves_nothing() -> None:
    with bench(ticker_limit=8) as it:
        it.connect()
        it.server.faults.begin(Outage())
        it.server.faults.do(Drop(connections=(it.on_server(4), it.on_server(6))))
        it.wait(lambda: len(it.manager.moved()) == 4)
        it.wait_acknowledged()
        assert it.entry(THREE)["ticker_count"] == 8
        assert it.topics() == [16]
        assert it.entry(TWO)["ticker_count"] == 1  # no room: it waits at its owner
        it.server.faults.do(Drop())
        wait_for(lambda: it.manager.snapshot()["status"] != "connected")
        before = it.manager.assignment()
        it.pass_time(presence.MOVE_AFTER_S + 1)
        assert it.manager.assignment() == before
        it.manager.subscribe(["IBM"])
        assert it.manager.get_ticker_assignment("IBM") is not None


@pytest.mark.parametrize(("evict", "after"), [("older", "auth"), ("older", "subscribe"), ("newer", "auth")])
def test_where_the_plan_grants_two_of_three_it_settles_and_says_so(evict: str, after: str) -> None:
    with bench(faults=[MaxConnections(limit=2, evict=evict, after=after)]) as it:
        it.manager.assign(LISTS)
        assert it.manager.connect()
        it.wait(lambda: any(event.event is EventKind.FEWER_GRANTED for event in it.events))
        (told,) = [event for event in it.events if event.event is EventKind.FEWER_GRANTED]
        it.wait_all_heard()
        resting = it.entry(told.connection_id)
        assert (resting["granted"], resting["status"], resting["ticker_count"]) == (False, "disconnected", 0)
        assert "The plan grants 2 of the 3 connections" in resting["reason"]
        assert it.manager.get_health_status()["connected_count"] == 2
        sessions = [one["reconnects"] for one in it.manager.snapshot()["connections"]]
        it.pass_time(4)
        assert [one["reconnects"] for one in it.manager.snapshot()["connections"]] == sessions  # nobody fights
        assert len(it.server.faults.state()["connections"]) == 2


def test_where_the_plan_grants_one_of_three_that_one_carries_all() -> None:
    with bench(faults=[MaxConnections(limit=1)]) as it:
        it.manager.assign(LISTS)
        it.manager.connect()
        it.wait(lambda: [event.event for event in it.events].count(EventKind.FEWER_GRANTED) == 2)
        it.wait_all_heard()
        assert it.topics() == [2 * len(TICKERS)]


def test_who_listens_to_the_whole_market_does_not_rest_while_another_can() -> None:
    with bench(enabled=[ONE, TWO]) as it:
        it.connect({ONE: ["*"], TWO: ["AAPL"]})
        oldest = it.server.faults.state()["connections"][0]["topics"]
        whole_first = it.on_server(2) < max(one["connection"] for one in it.server.faults.state()["connections"])
        assert oldest == 2
        it.server.faults.begin(MaxConnections(limit=1, evict="older" if whole_first else "newer"))
        it.wait(lambda: any(event.event is EventKind.FEWER_GRANTED for event in it.events))
        assert {one["connection_id"]: one["granted"] for one in it.manager.snapshot()["connections"]}[ONE]


def test_a_connection_that_the_plan_grants_later_is_taken_when_it_is_tried_again() -> None:
    with bench() as it:
        limit = it.server.faults.begin(MaxConnections(limit=2, evict="newer"))
        it.manager.assign(LISTS)
        assert it.manager.connect()
        it.wait(lambda: any(event.event is EventKind.FEWER_GRANTED for event in it.events))
        resting = it.events[0].connection_id
        it.server.faults.end(limit)
        it.manager.reconnect(resting, "ann")
        it.wait(lambda: it.manager.moved() == {} and it.manager.get_health_status()["connected_count"] == 3)
        assert it.entry(resting)["granted"]
        it.wait_acknowledged()


def test_a_paused_connection_hands_its_tickers_over_without_a_gap_and_gets_them_back() -> None:
    with bench() as it:
        it.connect()
        it.forget_starts()
        assert "paused" in it.manager.pause(TWO, "ann")
        wait_for(lambda: it.entry(TWO)["status"] == "disconnected")
        assert it.entry(TWO)["reason"] == "Paused by ann."
        assert it.entry(TWO)["paused"]
        assert it.manager.moved() == {"AMZN": TWO, "META": TWO}
        assert it.incomplete == []
        it.wait_all_heard()
        for refused in (
            lambda: it.manager.pause(TWO, "ann"),
            lambda: it.manager.reconnect(TWO, "ann"),
            lambda: it.manager.move("AAPL", TWO, "ann"),
        ):
            with pytest.raises(ActionRefusedError, match="paused"):
                refused()
        it.manager.resume(TWO, "ann")
        it.wait(lambda: it.manager.moved() == {})
        it.wait_acknowledged()
        assert it.kinds(TWO) == [
            EventKind.PAUSED, EventKind.TICKERS_MOVED, EventKind.RESUMED, EventKind.TICKERS_RETURNED
        ]  # fmt: skip
        assert it.events[0].actor == "ann"


def test_pausing_the_last_live_connection_says_what_it_means() -> None:
    with bench(enabled=[ONE]) as it:
        it.connect({ONE: TICKERS})
        assert "nothing is received until one is resumed" in it.manager.pause(ONE, "ann")
        wait_for(lambda: it.manager.snapshot()["status"] == "disconnected")
        assert it.manager.snapshot()["reason"] == "Paused by ann."
        with pytest.raises(ActionRefusedError, match="disabled"):
            it.manager.move("AAPL", TWO, "ann")
        assert it.entry(TWO)["reason"] == "This connection is disabled in the settings."
        it.manager.resume(ONE, "ann")
        it.wait_all_heard()


def test_a_ticker_is_moved_by_hand_without_a_gap() -> None:
    with bench() as it:
        it.connect()
        it.forget_starts()
        assert it.manager.move("aapl", THREE, "ann") == "AAPL is carried by connection_3 now."
        wait_for(lambda: it.topics() == [4, 4, 10])
        it.wait_all_heard()
        assert it.heard["AAPL"] == {THREE}
        assert it.manager.moved() == {"AAPL": ONE}
        assert it.incomplete == it.interruptions == []
        assert [(event.event, event.actor) for event in it.events] == [(EventKind.TICKERS_MOVED, "ann")]
        for ticker, target, words in (
            ("IBM", ONE, "is not listened to"),
            ("AAPL", THREE, "already"),
            ("AAPL", "connection_9", "There is no connection_9"),
        ):
            with pytest.raises(ActionRefusedError, match=words):
                it.manager.move(ticker, target, "ann")
        it.manager.move("AAPL", ONE, "ann")
        wait_for(lambda: it.topics() == [4, 6, 8])


def test_the_whole_market_does_not_move() -> None:
    with bench(enabled=[ONE, TWO]) as it:
        it.connect({ONE: ["*"], TWO: ["AAPL"]})
        assert [it.entry(one)["movable"] for one in (ONE, TWO)] == [False, True]
        with pytest.raises(ActionRefusedError, match="whole market"):
            it.manager.move("*", TWO, "ann")
        it.server.faults.begin(Outage())
        it.server.faults.do(Drop(connections=(it.on_server(2),)))
        it.server.faults.do(Drop())
        wait_for(lambda: it.manager.snapshot()["status"] != "connected")
        assert it.manager.moved() == {}


def test_reconnecting_on_request_moves_nothing() -> None:
    with bench() as it:
        it.connect()
        it.manager.reconnect(ONE, "ann")
        wait_for(lambda: it.entry(ONE)["reconnects"] == 1)
        it.wait_acknowledged()
        assert it.manager.moved() == {}
        assert it.kinds(ONE) == [EventKind.RECONNECT_ASKED]


def test_tickers_are_added_where_the_fewest_are_and_removed_wherever_they_are() -> None:
    with bench() as it:
        it.connect()
        it.manager.subscribe(["IBM", "AAPL", "KO"])
        assert it.manager.get_ticker_assignment("IBM") == TWO
        wait_for(lambda: it.topics() == [8, 8, 6] or it.topics() == [6, 8, 8])
        it.manager.unsubscribe(["IBM", "AAPL", "NONE"])
        wait_for(lambda: it.topics() == [4, 6, 8])
        it.wait_acknowledged()


def test_many_hands_at_once_leave_the_books_and_the_server_agreed() -> None:
    with bench() as it:
        it.connect()
        until_s = time.monotonic() + 3

        def act(seed: int) -> None:
            chance = random.Random(seed)
            while time.monotonic() < until_s:
                one, ticker = chance.choice(list(LISTS)), chance.choice(TICKERS)
                deeds: list[Callable[[], object]] = [
                    functools.partial(it.manager.pause, one, "ann"),
                    functools.partial(it.manager.resume, one, "ann"),
                    functools.partial(it.manager.reconnect, one, "ann"),
                    functools.partial(it.manager.move, ticker, one, "ann"),
                    functools.partial(it.manager.subscribe, [f"N{seed}"]),
                    functools.partial(it.manager.unsubscribe, [f"N{seed}"]),
                    it.manager.snapshot,
                ]
                with contextlib.suppress(ActionRefusedError):
                    chance.choice(deeds)()
                threading.Event().wait(chance.random() / 20)

        hands = [threading.Thread(target=act, args=(seed,)) for seed in range(4)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join(60)
            assert not hand.is_alive()
        it.manager.unsubscribe([f"N{seed}" for seed in range(4)])
        for one in LISTS:
            with contextlib.suppress(ActionRefusedError):
                it.manager.resume(one, "ann")
        it.wait(lambda: it.manager.get_health_status()["connected_count"] == 3)
        it.wait(lambda: sum(it.topics()) == 2 * len(TICKERS))
        it.wait(lambda: it.topics() == sorted(2 * len(tickers) for tickers in it.manager.assignment().values()))
        it.wait_all_heard()


def test_it_ends_within_seconds_whatever_it_is_doing_and_can_be_connected_again() -> None:
    with bench() as it:
        it.connect()
        it.server.faults.begin(Outage())
        it.server.faults.do(Drop(connections=(it.on_server(4),)))
        wait_for(lambda: it.entry(TWO)["status"] == "disconnected")
        movers = [threading.Thread(target=it.manager.subscribe, args=([f"S{n}"],)) for n in range(8)]
        for mover in movers:
            mover.start()
        started_s = time.monotonic()
        it.manager.disconnect()
        assert time.monotonic() - started_s < 30
        for mover in movers:
            mover.join(60)
        it.server.faults.clear()
        assert not any(thread.name.startswith("feed-") for thread in threading.enumerate())
        it.connect()
        it.wait_all_heard()


def test_a_connection_that_goes_mute_and_answers_pings_is_noticed_while_the_others_hear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing, "LEARN_S", 3.0)
    monkeypatch.setattr(hearing, "LEAST_TIMES", 2)
    with bench() as it:
        it.connect()
        it.wait_all_heard()
        it.pass_time(4)
        it.server.faults.begin(Mute(connections=(it.on_server(4),)))
        it.wait(lambda: EventKind.TICKERS_MOVED in it.kinds(TWO))  # by itself it would never notice
        assert {"AMZN", "META"} in it.incomplete
        assert [one.tickers for one in it.interruptions] == [("AMZN", "META")]
        it.wait(lambda: it.entry(TWO)["reconnects"] == 1)
        assert any("while the other connections heard" in change.reason for change in it.statuses)
        it.wait_all_heard()
        it.wait(lambda: it.manager.moved() == {})  # a new connection is not mute


# -- lists that change -----------------------------------------------------------------------------------------------


def test_lists_that_change_are_followed_without_a_reconnect_and_what_is_new_lacks_its_beginning() -> None:
    with bench() as it:
        it.connect()
        it.wait_all_heard()
        it.forget_starts()
        it.manager.assign({**LISTS, ONE: ["AAPL", "IBM", "MSFT"], TWO: ["AMZN", "META", "NVDA"]})
        wait_for(lambda: it.topics() == [6, 6, 8])
        it.wait_acknowledged()
        wait_for(lambda: any("IBM" in told for told in it.resumed) and it.incomplete == [{"IBM"}])
        assert it.manager.get_connection_tickers(TWO) == {"AMZN", "META", "NVDA"}
        assert it.interruptions == []  # what moved to another list was held until it was taken over
        assert all(it.entry(one)["reconnects"] == 0 for one in (ONE, TWO, THREE))
