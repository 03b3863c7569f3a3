"""Requests made from the API's own description, hostile ones among them, over HTTP against the real application.

No answer may be a 500, nor one that the description does not tell. `--fuzz-seconds 300` goes on for so long.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar

# Parameters here exclude each other, which a description cannot say: not every request that fits it is accepted. And
# /readyz answers 503 on purpose.
_CONFIG = """
warnings = false
[generation]
database = "none"
max-examples = 60
[checks]
positive_data_acceptance.enabled = false
[[operations]]
include-path = "/readyz"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]
"""


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_arguments: object) -> None:
        """Thousands of requests are no news."""


@pytest.fixture
def url(tmp_path: Path, sqlite_database_url: str) -> Iterator[str]:
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", "DATABASE_URL": sqlite_database_url})
    database = TickStockDatabase(write_engine(settings.database_url), lambda: time.time_ns() // 1000)
    database.merge([bar("AAPL", MINUTE + place * 60_000, observed_at=place) for place in range(3)])
    yield from _serve(create_app(settings))
    database.close()


def _serve(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def fuzz(url: str, tmp_path: Path, seconds: float, seed: int, *options: str) -> None:
    """Fails with what schemathesis says when it finds something; over 5 s it goes on for so long."""
    (tmp_path / "fuzz.toml").write_text(_CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "fuzz.toml")]
    command += ["run", f"{url}/api/openapi.json", "--no-color", "--continue-on-failure", "--seed", str(seed), *options]
    command += ["--max-time", f"{seconds:.0f}"] if seconds > 5 else []
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=seconds + 240)
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]


def test_whoever_asks_whatever_the_answer_is_as_described(
    url: str, tmp_path: Path, fuzz_seconds: float, fuzz_seed: int
) -> None:
    fuzz(url, tmp_path, fuzz_seconds, fuzz_seed)
