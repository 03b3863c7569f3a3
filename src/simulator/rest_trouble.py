"""What faults make of the REST side's answers. Knows no socket."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from src.simulator.faults import REST_STATUSES, RestLate, RestTrouble, Standing

_ELSEWHERE = "http://elsewhere.example/v2/aggs/next?cursor=1"


def late_by_ms(faults: Sequence[Standing]) -> int:
    """By how much what REST knows is behind."""
    return round(1000 * sum(fault.by_s for fault in faults if isinstance(fault, RestLate)))


def refusal(faults: Sequence[Standing]) -> tuple[HTTPStatus, int | None] | None:
    """The status that every request is answered with and after how many seconds to ask again; None if there is none."""
    for fault in faults:
        if isinstance(fault, RestTrouble) and fault.how in REST_STATUSES:
            status = HTTPStatus(int(fault.how))
            return status, fault.retry_after_s if status is HTTPStatus.TOO_MANY_REQUESTS else None
    return None


def spoiled(body: str, address: str, faults: Sequence[Standing]) -> str:
    """The page as the faults make it; `address` is where it was asked for."""
    for fault in faults:
        if isinstance(fault, RestTrouble):
            body = _spoiled(body, address, fault.how)
    return body


def _spoiled(body: str, address: str, how: str) -> str:
    if how == "malformed":
        return body[: len(body) // 2]
    page = json.loads(body)
    if how == "empty":
        page = {key: value for key, value in page.items() if key not in ("results", "tickers", "next_url")}
    else:
        page["next_url"] = address if how == "loop" else _ELSEWHERE
    return json.dumps(page)
