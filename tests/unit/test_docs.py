"""The documents say what is: their links, paths, names, columns, fields and diagrams are compared with the project."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from src.app import create_app
from src.config.settings import PROJECT_ROOT, parse_settings, settings_keys
from src.infrastructure.database.tables import metadata
from src.infrastructure.websocket.feed_line import ConnectionSpec
from src.infrastructure.websocket.massive_client import ClientConfig, MassiveWebSocketClient
from src.infrastructure.websocket.multi_connection_manager import ManagerConfig, MultiConnectionManager
from src.infrastructure.websocket.refusals import KINDS

DOCUMENTS = sorted([*PROJECT_ROOT.glob("*.md"), *PROJECT_ROOT.glob("docs/**/*.md")])
ARCHITECTURE = PROJECT_ROOT / "docs/architecture"
NOT_YET = "not yet"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_ROOTS = "(?:src|tests|scripts|migrations|deploy|data|web|docs)"
# A path of this project: with an ending anywhere, without one in code marks.
_PATH = re.compile(rf"(?<![\w./-])({_ROOTS}/[\w./-]+\.(?:py|md|csv|html|json|js|css))\b|`({_ROOTS}/[\w./-]+)`")
_MERMAID = re.compile(r"^```mermaid\n\s*(\S*)", re.MULTILINE)
_DIAGRAMS = {"flowchart", "sequenceDiagram", "stateDiagram-v2", "classDiagram", "erDiagram", "gantt", "pie", "timeline"}
_MEMBER = re.compile(r"`(\w+)(?:\(([^)]*)\))?`")


def document_id(document: Path) -> str:
    return str(document.relative_to(PROJECT_ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)


def rows(markdown: str) -> Iterator[dict[str, str]]:
    """The rows of all tables of a text, each a mapping of the column's title to the cell."""
    titles: list[str] = []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            titles = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not titles:
            titles = cells
        elif not set(line) <= set("|-: "):
            assert len(cells) == len(titles), line
            yield dict(zip(titles, cells, strict=True))


def section(document: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    text = (ARCHITECTURE / document).read_text()
    assert f"\n{heading}\n" in text, heading
    return re.split(r"^#+ ", text.split(f"\n{heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def first_column(markdown: str) -> list[str]:
    return [next(iter(row.values())).strip("`") for row in rows(markdown)]


def anchors(document: Path) -> set[str]:
    """What a link into a document can name: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", document.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document
def test_paths_that_are_named_exist(document: Path) -> None:
    lines = document.read_text().splitlines()
    if document.name == "seed-names.md":
        # The first column holds names of older documents, of which some are gone.
        lines = ["|".join(line.split("|")[2:]) if line.startswith("|") else line for line in lines]
    named = [path or marked for path, marked in _PATH.findall("\n".join(lines))]
    assert [path for path in named if not (PROJECT_ROOT / path).exists()] == []


@each_document
def test_diagrams_are_of_a_kind_that_mermaid_knows(document: Path) -> None:
    text = document.read_text()
    assert set(_MERMAID.findall(text)) <= _DIAGRAMS
    assert text.count("\n```") % 2 == 0, "a block of code is not closed"


def test_there_are_documents_with_links_paths_and_diagrams() -> None:
    everything = "\n".join(document.read_text() for document in DOCUMENTS)
    for pattern, least in ((_LINK, 10), (_PATH, 50), (_MERMAID, 4)):
        assert len(pattern.findall(everything)) >= least, pattern.pattern


# -- names of older documents --------------------------------------------------------------------------------------

SEED_ROWS = list(rows((ARCHITECTURE / "seed-names.md").read_text()))
PRESENT = [row for row in SEED_ROWS if row["place now"] != NOT_YET]
ABSENT = [row for row in SEED_ROWS if row["place now"] == NOT_YET]
CLASSES = [row for row in PRESENT if "interface" in row]


def older_name(row: dict[str, str]) -> str:
    return next(iter(row.values())).strip("`")


def resolve(dotted: str) -> Any:
    """What a dotted name of a module's attribute stands for."""
    module, _, attribute = dotted.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(parse_settings({"DATA_DIR": str(tmp_path_factory.mktemp("data"))}))


def is_there(name: str, app: Flask) -> bool:
    """Whether the program has a command, address, path, setting, table, class or function of that name."""
    if name.startswith("flask "):
        return name.removeprefix("flask ") in app.cli.commands
    if name.startswith("/"):
        namespaces = app.extensions["socketio"].server.namespace_handlers
        return name in {rule.rule for rule in app.url_map.iter_rules()} or name in namespaces
    if "/" in name:
        return (PROJECT_ROOT / name).exists()
    if name.isupper():
        return name in settings_keys()
    definition = re.compile(rf"^(?:class|def) {name}\b", re.MULTILINE)
    return name in metadata.tables or any(
        definition.search(file.read_text()) for file in (PROJECT_ROOT / "src").rglob("*.py")
    )


@pytest.mark.parametrize("row", PRESENT, ids=older_name)
def test_a_name_stands_where_it_is_said_to(row: dict[str, str], app: Flask) -> None:
    name, place = older_name(row), row["place now"].strip("`")
    if "/" in place:
        assert (PROJECT_ROOT / place).exists()
    else:
        assert resolve(place) is not None
        assert place.endswith(f".{name}")
    assert is_there(name, app) or place.endswith(name.rpartition("/")[2]) or row["what differs"]


@pytest.mark.parametrize("row", ABSENT, ids=older_name)
def test_what_is_said_not_to_be_there_yet_is_not(row: dict[str, str], app: Flask) -> None:
    assert not is_there(older_name(row), app)


@pytest.mark.parametrize("row", CLASSES, ids=older_name)
def test_a_class_has_the_interface_that_is_told(row: dict[str, str]) -> None:
    kind = resolve(row["place now"].strip("`"))
    members = _MEMBER.findall(row["interface"])
    assert members
    for member, parameters in members:
        if member == kind.__name__:
            assert parameter_names(kind) == names_in(parameters)
        elif callable(getattr(kind, member, None)):
            assert parameter_names(getattr(kind, member)) == names_in(parameters), member
        else:
            set_on_itself = re.search(rf"\bself\.{member}\b.* = ", inspect.getsource(kind))
            assert hasattr(kind, member) or set_on_itself, member


def parameter_names(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def names_in(parameters: str) -> list[str]:
    return [name for name in re.findall(r"[\w*]+", parameters) if name != "*"]


def test_the_older_names_are_all_there() -> None:
    told = {older_name(row) for row in SEED_ROWS}
    assert told >= {
        "TickData", "MassiveWebSocketClient", "MultiConnectionManager", "RealTimeDataAdapter", "MarketDataService",
        "TickStockDatabase", "RelationshipCache", "CacheControl", "FallbackPatternDetector",
        "src/presentation/websocket/massive_client.py",
    }  # fmt: skip
    assert told >= set(metadata.tables)


# -- what the other documents tell of the code ---------------------------------------------------------------------


@pytest.mark.parametrize("table", metadata.tables.values(), ids=str)
def test_the_columns_of_a_table_are_told_in_their_order(table: Any) -> None:
    described = section("database-architecture.md", f"### `{table.name}`").strip().split("\n\n")
    columns = next(part for part in described if part.startswith("| column |"))
    assert first_column(columns) == [column.name for column in table.columns]


def test_the_fields_of_the_clients_snapshot_are_told_in_their_order() -> None:
    client = MassiveWebSocketClient("key", print, print, ClientConfig("ws://127.0.0.1:9/stocks"))
    assert first_column(section("websockets-integration.md", "## Snapshot")) == list(client.snapshot())


def test_the_fields_of_a_connections_entry_are_told_in_their_order() -> None:
    config = ManagerConfig(
        "key",
        ClientConfig("ws://127.0.0.1:9/stocks"),
        (ConnectionSpec("connection_1", "primary", True),),
        print,
        print,
        print,
        print,
    )
    entry = MultiConnectionManager(config, print, print, 1).snapshot()["connections"][0]
    of_client = set(first_column(section("websockets-integration.md", "## Snapshot")))
    told = first_column(section("websockets-integration.md", "### Each connection"))
    assert told == [field for field in entry if field not in of_client]


def test_every_kind_of_refusal_is_told_in_its_order() -> None:
    kinds = first_column(section("websockets-integration.md", "## What a bad element or frame costs"))
    assert kinds == list(KINDS)


def test_every_thread_of_the_program_is_told() -> None:
    sources = [
        file.read_text() for folder in ("core", "infrastructure", "presentation") for file in source_files(folder)
    ]
    names = {
        name
        for source in sources
        for name in re.findall(r'(?:Thread\([^)]*name=|_spawn\(|Worker\()"([a-z-]+)"', source)
    }
    told = section("system-architecture.md", "## Threads of the worker")
    assert len(names) >= 18
    assert [name for name in sorted(names) if f"| `{name}` |" not in told] == []


def source_files(folder: str) -> Iterator[Path]:
    return (PROJECT_ROOT / "src" / folder).rglob("*.py")
