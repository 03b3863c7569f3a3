"""The description of the API as tests use it: which operations there are, and whether an answer is as described."""

import re
from typing import Any

import jsonschema_rs
from flask import Flask
from werkzeug.test import TestResponse

_VARIABLE = re.compile(r"<(?:[^<>]+:)?(\w+)>")  # as Flask writes it
METHODS_OF_HTTP_ITSELF = {"HEAD", "OPTIONS"}  # Flask gives them to every address


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Every (method, address) that is described."""
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def routed(app: Flask) -> set[tuple[str, str]]:
    """Every (method, address) that the application answers, in OpenAPI's spelling, but for the static files."""
    return {
        (method, _VARIABLE.sub(r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - METHODS_OF_HTTP_ITSELF
        if rule.endpoint != "static"
    }


def check_answer(document: dict[str, Any], method: str, path: str, answer: TestResponse) -> None:
    """Fails unless `answer` is one that is described for that method and address."""
    answers = document["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in answers, (answer.status_code, answer.text)
    contents = answers[str(answer.status_code)].get("content", {})
    if not contents:
        assert answer.data == b""
        return
    assert answer.mimetype in contents, answer.mimetype
    if answer.mimetype == "application/json":
        schema = {**contents["application/json"]["schema"], "components": document["components"]}
        errors = [
            f"{error.instance_path}: {error.message}"
            for error in jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(answer.json)
        ]
        assert errors == []
