"""What a check of the doctor's finds, and how checks run: side by side, each for so long at most."""

import enum
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

logger = logging.getLogger(__name__)


class Verdict(enum.StrEnum):
    """How grave it is. `warn` works, now or still; `fail` does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One thing that was looked at: a sentence that says how it is, and one that says what to do unless it is well."""

    name: str
    verdict: Verdict
    sentence: str
    advice: str = ""


class Check(NamedTuple):
    """A look at something. `look` gives what it found; it may take its time, and is given up after the deadline."""

    name: str
    look: Callable[[], list[Finding]]


def ok(name: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(name, Verdict.OK, sentence)


def warn(name: str, sentence: str, advice: str) -> Finding:
    """It works, and may not for long."""
    return Finding(name, Verdict.WARN, sentence, advice)


def fail(name: str, sentence: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(name, Verdict.FAIL, sentence, advice)


def run_checks(checks: Sequence[Check], deadline_s: float) -> list[Finding]:
    """What all of them found, in their order, after `deadline_s` at the latest.

    Each runs on a thread of its own that nobody waits for at the end: a name server that never answers cannot be
    interrupted.
    """
    results: list[list[Finding]] = [[] for _ in checks]
    threads = [
        threading.Thread(target=_look, args=(check, result), daemon=True)
        for check, result in zip(checks, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + deadline_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    return [
        finding
        for check, result in zip(checks, results, strict=True)
        for finding in list(result) or [_no_answer(check.name, deadline_s)]
    ]


def _look(check: Check, result: list[Finding]) -> None:
    try:
        result.extend(check.look())
    except Exception as error:
        logger.exception("The check %s failed.", check.name)
        result.append(
            fail(check.name, f"This could not be looked at ({type(error).__name__}).", "The log above says why.")
        )


def _no_answer(name: str, deadline_s: float) -> Finding:
    return fail(
        name,
        f"There was no answer within {deadline_s:.0f} s.",
        "Look at the network and the name servers, and try again.",
    )
