"""How soon an administrator sees a tick, and what watching costs: `python -m scripts.bench.admin_latency`.

It runs the program (gunicorn with the deployed configuration, three connections, an SQLite file) against a feed of its
own on loopback that sends an aggregate of each of 300 symbols a second, once in the role `all` and once with `ingest`
and `web` in two processes. It measures from the feed's send to a client's receipt over a real WebSocket, the status
endpoint, and the read API with and without 20 administrators who watch. It ends by itself after some 2 minutes.
"""

import argparse
import asyncio
import functools
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import socketio
import urllib3
import websockets

from scripts.bench.feed import NumberedFeed, round_of
from src.config.settings import PROJECT_ROOT
from src.infrastructure.database import migrate
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.passwords import Argon2Passwords

_LOGIN, _PASSWORD = "admin", "a password for the bench"  # of a database that lives for two minutes
_NAMESPACE = "/admin-ws"
_TOKEN = re.compile(r'name="csrf[_-]token" (?:value|content)="([^"]+)"')
_CONNECTIONS = 3
_REQUESTS = 400


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="how long ticks are measured in each role (15)")
    parser.add_argument("--symbols", type=int, default=300, help="symbols that change each second (300)")
    parser.add_argument("--admins", type=int, default=20, help="administrators who watch (20)")
    parser.add_argument("--watch", nargs=3, metavar=("URL", "COOKIE", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        asyncio.run(_watch(*options.watch))
        return
    symbols = [f"B{number:04}" for number in range(options.symbols)]
    for roles in (("all",), ("ingest", "web")):
        with (
            tempfile.TemporaryDirectory() as folder,
            NumberedFeed() as feed,
            _program(Path(folder), feed, symbols, roles) as url,
        ):
            _measure(f"{' and '.join(roles)}:", url, feed, options)


def _measure(title: str, url: str, feed: NumberedFeed, options: argparse.Namespace) -> None:
    _wait_for(lambda: feed.subscribed() == options.symbols, 60)
    http = urllib3.PoolManager(maxsize=1)
    cookie = _log_in(http, url)
    print(f"{title} {options.symbols} symbols, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("  tick, feed to client      ", _ticks(url, cookie, feed, options.seconds, options.symbols))
    status, read = f"{url}/api/admin/websocket-status", f"{url}/api/ticks/recent?universe=listening&limit=2"
    print("  status endpoint           ", _told(_times(http, status, cookie)))
    alone = _times(http, read, cookie)
    print("  read API, nobody watching ", _told(alone))
    with _watchers(url, cookie, options.admins):
        watched = _times(http, read, cookie)
        print(f"  read API, {options.admins} watching     ", _told(watched))
        ratio = statistics.median(watched) / statistics.median(alone)
        print(f"  ratio of the medians       {ratio:.2f}, of p99 {_p99(watched) / _p99(alone):.2f}")
        print(
            f"  tick with {options.admins} more watching", _ticks(url, cookie, feed, options.seconds, options.symbols)
        )
        print("  status endpoint then      ", _told(_times(http, status, cookie)))


# -- what is measured --------------------------------------------------------------------------------------------------


def _ticks(url: str, cookie: str, feed: NumberedFeed, seconds: int, symbols: int) -> str:
    """From the feed's send to the client's receipt, of every symbol's every round."""
    client = socketio.Client(reconnection=False)
    got: list[tuple[float, list[dict[str, Any]]]] = []
    client.on("tick_update", lambda ticks: got.append((time.monotonic(), ticks)), namespace=_NAMESPACE)
    client.connect(url, headers={"Cookie": cookie}, transports=["websocket"], namespaces=[_NAMESPACE])
    time.sleep(2)
    first = max(feed.sent_s) + 1
    time.sleep(seconds)
    last = max(feed.sent_s) - 1
    client.disconnect()
    seen: dict[tuple[str, int], float] = {}
    for at_s, ticks in got:
        for tick in ticks:
            number = round_of(tick["price"])
            if first <= number <= last:
                seen.setdefault((tick["symbol"], number), at_s - feed.sent_s[number])
    expected = (last - first + 1) * symbols
    return f"{_told(list(seen.values()))}, {len(seen)} of {expected} seen"


def _times(http: urllib3.PoolManager, url: str, cookie: str) -> list[float]:
    """How long each of many requests takes, in seconds, one after the other."""
    times = []
    for _number in range(_REQUESTS):
        begun_s = time.monotonic()
        answer = http.request("GET", url, headers={"Cookie": cookie})
        times.append(time.monotonic() - begun_s)
        if answer.status != 200:
            raise SystemExit(f"{url} answered {answer.status}: {answer.data[:200]!r}")
        time.sleep(0.005)
    return times


def _told(times_s: Sequence[float]) -> str:
    return f"p50 {statistics.median(times_s) * 1000:6.1f} ms, p99 {_p99(times_s) * 1000:6.1f} ms"


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


# -- who watches -------------------------------------------------------------------------------------------------------


@contextmanager
def _watchers(url: str, cookie: str, count: int) -> Iterator[None]:
    """Administrators who watch, in a process of their own."""
    arguments = [sys.executable, "-m", "scripts.bench.admin_latency", "--watch", url, cookie, str(count)]
    process = subprocess.Popen(arguments, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, env=_environment())
    try:
        assert process.stdout is not None  # noqa: S101  it was asked for
        if process.stdout.readline().strip() != b"watching":
            raise SystemExit("The administrators could not connect.")
        yield
    finally:
        process.kill()
        process.communicate()


async def _watch(url: str, cookie: str, count: str) -> None:
    """Joins the namespace as often as asked for, says so, and reads until it is ended."""
    joined = [asyncio.Event() for _number in range(int(count))]
    watching = [asyncio.create_task(_watch_once(url, cookie, event)) for event in joined]
    for event in joined:
        await asyncio.wait_for(event.wait(), 20)
    print("watching", flush=True)
    await asyncio.gather(*watching)


async def _watch_once(url: str, cookie: str, joined: asyncio.Event) -> None:
    address = url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    async with websockets.connect(address, additional_headers={"Cookie": cookie}, max_size=None) as connection:
        async for message in connection:
            if message[:1] == "0":
                await connection.send(f"40{_NAMESPACE},")
            elif message[:1] == "2":
                await connection.send("3")
            elif str(message).startswith(f"42{_NAMESPACE}"):
                joined.set()


# -- the program -------------------------------------------------------------------------------------------------------


@contextmanager
def _program(folder: Path, feed: NumberedFeed, symbols: list[str], roles: Sequence[str]) -> Iterator[str]:
    """The program in these roles; gives the address of the one that answers, which is the last."""
    database_url = f"sqlite:///{folder / 'bars.db'}"
    migrate.upgrade(database_url)
    accounts = DatabaseAccounts(read_engine(database_url), row_engine(database_url), lambda: int(time.time() * 1000))
    accounts.create(_LOGIN, Argon2Passwords().hash(_PASSWORD), "admin")
    settings = {
        "DATA_DIR": str(folder), "DATABASE_URL": database_url, "BACKFILL_DAYS": "0", "MASSIVE_API_KEY": "bench",
        "MASSIVE_WS_URL": f"ws://127.0.0.1:{feed.port}", "USE_MULTI_CONNECTION": "true", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    for number in range(_CONNECTIONS):
        settings[f"WEBSOCKET_CONNECTION_{number + 1}_ENABLED"] = "true"
        settings[f"WEBSOCKET_CONNECTION_{number + 1}_SYMBOLS"] = ",".join(symbols[number::_CONNECTIONS])
    processes = []
    try:
        for role in roles:
            port = _free_port()
            processes.append(_gunicorn(port, {**settings, "ROLE": role}))
            _wait_for(functools.partial(_listens, port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(15)


def _gunicorn(port: int, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    arguments = ["-c", "deploy/gunicorn.conf.py", "-b", f"127.0.0.1:{port}", "src.wsgi:app"]
    environment = {**_environment(), "PORT": str(port), **settings}
    return subprocess.Popen([sys.executable, "-m", "gunicorn", *arguments], cwd=PROJECT_ROOT, env=environment)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT)}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _log_in(http: urllib3.PoolManager, url: str) -> str:
    """The cookies of an administrator's session."""
    page = http.request("GET", f"{url}/login")
    found = _TOKEN.search(page.data.decode())
    if found is None:
        raise SystemExit("The login page has no token.")
    form = {"login": _LOGIN, "password": _PASSWORD, "csrf_token": found[1]}
    answer = http.request(
        "POST", f"{url}/login", fields=form, encode_multipart=False, redirect=False,
        headers={"Cookie": page.headers["Set-Cookie"].partition(";")[0]},
    )  # fmt: skip
    return answer.headers["Set-Cookie"].partition(";")[0]


def _wait_for(holds: Callable[[], bool], within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise SystemExit("The program did not start in time.")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
