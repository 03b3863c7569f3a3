"""The description of the API is true: it has every route, and real answers are as it says."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from src import __version__
from src.app import create_app
from src.config.settings import parse_settings
from src.presentation.api.errors import _CODES
from src.presentation.api.openapi.document import openapi_document
from tests.api_site import ApiSite, api_site
from tests.openapi import check_answer, described, routed

DOCUMENT = openapi_document(__version__, "tickstock_5000")
OPERATIONS = sorted(described(DOCUMENT))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[ApiSite]:
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{shutil.copy(migrated_file, folder / 'bars.db')}"
    with api_site(folder, url) as site:
        yield site


@pytest.fixture
def app(site: ApiSite) -> Flask:
    return site.app


@pytest.fixture
def client(site: ApiSite) -> FlaskClient:
    """One that is not logged in."""
    return site.app.test_client()


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


CONNECTIONS = "/api/admin/connections/{connection_id}/{action}"
TICKERS = "/api/admin/tickers/{ticker}/move"
SYMBOL_DAY = "/api/admin/coverage/{symbol}/{date}"
LISTS = ("websocket-status", "connection-events", "connection-tickers", "gaps", "reconciliations", "history")
CANCEL_LOAD = "/api/admin/history/{load_id}/cancel"
REPAIR_DAYS = "/api/admin/coverage/repair"
UNIVERSE = "/api/admin/universes/{name}"
MEMBERS = "/api/admin/universes/{name}/members"
# Who asks what: an operation, what stands for the parts of its path, its query, its body; and the status of the answer.
REQUESTS = [
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=AAPL", None, 200),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbols=AAPL,BRK.B,NONE&status=true&limit=2", None, 200),
    ("nobody", "GET", "/api/ticks/recent", {}, "?universe=dow30&cursor=x", None, 200),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=", None, 400),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=NONE", None, 404),
    ("nobody", "GET", "/api/ticks/recent", {}, "?universe=none", None, 404),
    ("nobody", "GET", "/api/ticks/recent", {}, "?universe=sp500&limit=1000", None, 413),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=AAPL&patterns=true&limit=1", None, 200),
    ("nobody", "GET", "/api/patterns/recent", {}, "?symbols=AAPL,NONE&limit=1", None, 200),
    ("nobody", "GET", "/api/patterns/recent", {}, "?timeframe=1m&pattern=doji&cursor=x", None, 200),
    ("nobody", "GET", "/api/patterns/recent", {}, "?pattern=none", None, 400),
    ("nobody", "GET", "/api/patterns/recent", {}, "?symbol=NONE", None, 404),
    ("nobody", "GET", "/api/quotes", {}, "?symbols=AAPL,BRK.B", None, 200),
    ("nobody", "GET", "/api/quotes", {}, "", None, 200),
    ("nobody", "GET", "/api/quotes", {}, "?universe=none", None, 404),
    ("nobody", "GET", "/api/bars", {}, "?symbol=AAPL&timeframe=1h&from=2025-11-20&to=2025-11-20", None, 200),
    ("nobody", "GET", "/api/bars", {}, "?symbol=AAPL&from=0&limit=2&adjusted=all", None, 200),
    ("nobody", "GET", "/api/bars", {}, "?symbol=AAPL&from=2025-11-20&format=csv", None, 200),
    ("nobody", "GET", "/api/bars", {}, "?symbol=AAPL&from=2025-11-21&to=2025-11-20", None, 400),
    ("nobody", "GET", "/api/bars", {}, "?symbol=NONE", None, 404),
    ("nobody", "GET", "/api/calendar", {}, "", None, 200),
    ("nobody", "GET", "/api/calendar", {}, "?x=1", None, 400),
    ("nobody", "GET", "/api/universes", {}, "", None, 200),
    ("nobody", "GET", "/api/universes/{key}", {"key": "SPY:none"}, "?offset=500", None, 200),
    ("nobody", "GET", "/api/universes/{key}", {"key": "none"}, "", None, 404),
    ("nobody", "GET", "/api/quality", {}, "?symbols=AAPL,BRK.B", None, 200),
    ("nobody", "GET", "/api/quality", {}, "?universe=none", None, 404),
    *(
        ("nobody", "GET", f"/api/market/{view}", {}, query, None, status)
        for view in ("rankings", "breadth", "sectors", "stages", "sentiment", "snapshot")
        for query, status in (
            ("", 200),
            ("?universe=SPY:none&as_of=2025-11-20", 200),
            ("?universe=none", 404),
            ("?as_of=1969-12-31", 400),
        )
    ),
    ("nobody", "GET", "/api/market/rankings", {}, "?columns=price,gap&sort=gap&order=asc&limit=2&offset=1", None, 200),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=AAPL&market=sectors%3Ftail%3D2", None, 200),
    ("nobody", "GET", "/api/ticks/recent", {}, "?symbol=AAPL&market=none&market_tag=x", None, 200),
    ("nobody", "GET", "/api/status", {}, "", None, 200),
    ("nobody", "GET", "/healthz", {}, "", None, 200),
    ("nobody", "GET", "/readyz", {}, "", None, 200),
    ("nobody", "GET", "/metrics", {}, "", None, 200),
    ("nobody", "GET", "/login", {}, "?next=/", None, 200),
    ("user", "GET", "/login", {}, "?next=/", None, 303),
    ("nobody", "POST", "/login", {}, "", None, 403),
    ("user", "POST", "/login", {}, "", None, 401),
    ("nobody", "POST", "/logout", {}, "", None, 403),
    ("nobody", "GET", "/api/openapi.json", {}, "", None, 200),
    ("nobody", "GET", "/api/docs", {}, "", None, 200),
    ("nobody", "GET", "/", {}, "", None, 200),
    ("nobody", "GET", "/admin/websockets", {}, "", None, 303),
    ("user", "GET", "/admin/websockets", {}, "", None, 403),
    ("admin", "GET", "/admin/websockets", {}, "", None, 200),
    ("nobody", "GET", "/admin/history", {}, "", None, 303),
    ("admin", "GET", "/admin/history", {}, "", None, 200),
    ("nobody", "GET", "/admin/universes", {}, "", None, 303),
    ("admin", "GET", "/admin/universes", {}, "", None, 200),
    *(
        (who, "GET", f"/api/admin/{name}", {}, query, None, status)
        for name in (
            "websocket-status",
            "connection-events",
            "connection-tickers",
            "gaps",
            "reconciliations",
            "history",
        )
        for who, query, status in (("nobody", "", 401), ("user", "", 403), ("admin", "", 200), ("admin", "?x=1", 400))
    ),
    ("admin", "GET", "/api/admin/connection-events", {}, "?limit=1", None, 200),
    ("nobody", "POST", CONNECTIONS, {"connection_id": "connection_1", "action": "pause"}, "", None, 401),
    ("user", "POST", CONNECTIONS, {"connection_id": "connection_1", "action": "pause"}, "", None, 403),
    ("admin", "POST", CONNECTIONS, {"connection_id": "connection_1", "action": "pause"}, "", None, 200),
    ("admin", "POST", CONNECTIONS, {"connection_id": "connection_9", "action": "pause"}, "", None, 404),
    ("admin", "POST", CONNECTIONS, {"connection_id": "connection_1", "action": "end"}, "", None, 404),
    ("admin", "GET", "/api/admin/gaps", {}, "?limit=2", None, 200),
    ("admin", "GET", "/api/admin/reconciliations", {}, "?limit=1", None, 200),
    ("nobody", "POST", "/api/admin/gaps/repair", {}, "", {}, 401),
    ("admin", "POST", "/api/admin/gaps/repair", {}, "", {}, 200),
    ("admin", "POST", "/api/admin/gaps/repair", {}, "", {"gap_id": "one"}, 200),
    ("admin", "POST", "/api/admin/gaps/repair", {}, "", {"gap": "one"}, 400),
    *(
        ("admin", "GET", "/api/admin/coverage", {}, query, None, status)
        for query, status in (
            ("", 200),
            ("?symbols=AAPL,BRK.B,NONE&from=2025-11-03&to=2025-11-20&limit=1&offset=1", 200),
            ("?universe=dow30", 200),
            ("?symbol=NONE", 404),
            ("?universe=none", 404),
            ("?from=2025-11-20&to=2025-11-19", 400),
            ("?from=20251120", 400),
            ("?from=2024-01-01&to=2024-06-01&symbols=AAPL&limit=100", 400),
            ("?from=2020-01-01", 400),
            ("?offset=-1", 400),
        )
    ),
    ("nobody", "GET", "/api/admin/coverage", {}, "", None, 401),
    ("user", "GET", "/api/admin/coverage", {}, "", None, 403),
    ("admin", "GET", SYMBOL_DAY, {"symbol": "aapl", "date": "2025-11-20"}, "", None, 200),
    ("admin", "GET", SYMBOL_DAY, {"symbol": "NONE", "date": "2025-11-20"}, "", None, 404),
    ("admin", "GET", SYMBOL_DAY, {"symbol": "AAPL", "date": "today"}, "", None, 400),
    ("admin", "GET", SYMBOL_DAY, {"symbol": "AAPL", "date": "2025-11-20"}, "?x=1", None, 400),
    ("admin", "GET", "/api/admin/history", {}, "?limit=1", None, 200),
    ("nobody", "POST", CANCEL_LOAD, {"load_id": "load"}, "", None, 401),
    ("user", "POST", CANCEL_LOAD, {"load_id": "load"}, "", None, 403),
    ("admin", "POST", CANCEL_LOAD, {"load_id": "load"}, "", None, 200),
    ("admin", "POST", CANCEL_LOAD, {"load_id": "none"}, "", None, 404),
    ("nobody", "POST", REPAIR_DAYS, {}, "", {"symbols": ["AAPL"], "from": "2025-11-20", "to": "2025-11-20"}, 401),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": ["aapl"], "from": "2025-11-20", "to": "2025-11-20"}, 200),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": ["NONE"], "from": "2025-11-20", "to": "2025-11-20"}, 404),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": [], "from": "2025-11-20", "to": "2025-11-20"}, 400),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": [1], "from": "2025-11-20", "to": "2025-11-20"}, 400),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": ["AAPL"], "from": "2025-11-20", "to": "2025-11-19"}, 400),
    ("admin", "POST", REPAIR_DAYS, {}, "", {"symbols": ["AAPL"], "from": "2999-11-20", "to": "2999-11-20"}, 400),
    ("admin", "POST", REPAIR_DAYS, {}, "", None, 400),
    *(
        (who, "GET", path, parts, query, None, status)
        for path, parts, query in (
            ("/api/admin/universes", {}, "?search=aapl"),
            (UNIVERSE, {"name": "dow30"}, ""),
            ("/api/admin/universe-export", {}, "?names=dow30,SPY:QQQ&format=json"),
            ("/api/admin/universe-diff", {}, "?before=dow30&after=QQQ"),
        )
        for who, status in (("nobody", 401), ("user", 403), ("admin", 200))
    ),
    ("admin", "GET", "/api/admin/universes", {}, "?search=nasdak", None, 200),
    ("admin", "GET", UNIVERSE, {"name": "SPY:QQQ:nope"}, "", None, 200),
    ("admin", "GET", UNIVERSE, {"name": "dow"}, "", None, 404),
    ("admin", "GET", "/api/admin/universe-export", {}, "", None, 200),
    ("admin", "GET", "/api/admin/universe-export", {}, "?format=xml", None, 400),
    ("admin", "GET", "/api/admin/universe-diff", {}, "?before=dow30", None, 400),
    ("nobody", "POST", "/api/admin/symbols/refresh", {}, "", None, 401),
    ("admin", "POST", "/api/admin/symbols/refresh", {}, "", None, 200),
    ("nobody", "POST", "/api/admin/universe-import", {}, "?name=mine", ["AAPL"], 401),
    ("user", "POST", "/api/admin/universe-import", {}, "?name=mine", ["AAPL"], 403),
    ("admin", "POST", "/api/admin/universe-import", {}, "?name=mine", ["aapl", "???"], 200),
    ("admin", "POST", "/api/admin/universe-import", {}, "?name=mine&skip_bad=true", ["aapl", "???"], 200),
    ("admin", "POST", "/api/admin/universe-import", {}, "?name=mine&type=HOUSE", ["aapl"], 400),
    ("nobody", "POST", MEMBERS, {"name": "dow30"}, "", {"add": ["QQQ"]}, 401),
    ("admin", "POST", MEMBERS, {"name": "dow30"}, "", {"add": ["qqq", "???"], "skip_bad": True}, 200),
    ("admin", "POST", MEMBERS, {"name": "dow30"}, "", {"remove": ["QQQ"]}, 200),
    ("admin", "POST", MEMBERS, {"name": "dow30"}, "", {"remove": ["QQQ"], "add": ["QQQ"]}, 400),
    ("admin", "POST", MEMBERS, {"name": "dow"}, "", {"add": ["QQQ"]}, 404),
    ("nobody", "DELETE", UNIVERSE, {"name": "XLU"}, "", None, 401),
    ("admin", "DELETE", UNIVERSE, {"name": "XLU"}, "", None, 200),
    ("admin", "DELETE", UNIVERSE, {"name": "none"}, "", None, 404),
    ("nobody", "POST", TICKERS, {"ticker": "AAPL"}, "", {"connection_id": "connection_2"}, 401),
    ("admin", "POST", TICKERS, {"ticker": "AAPL"}, "", {"connection_id": "connection_2"}, 200),
    ("admin", "POST", TICKERS, {"ticker": "AAPL"}, "", {"connection_id": 2}, 400),
    ("admin", "POST", TICKERS, {"ticker": "AAPL"}, "", None, 400),
]


@pytest.mark.parametrize(("who", "method", "path", "parts", "query", "body", "status"), REQUESTS)
def test_a_real_answer_is_as_described(
    site: ApiSite, who: str, method: str, path: str, parts: dict[str, str], query: str, body: Any, status: int
) -> None:
    answer = site.ask(who, method, path.format(**parts) + query, json=body)
    assert answer.status_code == status, answer.text
    check_answer(DOCUMENT, method, path, answer)


def test_a_load_is_told_with_its_rate_and_the_time_left(site: ApiSite) -> None:
    told = {load["id"]: load for load in site.ask("admin", "GET", "/api/admin/history").get_json()["loads"]}
    load = told["load"]
    assert (load["symbols"], load["from"], load["per_minute"], load["left_s"]) == (2, "2025-01-01", 5.5, 120)
    assert load["failures"] == [{"what": "MSFT", "reason": "It cannot be read."}]
    assert load["words"].startswith("Of 22 months of days 8 were loaded, 2 are empty, 1 failed; 170 bars were read")
    files = told["of-files"]
    assert (files["files"], files["symbols"], files["left_s"]) == (["/data/day.csv.gz"], None, None)


def test_real_answers_of_every_operation_were_looked_at() -> None:
    assert {(method, path) for _who, method, path, *_more in REQUESTS} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_database_the_answer_is_as_described(tmp_path: Path, method: str, path: str) -> None:
    client = create_app(parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1"})).test_client()
    check_answer(DOCUMENT, method, path, client.open(example_of(method, path), method=method))


def example_of(method: str, path: str) -> str:
    """The address of the request that the documentation shows."""
    operation = DOCUMENT["paths"][path][method.lower()]
    places = {parameter["name"]: parameter.get("example") for parameter in operation.get("parameters", [])}
    address: str = path.format(**places)
    return address + operation.get("x-example", "")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_example_of_a_request_works_and_that_of_an_answer_is_as_described(
    site: ApiSite, method: str, path: str
) -> None:
    operation = DOCUMENT["paths"][path][method.lower()]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    if path not in ("/login", "/logout"):
        assert site.ask("admin", method, example_of(method, path), json=body).status_code == 200
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            if "example" in content:
                schema = {**content["schema"], "components": DOCUMENT["components"]}
                jsonschema_rs.validate(schema, content["example"])


# -- with a token ----------------------------------------------------------------------------------------------------

TOKEN = "a-token-of-these-tests"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_with_a_token_who_may_ask_is_as_described(site: ApiSite, tmp_path: Path, method: str, path: str) -> None:
    guarded = create_app(site.settings.model_copy(update={"api_token": SecretStr(TOKEN), "data_dir": tmp_path}))
    with_token = {"Authorization": f"Bearer {TOKEN}"}
    refused, allowed = (
        guarded.test_client().open(example_of(method, path), method=method, headers=headers)
        for headers in ({}, with_token)
    )
    check_answer(DOCUMENT, method, path, refused)
    check_answer(DOCUMENT, method, path, allowed)
    if {} in DOCUMENT["paths"][path][method.lower()]["security"]:
        assert (refused.status_code, allowed.status_code) in ((401, 200), (303, 200))


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
    page = client.get("/api/docs", base_url="https://localhost:8443").text
    assert "curl &#39;https://localhost:8443/api/ticks/recent?symbol=AAPL&amp;since=" in page


def test_the_page_loads_nothing_from_elsewhere_and_has_no_inline_style_or_script(client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    assert "<script" not in page
    assert "style=" not in page
    assert "src=" not in page
    assert [link for link in page.split("<link ")[1:] if 'href="/static/' not in link] == []


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_the_version_is_in_the_footer_of_every_page(site: ApiSite, path: str) -> None:
    answer = site.ask("nobody" if path == "/login" else "admin", "GET", path)
    if answer.mimetype == "text/html":
        footer = answer.text.partition("<footer")[2]
        assert f"TickStock {__version__}" in footer
