"""The program behind a real nginx with TLS, by the configuration in deploy/."""

import http.client
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
import websocket

from src.bootstrap import preflight
from tests.accounts import PASSWORD
from tests.integration.test_start_all_services import HOST, ROOT, Project, Start, wait_until
from tests.ports import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
NAME = "tickstock.example.com"

pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="there is no nginx (apt-get install nginx)"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl, which makes the certificate"),
]


class Answer(NamedTuple):
    status: int
    headers: Message
    text: str


class Proxy:
    """nginx with TLS on one port and without on another, before a server on `upstream`."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.plain, self.tls = free_port(), free_port()
        self._folder = folder
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
        subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        site = (ROOT / "deploy/nginx/tickstock.conf").read_text()
        site = re.sub(r"^ *listen \[::\].*\n", "", site, flags=re.MULTILINE)
        for old, new in (
            ("listen 80;", f"listen {HOST}:{self.plain};"),
            ("listen 443 ssl http2;", f"listen {HOST}:{self.tls} ssl http2;"),
            ("server 127.0.0.1:5000;", f"server {HOST}:{upstream};"),
            (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(certificate)),
            (f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(key)),
        ):
            assert site.count(old) == 1, old
            site = site.replace(old, new)
        paths = "".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; {paths}\n{site}\n}}\n"
        )
        self.command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]

    def __enter__(self) -> "Proxy":
        tried = subprocess.run([*self.command, "-t"], capture_output=True, text=True)
        assert tried.returncode == 0, tried.stderr
        assert "[warn]" not in tried.stderr
        self._process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_until(lambda: preflight.is_listening(HOST, self.tls), what="nginx")
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait()

    def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """Over TLS, as the host that the configuration names."""
        context = ssl.create_default_context(cafile=str(self._folder / "certificate.pem"))
        context.check_hostname = False
        with closing(http.client.HTTPSConnection(HOST, self.tls, context=context, timeout=60)) as connection:
            body = None if form is None else urlencode(form)
            kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST" if form else "GET", path, body, {"Host": NAME, **kind, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())

    def log_in(self) -> str:
        """The cookie of an administrator's session."""
        page = self.ask("/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token
        form = {"login": "admin", "password": PASSWORD, "csrf_token": token[1]}
        answer = self.ask("/login", form, Cookie=cookie_of(page), Referer=f"https://{NAME}/login")
        assert answer.status == 303, answer.text
        return cookie_of(answer)

    def live(self, origin: str, cookie: str) -> websocket.WebSocket:
        """A WebSocket for the administrator's live data."""
        return websocket.create_connection(
            f"wss://{HOST}:{self.tls}/socket.io/?EIO=4&transport=websocket",
            host=NAME,
            origin=origin,
            cookie=cookie,
            sslopt={"cert_reqs": ssl.CERT_NONE},
            timeout=60,
        )


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    folder = tmp_path_factory.mktemp("proxied") / "tickstock"
    folder.mkdir()
    start = Project(folder).start(BEHIND_PROXY="true", ADMIN_PASSWORD=PASSWORD)
    start.wait_until_ready()
    yield start
    start.end()


@pytest.fixture
def proxy(start: Start, tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(tmp_path, start.port) as proxy:
        yield proxy


def test_pages_and_api_come_through(proxy: Proxy) -> None:
    assert proxy.ask("/healthz").status == 200
    assert proxy.ask("/").status == 200
    assert proxy.ask("/api/status").status == 200


def test_figures_are_not_for_everybody(proxy: Proxy) -> None:
    assert proxy.ask("/metrics").status == 404


def test_prometheus_asks_the_program_itself(start: Start) -> None:
    """What a real ingestion reports, and not a status row of a test's making."""

    def figures() -> str:
        with closing(http.client.HTTPConnection(HOST, start.port, timeout=60)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    wait_until(lambda: 'tickstock_connection_up{connection="connection_1",name="primary"} 1.0' in figures())
    wait_until(lambda: 'tickstock_event_to_commit_seconds{quantile="0.99"}' in figures())
    told = figures()
    for metric in (
        "tickstock_connection_messages_total{",
        "tickstock_bars_committed_total ",
        "tickstock_waiting_bars ",
    ):
        assert f"\n{metric}" in told
    assert 'tickstock_connection_condition{condition="live",connection="connection_1",name="primary"} 1.0' in told


def test_an_address_with_a_thousand_symbols_comes_through(proxy: Proxy) -> None:
    symbols = ",".join(f"S{number:03d}XY" for number in range(1000))
    assert proxy.ask(f"/api/ticks/recent?symbols={symbols}").status in (200, 404)


def test_without_tls_one_is_sent_to_it(proxy: Proxy) -> None:
    with closing(http.client.HTTPConnection(HOST, proxy.plain, timeout=60)) as connection:
        connection.request("GET", "/admin/websockets?a=1", headers={"Host": NAME})
        answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{NAME}/admin/websockets?a=1")


def test_the_program_knows_that_there_is_tls(proxy: Proxy) -> None:
    headers = proxy.ask("/login").headers
    assert "; Secure" in headers["Set-Cookie"]
    assert "; HttpOnly" in headers["Set-Cookie"]
    assert "max-age=" in headers["Strict-Transport-Security"]


def test_an_administrator_logs_in_and_gets_a_websocket(proxy: Proxy) -> None:
    cookie = proxy.log_in()
    assert proxy.ask("/api/admin/websocket-status", Cookie=cookie).status == 200
    with closing(proxy.live(f"https://{NAME}", cookie)) as live:
        assert live.recv().startswith('0{"sid"')
        live.send("40/admin-ws,")
        assert live.recv().startswith('40/admin-ws,{"sid"')


def test_another_sites_page_gets_none(proxy: Proxy) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        proxy.live("https://elsewhere.example.com", proxy.log_in())
    assert refused.value.status_code == 403
