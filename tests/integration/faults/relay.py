"""Relays: before the simulator one that speaks TLS, whose certificate can become wrong; and lines that delay."""

import asyncio
import contextlib
import gc
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

_CERTIFICATES = Path(__file__).resolve().parents[2] / "tls"
GOOD = _CERTIFICATES / "good.pem"
_PIECE_BYTES = 65_536
# In which a loop does what is due.
_DONE_S = 0.02


class Relay:
    """Passes connections to `localhost` on to a port of this machine, between `start` and `stop`. What is read at once
    takes `delay_s` seconds of the machine on the way."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self.port = 0
        self.delay_s = 0.0

    def start(self) -> None:
        """Takes connections from now on."""
        self._thread.start()
        self._listens.wait(60)

    def stop(self) -> None:
        """Ends all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        # asyncio has no way to close a connection whose handshake has not ended: it is left to be collected, now.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def _run(self) -> None:
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context())
        server = self._loop.run_until_complete(serving)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        """Ends all connections."""
        await asyncio.sleep(_DONE_S)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(_DONE_S)

    def _context(self) -> ssl.SSLContext | None:
        return None

    async def _serve(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        with _aborted(client_out):
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._target_port)
            with _aborted(server_out):
                ways = [
                    asyncio.create_task(self._pass_on(client_in, server_out)),
                    asyncio.create_task(self._pass_on(server_in, client_out)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE_BYTES):
                await asyncio.sleep(self.delay_s)
                target.write(piece)
                await target.drain()


class TlsRelay(Relay):
    """Speaks TLS with who connects."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self._shown = self._good = _context("good.pem")

    def spoil(self) -> Callable[[], None]:
        """New connections get a certificate of another host, until it is ended."""
        self._shown = _context("other_name.pem")

        def heal() -> None:
            self._shown = self._good

        return heal

    def _context(self) -> ssl.SSLContext:
        self._good.sni_callback = self._choose
        return self._good

    def _choose(self, line: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        line.context = self._shown


@contextlib.contextmanager
def _aborted(end: asyncio.StreamWriter) -> Iterator[None]:
    """The connection ends with the block, however that ends."""
    try:
        yield
    finally:
        end.transport.abort()


def _context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATES / name, _CERTIFICATES / "key.pem")
    return context
