"""Answers as JSON, encoded once, by msgspec."""

from typing import Any

import msgspec
from flask import Response


def json_answer(body: Any, status: int = 200) -> Response:
    """`body` (structs, mappings, lists) as a JSON response that no cache keeps."""
    answer = Response(msgspec.json.encode(body), status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
