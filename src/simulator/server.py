"""The server: a thin asyncio shell that ties a source of events to WebSocket clients and REST requests."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from types import TracebackType
from typing import TypeVar, cast
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from src.simulator.board import Board, View
from src.simulator.client import Client, Limits
from src.simulator.clock import Clock, SystemClock
from src.simulator.connection import Connection, connection_kind
from src.simulator.control import CONTROL_PATH, Control, Faults
from src.simulator.faults import Outage, Standing
from src.simulator.hub import Hub
from src.simulator.rate_limit import Rate
from src.simulator.rest import Answer, RestApi, error
from src.simulator.rest_actions import Action
from src.simulator.session import Session
from src.simulator.source import Source

STREAM_PATH = "/stocks"
_STREAM_PATHS = frozenset({STREAM_PATH, "/"})
# A subscription to the whole market by name is about 120 KB; this leaves room for anything.
_LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
# A page of 50,000 bars takes some seconds to make.
_OPEN_TIMEOUT_S = 60.0
# How often a closed port asks whether to open again.
_POLL_S = 0.005
# For the server's thread to carry out what another one asks.
_ANSWER_TIMEOUT_S = 10.0
_Result = TypeVar("_Result")
# How long clients have to answer the closing handshake when the server stops.
_FAREWELL_S = 0.3


class SimulatorServer:
    """Serves `source` on `host` from a thread of its own, between `start` and `stop` or in a `with` block.

    `port` 0 takes a free one. `key` None accepts any API key but an empty one. `faults` are in force from the start;
    `control` lets others be commanded over HTTP, from this machine.
    """

    def __init__(
        self,
        source: Source,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        key: str | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        faults: Sequence[Standing] = (),
        control: bool = False,
        rest_rate: Rate | None = None,
        actions: Sequence[Action] = (),
    ) -> None:
        self._source = source
        self._host = host
        self._key = key
        self._clock = clock or SystemClock()
        self._limits = limits or Limits()
        self._board = Board(self._clock)
        self._hub = Hub(self._board, self._limits.stall_s)
        self._shut = asyncio.Event()
        self._control = Control(self._board, self._hub, self._clock, self._shut.set)
        self._faults_from_the_start = faults
        self._serves_control = control
        self._accepted = 0
        self._rest = RestApi(source.history, key, rest_rate, actions)
        self._connections: set[ServerConnection] = set()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._listening = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._servers: list[Server] = []
        self.port = port

    @property
    def faults(self) -> Faults:
        """What lets faults happen, for any thread but the server's own, while it runs."""
        return Faults(self._control, self._on_loop)

    @property
    def url(self) -> str:
        """The WebSocket's address."""
        return f"ws://{self._authority()}{STREAM_PATH}"

    @property
    def rest_url(self) -> str:
        """The REST side's address, without a path."""
        return f"http://{self._authority()}"

    @property
    def running(self) -> bool:
        """False before `start`, after `stop`, and when the server ended by an error, which `stop` then raises."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Return once the server listens. OSError when it cannot, as when the port is taken."""
        self._thread.start()
        self._listening.wait()
        if self._failure is not None:
            self.stop()

    def stop(self) -> None:
        """End the server and every connection, within a second; raises what the server failed of, if it did."""
        if self._loop is not None and self._stopping is not None:
            # The loop is closed already where the server ended by an error.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> "SimulatorServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _authority(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self.port}"

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as failure:  # noqa: BLE001  (it crosses to the thread that calls stop, which raises it)
            self._failure = failure
        finally:
            self._listening.set()

    def _on_loop(self, call: Callable[[], _Result]) -> _Result:
        async def run() -> _Result:
            return call()

        if self._loop is None:
            raise RuntimeError("Faults happen to a server that runs: start it first.")
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_ANSWER_TIMEOUT_S)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._servers.append(await self._serve())
        self.port = self._servers[0].sockets[0].getsockname()[1]
        for fault in self._faults_from_the_start:
            self._control.begin(fault)
        self._listening.set()
        stopping = asyncio.create_task(self._stopping.wait())
        # A replay ends; the server then stays connected and silent, as the real one does at night.
        working = {
            asyncio.create_task(self._source.run(self._hub, self._clock)),
            asyncio.create_task(self._mind_port()),
        }
        try:
            while not stopping.done():
                await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in working if task.done()]:
                    working.remove(task)
                    task.result()
        finally:
            for task in working:
                task.cancel()
            await self._close()

    async def _mind_port(self) -> None:
        """Close the port while a fault wants it closed."""
        while True:
            await self._shut.wait()
            self._shut.clear()
            # The asyncio server within stops listening; connections that stand go on.
            self._servers[-1].server.close()
            while any(outage.how == "closed" for outage in self._board.of_kind(Outage)):
                await asyncio.sleep(_POLL_S)
            self._servers.append(await self._serve())

    async def _serve(self) -> Server:
        return await serve(
            self._handle,
            self._host,
            self.port,
            process_request=self._process_request,
            create_connection=connection_kind(self._connections),
            compression=None,
            open_timeout=_OPEN_TIMEOUT_S,
            # A client that does not read does not answer pings either, but shall be told slow_consumer.
            ping_interval=None,
            close_timeout=5.0,
            max_size=_LARGEST_MESSAGE_BYTES,
        )

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        if not await _within_farewell(self._servers):
            for connection in list(self._connections):
                connection.transport.abort()
            await _within_farewell(self._servers)

    async def _handle(self, connection: ServerConnection) -> None:
        self._accepted += 1
        view = View(self._board, self._accepted)
        line = cast(Connection, connection)
        line.attach(view, self._clock)
        await self._hub.serve(Client(self._accepted, line, Session(self._key), self._limits, view, self._clock))

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        try:
            path = urlsplit(request.path).path
        except ValueError:
            return self._response(error(HTTPStatus.BAD_REQUEST, "The address of the request cannot be read."))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._refuse(path)
        if self._serves_control and f"{path}/".startswith(f"{CONTROL_PATH}/"):
            return self._response(self._control.answer(request.method, request.path, connection.remote_address[0]))
        if request.method != "GET":
            return self._response(error(HTTPStatus.METHOD_NOT_ALLOWED, f"Only GET is served, not {request.method}."))
        authorization = request.headers.get("Authorization", "")
        origin = f"http://{request.headers.get('Host', self._authority())}"
        faults = [entry.fault for entry in self._board.entries()]
        now_ms = self._clock.now_ms()
        return self._response(await self._rest.answer(request.path, authorization, origin, now_ms, faults))

    async def _refuse(self, path: str) -> Response | None:
        """The answer to a WebSocket handshake that is refused, None for one that is not."""
        if path not in _STREAM_PATHS:
            return self._response(error(HTTPStatus.NOT_FOUND, f"The WebSocket is at {STREAM_PATH}, not at {path}."))
        while any(outage.how == "silent" for outage in self._board.of_kind(Outage)):
            await asyncio.sleep(_POLL_S)
        for outage in self._board.of_kind(Outage):
            status = HTTPStatus.SERVICE_UNAVAILABLE if outage.how == "closed" else HTTPStatus(int(outage.how))
            retry_after_s = outage.retry_after_s if status is HTTPStatus.TOO_MANY_REQUESTS else None
            return self._response(error(status, "The service is unavailable.")._replace(retry_after_s=retry_after_s))
        return None

    def _response(self, answer: Answer) -> Response:
        body = answer.body.encode()
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
        headers["Date"] = formatdate(self._clock.now_ms() / 1000, usegmt=True)
        if answer.retry_after_s is not None:
            headers["Retry-After"] = str(answer.retry_after_s)
        return Response(answer.status.value, answer.status.phrase, headers, body)


async def _within_farewell(servers: Sequence[Server]) -> bool:
    """Whether every connection ended within the time for closing handshakes."""
    try:
        async with asyncio.timeout(_FAREWELL_S):
            for server in servers:
                await server.wait_closed()
    except TimeoutError:
        return False
    return True
