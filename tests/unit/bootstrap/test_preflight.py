"""What is checked before a start."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.bootstrap import preflight
from src.bootstrap.preflight import PreflightError

HOST = "127.0.0.1"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_data_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    preflight.check_data_dir(tmp_path / "deep" / "var")
    assert list((tmp_path / "deep" / "var").iterdir()) == []


def test_a_file_in_place_of_the_data_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(PreflightError, match=r"The data folder .*/var cannot .* set DATA_DIR in \.env"):
        preflight.check_data_dir(tmp_path / "var")


def test_a_free_port_passes() -> None:
    preflight.check_port(HOST, preflight.free_port(HOST), "PORT")


def test_a_taken_port_is_named_with_its_setting(taken_port: int) -> None:
    expected = rf"Port {taken_port} on {HOST} is taken; set SIMULATOR_PORT in \.env to a free one"
    with pytest.raises(PreflightError, match=expected):
        preflight.check_port(HOST, taken_port, "SIMULATOR_PORT")


def test_a_port_whose_last_connection_lingers_is_free() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)
    preflight.check_port(HOST, port, "PORT")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_elsewhere_is_blamed_on_host(host: str) -> None:
    with pytest.raises(PreflightError, match=rf"Nothing can listen on {host} .* set HOST in \.env"):
        preflight.check_port(host, 5000, "PORT")


def test_listening_is_seen(taken_port: int) -> None:
    assert preflight.is_listening(HOST, taken_port)
    assert not preflight.is_listening(HOST, preflight.free_port(HOST))


class Healthz(http.server.BaseHTTPRequestHandler):
    """Answers every path with the status that its server was given."""

    def do_GET(self) -> None:
        assert isinstance(self.server, http.server.HTTPServer)
        self.send_response(200 if self.path == "/healthz" and self.server.server_name == "well" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize(("name", "healthy"), [("well", True), ("ill", False)])
def test_health_is_what_healthz_says(name: str, healthy: bool) -> None:
    with http.server.HTTPServer((HOST, 0), Healthz) as server:
        server.server_name = name
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        answer = preflight.is_healthy(HOST, server.server_port)
        server.shutdown()
        thread.join()
    assert answer is healthy


def test_no_answer_is_not_healthy(taken_port: int) -> None:
    assert not preflight.is_healthy(HOST, taken_port)
    assert not preflight.is_healthy(HOST, preflight.free_port(HOST))
