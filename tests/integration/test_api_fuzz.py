"""Requests made from the API's own description, hostile ones among them, over HTTP against the real application.

No answer may be a 500, nor one that the description does not tell. Each test goes on for 5 s, or for longer with
`--fuzz-seconds 300`.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.api_site import ApiSite, api_site

# Parameters here exclude each other, which a description cannot say: not every request that fits it is accepted. And
# /readyz answers 503 on purpose, and a page leads to the login.
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
[[operations]]
include-path-regex = "^/admin/"
checks.negative_data_rejection.expected-statuses = [303, "4xx"]
"""


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_arguments: object) -> None:
        """Thousands of requests are no news."""


@pytest.fixture
def site(tmp_path: Path, sqlite_database_url: str) -> Iterator[ApiSite]:
    with api_site(tmp_path, sqlite_database_url) as site:
        yield site


@pytest.fixture
def url(site: ApiSite) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site.app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(60)
    server.server_close()


def fuzz(url: str, tmp_path: Path, seconds: float, seed: int, *options: str) -> None:
    """Fails with what schemathesis says when it finds something."""
    (tmp_path / "fuzz.toml").write_text(_CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "fuzz.toml")]
    command += ["run", f"{url}/api/openapi.json", "--no-color", "--continue-on-failure", "--seed", str(seed), *options]
    command += ["--max-time", f"{seconds:.0f}"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=seconds + 150)
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]


def test_whatever_nobody_asks_the_answer_is_as_described(
    url: str, tmp_path: Path, fuzz_seconds: float, fuzz_seed: int
) -> None:
    fuzz(url, tmp_path, fuzz_seconds, fuzz_seed)


def test_whatever_an_administrator_asks_the_answer_is_as_described(
    site: ApiSite, url: str, tmp_path: Path, fuzz_seconds: float, fuzz_seed: int
) -> None:
    headers = ("-H", f"Cookie: {site.cookie('admin')}", "-H", f"X-CSRFToken: {site.tokens['admin']}")
    options = ("--generation-with-security-parameters", "false", "--include-path-regex", "^/api/admin/")
    fuzz(url, tmp_path, fuzz_seconds, fuzz_seed, *headers, *options)
