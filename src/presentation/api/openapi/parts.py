"""What descriptions of endpoints are made of: parameters, answers, errors."""

from collections.abc import Mapping, Sequence
from typing import Any

Part = dict[str, Any]

# Who may ask. Where the read API has no API_TOKEN, nothing is needed: that is the empty alternative.
READER: list[Part] = [{}, {"token": []}, {"session": []}]
ADMINISTRATOR: list[Part] = [{"session": []}]
ADMINISTRATOR_ACTING: list[Part] = [{"session": [], "csrf": []}]
EVERYBODY: list[Part] = []


def ref(name: str) -> Part:
    """A reference to a schema of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def either(*schemas: Part) -> Part:
    """A value that is of one of several schemas."""
    return {"anyOf": list(schemas)}


def or_null(schema: Part) -> Part:
    """A value that can be absent."""
    if "$ref" in schema:
        return either(schema, {"type": "null"})
    return {**schema, "type": [schema["type"], "null"]}


def text(description: str = "", **more: Any) -> Part:
    """A string."""
    return _schema("string", description, more)


def whole(description: str = "", **more: Any) -> Part:
    """An integer."""
    return _schema("integer", description, more)


def count(description: str = "") -> Part:
    """An integer that is not negative."""
    return whole(description, minimum=0)


def moment(description: str) -> Part:
    """An instant as the API tells it."""
    return whole(f"{description} Epoch milliseconds, UTC.")


def number(description: str = "", **more: Any) -> Part:
    """A number."""
    return _schema("number", description, more)


def flag(description: str = "", **more: Any) -> Part:
    """True or false."""
    return _schema("boolean", description, more)


def items(schema: Part, description: str = "", **more: Any) -> Part:
    """A list."""
    return _schema("array", description, {"items": schema, **more})


def fields(properties: Mapping[str, Part], *, optional: Sequence[str] = (), **more: Any) -> Part:
    """An object that has all of `properties`, but for the `optional` ones, and no other."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        **more,
    }


def mapping(schema: Part, description: str = "") -> Part:
    """An object of any keys, whose values are alike."""
    return _schema("object", description, {"additionalProperties": schema})


def _schema(kind: str, description: str, more: Mapping[str, Any]) -> Part:
    return {"type": kind, **({"description": description} if description else {}), **more}


def query(name: str, description: str, schema: Part, example: Any = None) -> Part:
    """A parameter of the query, which can be left out."""
    shown = {} if example is None else {"example": example}
    return {"name": name, "in": "query", "description": description, "schema": schema, **shown}


def in_path(name: str, description: str, schema: Part, example: str) -> Part:
    """A part of the path."""
    place = {"name": name, "in": "path", "required": True}
    return {**place, "description": description, "schema": schema, "example": example}


def json_answer(description: str, schema: Part, example: Any = None) -> Part:
    """An answer in JSON."""
    shown = {} if example is None else {"example": example}
    return {"description": description, "content": {"application/json": {"schema": schema, **shown}}}


def page_answer(description: str) -> Part:
    """A page for people."""
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}


def redirect(description: str) -> Part:
    """An answer that leads elsewhere."""
    where = {"Location": {"description": "Where to.", "schema": {"type": "string"}}}
    return {"description": description, "headers": where, "content": {"text/html": {"schema": {"type": "string"}}}}


_ERRORS = {
    400: (
        "bad_parameter",
        "A parameter is unknown, malformed, out of range, given twice or missing; or a foreign host.",
    ),
    401: ("unauthorized", "Neither the token nor a session is there, or it has ended."),
    403: ("forbidden", "The account has not the role for this, or the CSRF token is missing or wrong."),
    404: ("not_found", "There is no such thing."),
    405: ("bad_parameter", "The address does not know the method; the header Allow names those it does."),
    409: ("bad_parameter", "It cannot be done to that connection or ticker; the message says why."),
    413: ("too_large", "What is asked for, or sent, is larger than is allowed."),
    415: ("bad_parameter", "The body is not of the type that is expected."),
    429: ("rate_limited", "Too many attempts; try again later."),
    500: ("internal", "The server failed; the reason is in its log."),
    503: ("unavailable", "The database does not answer at the moment; the same request can succeed later."),
}


def errors(*statuses: int, **descriptions: str) -> dict[str, Part]:
    """The errors an endpoint can answer, by status; `_404="..."` tells one in the endpoint's own words."""
    told = {}
    for status in sorted({*statuses, *(int(key[1:]) for key in descriptions)}):
        code, sentence = _ERRORS[status]
        example = {"error": {"code": code, "message": "A sentence that says what is wrong and what is allowed."}}
        told[str(status)] = json_answer(descriptions.get(f"_{status}", sentence), ref("Error"), example)
    return told


def page_errors(*statuses: int, **descriptions: str) -> dict[str, Part]:
    """The errors of a page: as a page to who asks for HTML, else as those of the API."""
    told = errors(*statuses, **descriptions)
    for answer in told.values():
        answer["content"]["text/html"] = {"schema": {"type": "string"}}
    return told


def operation(
    tag: str,
    name: str,
    summary: str,
    description: str,
    answers: Mapping[str, Part],
    *,
    security: list[Part],
    parameters: Sequence[Part] = (),
    body: Part | None = None,
    example: str = "",
) -> Part:
    """One method of one address. `answers` go beside those that every address has: 400, and 413 where a body is sent.

    `name` is its anchor in the documentation, `example` what follows the address in the request that is shown there,
    when that is more than the address.
    """
    is_page = any("text/html" in answer.get("content", {}) for answer in answers.values())
    always = (page_errors if is_page else errors)(400, *([413] if body else []))
    return {
        "tags": [tag],
        "operationId": name,
        "summary": summary,
        "description": description,
        **({"parameters": list(parameters)} if parameters else {}),
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": dict(sorted({**always, **answers}.items())),
        "security": security,
        **({"x-example": example} if example else {}),
    }
