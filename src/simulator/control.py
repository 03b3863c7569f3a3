"""Faults on command: over HTTP at `/control`, and for threads of the same process. Knows no socket."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from src.simulator.board import Board, Entry
from src.simulator.catalogue import fault
from src.simulator.clock import Clock
from src.simulator.faults import Action, MaxConnections, Outage, Standing
from src.simulator.hub import Hub
from src.simulator.parameters import FaultError
from src.simulator.rest import Answer, error

CONTROL_PATH = "/control"
_FAULTS_PATH = f"{CONTROL_PATH}/faults"
_WHAT_THERE_IS = (
    f"There are GET {CONTROL_PATH}, POST {_FAULTS_PATH}/NAME?PARAMETER=VALUE, DELETE {_FAULTS_PATH} and "
    f"DELETE {_FAULTS_PATH}/NUMBER."
)


class Control:
    """Carries out what is asked of the faults of a server. Lives on its event loop.

    `shut` closes the server's port for as long as an outage of that kind is in force.
    """

    def __init__(self, board: Board, hub: Hub, clock: Clock, shut: Callable[[], None]) -> None:
        self._board = board
        self._hub = hub
        self._clock = clock
        self._shut = shut

    def begin(self, fault: Standing) -> int:
        """Put a fault in force; its number."""
        number = self._board.put(fault)
        if isinstance(fault, MaxConnections):
            self._hub.enforce_limits()
        if isinstance(fault, Outage) and fault.how == "closed":
            self._shut()
        return number

    def do(self, action: Action) -> list[int]:
        """Let something happen at once; the numbers of the connections that it happened to."""
        return self._hub.do(action)

    def end(self, number: int) -> None:
        """End a standing fault; `FaultError` when it is not in force."""
        if not self._board.remove(number):
            numbers = ", ".join(str(entry.number) for entry in self._board.entries()) or "none"
            raise FaultError(f"There is no fault {number} in force; in force are: {numbers}.")

    def clear(self) -> None:
        """End all standing faults."""
        self._board.clear()

    def state(self) -> dict[str, Any]:
        """The server's time, what is in force and until when, and the connections; no key is in it."""
        return {
            "now_ms": self._clock.now_ms(),
            "faults": [_shown(entry) for entry in self._board.entries()],
            "connections": self._hub.connections(),
        }

    def answer(self, method: str, target: str, address: str) -> Answer:
        """Answer an HTTP request that came from an IP address."""
        if not ip_address(address).is_loopback:
            return error(HTTPStatus.FORBIDDEN, "Faults are commanded from the simulator's own machine only.")
        parts = urlsplit(target)
        try:
            return self._route(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
        except FaultError as problem:
            return error(HTTPStatus.BAD_REQUEST, str(problem))

    def _route(self, method: str, path: str, texts: dict[str, str]) -> Answer:
        folder, _slash, last = path.rpartition("/")
        if method == "POST" and folder == _FAULTS_PATH:
            return _ok(self._put(fault(last, texts)))
        if method == "GET" and path == CONTROL_PATH:
            return _ok(self.state())
        if method == "DELETE" and path == _FAULTS_PATH:
            self.clear()
        elif method == "DELETE" and folder == _FAULTS_PATH:
            self.end(_number(last))
        else:
            return error(HTTPStatus.NOT_FOUND, f"There is no {method} {path}. {_WHAT_THERE_IS}")
        return _ok(self.state())

    def _put(self, fault: Action | Standing) -> dict[str, Any]:
        told = {"fault": fault.name, **fault.parameters()}
        if isinstance(fault, Action):
            return told | {"connections": self.do(fault)}
        return {"number": self.begin(fault), **told}


class Faults:
    """`Control` for any thread but the server's own, as tests are. Every call returns when it was carried out."""

    def __init__(self, control: Control, on_loop: Callable[[Callable[[], Any]], Any]) -> None:
        self._control = control
        self._on_loop = on_loop

    def begin(self, fault: Standing) -> int:
        """Put a fault in force; its number."""
        number: int = self._on_loop(lambda: self._control.begin(fault))
        return number

    def do(self, action: Action) -> list[int]:
        """Let something happen at once; the numbers of the connections that it happened to."""
        numbers: list[int] = self._on_loop(lambda: self._control.do(action))
        return numbers

    def end(self, number: int) -> None:
        """End a standing fault; `FaultError` when it is not in force."""
        self._on_loop(lambda: self._control.end(number))

    def clear(self) -> None:
        """End all standing faults."""
        self._on_loop(self._control.clear)

    def state(self) -> dict[str, Any]:
        """The server's time, what is in force and until when, and the connections."""
        state: dict[str, Any] = self._on_loop(self._control.state)
        return state


def _shown(entry: Entry) -> dict[str, Any]:
    return {"number": entry.number, "fault": entry.fault.name, **entry.fault.parameters(), "until_ms": entry.until_ms}


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", text):
        raise FaultError(f"A fault in force is named by its number, not by '{text}'; GET {CONTROL_PATH} lists them.")
    return int(text)


def _ok(body: dict[str, Any]) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(body))
