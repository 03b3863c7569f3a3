"""The administrators' namespace under the real gunicorn, with real WebSockets and a real database."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
import websocket

from src.presentation.admin.door import MOST_CLIENTS
from tests import status_rows
from tests.accounts import make_admin
from tests.admin_site import CARRIED, Ingestion, now_ms, started
from tests.live_client import NAMESPACE, Session, Watcher, WebProcess
from tests.waiting import wait_for

SYMBOLS = {symbol for carried in CARRIED.values() for symbol in carried}
HANDSHAKE = "/socket.io/?EIO=4&transport=websocket"


class House:
    """A web process, what ingests beside it, and an administrator's session."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.database_url = url
        self.ingestion: Ingestion = started(url)
        make_admin(url)
        self.web = WebProcess(folder, url)
        self.session: Session = self.web.log_in()
        self._watchers: list[Watcher] = []
        self._visitors: list[websocket.WebSocket] = []

    def watch(self, *, reconnection: bool = False) -> Watcher:
        watcher = Watcher(self.web.url, self.session.cookie(), reconnection)
        self._watchers.append(watcher)
        return watcher

    def handshake(self, headers: dict[str, str]) -> requests.Response:
        """The answer to a request for a WebSocket that is refused."""
        upgrade = {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
        return requests.get(self.web.url + HANDSHAKE, headers={**upgrade, **headers}, timeout=60)

    def raw(self, **options: Any) -> websocket.WebSocket:
        """A WebSocket that has come in, and said nothing yet."""
        url = self.web.url.replace("http", "ws") + HANDSHAKE
        visitor = websocket.create_connection(url, header=self.session.cookie(), timeout=120, **options)
        self._visitors.append(visitor)
        return visitor

    def empty(self) -> None:
        for watcher in self._watchers:
            watcher.leave()
        for visitor in self._visitors:
            visitor.shutdown()
        self._watchers.clear()
        self._visitors.clear()

    def close(self) -> None:
        self.empty()
        self.session.close()
        self.web.end()
        self.ingestion.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[House]:
    """One house for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("house")
    house = House(folder, f"sqlite:///{shutil.copy(migrated_file, folder / 'bars.db')}")
    yield house
    house.close()


@pytest.fixture
def house(shared_house: House) -> Iterator[House]:
    """The shared house, with ingestion as at the start, and empty at the end."""
    shared_house.ingestion.report()
    shared_house.ingestion.assign(CARRIED)
    yield shared_house
    shared_house.empty()


@pytest.fixture
def own_house(tmp_path: Path, sqlite_database_url: str) -> Iterator[House]:
    """A house that a test may take down."""
    house = House(tmp_path, sqlite_database_url)
    yield house
    house.close()


# -- what is told --------------------------------------------------------------------------------------------------


def test_who_connects_is_told_how_things_are_and_then_what_changes(house: House) -> None:
    watcher = house.watch()
    wait_for(lambda: watcher.told("status_update") and watcher.prices().keys() == SYMBOLS)
    house.ingestion.trade(151.5, "AAPL", "NVDA")
    wait_for(lambda: watcher.prices()["NVDA"] == 151.5)
    [ticks] = [ticks for ticks in watcher.told("tick_update") if ticks[0]["price"] == 151.5]
    minute_ms = ticks[0]["timestamp"]
    assert {tick["symbol"]: tick for tick in ticks} == {
        symbol: {
            "connection_id": connection_id, "symbol": symbol, "price": 151.5, "volume": 100.0, "timestamp": minute_ms,
        }
        for symbol, connection_id in (("AAPL", "connection_1"), ("NVDA", "connection_3"))
    }  # fmt: skip
    assert 0 <= now_ms() - minute_ms < 120_000


def test_metrics_and_summary_come_each_second(house: House) -> None:
    begun_s = time.monotonic()
    watcher = house.watch()
    wait_for(lambda: len(watcher.told("metrics_update")) >= 5)
    count = len(watcher.told("metrics_update"))
    assert time.monotonic() - begun_s > count - 2  # one with the greeting, one at once
    assert list(watcher.told("metrics_update")[0]) == list(CARRIED)
    summary = watcher.told("summary_update")[0]
    repair = {"repair", "reconciliation", "storage", "retention", "patterns"}
    assert set(summary) == {"summary", "pipeline", "ingest_age_ms", "answers", "timestamp", *repair}


def test_a_change_of_status_and_its_event_come_at_once(house: House) -> None:
    watcher = house.watch()
    wait_for(lambda: watcher.told("status_update"))
    house.ingestion.log("The feed closed the connection.")
    house.ingestion.report(status_rows.one_down(now_ms()))
    wait_for(lambda: watcher.told("status_update")[-1]["connections"][1]["condition"] == "down")
    wait_for(lambda: watcher.told("event_update"))
    assert [event["reason"] for event in watcher.told("event_update")[0]] == ["The feed closed the connection."]


def test_a_ticker_that_moves_is_told_with_its_new_connection(house: House) -> None:
    watcher = house.watch()
    wait_for(lambda: watcher.prices().keys() == SYMBOLS)
    house.ingestion.assign({"connection_1": ["AAPL", "TSLA"]}, {"TSLA": "connection_3"})
    wait_for(lambda: now_ms() % 60_000 < 58_000)
    time_told = len(watcher.got)
    wait_for(lambda: trade_and_see(house, watcher, time_told))
    last = [tick for ticks in watcher.told("tick_update") for tick in ticks if tick["symbol"] == "TSLA"][-1]
    assert last["connection_id"] == "connection_1"


def trade_and_see(house: House, watcher: Watcher, since: int) -> bool:
    """Trades, until the new assignment has been seen by the web process too."""
    house.ingestion.trade(200 + now_ms() % 1000 / 10, "TSLA", "MSFT")
    told = [data for _at_s, event, data in watcher.got[since:] if event == "tick_update"]
    return any(tick["connection_id"] == "connection_1" for ticks in told for tick in ticks if tick["symbol"] == "TSLA")


def cookie_of(house: House, login: str) -> dict[str, str]:
    """The headers of somebody who has just logged in."""
    with house.web.log_in(login) as session:
        return session.cookie()


# -- who may -------------------------------------------------------------------------------------------------------


def test_without_a_session_the_handshake_is_refused(house: House) -> None:
    make_admin(house.database_url, "reader", role="user")
    for headers, status, code in (
        ({}, 401, "unauthorized"),
        ({"Cookie": "session=forged"}, 401, "unauthorized"),
        (cookie_of(house, "reader"), 403, "forbidden"),
    ):
        answer = house.handshake(headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    with pytest.raises(socketio.exceptions.ConnectionError):
        Watcher(house.web.url, {})


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1.evil.example"]
)
def test_pages_of_other_origins_are_refused(house: House, origin: str) -> None:
    answer = house.handshake({**house.session.cookie(), "Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers
    claimed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    assert house.handshake({**house.session.cookie(), "Origin": origin, **claimed}).status_code == 403


def test_pages_of_the_own_origin_and_what_is_no_page_are_let_in(house: House) -> None:
    for origin in (house.web.url, None):
        visitor = house.raw(origin=origin, suppress_origin=origin is None)
        visitor.send(f"40{NAMESPACE},")
        wait_for(lambda visitor=visitor: visitor.recv().startswith(f"40{NAMESPACE},"))  # type: ignore[misc]  # a default


def test_long_polling_is_not_offered(house: House) -> None:
    answer = house.session.get(house.web.url + "/socket.io/?EIO=4&transport=polling", timeout=60)
    assert answer.status_code == 400


def test_who_logs_out_is_disconnected(own_house: House) -> None:
    watcher, other = own_house.watch(), Watcher(own_house.web.url, cookie_of(own_house, "admin"))
    wait_for(lambda: watcher.told("status_update") and other.told("status_update"))
    answer = own_house.session.post(
        f"{own_house.web.url}/logout", data={"csrf_token": own_house.session.headers["X-CSRFToken"]}, timeout=60
    )
    assert answer.ok
    assert watcher.ended.wait(60)
    assert not other.ended.is_set()
    other.leave()


def test_the_41st_is_refused_with_a_sentence(house: House) -> None:
    watchers = [house.watch() for _number in range(MOST_CLIENTS)]
    with pytest.raises(socketio.exceptions.ConnectionError):
        house.watch()
    watchers[0].leave()
    wait_for(lambda: joins(house))
    assert house.session.get(f"{house.web.url}/api/status", timeout=60).ok


def joins(house: House) -> bool:
    try:
        house.watch()
    except socketio.exceptions.ConnectionError:
        return False
    return True


# -- troubles ------------------------------------------------------------------------------------------------------


def test_the_end_of_the_process_is_not_held_up_by_open_sockets(own_house: House) -> None:
    watchers = [own_house.watch() for _number in range(5)]
    wait_for(lambda: all(watcher.told("status_update") for watcher in watchers))
    own_house.raw()
    own_house.web.end()
    assert "SIGKILL" not in own_house.web.log  # as it is when sockets hold it up for 6 s
    assert all(watcher.ended.wait(60) for watcher in watchers)


def test_clients_come_back_by_themselves_when_the_server_has_been_started_again(own_house: House) -> None:
    watcher = own_house.watch(reconnection=True)
    wait_for(lambda: watcher.told("status_update"))
    left_open = watcher.client.eio.ws  # the library forgets it
    own_house.web.end()
    left_open.shutdown()
    count = len(watcher.got)
    own_house.web = WebProcess(own_house.folder, own_house.database_url, port=own_house.web.port)
    wait_for(lambda: "status_update" in [event for _at_s, event, _data in watcher.got[count:]])


def test_a_client_that_does_not_join_is_put_out(house: House) -> None:
    silent = house.raw()
    assert json.loads(silent.recv()[1:])["maxPayload"] == 1024
    read_to_the_end(silent)


def read_to_the_end(visitor: websocket.WebSocket) -> None:
    """Returns when the other side has ended the connection."""
    with contextlib.suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
        while visitor.recv():
            pass


@pytest.mark.parametrize("message", ["x" * 5000, "", "9", "4", "40/other,", "4" + "{" * 500, "451-[]", b"\0\1"])
def test_garbage_ends_its_own_connection_at_most(house: House, message: Any) -> None:
    watcher = house.watch()
    hostile = house.raw()
    hostile.send(f"40{NAMESPACE},")
    wait_for(lambda: hostile.recv().startswith(f"40{NAMESPACE},"))
    hostile.send(message, websocket.ABNF.OPCODE_BINARY if isinstance(message, bytes) else websocket.ABNF.OPCODE_TEXT)
    count = len(watcher.got)
    wait_for(lambda: len(watcher.got) > count + 3)
    assert not watcher.ended.is_set()


def test_sockets_survive_a_database_that_is_away_for_a_while(own_house: House) -> None:
    watcher = own_house.watch()
    wait_for(lambda: watcher.told("metrics_update"))
    own_house.ingestion.take_away()
    wait_for(lambda: own_house.session.get(f"{own_house.web.url}/api/quotes", timeout=60).status_code == 503)
    wait_for(lambda: "are told little that is new" in own_house.web.log)
    own_house.ingestion.bring_back()
    count = len(watcher.got)
    wait_for(lambda: "metrics_update" in [event for _at_s, event, _data in watcher.got[count:]])
    assert not watcher.ended.is_set()


def test_a_dead_client_is_noticed_and_put_out(house: House) -> None:
    dead = house.raw()
    dead.send(f"40{NAMESPACE},")
    read_to_the_end(dead)  # and answer no ping
