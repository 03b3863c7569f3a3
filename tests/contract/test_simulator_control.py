"""The simulator's control endpoint: what it takes, what it tells, what it refuses."""

import json
from http.client import HTTPConnection

import pytest

from src.simulator.clock import ManualClock
from src.simulator.faults import (
    Mute,
)
from src.simulator.server import SimulatorServer
from tests.contract.faulty_lines import NOW_MS, ended
from tests.unit.simulator.feed_client import Element, feed
from tests.unit.simulator.puppet import Puppet, event, serving
from tests.waiting import wait_for


def command(server: SimulatorServer, method: str, path: str) -> tuple[int, Element]:
    client = HTTPConnection("127.0.0.1", server.port, timeout=60)
    client.request(method, path)
    with client.getresponse() as response:
        return response.status, json.load(response)


def test_faults_are_commanded_over_http(server: SimulatorServer, puppet: Puppet, clock: ManualClock) -> None:
    with feed(server, "A.KO") as client:
        code, body = command(server, "POST", "/control/faults/mute?for_s=10&connections=1")
        assert (code, body) == (200, {"number": 1, "fault": "mute", "for_s": 10, "connections": [1]})
        puppet.send(event("A.KO"))
        assert client.is_silent()
        code, body = command(server, "DELETE", "/control/faults/1")
        assert (code, body["faults"]) == (200, [])
        puppet.send(event("A.KO"))
        assert client.frame()[0]["topic"] == "A.KO"
        code, body = command(server, "POST", "/control/faults/drop?code=1008&reason=a%20reason")
        assert (code, body["connections"]) == (200, [1])
        closed = ended(client)
        assert closed.rcvd is not None
        assert (closed.rcvd.code, closed.rcvd.reason) == (1008, "a reason")


def test_the_state_tells_what_is_in_force_and_of_every_connection_but_its_key(
    server: SimulatorServer, puppet: Puppet, clock: ManualClock
) -> None:
    command(server, "POST", "/control/faults/max_connections?limit=3&message=m&for_s=1.5")
    with feed(server, "A.KO,AM.KO") as client, feed(server):
        puppet.send(event("A.KO"), event("AM.KO"))
        client.frame()
        wait_for(lambda: command(server, "GET", "/control")[1]["connections"][0]["pending_bytes"] == 0)
        code, body = command(server, "GET", "/control")
    assert (code, body) == (
        200,
        {
            "now_ms": NOW_MS,
            "faults": [
                {
                    "number": 1, "fault": "max_connections", "for_s": 1.5, "limit": 3, "evict": "older",
                    "after": "auth", "message": "m", "until_ms": NOW_MS + 1500,
                }
            ],
            "connections": [
                {
                    "connection": 1, "authenticated": True, "topics": 2, "frames_sent": 4, "events_sent": 2,
                    "pending_bytes": 0,
                },
                {
                    "connection": 2, "authenticated": False, "topics": 0, "frames_sent": 1, "events_sent": 0,
                    "pending_bytes": 0,
                },
            ],
        },
    )  # fmt: skip
    clock.advance(1_500)
    assert command(server, "GET", "/control")[1]["faults"] == []
    assert command(server, "DELETE", "/control/faults/1")[0] == 400


@pytest.mark.parametrize(
    ("request_line", "code", "sentence"),
    [
        ("POST /control/faults/flood", 400, "There is no fault 'flood'; there are drop, slow_consumer,"),
        ("POST /control/faults/drop?cod=1", 400, "drop has no parameter 'cod'; it has connections, code, reason,"),
        ("POST /control/faults/drop?code=x", 400, "code is a whole number from 0 to 65535, not 'x'."),
        ("POST /control/faults/drop?code=70000", 400, "code is a whole number from 0 to 65535, not 70000."),
        ("POST /control/faults/drop?connections=0", 400, "connections is all, or numbers of connections from 1 on"),
        ("POST /control/faults/drop?connections=1", 400, "There is no connection 1; connected are: none."),
        ("POST /control/faults/drop?reason=x", 400, "A reason needs a close frame with a code"),
        ("POST /control/faults/drop?code=1000&how=reset", 400, "half_frame and how=reset go without a close frame"),
        ("POST /control/faults/drop?half_frame=1", 400, "half_frame is true or false, not '1'."),
        ("POST /control/faults/mute?for_s=nan", 400, "for_s is a number from 0.001 to 1e+06, not nan."),
        ("POST /control/faults/mute?for_s=", 400, "for_s is a number from 0.001 to 1e+06, not ''."),
        ("POST /control/faults/slow_tcp", 400, "slow_tcp needs bytes_per_s: a whole number from 1 to 1000000000."),
        ("POST /control/faults/outage?how=closed", 400, "An outage that closes the port needs for_s"),
        ("POST /control/faults/max_connections?evict=both", 400, "evict is older or newer, not 'both'."),
        ("POST /control/faults/error?message=", 400, "message is a text of 1 to 10000 bytes, not ''."),
        ("DELETE /control/faults/1", 400, "There is no fault 1 in force; in force are: none."),
        (f"DELETE /control/faults/{'9' * 5000}", 400, "A fault in force is named by its number, not by '999"),
        ("GET //[control", 400, "The address of the request cannot be read."),
        ("DELETE /control/faults/mute", 400, "A fault in force is named by its number, not by 'mute'"),
        ("GET /control/faults/mute", 404, "There is no GET /control/faults/mute. There are GET /control, POST"),
    ],
)
def test_a_wrong_command_is_answered_with_what_is_allowed(
    server: SimulatorServer, request_line: str, code: int, sentence: str
) -> None:
    status_code, body = command(server, *request_line.split(" ", 1))
    assert (status_code, body["status"]) == (code, "ERROR")
    assert body["error"].startswith(sentence)


def test_a_command_with_a_body_is_told_to_do_without(server: SimulatorServer) -> None:
    client = HTTPConnection("127.0.0.1", server.port, timeout=60)
    client.request("POST", "/control/faults/mute", body='{"for_s": 5}')
    with client.getresponse() as response:
        assert response.status == 400
        assert "without a body; its parameters stand in its query" in json.load(response)["error"]
    assert server.faults.state()["faults"] == []


def test_nothing_is_commanded_where_it_was_not_switched_on(puppet: Puppet) -> None:
    with serving(puppet) as server, feed(server, "A.KO") as client:
        assert command(server, "POST", "/control/faults/drop")[0] == 405
        assert command(server, "GET", "/control")[0] in (401, 404)
        assert client.is_silent()


def test_faults_wait_for_a_server_that_runs(puppet: Puppet) -> None:
    with pytest.raises(RuntimeError, match="start it first"):
        SimulatorServer(puppet).faults.begin(Mute())
