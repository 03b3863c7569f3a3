"""What the vendor's REST side says to the key, how old its newest minute is, and what time it has."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import msgspec
import urllib3

from src.core.domain.market.session import Phase
from src.infrastructure.doctor.finding import Finding, fail, ok, warn
from src.infrastructure.websocket.refusals import plain

NAME = "plan"
_TICKER = "AAPL"
_DAYS_BACK = 5  # there is a trading day among them, holidays or not
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
# The vendor's minutes lag by some; a plan with delayed data is 15 minutes behind.
_DELAYED_MS = 10 * _MINUTE_MS
_TIMEOUT = urllib3.Timeout(connect=5.0, read=8.0)


class Answer(NamedTuple):
    """One answer of the REST side: `date_s` is its Date header in epoch seconds, None without one; `at_s` the middle
    of the request by this machine's clock, `took_s` how long it took; `broken` says why there is none."""

    status: int
    body: bytes
    date_s: float | None
    at_s: float
    took_s: float
    broken: str = ""


class _Result(msgspec.Struct):
    t: int


class _Page(msgspec.Struct):
    results: list[_Result] | None = None


class _Refusal(msgspec.Struct):
    error: str = ""
    message: str = ""


def ask_for_newest_minute(base_url: str, key: str, now_s: Callable[[], float] = time.time) -> Answer:
    """One request for the newest minute bar of one ticker. `now_s` reads the wall clock, which is under test."""
    to_ms = round(now_s() * 1000)
    path = f"/v2/aggs/ticker/{_TICKER}/range/1/minute/{to_ms - _DAYS_BACK * _DAY_MS}/{to_ms}"
    with urllib3.PoolManager(retries=False, timeout=_TIMEOUT) as pool:
        started_s = time.monotonic()
        asked_s = now_s()
        try:
            answer = pool.request(
                "GET",
                f"{base_url}{path}?adjusted=false&sort=desc&limit=1",
                headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return Answer(0, b"", None, asked_s, 0.0, plain(str(error), key))
        took_s = time.monotonic() - started_s
        return Answer(answer.status, answer.data, _date_s(answer.headers.get("Date")), asked_s + took_s / 2, took_s)


def _date_s(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None


def look_at_plan(answer: Answer, key: str, phase: Phase) -> Finding:
    """What the answer says of the key and the plan; `phase` is the exchange's at the request."""
    if answer.broken:
        return fail(
            NAME, f"The REST side cannot be asked ({answer.broken}).", "See what is said of the REST side's host."
        )
    if answer.status == 200:
        return _look_at_minute(answer, phase)
    said = f"{answer.status}, {plain(_message(answer.body), key)}"
    if answer.status in (401, 403):
        return fail(
            NAME,
            f"The REST side refuses the key for minute aggregates ({said}).",
            "Correct MASSIVE_API_KEY, or take a plan that includes minute aggregates: without them no history and no "
            "missed minute can be had.",
        )
    if answer.status == 429:
        return warn(
            NAME,
            "The REST side asks for patience (429): the plan's requests of this minute are used up.",
            "Set MASSIVE_REST_RATE to what the plan allows; a running TickStock uses the same account.",
        )
    return fail(NAME, f"The REST side answers with an error ({said}).", "Try again later; look at MASSIVE_REST_URL.")


def _look_at_minute(answer: Answer, phase: Phase) -> Finding:
    try:
        results = msgspec.json.decode(answer.body, type=_Page).results or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return fail(NAME, f"The REST side's answer cannot be read ({error}).", "Look at MASSIVE_REST_URL and proxies.")
    if not results:
        return warn(
            NAME,
            f"The REST side accepts the key, but has no minute of {_TICKER} in the last {_DAYS_BACK} days.",
            "The plan may not include minute aggregates of these days; ask the vendor.",
        )
    behind_ms = answer.at_s * 1000 - (max(result.t for result in results) + _MINUTE_MS)
    if phase is not Phase.REGULAR:
        return ok(
            NAME,
            "The REST side accepts the key and gives minute aggregates. Whether they are delayed shows while the "
            "exchange is open.",
        )
    if behind_ms > _DELAYED_MS:
        return warn(
            NAME,
            f"The REST side accepts the key; its newest minute ended {behind_ms / _MINUTE_MS:.0f} minutes ago: this is "
            "delayed data.",
            "If the plan is a delayed one, that is as it should be; MASSIVE_WS_URL then has to be "
            "wss://delayed.massive.com/stocks.",
        )
    return ok(
        NAME,
        f"The REST side accepts the key; its newest minute ended {max(0.0, behind_ms) / 1000:.0f} s ago: the data are "
        "not delayed.",
    )


def _message(body: bytes) -> str:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no reason given"
    return refusal.error or refusal.message or "no reason given"
