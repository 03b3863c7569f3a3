"""A web process under the real gunicorn, and administrators who watch it over real WebSockets."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests
import socketio

from src.config.settings import PROJECT_ROOT
from tests.accounts import PASSWORD
from tests.ports import free_port
from tests.waiting import wait_for

NAMESPACE = "/admin-ws"
EVENTS = ("tick_update", "metrics_update", "summary_update", "status_update", "event_update")
_TOKEN = re.compile(r'name="csrf[_-]token" (?:value|content)="([^"]+)"')


class WebProcess:
    """gunicorn with the deployed configuration, in the role `web`, on a loopback port; what it prints is in `log`."""

    def __init__(self, folder: Path, database_url: str, port: int | None = None, **keys: str) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log_file = folder / f"web-{self.port}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
            "PYTHONPATH": str(PROJECT_ROOT),
            "DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "ROLE": "web",
            **keys,
        }
        arguments = ["-c", "deploy/gunicorn.conf.py", "-b", f"127.0.0.1:{self.port}", "src.wsgi:app"]
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *arguments],
                cwd=PROJECT_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return requests.get(f"{self.url}/healthz", timeout=60).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    @property
    def log(self) -> str:
        return self._log_file.read_text()

    def log_in(self, login: str = "admin") -> "Session":
        return Session(self.url, login)

    def end(self) -> float:
        """Ends it as a supervisor does; the seconds that took."""
        begun_s = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return time.monotonic() - begun_s


class Session(requests.Session):
    """A session of an account, with the token that actions need."""

    def __init__(self, url: str, login: str) -> None:
        super().__init__()
        self.url = url
        form = {"login": login, "password": PASSWORD, "csrf_token": self._token("/login")}
        answer = self.post(f"{url}/login", data=form, allow_redirects=False, timeout=60)
        assert answer.status_code == 303, answer.text
        self.headers["X-CSRFToken"] = self._token("/")

    def _token(self, path: str) -> str:
        found = _TOKEN.search(self.get(self.url + path, timeout=60).text)
        assert found, f"{path} has no token"
        return found[1]

    def cookie(self) -> dict[str, str]:
        """The headers of somebody with this session's cookies."""
        return {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)}


class Watcher:
    """One client of the namespace; `got` are the messages so far, as (monotonic time in s, event, data)."""

    def __init__(self, url: str, headers: dict[str, str], reconnection: bool = False) -> None:
        self.got: list[tuple[float, str, Any]] = []
        self.refusal: Any = None
        self.ended = threading.Event()
        self.client = socketio.Client(reconnection=reconnection)
        for event in EVENTS:
            self.client.on(event, self._handler(event), namespace=NAMESPACE)
        self.client.on("connect_error", self._refused, namespace=NAMESPACE)
        self.client.on("disconnect", lambda *_reason: self.ended.set(), namespace=NAMESPACE)
        try:
            self.client.connect(url, headers=headers, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=60)
        except socketio.exceptions.ConnectionError:
            self.leave()
            raise

    def _handler(self, event: str) -> Any:
        return lambda data: self.got.append((time.monotonic(), event, data))

    def _refused(self, why: Any) -> None:
        self.refusal = why

    def told(self, event: str) -> list[Any]:
        """The data of all messages of one kind so far."""
        return [data for _at_s, kind, data in self.got if kind == event]

    def prices(self) -> dict[str, float]:
        """The last price told of each symbol."""
        return {tick["symbol"]: tick["price"] for ticks in self.told("tick_update") for tick in ticks}

    def leave(self) -> None:
        self.client.disconnect()
        if self.client.eio.ws is not None:  # the library leaves open what the server has ended
            self.client.eio.ws.shutdown()
