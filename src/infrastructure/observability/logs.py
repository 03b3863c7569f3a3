"""How the program logs: lines for people, or JSON for machines; UTC times, and never a secret."""

import json
import logging
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType

from src.infrastructure.observability.redaction import Redactor, SecretFilter, extra_fields

logger = logging.getLogger(__name__)

# What these say at INFO and DEBUG is of no use to anybody here, or tells addresses that are secret.
_QUIET = ("alembic", "urllib3", "engineio", "socketio", "geventwebsocket")


class TextFormatter(logging.Formatter):
    """Time, level and message on a line, and a traceback below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(levelname)-7s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC, milliseconds), level, logger, thread, message; exception and stack where
    there are, and what was given with `extra=`, such as `connection`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        exception = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        fields.update({name: text for name, text in (("exception", exception), ("stack", record.stack_info)) if text})
        return json.dumps({**extra_fields(record), **fields}, default=str)


def set_up_logs(level: str, log_format: str = "text", secrets: Iterable[str] = ()) -> None:
    """Sends log records of `level` and above to standard error, without `secrets`; `log_format` is text or json.

    Warnings of Python and exceptions that nobody caught become log records too.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(SecretFilter(Redactor(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for quiet in _QUIET:
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _log_of_thread
    sys.excepthook = _log_uncaught


def _log_of_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_type is not SystemExit and uncaught.exc_value is not None:
        logger.critical("A thread ended by an error in the program.", exc_info=uncaught.exc_value)


def _log_uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
        return
    logger.critical("The process ends by an error in the program.", exc_info=(kind, error, where))
