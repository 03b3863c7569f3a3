"""The server: a thin asyncio shell that ties a source of events to WebSocket clients and REST requests."""

import asyncio
import threading
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from src.simulator.client import Client, Limits
from src.simulator.clock import Clock, SystemClock
from src.simulator.hub import Hub
from src.simulator.rest import Answer, RestApi, error
from src.simulator.session import Session
from src.simulator.source import Source

STREAM_PATH = "/stocks"
_STREAM_PATHS = frozenset({STREAM_PATH, "/"})
# A subscription to the whole market by name is about 120 KB; this leaves room for anything.
_LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
# A page of 50,000 bars takes some seconds to make.
_OPEN_TIMEOUT_S = 60.0
# How long clients have to answer the closing handshake when the server stops.
_FAREWELL_S = 0.3


class SimulatorServer:
    """Serves `source` on `host` from a thread of its own, between `start` and `stop` or in a `with` block.

    `port` 0 takes a free one. `key` None accepts any API key but an empty one.
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
    ) -> None:
        self._source = source
        self._host = host
        self._key = key
        self._clock = clock or SystemClock()
        self._limits = limits or Limits()
        self._hub = Hub(self._limits.stall_s)
        self._rest = RestApi(source, key)
        self._connections: set[ServerConnection] = set()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._listening = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self.port = port

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

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._serve()
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        source = asyncio.create_task(self._source.run(self._hub, self._clock))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({source, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if source.done():
                # A replay ends; the server then stays connected and silent, as the real one does at night.
                source.result()
                await stopping
        finally:
            source.cancel()
            await self._close(server)

    async def _serve(self) -> Server:
        return await serve(
            self._handle,
            self._host,
            self.port,
            process_request=self._process_request,
            create_connection=_registering(self._connections),
            compression=None,
            open_timeout=_OPEN_TIMEOUT_S,
            # A client that does not read does not answer pings either, but shall be told slow_consumer.
            ping_interval=None,
            close_timeout=5.0,
            max_size=_LARGEST_MESSAGE_BYTES,
        )

    async def _close(self, server: Server) -> None:
        server.close()
        if not await _within_farewell(server):
            for connection in list(self._connections):
                connection.transport.abort()
            await _within_farewell(server)

    async def _handle(self, connection: ServerConnection) -> None:
        await self._hub.serve(Client(connection, Session(self._key), self._limits))

    async def _process_request(self, _connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if urlsplit(request.path).path in _STREAM_PATHS:
                return None
            return _response(error(HTTPStatus.NOT_FOUND, f"The WebSocket is at {STREAM_PATH}, not at {request.path}."))
        if request.method != "GET":
            return _response(error(HTTPStatus.METHOD_NOT_ALLOWED, f"Only GET is served, not {request.method}."))
        authorization = request.headers.get("Authorization", "")
        origin = f"http://{request.headers.get('Host', self._authority())}"
        return _response(await self._rest.answer(request.path, authorization, origin, self._clock.now_ms()))


def _registering(registry: set[ServerConnection]) -> type[ServerConnection]:
    """A kind of connection that is in `registry` while its TCP connection stands, in whatever state it is."""

    class Connection(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            registry.add(self)

        def connection_lost(self, exc: Exception | None) -> None:
            registry.discard(self)
            super().connection_lost(exc)

    return Connection


async def _within_farewell(server: Server) -> bool:
    """Whether every connection ended within the time for closing handshakes."""
    try:
        await asyncio.wait_for(server.wait_closed(), _FAREWELL_S)
    except TimeoutError:
        return False
    return True


def _response(answer: Answer) -> Response:
    body = answer.body.encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    return Response(answer.status.value, answer.status.phrase, headers, body)
