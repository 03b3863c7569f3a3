"""A whole life of the real program, with things going wrong, and none of its secrets in anything that it says."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from src.bootstrap import preflight
from tests.integration.test_start_all_services import HOST, Project, Start, wait_until
from tests.ports import free_port
from tests.postgres import PostgresServer

KEY = "Kq7dZ0wrongKEYn4Lr"
ADMIN_PASSWORD = "Admin-pass/8Jw$ 2x"
SECRET_KEY = "seCretKeY-9fTq41-zzYp0"
TOKEN = "tokEN-5GhQ-77xx-Wm3b"
DATABASE_PASSWORD = "d@ta:base/pW-6Rk"
WEBHOOK = "http://127.0.0.1:9/services/T0/hooK-3vBn8"
# As they stand, and as a URL or JSON would spell them.
SPELLINGS = {
    spelling
    for secret in (KEY, ADMIN_PASSWORD, SECRET_KEY, TOKEN, DATABASE_PASSWORD, "hooK-3vBn8")
    for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "tickstock"
    folder.mkdir()
    project = Project(folder)
    yield project
    for start in project.starts:
        start.end()


@pytest.fixture
def feed(project: Project) -> Iterator[int]:
    """The port of a simulated feed that accepts another key; of the project's, whose market is small."""
    port = free_port()
    command = [sys.executable, "-m", "src.simulator", "--port", str(port), "--key", "another"]
    nobody = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=project.folder, stdout=nobody, stderr=nobody) as simulator:
        wait_until(lambda: preflight.is_listening(HOST, port), what="the simulator")
        yield port
        simulator.kill()


def settings(url: str, feed: int, log_format: str) -> dict[str, str]:
    return {
        "MASSIVE_API_KEY": KEY,
        "MASSIVE_WS_URL": f"ws://{HOST}:{feed}/stocks",
        "MASSIVE_REST_URL": f"http://{HOST}:{feed}",
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "SECRET_KEY": SECRET_KEY,
        "API_TOKEN": TOKEN,
        "ALERT_WEBHOOK_URL": WEBHOOK,
        "DATABASE_URL": url,
        "LOG_FORMAT": log_format,
        "LOG_LEVEL": "DEBUG",
    }


def ask(start: Start, path: str, body: str | None = None, **headers: str) -> int:
    connection = http.client.HTTPConnection(HOST, start.port, timeout=60)
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("GET" if body is None else "POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def use_what_wants_secrets(start: Start) -> None:
    """Logins and tokens, right and wrong ones; addresses that hold them by mistake."""
    for password in (ADMIN_PASSWORD, ADMIN_PASSWORD[::-1]):
        ask(start, "/login", urlencode({"login": "admin", "password": password}))
    for token in (TOKEN, TOKEN[::-1]):
        ask(start, "/api/status", Authorization=f"Bearer {token}")
    ask(start, f"/api/ticks/recent?apiKey={KEY}&symbol=AAPL")
    ask(start, f"/api/ticks/recent?symbol={TOKEN}", Authorization=f"Bearer {TOKEN}")


def test_a_life_with_a_refused_key_and_a_database_that_goes_away(project: Project, feed: int) -> None:
    """In text, with a database that goes away and comes back; then in JSON, with one that comes later."""
    with PostgresServer() as server:
        server.create_database("bars")
        server.execute("CREATE ROLE teller LOGIN PASSWORD %s", parameters=[DATABASE_PASSWORD])
        server.execute("ALTER DATABASE bars OWNER TO teller")
        address = server.url("bars", "teller", DATABASE_PASSWORD)
        start = project.start(**settings(address, feed, "text"))
        start.wait_until_ready()
        wait_until(lambda: "refused the key" in start.log, what="the refusal")
        use_what_wants_secrets(start)
        server.stop()
        wait_until(lambda: ask(start, "/readyz") == 503, what="the outage")
        wait_until(lambda: "The database is not available" in start.log, what="the outage in the log")
        use_what_wants_secrets(start)
        server.start(server.port)
        wait_until(lambda: "The database answers again." in start.log, what="the end of the outage")
        start.process.terminate()
        assert start.process.wait(timeout=120) == 0
        server.stop()
        again = project.start(**settings(address, feed, "json"))
        wait_until(lambda: "refused the key" in again.log, what="a start without its database")
        use_what_wants_secrets(again)
        server.start(server.port)
        wait_until(lambda: "The database answers again." in again.log, what="the database")
        use_what_wants_secrets(again)
        again.process.terminate()
        assert again.process.wait(timeout=120) == 0
    assert_nothing_is_told(project, start.log)
    assert_nothing_is_told(project, again.log)
    assert [line for line in again.log.splitlines() if not is_object(line)] == []


def is_object(line: str) -> bool:
    return line.startswith("{") and isinstance(json.loads(line), dict)


def assert_nothing_is_told(project: Project, said: str) -> None:
    """Neither in what was said, nor in any file that was written but the log that was just looked at."""
    assert len(said.splitlines()) > 10
    assert [spelling for spelling in SPELLINGS if spelling in said] == []
    for file in (project.folder / "var").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert [spelling for spelling in SPELLINGS if spelling.encode() in content] == [], file


def test_a_wrong_secret_is_refused_without_being_told(project: Project) -> None:
    for key, value in (("API_TOKEN", "tok en-5GhQ"), ("ADMIN_PASSWORD", "s3crt"), ("ALERT_WEBHOOK_URL", "hooK-3vBn8")):
        status, said = project.refusal(**{key: value})
        assert (status, value in said) == (2, False)
