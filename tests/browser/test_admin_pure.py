"""The pure functions of the administrator's page, run where they belong: in the browser, as the modules it loads."""

from typing import Any

from playwright.sync_api import Page

from tests import status_rows

from .pure_calls import call
from .scripted_admin import ScriptedConnections, three_connections
from .scripted_server import START_MS

EVENT = {"id": 1, "connection_id": "connection_2", "time": 1_000, "event": "connected", "reason": "", "actor": None}


def state_of(script: ScriptedConnections) -> dict[str, Any]:
    """What the page knows after it has loaded."""
    told = {"status": script.status(), "gaps": script.gap_list(), "events": script.events}
    return told | {"carried": script.carried, "moved": script.moved}


def judge(page: Page, script: ScriptedConnections, later_ms: int = 0) -> Any:
    """The judgement of scripted connections."""
    return call(page, "admin/verdict", "judge", state_of(script), START_MS + later_ms)


def test_words_are_what_people_say(page: Page) -> None:
    written = {
        ("formatSpan", 850): "850 ms",
        ("formatSpan", 41_900): "41 s",
        ("formatSpan", 200_000): "3 min 20 s",
        ("formatSpan", 7_200_000): "2 h",
        ("formatSpan", 7_205_000): "2 h",
        ("formatSpan", 273_600_000): "3 d 4 h",
        ("formatLatency", None): "–",
        ("formatLatency", 3.21): "3.2 ms",
        ("formatLatency", 41.4): "41 ms",
        ("formatLatency", 2_345): "2.3 s",
        ("formatRate", 0): "0.0",
        ("formatRate", 1204.4): "1,204",
        ("closeCodeText", 1008): "1008 against the server's policy",
        ("closeCodeText", 4001): "4001",
        ("closeCodeText", None): "–",
        ("conditionWord", "market_closed"): "Market closed",
        ("conditionWord", "new"): "new",
        ("eventWord", "lost_frame"): "Frame lost",
        ("eventWord", "some_thing"): "some thing",
        ("momentText", START_MS, START_MS + 60_000): "10:31:20",
        ("momentText", START_MS, START_MS + 86_400_000): "Fri 20 Nov 10:31:20",
    }
    assert {key: call(page, "admin/words", *key) for key in written} == written
    assert [call(page, "admin/words", "listed", list("abc"[:n])) for n in range(4)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert call(page, "admin/words", "kindsText", {"failed_attempt": 4, "none": 0, "drop": 1200}) == (
        "1,200 × drop, 4 × failed attempt"
    )


GAP = {
    "scope": "connection_2", "symbols": ["A"], "symbols_total": 1, "symbols_done": 0, "from": START_MS - 80_000,
    "to": START_MS - 20_000, "reason": "drop", "state": "open", "repaired_bars": 0, "opened_at": 4_000, "due_at": None,
    "closed_at": None,
}  # fmt: skip


def test_a_gap_in_words(page: Page) -> None:
    def word(name: str, *more: Any, **changes: Any) -> Any:
        return call(page, "admin/gap_words", name, GAP | changes, *more)

    day_ms = 86_400_000
    assert word("minutesText", START_MS) == "10:30 to 10:31"
    assert word("minutesText", START_MS, to=GAP["from"]) == "10:30"
    assert word("minutesText", START_MS + day_ms) == "Fri 20 Nov 10:30 to 10:31"
    spanning = word("minutesText", START_MS, **{"from": START_MS - day_ms})
    assert spanning == "Thu 19 Nov 10:31 to Fri 20 Nov 10:31"
    names = {"connection_2": "tech"}
    assert word("whomText", names, symbols=list("ABC")) == "tech: A, B and C"
    assert word("whomText", names, symbols=list("ABCDE"), symbols_total=None) == "tech: A, B, C and others"
    assert word("whomText", names, symbols=None, scope="*") == "all tickers"
    assert word("whenText", START_MS) == "next in the queue"
    assert word("whenText", START_MS, due_at=START_MS + 60_000) == "at 10:32:20"
    assert word("whenText", START_MS, to=None) == "when it has ended"
    assert [word("stateWord", state=state) for state in ("waiting", "new")] == ["Filled, to be checked", "new"]
    assert [word("canRepair", **kind) for kind in ({"to": None}, {"state": "repaired"}, {"state": "waiting"})] == [
        False,
        False,
        True,
    ]


def test_what_became_of_an_event_s_gap(page: Page) -> None:
    def repaired(event: str = "disconnected", **changes: Any) -> Any:
        told = EVENT | {"event": event, "time": 9_000}
        others = [GAP | {"opened_at": 99_000}, GAP | {"opened_at": 3_999, "to": None}]
        return call(page, "admin/gap_words", "repairedText", told, [GAP | changes, *others])

    assert repaired() == "2 minutes, being repaired"
    assert repaired(state="waiting", repaired_bars=1) == "2 minutes, 1 bar repaired so far"
    assert repaired(state="repaired") == "2 minutes, nothing was missing"
    assert repaired(state="unrepairable") == "2 minutes, not all repairable"
    assert repaired(to=None) == "the gap still grows"
    assert repaired("connected") == repaired(opened_at=3_999) == repaired(scope="connection_1") == ""
    # Tickers that came back one after the other: parts of one gap.
    parts = [GAP | {"state": "repaired", "repaired_bars": 2}, GAP | {"state": "repaired", "to": GAP["from"]}]
    told = EVENT | {"event": "disconnected", "time": 4_000}
    assert call(page, "admin/gap_words", "repairedText", told, parts) == "2 minutes, 2 bars repaired"


def test_a_row_of_an_older_version_tells_nothing_of_repair(page: Page) -> None:
    script = three_connections()
    script.repair = script.reconciliation = script.storage = None
    assert judge(page, script)["headline"] == "Every bar arrives"
    for name in ("queueText", "comparedText", "storageText"):
        assert call(page, "admin/gap_words", name, None, START_MS)["level"] == "idle"


def test_a_lock_that_is_waited_for_is_no_outage_and_what_was_lost_is_said(page: Page) -> None:
    script = three_connections()
    script.storage = status_rows.storage(since=START_MS, lost_bars=7, damaged_rows=1)
    told = judge(page, script, later_ms=4_900)
    assert told["headline"] == "Every bar arrives"
    assert [note["text"] for note in told["notes"]] == [
        "For 7 bars there was no room to wait.", "1 row of the spool could not be read at the start.",
    ]  # fmt: skip
    told = judge(page, script, later_ms=5_000)
    assert (told["level"], told["headline"]) == ("bad", "Bars arrive, but are not stored")
    assert [note["level"] for note in told["notes"]] == ["bad", "warn", "warn"]


def test_an_error_of_the_server_beside_messages_that_come_dims_nothing(page: Page) -> None:
    report = {"error": {"status": 503, "message": "It is away."}, "isUnreachable": True, "isPolling": False}
    report |= {"refusal": None, "dataMs": START_MS, "staleMs": 900}
    told = call(page, "admin/verdict", "judgeLink", report | {"isStale": False})
    assert (told["level"], told["detail"], told["isStale"]) == ("warn", "It is away.", False)
    told = call(page, "admin/verdict", "judgeLink", report | {"isStale": True})
    assert (told["level"], told["isStale"]) == ("bad", True)
    assert "What is shown below is of 10:31:20" in told["detail"]


def test_rates_are_drawn_from_nothing_up(page: Page) -> None:
    assert call(page, "admin/rates", "ratePoints", [0, 5, 10]) == "0.0,38.0 120.0,20.0 240.0,2.0"
    assert call(page, "admin/rates", "ratePoints", [0, 0]) == "0.0,38.0 240.0,38.0"
    assert call(page, "admin/rates", "ratePoints", [7]) == ""
    assert call(page, "admin/rates", "rateArea", [0, 10]) == "M0,40 L0.0,38.0 L240.0,2.0 L240,40 Z"
    assert call(page, "admin/rates", "rateRange", [3, 3]) == "3 in each of the last 2 s"
    assert call(page, "admin/rates", "rateRange", [0] * 60) == "No message in the last 60 s"


def test_tickers_are_found_by_their_beginning_and_at_most_500_shown(page: Page) -> None:
    chosen = call(page, "admin/ticker_list", "chooseTickers", ["BRK.B", "BACpL", "AA"], "ba")
    assert chosen == {"shown": ["BACpL"], "matching": 1}
    many = call(page, "admin/ticker_list", "chooseTickers", [f"T{i:04}" for i in range(700, 0, -1)], " ")
    assert (many["matching"], len(many["shown"]), many["shown"][0]) == (700, 500, "T0001")


def test_an_event_that_comes_twice_is_kept_once_and_100_are_kept(page: Page) -> None:
    state = call(page, "admin/state", "emptyState")
    state = call(page, "admin/state", "withEvents", state, [EVENT | {"id": i, "time": i} for i in range(80)])
    state = call(page, "admin/state", "withEvents", state, [EVENT | {"id": i, "time": i} for i in range(70, 150)])
    assert [event["id"] for event in state["events"]] == list(range(149, 49, -1))


def test_since_when_a_connection_is_away_is_read_from_its_events(page: Page) -> None:
    def since(*events: tuple[str, int], known: int = 0) -> Any:
        listed = [EVENT | {"id": i, "event": event, "time": time} for i, (event, time) in enumerate(events)]
        others = [EVENT | {"connection_id": "connection_1"}] * known
        return call(page, "admin/state", "awaySinceMs", {"events": listed + others}, "connection_2")

    assert since(("disconnected", 9), ("refused", 5), ("disconnected", 3), ("connected", 1)) == 3
    assert since(("tickers_moved", 9), ("paused", 5), ("disconnected", 4), ("connected", 1)) == 4
    assert since(("connected", 9), ("disconnected", 3)) is None
    assert since(("disconnected", 9)) == 9
    # With the log full of others' events, when it began is not known.
    assert since(("disconnected", 9), known=99) is None


def test_what_is_down_and_not_carried_is_bad_and_comes_first(page: Page) -> None:
    script = three_connections()
    script.connections[0]["missing_topics"] = ["AM.X", "AM.Y", "AM.Z", "AM.W"]
    script.connections[1] |= {"condition": "down", "status": "error", "reason": "The key was refused"}
    script.happen("connection_2", "refused", "The key was refused")
    told = judge(page, script, later_ms=500)
    assert (told["level"], told["headline"]) == ("bad", "No bars arrive for 40 of 120 tickers")
    assert [note["level"] for note in told["notes"]] == ["bad", "warn"]
    assert told["notes"][0]["text"].endswith("; its 40 tickers are about to move.")
    assert told["notes"][0]["advice"] == "The key was refused. Reconnect tries at once."
    assert "did not confirm AM.X, AM.Y, AM.Z and others" in told["notes"][1]["text"]
    assert judge(page, script, later_ms=60_000)["notes"][0]["text"].endswith("its 40 tickers are carried by nobody.")


def test_what_only_a_part_is_carried_of_says_how_much(page: Page) -> None:
    script = three_connections()
    script.fail(2, (1,))
    script.carried["connection_2"] = script.carried["connection_1"][-10:]
    script.carried["connection_1"] = script.carried["connection_1"][:-10]
    script.moved = {t: owner for t, owner in script.moved.items() if t in script.carried["connection_1"]}
    script.connections[1] |= {"ticker_count": 10, "lent": 30}
    script.connections[0]["ticker_count"] = 70
    told = judge(page, script, later_ms=60_000)
    assert told["headline"] == "No bars arrive for 10 of 120 tickers"
    assert told["notes"][0]["text"].endswith(
        "30 of its 40 tickers are carried by primary (connection_1), 10 by nobody."
    )


def test_a_closed_market_and_a_database_that_takes_nothing(page: Page) -> None:
    script = three_connections()
    for connection in script.connections:
        connection["condition"] = "market_closed"
    assert judge(page, script)["headline"] == "The market is closed: no bars are expected"
    assert judge(page, script)["level"] == "idle"
    script = three_connections()
    script.pipeline = {"event_to_commit_ms": {"p50": None, "p99": None, "count": 0}, "waiting_bars": 900}
    told = judge(page, script)
    assert (told["level"], told["headline"]) == ("bad", "Bars arrive, but are not stored")
    assert "900 bars wait in memory" in told["notes"][0]["text"]
    script.pipeline = {"event_to_commit_ms": {"p50": 20.0, "p99": 12_900.0, "count": 9}, "waiting_bars": 3}
    told = judge(page, script)
    assert told["headline"] == "Every bar arrives"
    assert told["notes"][0]["text"] == "One bar in a hundred is committed more than 12 s after its event."


def test_a_ticker_moves_to_what_is_connected_the_emptiest_first(page: Page) -> None:
    script = three_connections()
    script.connections[2]["ticker_count"] = 3
    targets = call(page, "admin/actions", "targetsFor", script.connections, "connection_1")
    assert [target["id"] for target in targets] == ["connection_3", "connection_2"]
    assert targets[0]["text"] == "etfs (connection_3): 3 of 500 tickers"
    script.connections[2]["status"] = "connecting"
    script.connections[1]["paused"] = True
    assert call(page, "admin/actions", "targetsFor", script.connections, "connection_1") == []


def test_what_a_pause_costs_is_said(page: Page) -> None:
    connection = three_connections().connections[0]
    shared = call(page, "admin/actions", "questionFor", "pause", connection, False)
    assert shared["text"].endswith("The other connections take its 40 tickers, as far as they have room.")
    alone = call(page, "admin/actions", "questionFor", "pause", connection, True)
    assert alone["text"].endswith("No bars arrive for its 40 tickers until then.")
    market = call(page, "admin/actions", "questionFor", "pause", connection | {"movable": False}, False)
    assert market["text"].endswith("No bars arrive for the whole market until then.")
