"""The description of the API is true: it has every route, and real answers are as it says."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from src import __version__
from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.presentation.api.errors import _CODES
from src.presentation.api.openapi.document import openapi_document
from tests.bars import MINUTE, bar
from tests.openapi import check_answer, described, routed

DOCUMENT = openapi_document(__version__)
OPERATIONS = sorted(described(DOCUMENT))


@pytest.fixture
def app(tmp_path: Path, sqlite_database_url: str) -> Iterator[Flask]:
    settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", "DATABASE_URL": sqlite_database_url})
    database = TickStockDatabase(write_engine(settings.database_url), lambda: time.time_ns() // 1000)
    database.merge([bar("AAPL", MINUTE + place * 60_000, observed_at=place) for place in range(3)])
    database.merge([bar("BRK.B", vwap=None)])
    yield create_app(settings)
    database.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    assert described(DOCUMENT) == routed(app)


def test_it_is_served_as_it_is_and_kept_by_browsers(client: FlaskClient) -> None:
    answer = client.get("/api/openapi.json")
    assert answer.json == DOCUMENT
    again = client.get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_names_of_operations_are_anchors_and_every_reference_leads_somewhere() -> None:
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)
    schemas = DOCUMENT["components"]["schemas"]
    references = {part.split('"')[0] for part in json.dumps(DOCUMENT).split("#/components/schemas/")[1:]}
    assert references <= set(schemas)
    assert {tag["name"] for tag in DOCUMENT["tags"]} == {
        tag for methods in DOCUMENT["paths"].values() for operation in methods.values() for tag in operation["tags"]
    }


def test_every_code_of_an_error_is_described() -> None:
    told = DOCUMENT["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert set(told) == {*_CODES.values(), "unknown_symbol", "unknown_universe", "internal"}


@pytest.mark.parametrize(("name", "schema"), DOCUMENT["components"]["schemas"].items(), ids=str)
def test_schemas_are_schemas(name: str, schema: dict[str, Any]) -> None:
    assert jsonschema_rs.meta.is_valid({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}), name


REQUESTS = [
    ("GET", "/api/ticks/recent", "?symbol=AAPL", 200),
    ("GET", "/api/ticks/recent", "?symbols=AAPL,BRK.B,NONE&status=true&limit=2", 200),
    ("GET", "/api/ticks/recent", "?universe=dow30&cursor=x", 200),
    ("GET", "/api/ticks/recent", "?symbol=", 400),
    ("GET", "/api/ticks/recent", "?symbol=NONE", 404),
    ("GET", "/api/ticks/recent", "?universe=none", 404),
    ("GET", "/api/ticks/recent", "?universe=sp500&limit=1000", 413),
    ("GET", "/api/quotes", "?symbols=AAPL,BRK.B", 200),
    ("GET", "/api/quotes", "", 200),
    ("GET", "/api/quotes", "?universe=none", 404),
    ("GET", "/api/status", "", 200),
    ("GET", "/healthz", "", 200),
    ("GET", "/readyz", "", 503),
    ("GET", "/metrics", "", 200),
    ("GET", "/login", "", 200),
    ("POST", "/login", "", 403),
    ("POST", "/logout", "", 403),
    ("GET", "/api/openapi.json", "", 200),
    ("GET", "/api/docs", "", 200),
    ("GET", "/", "", 200),
]


@pytest.mark.parametrize(("method", "path", "query", "status"), REQUESTS)
def test_a_real_answer_is_as_described(client: FlaskClient, method: str, path: str, query: str, status: int) -> None:
    answer = client.open(path + query, method=method)
    assert answer.status_code == status
    check_answer(DOCUMENT, method, path, answer)


def test_real_answers_of_every_operation_were_looked_at() -> None:
    assert {(method, path) for method, path, _query, _status in REQUESTS} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_database_the_answer_is_as_described(tmp_path: Path, method: str, path: str) -> None:
    client = create_app(parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1"})).test_client()
    query = DOCUMENT["paths"][path][method.lower()].get("x-example", "")
    check_answer(DOCUMENT, method, path, client.open(path + query, method=method))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_example_of_a_request_works_and_that_of_an_answer_is_as_described(
    client: FlaskClient, method: str, path: str
) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    if "x-example" in operation:
        assert client.open(path + operation["x-example"], method=method).status_code == 200
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            if "example" in content:
                schema = {**content["schema"], "components": DOCUMENT["components"]}
                jsonschema_rs.validate(schema, content["example"])


# -- the page ------------------------------------------------------------------------------------------------------


def test_the_page_tells_every_endpoint_and_schema_and_every_link_in_it_leads_somewhere(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    anchors = [part.split('"')[0] for part in page.split('href="#')[1:]]
    assert len(anchors) > 50
    assert [anchor for anchor in anchors if page.count(f'id="{anchor}"') != 1] == []


def test_the_page_shows_the_request_with_the_address_it_was_asked_at(client: FlaskClient) -> None:
    page = client.get("/api/docs", base_url="https://ticks.example:8443").text
    assert "curl &#39;https://ticks.example:8443/api/ticks/recent?symbol=AAPL&amp;since=" in page


def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_style_or_script(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert "<script" not in page
    assert "style=" not in page
    assert "src=" not in page
    assert [link for link in page.split("<link ")[1:] if 'href="/static/' not in link] == []


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_the_version_is_in_the_footer_of_every_page(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    if answer.mimetype == "text/html":
        footer = answer.text.partition("<footer")[2]
        assert f"TickStock {__version__}" in footer
