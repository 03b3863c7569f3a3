"""What administrators ask the ingesting half to do: read from a request, handed in as a job, answered."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Response, request

from src.core.ports import JobDesk
from src.presentation.api.errors import ApiError
from src.presentation.api.json_answer import json_answer

# How long an answer waits for the ingesting half, and how often it looks.
_ANSWER_TIMEOUT_S = 3.0
_LOOK_INTERVAL_S = 0.05
_STILL_ASKED = (
    "The ingesting process has not answered yet. If it does within a minute, this is done, and the log of events says "
    "so; after that it is not done any more."
)


def read_json() -> Any:
    """The request's JSON body; None for what is none, or is nested deeper than any reader follows."""
    try:
        return msgspec.json.decode(request.get_data()) if request.is_json else None
    except (msgspec.DecodeError, RecursionError):
        return None


def act(desk: JobDesk, kind: str, arguments: Mapping[str, Any], actor: str) -> Response:
    """Hands the job in and waits for its answer, 3 s at most. Raises ApiError when it is refused."""
    job_id = desk.ask(kind, arguments, actor)
    deadline_s = time.monotonic() + _ANSWER_TIMEOUT_S
    while time.monotonic() < deadline_s:
        answer = desk.answer(job_id)
        if answer is not None and answer.state == "refused":
            raise ApiError(409, "bad_parameter", answer.answer or "")
        if answer is not None and answer.state == "done":
            return json_answer({"state": "done", "message": answer.answer})
        time.sleep(_LOOK_INTERVAL_S)
    return json_answer({"state": "asked", "message": _STILL_ASKED}, 202)
