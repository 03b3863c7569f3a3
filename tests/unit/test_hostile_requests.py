"""Requests that no browser makes: each is refused in the API's own words, and none is a 500."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from src import __version__
from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.presentation.api.openapi.document import openapi_document
from tests.bars import bar
from tests.openapi import check_answer, described

DOCUMENT = openapi_document(__version__, "tickstock_5000")
OPERATIONS = sorted(described(DOCUMENT))
TEXTS = [
    "%00", "AAPL%00", "%ff%fe", "%F0%9F%92%A9", "%25s%25n", "' OR '1'='1", "1; DROP TABLE symbols --",
    "%3Cscript%3Ealert(1)%3C/script%3E", "../../etc/passwd", "%0d%0aSet-Cookie:%20a=b", "A" * 4000, "%ED%A0%80",
    "9" * 400, "-0", "1e308", "NaN", "Infinity", "0x10", "%D9%A3", "%E2%80%AE", "null", "[]", "{}",
]  # fmt: skip
PARAMETERS = ["symbol", "symbols", "universe", "since", "cursor", "limit", "status"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "simulated.db").write_bytes(migrated_file.read_bytes())
    settings = parse_settings({"DATA_DIR": str(folder), "SIMULATOR_PORT": "1"})
    database = TickStockDatabase(write_engine(settings.database_url), lambda: 1)
    database.merge([bar("AAPL"), bar("MSFT")])
    yield create_app(settings).test_client()
    database.close()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("path", ["/api/ticks/recent", "/api/quotes"])
def test_a_hostile_value_in_any_parameter(client: FlaskClient, path: str, text: str) -> None:
    for parameter in PARAMETERS:
        for query in (f"{parameter}={text}", f"symbols=AAPL&{parameter}={text}", f"{text}={text}"):
            check_answer(DOCUMENT, "GET", path, client.get(f"{path}?{query}"))


def test_the_tables_are_all_there_afterwards(client: FlaskClient) -> None:
    assert client.get("/api/ticks/recent?symbols=AAPL,MSFT").json["count"] == 2


@pytest.mark.parametrize("query", ["symbol=AAPL&symbol=AAPL", "limit=1&limit=2&symbol=AAPL", "symbols=A&symbols=B"])
def test_a_parameter_given_twice_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/ticks/recent?{query}")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_parameter")


def example_of(path: str) -> str:
    """An address with the parts that its description shows."""
    operations = DOCUMENT["paths"][path].values()
    return path.format(
        **{part["name"]: part.get("example") for operation in operations for part in operation.get("parameters", ())}
    )


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path in sorted({path for _method, path in OPERATIONS})
        for method in ("TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "BREW")
        # A universe's name may hold a slash: `x/members` is one, too.
        if (method, path) not in OPERATIONS and (method, path.removesuffix("/members")) not in OPERATIONS
    ],
)
def test_a_method_that_an_address_does_not_know_is_405(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(example_of(path), method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]
    assert answer.json["error"]["code"] == "bad_parameter"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/xml"},
        {"Accept": "*/*;q=0"},
        {"Accept": "\x7f/,;;"},
        {"Content-Type": "application/json", "Content-Length": "5"},
        {"If-None-Match": '"' + "x" * 5000},
        {"If-None-Match": "*"},
        {"If-Modified-Since": "yesterday"},
        {"Range": "bytes=9999999999-1"},
        {"Host": "<script>"},
        {"Host": "["},
        {"Host": "a:b:c"},
        {"Host": "localhost:99999999"},
        {"Host": "\x00"},
        {"Cookie": "session=" + "A" * 3000},
        {"Authorization": "Bearer \xff"},
        {"X-Forwarded-For": "' OR 1=1 --", "X-Forwarded-Proto": "javascript"},
    ],
    ids="-".join,
)
@pytest.mark.parametrize("path", ["/api/ticks/recent?symbol=AAPL", "/api/openapi.json", "/api/docs", "/healthz"])
def test_an_odd_header_changes_nothing_or_is_refused(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code in (200, 304, 400), answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/%00", "/api/%ff", "/api/ticks/recent/", "/api/ticks/recent%00", "/static/../x"])
def test_an_address_that_does_not_exist_is_404(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
