"""Secrets never reach a log. Who logs leaves them out; this is the last line of defence, should one forget."""

import json
import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, urlsplit

_SHORTEST = 6  # what is shorter stands in ordinary words too
_HIDDEN = "***"


class Redactor:
    """Replaces secrets in texts, as they stand and as URLs, JSON and Python's `repr` spell them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_searched, longest_first)) or r"(?!)")

    def __call__(self, text: str) -> str:
        """The text with `***` in the place of each secret."""
        return self._pattern.sub(_HIDDEN, text)


def _searched(spelling: str) -> str:
    """A short one is looked for only where URLs and settings have secrets."""
    return re.escape(spelling) if len(spelling) >= _SHORTEST else rf"(?<=[:=]){re.escape(spelling)}(?=@|&|\s|$)"


def _spellings(secret: str) -> Iterator[str]:
    if not secret:
        return
    yield from (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])
    parts = urlsplit(secret)
    if parts.scheme and parts.netloc:  # of an address that is secret, libraries name the part after the host
        path = secret.partition(parts.netloc)[2]
        yield from (path,) if len(path) >= _SHORTEST else ()


class SecretFilter(logging.Filter):
    """Takes secrets out of a record's message, arguments, extra fields, exception and stack."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true; changes the record."""
        record.msg, record.args = self._redact(_message(record)), None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        for name, value in extra_fields(record).items():
            if isinstance(value, str):
                setattr(record, name, self._redact(value))
        return True


def _message(record: logging.LogRecord) -> str:
    """As it will be logged. One that does not fit its arguments is a mistake, but no reason to lose the line."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """What was given with `extra=`, by name."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
