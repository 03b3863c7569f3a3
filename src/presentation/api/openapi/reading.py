"""The description of the API as a page shows it: its parts in order, schemas as tables of fields."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from src.presentation.api.openapi.parts import Part

_MARKS = ((re.compile(r"`([^`]+)`"), r"<code>\1</code>"), (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"))
_FIRST_ERROR = 400


class Field(NamedTuple):
    """One row of a table: a parameter, or a field of an object by its path (`universe.key`, `ticks[].open`)."""

    name: str
    type: Markup
    required: bool
    description: str
    where: str = ""


class Answer(NamedTuple):
    """One way an endpoint answers; `body` says what is in it, `example` is text to show."""

    status: str
    description: str
    body: Markup
    example: str


class Endpoint(NamedTuple):
    """One method of one address."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    security: str
    parameters: list[Field]
    body: list[Field]
    curl: str
    answers: list[Answer]
    errors: list[Answer]


class Chapter(NamedTuple):
    """The endpoints of one tag."""

    anchor: str
    title: str
    description: str
    endpoints: list[Endpoint]


def with_marks(text: str) -> Markup:
    """A description with its `code` and **strong** parts marked up, all else escaped."""
    marked = str(escape(text))
    for pattern, replacement in _MARKS:
        marked = pattern.sub(replacement, marked)
    return Markup(marked)  # noqa: S704  escaped above


def chapters(document: Part, host_url: str) -> list[Chapter]:
    """The endpoints by tag, each with a request that can be tried at `host_url`."""
    found = list(_endpoints(document, host_url))
    return [
        Chapter(
            tag["name"].lower().replace(" ", "-"),
            tag["name"],
            tag["description"],
            [endpoint for name, endpoint in found if name == tag["name"]],
        )
        for tag in document["tags"]
    ]


def _endpoints(document: Part, host_url: str) -> Iterator[tuple[str, Endpoint]]:
    cookie = document["components"]["securitySchemes"]["session"]["name"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {})
            answers = [_answer(status, answer) for status, answer in operation["responses"].items()]
            yield (
                operation["tags"][0],
                Endpoint(
                    operation["operationId"],
                    method.upper(),
                    path,
                    operation["summary"],
                    operation["description"],
                    _who(operation["security"]),
                    [_parameter(parameter) for parameter in operation.get("parameters", [])],
                    [field for content in body.values() for field in _fields(content["schema"])],
                    _curl(method.upper(), path, operation, host_url, cookie),
                    [answer for answer in answers if int(answer.status) < _FIRST_ERROR],
                    [answer for answer in answers if int(answer.status) >= _FIRST_ERROR],
                ),
            )


def _answer(status: str, answer: Part) -> Answer:
    content = answer.get("content", {})
    kind = next(iter(content), "")
    example = content.get(kind, {}).get("example")
    shown = "" if example is None or int(status) >= _FIRST_ERROR else json.dumps(example, indent=1)
    body = _type(content[kind]["schema"]) if kind == "application/json" else escape(kind or "no body")
    return Answer(status, answer["description"], body, shown)


def _parameter(parameter: Part) -> Field:
    where = {"query": "query", "path": "path", "header": "header"}[parameter["in"]]
    words = _with_default(_type(parameter["schema"]), parameter["schema"])
    return Field(parameter["name"], words, parameter.get("required", False), parameter["description"], where)


def _with_default(words: Markup, schema: Part) -> Markup:
    return words + f", {json.dumps(schema['default'])} unless told" if "default" in schema else words


def _who(security: list[Part]) -> str:
    if not security:
        return "everybody"
    if {} in security:
        return "everybody; with the setting API_TOKEN, the token or a session"
    return "administrators" + (", with the CSRF token" if "csrf" in security[0] else "")


def _curl(method: str, path: str, operation: Part, host_url: str, cookie: str) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])
    words = ["curl"] if method == "GET" else ["curl", "-X", method]
    schemes = {name for requirement in operation["security"] for name in requirement}
    if "csrf" in schemes:
        words += ["-H 'X-CSRFToken: ...'"]
    if "session" in schemes and "token" not in schemes:
        words += [f"-b '{cookie}=...'"]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            words += [f"-H 'Content-Type: {kind}'", f"-d '{json.dumps(content['example'])}'"]
    return " ".join([*words, f"'{host_url}{path}{operation.get('x-example', '')}'"])


def security_words(document: Part) -> list[tuple[str, str]]:
    """The ways to prove who asks, each with what to send."""
    return [(_sent(scheme), scheme["description"]) for scheme in document["components"]["securitySchemes"].values()]


def _sent(scheme: Part) -> str:
    if scheme["type"] == "http":
        return "Authorization: Bearer ..."
    return f"Cookie: {scheme['name']}=..." if scheme["in"] == "cookie" else f"{scheme['name']}: ..."


def schema_tables(document: Part) -> list[tuple[str, str, Markup, list[Field]]]:
    """Each schema: its name, its description, what it is, and its fields where it is an object."""
    schemas: Mapping[str, Part] = document["components"]["schemas"]
    return [
        (name, schema.get("description", ""), _type(schema), list(_fields(schema))) for name, schema in schemas.items()
    ]


def _fields(schema: Part, prefix: str = "") -> Iterator[Field]:
    """The fields of an object, those of objects within it by their path."""
    for name, part in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield Field(path, _type(part), name in schema["required"], part.get("description", ""))
        yield from _fields(part, f"{path}.")
        if "items" in part:
            yield from _fields(part["items"], f"{path}[].")


def _type(schema: Part) -> Markup:
    if "$ref" in schema:
        return _link(schema["$ref"])
    if "anyOf" in schema:
        return Markup(" or ").join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        words: list[Any] = [json.dumps(value) for value in schema["enum"]]
        return Markup(", ").join(Markup("<code>{}</code>").format(word) for word in words)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return Markup(" or ").join(_kind(kind, schema) for kind in kinds)


def _kind(kind: str, schema: Part) -> Markup:
    if kind == "array":
        return Markup("list of ") + _type(schema["items"])
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return Markup("object of ") + _type(schema["additionalProperties"])
    bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
    if len(bounds) == 2:
        return escape(f"{kind} from {bounds[0]} to {bounds[1]}")
    return escape(f"{kind} ({schema['format']})" if "format" in schema else kind)


def _link(reference: str) -> Markup:
    name = reference.rpartition("/")[2]
    return Markup('<a href="#schema-{0}">{0}</a>').format(name)
